//! The error responses of the admin API: problem documents (`web::problem`) with `errors`.
//!
//! `type` is stable. `detail` names what is wrong and, where possible, how to fix it. Internal
//! causes, such as a failure of the store, are logged and not part of the response.

use std::fmt::Write as _;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use super::parts::Parts;
use crate::directory::DirectoryError;
use crate::directory::access::administrators::{PendingCode, ProposedFactor};
use crate::directory::files::{FileProblem, FileProblems, Place};
use crate::telemetry::events::Cause;
use crate::web::problem::ProblemDocument;
use portcullis_policy::PolicyProblems;
use portcullis_store::{Kind, StoreError};

/// `Retry-After` of every 503, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// An error response.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    /// The end of the document's `type`.
    name: String,
    detail: String,
    /// The role that would do.
    role: Option<&'static str>,
    errors: Vec<Item>,
    /// The record that is no longer at the expected version. Boxed, so that results stay small.
    stale: Option<Box<Stale>>,
    store_failed: bool,
    /// What a sign-in whose password was right goes on with. Boxed, so that results stay small.
    next_step: Option<Box<NextStep>>,
    /// The parts of a gateway that is not ready. Boxed, so that results stay small.
    parts: Option<Box<Parts>>,
}

/// The member of our own in the document.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "ProblemExtension")]
pub(super) struct Extension<'a> {
    /// The role with the fewest rights that would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// What is wrong, one by one.
    #[serde(skip_serializing_if = "<[Item]>::is_empty")]
    errors: &'a [Item],
    /// The record as it is now, if it was changed since it was read.
    #[serde(skip_serializing_if = "Value::is_null")]
    current: &'a Value,
    /// A secret to set up a second factor with, if sign-in requires one and the account has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    set_up: Option<&'a ProposedFactor>,
    /// To be sent with the code, in place of login and password, within five minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<&'a str>,
    /// The state of each part, if the gateway is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<&'a Parts>,
}

/// One of the errors in a request or a policy file.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "ProblemItem")]
enum Item {
    Field {
        field: String,
        message: String,
    },
    File {
        file: String,
        line: Option<usize>,
        #[serde(skip_serializing_if = "Option::is_none")]
        column: Option<usize>,
        message: String,
    },
}

/// What a sign-in whose password was right goes on with.
#[derive(Debug, Clone)]
enum NextStep {
    /// The second factor that it requires and the account does not have.
    SetUp(ProposedFactor),
    /// The code.
    Code(PendingCode),
}

/// A record that is no longer at the version that a write expects.
#[derive(Debug, Clone)]
struct Stale {
    what: Kind,
    id: String,
    /// The record as it is now; `null` until it is known.
    current: Value,
}

/// Marks the response to a write of such a record, as long as the current one is not known.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    /// The kind of the record.
    pub(super) what: Kind,
    /// Its id.
    pub(super) id: String,
    /// The response.
    pub(super) problem: Problem,
}

/// Marks the response to a request during which the store failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoreFailed;

/// Marks a 403 that the rights of the caller are the reason for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forbidden(pub(super) Cause);

impl Forbidden {
    /// The mark of a type of problem; `None` if it has another reason.
    fn of(problem: &str) -> Option<Self> {
        match problem {
            "role-required" => Some(Self(Cause::RoleRequired)),
            "escalation" => Some(Self(Cause::Escalation)),
            "out-of-scope" => Some(Self(Cause::OutOfScope)),
            _ => None,
        }
    }
}

impl Problem {
    pub(super) fn new(status: StatusCode, name: &str, detail: impl Into<String>) -> Self {
        Self {
            status,
            name: name.to_owned(),
            detail: detail.into(),
            role: None,
            errors: Vec::new(),
            stale: None,
            store_failed: false,
            next_step: None,
            parts: None,
        }
    }

    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The body of the response.
    pub(super) fn document(&self) -> ProblemDocument<'_, Extension<'_>> {
        let current = self.stale.as_ref().map_or(&Value::Null, |stale| &stale.current);
        let (set_up, pending) = match self.next_step.as_deref() {
            Some(NextStep::SetUp(proposed)) => (Some(proposed), None),
            Some(NextStep::Code(pending)) => (None, Some(pending.expose().as_str())),
            None => (None, None),
        };
        let (role, errors, parts) = (self.role, &*self.errors, self.parts.as_deref());
        let extension = Extension { role, errors, current, set_up, pending, parts };
        ProblemDocument::new(self.status, &self.name, title(self.status), &self.detail, extension)
    }

    /// 422: the value of a field is invalid. An empty `field` stands for the whole body or query.
    pub(super) fn invalid(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let detail = if field.is_empty() { message.clone() } else { format!("{field}: {message}") };
        Self {
            errors: vec![Item::Field { field: field.to_owned(), message }],
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
        }
    }

