//! Size limits of a request's head, as they are counted here.
//!
//! hyper bounds its read buffer, which may hold more than one head, and counts header lines on
//! HTTP/1 only. A head that is part of a message was never read by hyper.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Version};

use crate::config::Limits;

/// The reason in decision records for a head that is not [`is_within`] the limits: 431.
pub const TOO_LARGE: &str = "head-too-large";

/// Whether a head is within `header_bytes` and `headers`.
#[must_use]
pub fn is_within<B>(request: &Request<B>, limits: &Limits) -> bool {
    let fields = request.headers();
    byte_length(request) <= limits.header_bytes
        && (fields.len() <= limits.headers || lines(fields, request.version()) <= limits.headers)
}

/// Header lines. An HTTP/2 client may split one cookie line into several (RFC 9113, section 8.2.3).
fn lines(headers: &HeaderMap, version: Version) -> usize {
    let split = match version {
        Version::HTTP_2 => headers.get_all(header::COOKIE).iter().skip(1).count(),
        _ => 0,
    };
    headers.len() - split
}

/// The bytes of a head as HTTP/1.1 writes it.
fn byte_length<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    let authority = match uri.scheme_str() {
        Some(scheme) => {
            scheme.len() + "://".len() + uri.authority().map_or(0, |a| a.as_str().len())
        }
        None => 0,
    };
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = request.method().as_str().len() + "  HTTP/1.1\r\n".len() + authority + target;
    let field =
        |name: &HeaderName, value: &HeaderValue| name.as_str().len() + ": \r\n".len() + value.len();
    let fields: usize = request.headers().iter().map(|(name, value)| field(name, value)).sum();
    line + fields + "\r\n".len()
}
