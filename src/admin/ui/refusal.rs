//! Errors of the API, as pages read them.

use std::ops::Deref;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::messages::Messages;
use crate::admin::problem::Problem;
use crate::credential::secret::Secret;
use crate::web::problem::TYPE_PREFIX;

/// The kind of [`Refusal::cancelled`].
const CANCELLED: &str = "cancelled";

/// What the API answers to a request of a page.
pub(super) type Answer<T> = Result<T, Refusal>;

/// A problem document of the API. Boxed, so that results stay small.
#[derive(Debug)]
pub(super) struct Refusal(Box<Parts>);

/// What a problem document says.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) status: StatusCode,
    /// The end of its `type`, such as `taken`.
    pub(super) kind: String,
    pub(super) detail: String,
    /// The role that would do.
    pub(super) role: Option<String>,
    /// What is wrong with which field.
    pub(super) errors: Vec<FieldError>,
    /// A second factor to set up, if sign-in requires one and the account has none.
    pub(super) set_up: Value,
    /// What is sent with the code, if a sign-in needs one; empty otherwise.
    pub(super) pending: Secret<String>,
}

/// What is wrong with a field, or at a place of a file.
#[derive(Debug, Deserialize)]
pub(super) struct FieldError {
    #[serde(default)]
    pub(super) field: String,
    #[serde(default)]
    pub(super) file: Option<String>,
    #[serde(default)]
    pub(super) line: Option<usize>,
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
struct Document {
    r#type: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    errors: Vec<FieldError>,
    #[serde(default)]
    set_up: Value,
    #[serde(default)]
    pending: Secret<String>,
}

impl Refusal {
    /// The same in the reader's language. What is wrong with a file stays as the API says it.
    pub(super) fn said_in(mut self, messages: &Messages) -> Self {
        let Parts { detail, errors, .. } = &mut *self.0;
        *detail = match errors.as_slice() {
            [FieldError { field, file: None, message, .. }]
                if *detail == format!("{field}: {message}") =>
            {
                format!("{field}: {}", messages.say(message))
            }
            _ => messages.sentence(detail),
        };
        for error in errors.iter_mut().filter(|error| error.file.is_none()) {
            error.message = messages.sentence(&error.message);
        }
        self
    }

