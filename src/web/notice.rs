//! A page that makes one statement, and the problem document with the same words for scripts.

use axum::body::Body;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::problem::ProblemDocument;
use super::text::{Advice, Filled, RelativeTime, Statement, Text, TimeWords};

/// What happened, why, and what to do next.
#[derive(Debug)]
pub(crate) struct Notice<'a> {
    pub(crate) status: StatusCode,
    reason: &'static str,
    pub(crate) title: Filled<'a>,
    pub(crate) detail: Filled<'a>,
    pub(crate) advice: Option<Filled<'a>>,
    /// What only the operator needs, in small type.
    pub(crate) small: Option<Filled<'a>>,
    /// When the page loads itself again.
    pub(crate) reload: Option<Reload<'a>>,
    /// The first one is the most likely choice.
    pub(crate) links: Vec<Link<'a>>,
    /// In seconds.
    retry_after: Option<u64>,
}

/// A link on a notice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link<'a> {
    pub(crate) label: &'a Text,
    pub(crate) address: &'a str,
}

/// A page that loads itself again.
#[derive(Debug)]
pub(crate) struct Reload<'a> {
    /// Says so, with the time.
    pub(crate) text: Filled<'a>,
    pub(crate) seconds: u64,
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
        Self {
            status,
            reason,
            title,
            detail,
            advice: None,
            small: None,
            reload: None,
            links: Vec::new(),
            retry_after: None,
        }
    }

    pub(crate) fn advise(mut self, advice: Filled<'a>) -> Self {
        self.advice = Some(advice);
        self
    }

    pub(crate) fn in_small_type(mut self, small: Option<Filled<'a>>) -> Self {
        self.small = small;
        self
    }

    /// Lets the page load itself again after the time of `Retry-After`, if the notice has one. For
    /// requests that can be repeated only.
    pub(crate) fn reloading(
        mut self,
        text: impl FnOnce(RelativeTime) -> Filled<'a>,
        (words, now): (&TimeWords, Timestamp),
    ) -> Self {
        if let Some(seconds) = self.retry_after {
            let pause = SignedDuration::from_secs(seconds.try_into().unwrap_or(i64::MAX));
            let then = now.saturating_add(pause).unwrap_or(now);
            self.reload = Some(Reload { text: text(words.ahead(then, now)), seconds });
        }
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
        for more in [&self.advice, &self.small].into_iter().flatten() {
            detail.push(' ');
            detail.push_str(&more.plain());
        }
        let extension = Extension { reason: self.reason, request_id };
        let document = ProblemDocument::new(self.status, self.reason, &title, &detail, extension);
        self.finish(document.into_response())
    }
}
