//! HTTP/1.1 as a client speaks it over one connection (RFC 9112): a request out, an answer in,
//! nothing shared and no task of its own.
//!
//! Written for a gateway and for no more than one needs. Heads are parsed by `httparse`; what a
//! message's length is, which is where two parsers come to disagree, is decided here, once and
//! strictly: whatever could be read in two ways ends the connection. Framing is never copied from
//! a message that came in: `Content-Length` and `Transfer-Encoding` of a request are written by
//! [`outgoing`] alone, those of an answer are read by [`answer`] alone.
//!
//! - [`connection`]: one exchange after another;
//! - [`request`]: a request's head; [`outgoing`]: all of it on its way out;
//! - [`answer`]: the head of an answer, and how its body is framed;
//! - `repair`: a head that is not valid as it stands;
//! - [`chunks`]: a body that comes in chunks;
//! - [`fields`]: which fields are for one connection only;
//! - [`socket`]: what is set on sockets, those to clients too.

pub mod answer;
pub mod chunks;
pub mod connection;
pub mod fields;
pub mod outgoing;
mod repair;
pub mod request;
pub mod socket;

use std::io;

pub use self::connection::Connection;
pub use self::request::Head;

/// Whatever a request's body fails with.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Why an exchange failed. The connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server closed the connection before it had said anything.
    #[error("it closed the connection without an answer")]
    Closed,
    /// The server closed the connection in the middle of its answer.
    #[error("its answer ends too early")]
    Cut,
    /// The server sent nothing for too long in the middle of its answer.
    #[error("it stopped in the middle of its answer")]
    Paused,
    /// What came is not HTTP/1.1, or could be read in two ways.
    #[error("its answer cannot be read: {0}")]
    Malformed(&'static str),
    /// A field of an answer's head cannot be passed on.
    #[error("its answer cannot be read: the field `{name}`: {why}")]
    Field {
        /// The field's name as it came, escaped.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An answer's head that the parser does not take.
    #[error("its answer cannot be read: {0}")]
    Head(#[from] httparse::Error),
    /// The connection broke.
    #[error(transparent)]
    Broken(#[from] io::Error),
    /// The request's body failed, or was not as long as it had said: no fault of the server's.
    #[error("the request's body failed: {0}")]
    Upload(BodyError),
}
