//! Size limits of a request's head, as they are counted here.
//!
//! hyper bounds its read buffer, which may hold more than one head, and counts header lines on
//! HTTP/1 only.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};

use super::timed_stream::Protocol;
use crate::config::Limits;
use crate::proxy::ReplyBody;

/// Whether a head is within `header_bytes` and `headers`.
pub(super) fn fits<B>(request: &Request<B>, protocol: Protocol, limits: &Limits) -> bool {
    byte_length(request) <= limits.header_bytes
        && (request.headers().len() <= limits.headers
            || lines(request.headers(), protocol) <= limits.headers)
}

/// Header lines. An HTTP/2 client may split one cookie line into several (RFC 9113, section 8.2.3).
fn lines(headers: &HeaderMap, protocol: Protocol) -> usize {
    let split = match protocol {
        Protocol::Http1 => 0,
        Protocol::Http2 => headers.get_all(header::COOKIE).iter().skip(1).count(),
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

/// 431, the same that hyper sends for a head that does not fit its buffer.
pub(super) fn too_large(protocol: Protocol) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Own(axum::body::Body::empty()));
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    if protocol == Protocol::Http1 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