    /// From the body of a response with this status.
    pub(super) fn read(status: StatusCode, body: &[u8]) -> Self {
        match serde_json::from_slice::<Document>(body) {
            Ok(Document { r#type, detail, role, mut errors, set_up, pending }) => {
                let kind = r#type.strip_prefix(TYPE_PREFIX).unwrap_or_default().to_owned();
                // The detail begins with the field whose value another record has.
                if let ("taken", true, Some((field, message))) =
                    (&*kind, errors.is_empty(), detail.split_once(": "))
                {
                    let (field, message) = (field.to_owned(), message.to_owned());
                    errors.push(FieldError { field, file: None, line: None, message });
                }
                Self(Box::new(Parts { status, kind, detail, role, errors, set_up, pending }))
            }
            Err(_) => {
                let mut refusal = Self::broken("the response is not a problem document");
                refusal.0.status = status;
                refusal
            }
        }
    }

    /// The error of a page that does not understand the API, which is a fault of ours.
    pub(super) fn broken(why: &str) -> Self {
        tracing::error!(error = why, "a page of the admin UI could not read the API");
        Self::of(StatusCode::INTERNAL_SERVER_ERROR, "internal")
    }

    /// The error of a page that needs more rights: of which kind, and the role that would do.
    pub(super) fn forbidden(kind: &str, role: &str) -> Self {
        let mut refusal = Self::of(StatusCode::FORBIDDEN, kind);
        refusal.0.role = Some(role.to_owned());
        refusal
    }

    /// Not an error: the visitor was asked, and wants the form back.
    pub(super) fn cancelled() -> Self {
        Self::of(StatusCode::OK, CANCELLED)
    }

    /// Whether the visitor was asked, and wants the form back.
    pub(super) fn is_cancelled(&self) -> bool {
        self.kind == CANCELLED
    }

    /// The error of a button that would lose what was typed into the form, with these words.
    pub(super) fn unsaved(words: &str) -> Self {
        let mut refusal = Self::of(StatusCode::CONFLICT, "unsaved");
        words.clone_into(&mut refusal.0.detail);
        refusal
    }

    /// The status of a page that shows the form again; `refused` unless the visitor wanted it back.
    pub(super) fn of_page(&self, refused: StatusCode) -> StatusCode {
        if self.kind == CANCELLED { StatusCode::OK } else { refused }
    }

    /// The error of a form that cannot be read.
    pub(super) fn malformed(detail: &str) -> Self {
        let mut refusal = Self::of(StatusCode::BAD_REQUEST, "malformed");
        detail.clone_into(&mut refusal.0.detail);
        refusal
    }

    /// The error of a page that has no such method.
    pub(super) fn method_not_allowed(method: &Method) -> Self {
        let mut refusal = Self::of(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed");
        refusal.0.detail = format!("this page does not support `{method}`");
        refusal
    }

    /// The error of a form that is too large, or does not arrive completely.
    pub(super) fn too_large() -> Self {
        let mut refusal = Self::of(StatusCode::PAYLOAD_TOO_LARGE, "too-large");
        "the form is too large, has too many fields, or is incomplete"
            .clone_into(&mut refusal.0.detail);
        refusal
    }

    /// The same error as one of the API.
    pub(super) fn of_problem(problem: &Problem) -> Self {
        let body = serde_json::to_vec(&problem.document()).unwrap_or_default();
        Self::read(problem.status(), &body)
    }

    fn of(status: StatusCode, kind: &str) -> Self {
        let (kind, detail) = (kind.to_owned(), String::new());
        let (role, errors, set_up) = (None, Vec::new(), Value::Null);
        let pending = Secret::default();
        Self(Box::new(Parts { status, kind, detail, role, errors, set_up, pending }))
    }

    /// Whether the reason is what was asked for, and not who asks or the state of the gateway: it
    /// belongs beside the form.
    pub(super) fn is_about_the_form(&self) -> bool {
        matches!(
            self.status,
            StatusCode::BAD_REQUEST
                | StatusCode::CONFLICT
                | StatusCode::UNPROCESSABLE_ENTITY
                | StatusCode::PAYLOAD_TOO_LARGE
        ) || self.kind == "escalation"
            || self.kind == "out-of-scope"
            || self.kind == CANCELLED
    }

    /// Whether the record was changed by another request since it was read.
    pub(super) fn is_conflict(&self) -> bool {
        self.kind == "changed"
    }

    /// What is wrong with a field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let found = self.errors.iter().find(|error| error.field == name);
        found.map(|error| error.message.as_str())
    }

    /// What is wrong with which field, or at which place of a file.
    pub(super) fn into_errors(self) -> Vec<FieldError> {
        self.0.errors
    }

    /// What is wrong with the form as a whole: the detail, unless it is about one of these fields.
    pub(super) fn apart_from(&self, fields: &[&str]) -> Option<&str> {
        let is_shown = self.errors.iter().any(|error| fields.contains(&&*error.field));
        (!is_shown).then_some(self.detail.as_str()).filter(|detail| !detail.is_empty())
    }
}

impl Deref for Refusal {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_document_is_read() {
        let body = br#"{"type": "urn:portcullis:problem:invalid", "title": "Invalid value",
            "status": 422, "detail": "name: is required",
            "errors": [{"field": "name", "message": "is required"}]}"#;
        let refusal = Refusal::read(StatusCode::UNPROCESSABLE_ENTITY, body);
        assert_eq!(refusal.kind, "invalid");
        assert_eq!(refusal.field("name"), Some("is required"));
        assert_eq!(refusal.apart_from(&["name"]), None);
        assert_eq!(refusal.apart_from(&["login"]), Some("name: is required"));
    }

    #[test]
    fn a_taken_name_is_a_problem_of_its_field() {
        let body = br#"{"type": "urn:portcullis:problem:taken", "title": "Taken", "status": 409,
            "detail": "login: a portal user `a: b` already exists"}"#;
        let refusal = Refusal::read(StatusCode::CONFLICT, body);
        assert_eq!(refusal.field("login"), Some("a portal user `a: b` already exists"));
        assert_eq!(refusal.apart_from(&["login"]), None);
        let body = br#"{"type": "urn:portcullis:problem:taken", "title": "Taken", "status": 409,
            "detail": "already exists"}"#;
        let refusal = Refusal::read(StatusCode::CONFLICT, body);
        assert_eq!(refusal.apart_from(&["login"]), Some("already exists"));
    }

    #[test]
    fn another_body_is_an_internal_error() {
        let refusal = Refusal::read(StatusCode::BAD_GATEWAY, b"<html>");
        assert_eq!((refusal.status, &*refusal.kind), (StatusCode::BAD_GATEWAY, "internal"));
    }
}
