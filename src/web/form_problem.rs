//! Forms that are shown again: what was wrong stands above the form, tied to the fields that it is
//! about.

use askama::Template;
use axum::body::Body;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use super::form::FormToken;
use super::response::{Referrer, add_cookie, html};
use super::text::{Filled, RelativeTime, Text};

/// Why a form was not accepted.
#[derive(Debug)]
pub(crate) struct FormProblem<'a> {
    pub(crate) status: StatusCode,
    pub(crate) text: Filled<'a>,
    fields: &'static [&'static str],
    /// In seconds.
    retry_after: Option<u64>,
    /// What a script shows in place of the text once the time in it is over.
    pub(crate) over: Option<&'a Text>,
}

impl<'a> FormProblem<'a> {
    pub(crate) fn new(status: StatusCode, text: &'a Text) -> Self {
        Self { status, text: text.with(), fields: &[], retry_after: None, over: None }
    }

    /// 403: the form's token has expired, or is not its visitor's.
    pub(crate) fn too_old(text: &'a Text) -> Self {
        Self::new(StatusCode::FORBIDDEN, text)
    }

    /// 400: a field is empty.
    pub(crate) fn missing(text: &'a Text, fields: &'static [&'static str]) -> Self {
        Self { fields, ..Self::new(StatusCode::BAD_REQUEST, text) }
    }

    /// 401: a credential is wrong.
    pub(crate) fn wrong(text: &'a Text, fields: &'static [&'static str]) -> Self {
        Self { fields, ..Self::new(StatusCode::UNAUTHORIZED, text) }
    }

    /// 422: a value does not meet a requirement.
    pub(crate) fn invalid(text: &'a Text, fields: &'static [&'static str]) -> Self {
        Self { fields, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, text) }
    }

    /// 429: nothing was checked, because there were too many failed attempts.
    pub(crate) fn locked_out(text: Filled<'a>, until: &RelativeTime) -> Self {
        let retry_after = Some(until.seconds);
        Self { status: StatusCode::TOO_MANY_REQUESTS, text, fields: &[], retry_after, over: None }
    }

    /// 503: nothing was checked, because of too much load.
    pub(crate) fn busy(text: &'a Text, seconds: u32) -> Self {
        let retry_after = Some(u64::from(seconds));
        Self { retry_after, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    }

    /// With a text for when the time is over.
    pub(crate) fn until_over(self, over: &'a Text) -> Self {
        Self { over: Some(over), ..self }
    }

    /// Whether there were too many failed attempts.
    pub(crate) fn is_locked_out(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// Whether it is about the value of a field, which it then stands beside.
    pub(crate) fn is_about_a_field(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Whether it is about the value of this field.
    pub(crate) fn is_about(&self, field: &str) -> bool {
        self.fields.contains(&field)
    }
}

/// A page with a form: with the problem's status and `Retry-After`, the cookie of the form's token,
/// and a referrer policy that lets the form have an `Origin`.
pub(crate) fn form_page(
    language: &str,
    page: &impl Template,
    problem: Option<&FormProblem<'_>>,
    token: &FormToken,
) -> Response<Body> {
    let status = problem.map_or(StatusCode::OK, |problem| problem.status);
    let mut response = html(language, status, page, Referrer::Origin);
    add_cookie(&mut response, token.cookie.clone());
    if let Some(seconds) = problem.and_then(|problem| problem.retry_after) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
