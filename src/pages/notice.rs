//! A page that says one thing, and the problem document that says the same to a script.
//!
//! Problem types are `urn:portcullis:problem:<reason>`: stable names, not addresses.

use std::fmt;

use askama::Template;
use axum::body::Body;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

use super::response::{Referrer, html};
use super::{Brand, Desk};
use crate::gateway::Wants;

/// When to try again while the store does not answer, in seconds.
const STORE_RETRY: u64 = 5;

/// What is said: what happened, why, and what to do next.
#[derive(Debug)]
pub(super) struct Notice {
    status: StatusCode,
    reason: &'static str,
    title: String,
    detail: String,
    advice: Vec<Words>,
    actions: Vec<Action>,
    retry_after: Option<u64>,
}

/// A part of a sentence.
#[derive(Debug)]
pub(super) enum Words {
    Plain(String),
    /// The name of something the operator has named.
    Name(String),
}

/// Where to go from here; the first one offered is the one to choose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Action {
    label: &'static str,
    address: &'static str,
}

#[derive(Template)]
#[template(path = "pages/notice.html")]
struct NoticePage<'a> {
    brand: &'a Brand,
    notice: &'a Notice,
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

impl Action {
    /// The same address once more.
    pub(super) const AGAIN: Self = Self { label: "Try again", address: "" };
    pub(super) const START: Self = Self { label: "Go to the start page", address: "/" };
    pub(super) const SIGN_IN: Self = Self { label: "Sign in", address: "/.portcullis/sign-in" };
    pub(super) const SOMEBODY_ELSE: Self =
        Self { label: "Sign in with another account", address: "/.portcullis/sign-in" };
}

impl Notice {
    pub(super) fn new(
        status: StatusCode,
        reason: &'static str,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            reason,
            title: title.into(),
            detail: detail.into(),
            advice: Vec::new(),
            actions: Vec::new(),
            retry_after: None,
        }
    }

    pub(super) fn store_unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store-unavailable",
            "This can't be answered right now",
            "Something behind this page does not respond. Nothing you did caused it.",
        )
        .advise("Try again in a few seconds.")
        .with(Action::AGAIN)
        .retry_after(STORE_RETRY)
    }

    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        self.advise_with(vec![Words::Plain(advice.into())])
    }

    pub(super) fn advise_with(mut self, advice: Vec<Words>) -> Self {
        self.advice = advice;
        self
    }

    pub(super) fn with(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    pub(super) const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) | Self::Name(text) => f.write_str(text),
        }
    }
}

impl Desk {
    /// Says it the way its reader can use.
    pub(super) fn notice(&self, notice: &Notice, wants: Wants, request_id: &str) -> Response<Body> {
        let mut response = match wants {
            Wants::Page => {
                let page = NoticePage { brand: &self.brand, notice, request_id };
                html(notice.status, &page, Referrer::Nothing)
            }
            Wants::Problem => problem(notice, request_id),
        };
        if let Some(seconds) = notice.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn problem(notice: &Notice, request_id: &str) -> Response<Body> {
    let mut detail = notice.detail.clone();
    for (number, words) in notice.advice.iter().enumerate() {
        if number == 0 {
            detail.push(' ');
        }
        detail.push_str(&words.to_string());
    }
    let document = Problem {
        r#type: format!("urn:portcullis:problem:{}", notice.reason),
        title: &notice.title,
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
