//! What is known of a request before it is decided.

use std::sync::atomic::{AtomicU64, Ordering};

use data_encoding::HEXLOWER;
use http::header::{self, HeaderValue};
use http::{Method, Request};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::web::fetch_metadata::ResponseKind;

/// What is known of it.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) id: String,
    pub(super) now: Timestamp,
    began: Instant,
    pub(super) wants: ResponseKind,
    /// Whether the method may change something: any but GET, HEAD and OPTIONS.
    pub(super) may_change: bool,
    /// Known for people only: scripts are told in one language.
    pub(super) languages: Option<HeaderValue>,
}

/// Request ids: a random beginning for the process and a count.
#[derive(Debug)]
pub(super) struct RequestIds {
    start: String,
    count: AtomicU64,
}

impl Received {
    pub(super) fn new<B>(id: String, request: &Request<B>, now: Timestamp) -> Self {
        let wants = ResponseKind::of(request.headers());
        let languages = match wants {
            ResponseKind::Page => request.headers().get(header::ACCEPT_LANGUAGE).cloned(),
            ResponseKind::Problem => None,
        };
        let may_change = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        Self { id, now, began: Instant::now(), wants, may_change, languages }
    }

    /// Microseconds since the request's head.
    pub(super) fn micros(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl RequestIds {
    pub(super) fn new() -> Self {
        let start = HEXLOWER.encode(&crate::random::bytes::<6>());
        Self { start, count: AtomicU64::new(0) }
    }

    pub(super) fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut id = String::with_capacity(self.start.len() + 16);
        id.push_str(&self.start);
        HEXLOWER.encode_append(&count.to_be_bytes(), &mut id);
        id
    }
}