    /// Adds a second factor to set up.
    pub(super) fn with_set_up(self, proposed: ProposedFactor) -> Self {
        Self { next_step: Some(Box::new(NextStep::SetUp(proposed))), ..self }
    }

    /// Adds the sign-in that needs a code.
    pub(super) fn with_pending(self, pending: PendingCode) -> Self {
        Self { next_step: Some(Box::new(NextStep::Code(pending))), ..self }
    }

    /// Adds the state of each part of the gateway.
    pub(super) fn with_parts(self, parts: Box<Parts>) -> Self {
        Self { parts: Some(parts), ..self }
    }

    /// Names the role that would do.
    pub(super) fn naming_role(self, role: &'static str) -> Self {
        Self { role: Some(role), ..self }
    }

    /// Adds the record as it is now, to the error of a write that expected another version.
    pub(super) fn with_current(mut self, current: Value) -> Self {
        if let Some(stale) = &mut self.stale {
            stale.current = current;
        }
        self
    }

    /// 422: there are problems with a file to apply, which is called `name`.
    pub(super) fn of_file(name: &str, problems: &FileProblems) -> Self {
        let mut detail = "the file has errors, and nothing was changed:".to_owned();
        let mut errors = Vec::new();
        for FileProblem { place: Place { line, column }, message } in problems {
            // Writing to a string cannot fail.
            let _ = write!(detail, "\n{name}:{line}:{column}: {message}");
            let (line, column, message) = (Some(*line), Some(*column), message.clone());
            errors.push(Item::File { file: name.to_owned(), line, column, message });
        }
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "file-invalid", detail) }
    }

    /// 404: no record has this id or name.
    pub(super) fn not_found(noun: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no {noun} `{id}`"))
    }

    /// 503 for a write during which the store failed: it may have been committed or not.
    pub(super) fn write_in_doubt() -> Self {
        let detail = "the store is unavailable, and the change may have been made; \
                      check before you try again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-unavailable", detail)
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
            | DirectoryError::Managed { .. } => Self::new(StatusCode::CONFLICT, code, detail),
            DirectoryError::Changed { what, id, .. } => Self {
                stale: Some(Box::new(Stale { what, id, current: Value::Null })),
                ..Self::new(StatusCode::CONFLICT, code, detail)
            },
            DirectoryError::Escalation { role } | DirectoryError::OutOfScope { role } => {
                Self::new(StatusCode::FORBIDDEN, code, detail).naming_role(role.name())
            }
            DirectoryError::NoImpersonation => Self::new(StatusCode::FORBIDDEN, code, detail),
            DirectoryError::TokenUnknown | DirectoryError::SessionEnded => {
                Self::new(StatusCode::UNAUTHORIZED, code, detail)
            }
            DirectoryError::Contended | DirectoryError::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
            }
            DirectoryError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "could not serve an admin request");
        let detail = "the store is unavailable; try again, and if that does not help, read the \
                      gateway's log";
        Self {
            store_failed: true,
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-unavailable", detail)
        }
    }
}

impl From<PolicyProblems> for Problem {
    fn from(problems: PolicyProblems) -> Self {
        let detail =
            format!("the policy files have errors; the policy in force stays:\n{problems}");
        Self {
            errors: problems
                .iter()
                .map(|problem| Item::File {
                    file: problem.file.clone().into_owned(),
                    line: problem.line,
                    column: None,
                    message: problem.message.clone(),
                })
                .collect(),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "policy-invalid", detail)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.document().into_response();
        if self.store_failed {
            response.extensions_mut().insert(StoreFailed);
        }
        if let Some(stale) = &self.stale
            && stale.current.is_null()
        {
            let (what, id, problem) = (stale.what, stale.id.clone(), self.clone());
            response.extensions_mut().insert(Changed { what, id, problem });
        }
        if let Some(forbidden) = Forbidden::of(&self.name) {
            response.extensions_mut().insert(forbidden);
        }
        let headers = response.headers_mut();
        match self.status {
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

/// `title` depends on the status only; `type` and `detail` are more specific.
fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "Malformed request",
        StatusCode::UNAUTHORIZED => "Authentication required",
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::METHOD_NOT_ALLOWED => "Method not allowed",
        StatusCode::CONFLICT => "Conflict",
        StatusCode::PAYLOAD_TOO_LARGE => "Request body too large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "Unsupported media type",
        StatusCode::UNPROCESSABLE_ENTITY => "Invalid value",
        StatusCode::SERVICE_UNAVAILABLE => "Temporarily unavailable",
        other => other.canonical_reason().unwrap_or("Error"),
    }
}
