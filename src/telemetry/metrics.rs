//! Metrics: what Prometheus reads at `/metrics` of the admin listener.
//!
//! [`families`] lists every metric. What requests are counted by is kept for each thread
//! ([`Traffic`]), so that counting costs no request a wait for another thread; it is summed when the
//! metrics are read. Everything else is looked up then ([`Source`]).

pub mod families;
mod histogram;
mod samples;
mod traffic;

pub use self::families::Family;
pub use self::samples::{MEDIA_TYPE, Samples, Source};
pub use self::traffic::Traffic;
