//! A page that makes one statement, and the problem document with the same words for scripts.

use axum::body::Body;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

use super::problem::ProblemDocument;
use super::text::{Advice, Filled, Statement, Text};

/// What happened, why, and what to do next.
#[derive(Debug)]
pub(crate) struct Notice<'a> {
    pub(crate) status: StatusCode,
    reason: &'static str,
    pub(crate) title: Filled<'a>,
    pub(crate) detail: Filled<'a>,
    pub(crate) advice: Option<Filled<'a>>,
    /// The first one is the most likely choice.
    pub(crate) links: Vec<Link<'a>>,
    /// In seconds.
    retry_after: Option<u64>,
}

/// A link on a notice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link<'a> {
    pub(crate) label: &'a Text,
    pub(crate) address: &'static str,
}

/// The members of our own in the problem document.
#[derive(Serialize)]
struct Extension<'a> {
    reason: &'a str,
    request_id: &'a str,
}

impl<'a> Notice<'a> {
    /// A notice with this reason, a stable kebab-case name.
    pub(crate) fn new(status: StatusCode, reason: &'static str, text: &'a Statement) -> Self {
        Self::of(status, reason, text.title.with(), text.detail.with())
    }

    /// A notice with advice, which may name the operator.
    pub(crate) fn with_advice(
        status: StatusCode,
        reason: &'static str,
        text: &'a Advice,
        operator: &'a str,
    ) -> Self {
        let notice = Self::of(status, reason, text.title.with(), text.detail.with());
        notice.advise(text.advice.with(operator))
    }

    /// A notice with texts that take values.
    pub(crate) fn of(
        status: StatusCode,
        reason: &'static str,
        title: Filled<'a>,
        detail: Filled<'a>,
    ) -> Self {
        let links = Vec::new();
        Self { status, reason, title, detail, advice: None, links, retry_after: None }
    }

    pub(crate) fn advise(mut self, advice: Filled<'a>) -> Self {
        self.advice = Some(advice);
        self
    }

    pub(crate) fn link(mut self, link: Link<'a>) -> Self {
        self.links.push(link);
        self
    }

    pub(crate) const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Adds `Retry-After` to the page or document, if the notice has one.
    pub(crate) fn finish(&self, mut response: Response<Body>) -> Response<Body> {
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// The problem document for scripts.
    pub(crate) fn problem_document(&self, request_id: &str) -> Response<Body> {
        let title = self.title.plain();
        let mut detail = self.detail.plain();
        if let Some(advice) = &self.advice {
            detail.push(' ');
            detail.push_str(&advice.plain());
        }
        let extension = Extension { reason: self.reason, request_id };
        let document = ProblemDocument::new(self.status, self.reason, &title, &detail, extension);
        self.finish(document.into_response())
    }
}
