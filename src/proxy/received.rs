//! What is known about a request as soon as its head has come.

use std::net::IpAddr;

use http::header::{self, HeaderValue};
use http::{Method, Request};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::authz::decision_record::{Entry, recordable};
use crate::web::fetch_metadata::ResponseKind;

/// A request's id, its time, and how to answer it.
#[derive(Debug)]
pub struct Received {
    pub(super) id: String,
    /// The client's address: the peer's, or the one that a trusted proxy names.
    pub(super) client: IpAddr,
    pub(super) now: Timestamp,
    began: Instant,
    pub(super) wants: ResponseKind,
    /// Whether the method may change something: any but GET, HEAD and OPTIONS.
    pub(super) may_change: bool,
    /// `Accept-Language`, for pages only: problem documents are in English.
    pub(super) languages: Option<HeaderValue>,
    /// The contract of the proxy that asks, if one does.
    via: Option<&'static str>,
}

impl Received {
    pub(super) fn new<B>(id: String, client: IpAddr, request: &Request<B>, now: Timestamp) -> Self {
        let wants = ResponseKind::of(request.headers());
        let languages = match wants {
            ResponseKind::Page => request.headers().get(header::ACCEPT_LANGUAGE).cloned(),
            ResponseKind::Problem => None,
        };
        let may_change = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        Self { id, client, now, began: Instant::now(), wants, may_change, languages, via: None }
    }

    /// The same, asked about by another proxy in this contract.
    #[must_use]
    pub fn by_way_of(self, contract: &'static str) -> Self {
        Self { via: Some(contract), ..self }
    }

    /// The request's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When the request came.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Microseconds since the request's head came.
    pub(super) fn micros(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The entry of the decision record, without a decision.
    pub fn entry<'a, B>(&'a self, request: &'a Request<B>) -> Entry<'a> {
        let (by, method) = ((&*self.id, self.client), request.method().as_str());
        let entry = Entry::new(self.now, by, method, self.micros());
        Entry { via: self.via, traceparent: recordable::traceparent(request.headers()), ..entry }
    }
}
