//! Forms that are shown again: what kept them from being taken is said above them, and tied to the
//! fields it is about.

use askama::Template;
use axum::body::Body;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use jiff::Timestamp;

use super::form::FormToken;
use super::response::{Referrer, add_cookie, html};
use super::text::{Catalogue, Filled, Text};
use super::when::When;

/// Why a form was not taken.
#[derive(Debug)]
pub(super) struct FormProblem<'a> {
    pub(super) status: StatusCode,
    pub(super) text: Filled<'a>,
    fields: &'static [&'static str],
    /// When to try again, in seconds.
    retry_after: Option<u64>,
}

impl<'a> FormProblem<'a> {
    pub(super) fn new(status: StatusCode, said: &'a Text) -> Self {
        Self { status, text: said.with(), fields: &[], retry_after: None }
    }

    /// The form's token is not its visitor's any more.
    pub(super) fn too_old(said: &'a Text) -> Self {
        Self::new(StatusCode::FORBIDDEN, said)
    }

    /// A field is empty.
    pub(super) fn missing(said: &'a Text, fields: &'static [&'static str]) -> Self {
        Self { fields, ..Self::new(StatusCode::BAD_REQUEST, said) }
    }

    /// What was entered is wrong.
    pub(super) fn wrong(said: &'a Text, fields: &'static [&'static str]) -> Self {
        Self { fields, ..Self::new(StatusCode::UNAUTHORIZED, said) }
    }

    /// What was entered breaks a rule.
    pub(super) fn broken(said: &'a Text, fields: &'static [&'static str]) -> Self {
        Self { fields, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, said) }
    }

    /// Nothing was checked, because too many have failed.
    pub(super) fn locked_out(text: &'a Catalogue, until: Timestamp, now: Timestamp) -> Self {
        let until = When::new(until, now, &text.when);
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after: Some(until.seconds),
            text: text.sign_in.locked_out.with(until),
            fields: &[],
        }
    }

    /// Nothing was checked, because there is too much to do.
    pub(super) fn busy(said: &'a Text, seconds: u32) -> Self {
        let retry_after = Some(u64::from(seconds));
        Self { retry_after, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, said) }
    }

    /// Whether it is about what was entered in this field.
    pub(super) fn is_about(&self, field: &str) -> bool {
        self.fields.contains(&field)
    }
}

/// A page with a form: its status and when to try again are the problem's, its token's cookie goes
/// along, and its address may be told as an origin, so that the form has one.
pub(super) fn form_page(
    text: &Catalogue,
    page: &impl Template,
    problem: Option<&FormProblem<'_>>,
    token: &FormToken,
) -> Response<Body> {
    let status = problem.map_or(StatusCode::OK, |problem| problem.status);
    let mut response = html(text, status, page, Referrer::Origin);
    add_cookie(&mut response, token.cookie.clone());
    if let Some(seconds) = problem.and_then(|problem| problem.retry_after) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
