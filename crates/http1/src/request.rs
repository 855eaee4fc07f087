//! A request's head as it is written.

use std::fmt;

use bytes::{BufMut, BytesMut};
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Room that most heads fit into.
const USUAL: usize = 1024;

pub(super) const CRLF: &[u8] = b"\r\n";

/// A request line and fields, field by field. What is said of the body's framing is left out: that
/// is written where the body is.
#[derive(Clone)]
pub struct Head {
    method: Method,
    bytes: BytesMut,
}

impl Head {
    /// A request for a target that is a valid one as it stands (RFC 9112, 3.2).
    #[must_use]
    pub fn new(method: &Method, target: &str) -> Self {
        debug_assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{target:?}");
        let mut bytes = BytesMut::with_capacity(USUAL);
        for part in [method.as_str(), " ", target, " HTTP/1.1\r\n"] {
            bytes.put_slice(part.as_bytes());
        }
        Self { method: method.clone(), bytes }
    }

    /// Adds a field.
    pub fn field(&mut self, name: &HeaderName, value: &HeaderValue) {
        write_field(&mut self.bytes, name, value.as_bytes());
    }

    /// Adds a field that says this, unless it cannot be said in one line (RFC 9110, 5.5).
    pub fn text(&mut self, name: &HeaderName, value: &[u8]) {
        // All of it is looked at, which goes many bytes at a time; stopping at the first does not.
        let sayable = value
            .iter()
            .fold(true, |sayable, byte| sayable & matches!(byte, b'\t' | b' '..=b'~' | 0x80..));
        if sayable {
            write_field(&mut self.bytes, name, value);
        }
    }

    /// The method that is asked by.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Lines, each with its end; the empty one is not among them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Without what it says: there are secrets among it.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head").field("method", &self.method).finish_non_exhaustive()
    }
}

/// Writes fields but those of framing.
pub(super) fn write_fields(to: &mut BytesMut, fields: &HeaderMap) {
    for (name, value) in fields {
        write_field(to, name, value.as_bytes());
    }
}

fn write_field(to: &mut BytesMut, name: &HeaderName, value: &[u8]) {
    if matches!(*name, header::CONTENT_LENGTH | header::TRANSFER_ENCODING) {
        return;
    }
    let name = name.as_str().as_bytes();
    to.reserve(name.len() + value.len() + 4);
    to.put_slice(name);
    to.put_slice(b": ");
    to.put_slice(value);
    to.put_slice(CRLF);
}
