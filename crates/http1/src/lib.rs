//! An HTTP/1.1 client for one connection (RFC 9112), written for a gateway. Nothing is shared and
//! no task is spawned: polling for the response also sends the request.
//!
//! Heads are parsed by `httparse`. The length of a body, on which parsers are most likely to
//! disagree, is determined here, once and strictly: a message that allows two readings ends the
//! connection. `Content-Length` and `Transfer-Encoding` are never copied. Those of a request are
//! written by `request_writer`, those of a response are read by `response`.
//!
//! | module | holds |
//! |---|---|
//! | `connection` | [`Connection`]: one request and its response after another |
//! | `request`, `request_writer` | [`RequestHead`]; the head, the body and its framing on their way out |
//! | `response`, `chunked` | the head of a response; its body, without the framing |
//! | `repair` | invalid heads of old servers that can be made valid |
//! | [`fields`] | which fields are for one connection, and which may be trailers |
//! | [`Stream`] | TCP, TLS or a Unix socket |
//! | [`socket`] | options of TCP sockets, including those to clients |
//!
//! The crate does not connect, pool, retry or time out; TLS handshakes are its callers'.
//!
//! ```
//! use http::{Method, header};
//! use portcullis_http1::RequestHead;
//!
//! let mut head = RequestHead::new(&Method::GET, "/tickets?page=2");
//! head.text(&header::HOST, b"portal.example");
//! head.text(&header::REFERER, b"cannot\r\nend-a: line");
//! head.text(&header::CONTENT_LENGTH, b"3");
//! assert_eq!(head.as_bytes(), b"GET /tickets?page=2 HTTP/1.1\r\nhost: portal.example\r\n");
//! ```

mod chunked;
mod connection;
mod field_block;
pub mod fields;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod repair;
mod request;
mod request_writer;
mod response;
pub mod socket;
mod stream;

use std::io;

pub use self::connection::Connection;
pub use self::request::RequestHead;
pub use self::stream::Stream;

/// An error of a request's body, whatever its source.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Why an exchange failed. The connection cannot be used again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server closed the connection before it sent any of a response.
    #[error("the server closed the connection without a response")]
    NoResponse,
    /// The server closed the connection in the middle of a response.
    #[error("the server closed the connection in the middle of the response")]
    Incomplete,
    /// The server stopped sending in the middle of a response. Callers return it: time is not
    /// measured here.
    #[error("the server stopped sending in the middle of the response")]
    Stalled,
    /// The response is not HTTP/1.1, or allows two readings.
    #[error("invalid response: {0}")]
    Malformed(&'static str),
    /// A header of the response cannot be passed on.
    #[error("invalid response: header `{name}`: {why}")]
    Field {
        /// The name as it was received, escaped.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The parser refused the head or the trailers.
    #[error("invalid response: {0}")]
    Head(#[from] httparse::Error),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The request's body failed, or is not as long as it claimed. Not an error of the server.
    #[error("the request body failed: {0}")]
    RequestBody(BodyError),
}
