//! The head of a request, as it is written.

use std::fmt;

use bytes::{BufMut, BytesMut};
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Initial buffer, in bytes; most heads fit into it.
const USUAL_HEAD: usize = 1024;

pub(super) const CRLF: &[u8] = b"\r\n";

/// A request line and fields. `Content-Length` and `Transfer-Encoding` are left out: the framing is
/// written with the body.
#[derive(Clone)]
pub struct RequestHead {
    method: Method,
    bytes: BytesMut,
}

impl RequestHead {
    /// A request for a target, which must be valid as it is (RFC 9112, section 3.2).
    #[must_use]
    pub fn new(method: &Method, target: &str) -> Self {
        debug_assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{target:?}");
        let mut bytes = BytesMut::with_capacity(USUAL_HEAD);
        for part in [method.as_str(), " ", target, " HTTP/1.1\r\n"] {
            bytes.put_slice(part.as_bytes());
        }
        Self { method: method.clone(), bytes }
    }

    /// Adds a field.
    pub fn field(&mut self, name: &HeaderName, value: &HeaderValue) {
        write_field(&mut self.bytes, name, value.as_bytes());
    }

    /// Adds a field, unless its value contains a byte that a field cannot (RFC 9110, section 5.5).
    pub fn text(&mut self, name: &HeaderName, value: &[u8]) {
        // Without an early exit the loop is vectorized.
        let valid = value
            .iter()
            .fold(true, |valid, byte| valid & matches!(byte, b'\t' | b' '..=b'~' | 0x80..));
        if valid {
            write_field(&mut self.bytes, name, value);
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The lines, each with CR LF, without the empty line that ends the head.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Leaves out the fields: they contain secrets.
impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead").field("method", &self.method).finish_non_exhaustive()
    }
}

/// Writes fields, except those of framing.
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
