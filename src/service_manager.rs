//! The service manager that has started the process, such as systemd: the sockets that it passes, and
//! what it is notified of.
//!
//! Without a service manager, no sockets are passed and nothing is sent.

mod notifier;
mod passed_sockets;

pub use self::notifier::Notifier;
pub use self::passed_sockets::{PassedSockets, SocketName};
