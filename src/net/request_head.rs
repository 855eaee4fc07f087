//! The response to a request whose head is too large.

use http::{HeaderValue, Response, StatusCode, header};

use super::timed_stream::Protocol;
use crate::proxy::ReplyBody;

/// 431, the same that hyper sends for a head that does not fit its buffer.
pub(super) fn too_large(protocol: Protocol) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Own(axum::body::Body::empty()));
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    if protocol == Protocol::Http1 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
