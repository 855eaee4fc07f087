//! Problem documents (RFC 9457): the one shape of every error answer.
//!
//! `type` is stable and names the error; `detail` names the thing and the way out. What went wrong
//! inside (the store, say) is logged and not told.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::directory::DirectoryError;
use portcullis_policy::PolicyProblems;
use portcullis_store::StoreError;

/// What every `type` begins with; a stable kebab-case name follows.
const TYPE_PREFIX: &str = "urn:portcullis:problem:";
/// Seconds after which a request that met an overload may be tried again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// An error answer.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    #[serde(serialize_with = "number")]
    status: StatusCode,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Wrong>,
}

/// One thing that is wrong with what was given: with a field of it, or at a place in a file.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Wrong {
    /// A field of the request.
    Field { field: String, message: String },
    /// A line of a policy file.
    File { file: &'static str, line: Option<usize>, message: String },
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{TYPE_PREFIX}{code}"),
            title: title(status),
            status,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// 422: a field cannot be taken as it is.
    pub(super) fn invalid(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let detail = if field.is_empty() { message.clone() } else { format!("{field}: {message}") };
        Self {
            errors: vec![Wrong::Field { field: field.to_owned(), message }],
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
        }
    }

    /// 404: no record of that name.
    pub(super) fn no_such(noun: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no {noun} `{id}`"))
    }
}

impl From<DirectoryError> for Problem {
    fn from(error: DirectoryError) -> Self {
        let (code, detail) = (error.code(), error.to_string());
        match error {
            DirectoryError::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, code, detail),
            DirectoryError::Invalid { field, message } => Self::invalid(field, message),
            DirectoryError::Refused(_)
            | DirectoryError::Taken { .. }
            | DirectoryError::Changed { .. } => Self::new(StatusCode::CONFLICT, code, detail),
            DirectoryError::Contended | DirectoryError::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
            }
            DirectoryError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "an administrator was not served");
        let detail = "the store does not answer; whether the change was made is not known: look \
                      before trying again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-unavailable", detail)
    }
}

impl From<PolicyProblems> for Problem {
    fn from(problems: PolicyProblems) -> Self {
        let detail = format!("the policy is not usable, the old one stays in force:\n{problems}");
        Self {
            errors: problems
                .iter()
                .map(|problem| Wrong::File {
                    file: problem.file,
                    line: problem.line,
                    message: problem.message.clone(),
                })
                .collect(),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "policy-invalid", detail)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        let problem = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem);
        match status {
            StatusCode::UNAUTHORIZED => {
                let challenge = HeaderValue::from_static("Bearer realm=\"portcullis\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            _ => {}
        }
        response
    }
}

/// The status in words, said the same wherever it is answered.
fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The request cannot be read",
        StatusCode::UNAUTHORIZED => "A token is needed",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::METHOD_NOT_ALLOWED => "Not a method of this resource",
        StatusCode::CONFLICT => "Not as things are",
        StatusCode::PAYLOAD_TOO_LARGE => "The body is too large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "Not JSON",
        StatusCode::UNPROCESSABLE_ENTITY => "A value cannot be taken",
        StatusCode::SERVICE_UNAVAILABLE => "Not now",
        other => other.canonical_reason().unwrap_or("Error"),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
