//! A page that says one thing, and the problem document that says the same to a script.
//!
//! Problem types are `urn:portcullis:problem:<reason>`: stable names, not addresses.

use askama::Template;
use axum::body::Body;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

use super::response::{Referrer, html};
use super::text::{Advised, Catalogue, Filled, Statement, Text};
use super::{Brand, PagesState, sessions};
use crate::web::fetch_metadata::ResponseKind;

/// When to try again while the store does not answer, in seconds.
const STORE_RETRY: u64 = 5;

/// What is said: what happened, why, and what to do next.
#[derive(Debug)]
pub(super) struct Notice<'a> {
    text: &'a Catalogue,
    status: StatusCode,
    reason: &'static str,
    title: Filled<'a>,
    detail: Filled<'a>,
    advice: Option<Filled<'a>>,
    actions: Vec<Action<'a>>,
    retry_after: Option<u64>,
}

/// Where to go from here; the first one offered is the one to choose.
#[derive(Debug, Clone, Copy)]
struct Action<'a> {
    label: &'a Text,
    address: &'static str,
}

/// Where a notice may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The same address once more.
    Again,
    /// The portal's start page.
    Start,
    /// The sign-in page.
    SignIn,
    /// The sign-in page, for somebody who is signed in.
    SomebodyElse,
    /// The page for forgotten passwords.
    Forgot,
    /// Where the person is signed in.
    Sessions,
}

#[derive(Template)]
#[template(path = "pages/notice.html")]
struct NoticePage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    notice: &'a Notice<'a>,
    request_id: &'a str,
}

/// RFC 9457.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: String,
    reason: &'a str,
    request_id: &'a str,
}

impl<'a> Notice<'a> {
    pub(super) fn new(
        text: &'a Catalogue,
        status: StatusCode,
        reason: &'static str,
        said: &'a Statement,
    ) -> Self {
        Self {
            text,
            status,
            reason,
            title: said.title.with(),
            detail: said.detail.with(),
            advice: None,
            actions: Vec::new(),
            retry_after: None,
        }
    }

    /// A notice with advice, in which the operator may be named.
    pub(super) fn advised(
        text: &'a Catalogue,
        status: StatusCode,
        reason: &'static str,
        said: &'a Advised,
        operator: &'a str,
    ) -> Self {
        Self {
            text,
            status,
            reason,
            title: said.title.with(),
            detail: said.detail.with(),
            advice: Some(said.advice.with(operator)),
            actions: Vec::new(),
            retry_after: None,
        }
    }

    pub(super) fn store_unavailable(text: &'a Catalogue) -> Self {
        let said = &text.notice.store_unavailable;
        Self::advised(text, StatusCode::SERVICE_UNAVAILABLE, "store-unavailable", said, "")
            .with(Way::Again)
            .retry_after(STORE_RETRY)
    }

    /// Says it under another title.
    pub(super) fn titled(mut self, title: Filled<'a>) -> Self {
        self.title = title;
        self
    }

    pub(super) fn advise(mut self, advice: Filled<'a>) -> Self {
        self.advice = Some(advice);
        self
    }

    pub(super) fn with(mut self, way: Way) -> Self {
        let labels = &self.text.action;
        let (label, address) = match way {
            Way::Again => (&labels.again, ""),
            Way::Start => (&labels.start, "/"),
            Way::SignIn => (&labels.sign_in, "/.portcullis/sign-in"),
            Way::SomebodyElse => (&labels.somebody_else, "/.portcullis/sign-in?switch=1"),
            Way::Forgot => (&labels.forgot, "/.portcullis/password/forgot"),
            Way::Sessions => (&labels.sessions, sessions::ADDRESS),
        };
        self.actions.push(Action { label, address });
        self
    }

    pub(super) const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl PagesState {
    /// Says it the way its reader can use.
    pub(super) fn notice(
        &self,
        notice: &Notice<'_>,
        wants: ResponseKind,
        request_id: &str,
    ) -> Response<Body> {
        let mut response = match wants {
            ResponseKind::Page => {
                let text = notice.text;
                let page = NoticePage { brand: &self.brand, text, notice, request_id };
                html(text, notice.status, &page, Referrer::Nothing)
            }
            ResponseKind::Problem => problem(notice, request_id),
        };
        if let Some(seconds) = notice.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn problem(notice: &Notice<'_>, request_id: &str) -> Response<Body> {
    let title = notice.title.plain();
    let mut detail = notice.detail.plain();
    if let Some(advice) = &notice.advice {
        detail.push(' ');
        detail.push_str(&advice.plain());
    }
    let document = Problem {
        r#type: format!("urn:portcullis:problem:{}", notice.reason),
        title: &title,
        status: notice.status.as_u16(),
        detail,
        reason: notice.reason,
        request_id,
    };
    let mut response = Response::new(Body::from(serde_json::to_vec(&document).unwrap_or_default()));
    *response.status_mut() = notice.status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
