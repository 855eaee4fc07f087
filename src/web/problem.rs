//! Problem documents (RFC 9457), the error responses for scripts and for callers of the admin API.

use axum::body::Body;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

/// The prefix of every `type`; a stable kebab-case name follows. It is not an address.
pub(crate) const TYPE_PREFIX: &str = "urn:portcullis:problem:";

/// A problem document (RFC 9457).
// `E` is a struct of the members beyond those of the RFC.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemDocument<'a, E> {
    /// `urn:portcullis:problem:` and a stable name.
    r#type: String,
    /// What it is in general, for people.
    title: &'a str,
    /// The status of the response.
    #[serde(serialize_with = "number")]
    #[schemars(with = "u16")]
    status: StatusCode,
    /// What is wrong, and where possible how to fix it, for people.
    detail: &'a str,
    #[serde(flatten)]
    extension: E,
}

impl<'a, E: Serialize> ProblemDocument<'a, E> {
    /// A document whose `type` ends with `name`.
    pub(crate) fn new(
        status: StatusCode,
        name: &str,
        title: &'a str,
        detail: &'a str,
        extension: E,
    ) -> Self {
        let r#type = format!("{TYPE_PREFIX}{name}");
        Self { r#type, title, status, detail, extension }
    }

    /// The response with the document's status.
    pub(crate) fn into_response(self) -> Response<Body> {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let content_type = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
