//! What answers a request in place of the portal: a page, a redirect or a problem document, with a
//! line in the decision record.
//!
//! The proxy and [`forward_auth`](crate::forward_auth) share it, so that a refusal is the same
//! whichever proxy the request came through.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use http::header::{self, HeaderValue};
use http::{Request, Response};
use jiff::Timestamp;

use super::error_pages::{ErrorPages, Onward, Refused};
use super::failure::Cause;
use super::question;
use super::received::Received;
use crate::authz::decision_record::{DecisionLog, Entry};
use crate::authz::{AccessRequest, Authorizer, Outcome, Refusal, RequestIds, Verdict};
use crate::random;
use crate::session::{Absence, SessionLookup};
use crate::telemetry::metrics::Traffic;
use crate::web::cookie;
use crate::web::fetch_metadata::ResponseKind;
use portcullis_policy::{Reason, Route, Subject};

/// Answers requests that the portal does not answer.
#[derive(Debug)]
pub struct Responder {
    pub(super) authz: Arc<Authorizer>,
    pub(super) error_pages: Arc<dyn ErrorPages>,
    pub(super) decisions: Arc<DecisionLog>,
    pub(super) traffic: Arc<Traffic>,
    request_ids: RequestIds,
}

impl Responder {
    /// Answers with these pages, and records in this log.
    #[must_use]
    pub fn new(
        authz: Arc<Authorizer>,
        error_pages: Arc<dyn ErrorPages>,
        decisions: Arc<DecisionLog>,
    ) -> Self {
        let request_ids = RequestIds::new(random::bytes::<6>());
        Self { authz, error_pages, decisions, traffic: Arc::default(), request_ids }
    }

    /// The authorizer whose verdicts are answered.
    #[must_use]
    pub fn authz(&self) -> &Arc<Authorizer> {
        &self.authz
    }

    /// The counts of requests, for the metrics.
    #[must_use]
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Records and counts a decision after which nothing is sent to the portal.
    pub fn record(&self, entry: &Entry<'_>) {
        self.traffic.decided(entry.micros);
        if entry.decision != "allow" {
            self.traffic.refused(entry.decision, entry.reason);
        }
        self.authz.marked_requests().add(entry);
        self.decisions.record(entry);
    }

    /// Counts the permissions for lack of which a request is denied.
    fn count_missing(&self, verdict: &Verdict<'_>) {
        let outcome = verdict.outcome();
        if outcome.reason() != Reason::MissingPermission.as_str() {
            return;
        }
        let catalogue = verdict.snapshot().policy().catalogue();
        let held = verdict.subject().map(|subject| subject.held(catalogue)).unwrap_or_default();
        let named = outcome.route().map(Route::permissions).unwrap_or_default();
        for permission in catalogue.ids(named.difference(held)) {
            self.traffic.missing(permission);
        }
    }

    /// The id of the next request.
    #[must_use]
    pub fn next_id(&self) -> String {
        self.request_ids.next()
    }

    /// A request of this client as it comes in.
    #[must_use]
    pub fn received<B>(&self, client: IpAddr, request: &Request<B>, now: Timestamp) -> Received {
        Received::new(self.next_id(), client, request, now)
    }

    /// Answers a request as its verdict says, and records that.
    pub fn refuse_verdict<B>(
        &self,
        received: &Received,
        request: &Request<B>,
        (asked, verdict): (&AccessRequest, &Verdict<'_>),
        refusal: Refusal<'_>,
    ) -> Response<Body> {
        if let Outcome::StoreUnavailable(error) = verdict.outcome() {
            tracing::error!(%error, request.id = received.id, "a session could not be read");
        }
        let target = question::raw_target(request, Some(asked.target()));
        let entry = Entry { target, ..received.entry(request).decided(asked, verdict) };
        self.record(&entry);
        self.count_missing(verdict);
        // While the portal is disabled, every request is redirected: none has a reference.
        if !matches!(refusal, Refusal::PortalDisabled { .. }) {
            self.authz.refused_requests().add(&entry, verdict.subject(), Some(verdict));
        }
        let onward = Onward {
            sent_from: question::sent_from(request),
            ..self.onward(received, Some(asked), verdict.subject())
        };
        let mut response = self.answer(received, refusal.into(), onward);
        let several = matches!(verdict.session(), SessionLookup::Missing(Absence::SeveralCookies));
        if several
            && matches!(refusal, Refusal::SignIn { .. })
            && response.status().is_redirection()
        {
            // Otherwise the browser would come back with them, in an endless loop.
            let place = (self.authz.host(asked.host()).name(), asked.target().path());
            let name = self.authz.session_cookie();
            cookie::clear_doubled(response.headers_mut(), name, place);
        }
        response
    }

    /// Answers a request that is refused for another reason than its verdict, and records that.
    pub fn refuse<B>(
        &self,
        received: &Received,
        request: &Request<B>,
        (asked, subject): (Option<&AccessRequest>, Option<&Subject>),
        cause: Cause<'_>,
    ) -> Response<Body> {
        let target = asked.map(AccessRequest::target);
        let entry = received.entry(request).by(subject);
        let entry = Entry {
            target: question::raw_target(request, target),
            decision: cause.decision(),
            reason: cause.reason(),
            ..match asked {
                Some(asked) => entry.about(asked),
                None => entry,
            }
        };
        self.record(&entry);
        self.authz.refused_requests().add(&entry, subject, None);
        self.answer(received, cause, self.onward(received, asked, subject))
    }

    /// Where the client of a refused request can go on to. Only pages have links.
    pub fn onward(
        &self,
        received: &Received,
        asked: Option<&AccessRequest>,
        subject: Option<&Subject>,
    ) -> Onward<'static> {
        match (received.wants, asked) {
            (ResponseKind::Page, Some(asked)) => {
                let start_opens = self.authz.opens_start_page(asked, subject, received.now);
                Onward { start_opens, sent_from: None }
            }
            (ResponseKind::Page | ResponseKind::Problem, _) => Onward::default(),
        }
    }

    /// The answer itself; nothing is recorded.
    pub fn answer(
        &self,
        received: &Received,
        cause: Cause<'_>,
        onward: Onward<'_>,
    ) -> Response<Body> {
        let refused = Refused {
            cause,
            wants: received.wants,
            may_change: received.may_change,
            languages: received.languages.as_ref(),
            request_id: &received.id,
            onward,
        };
        let mut response = self.error_pages.refuse(&refused);
        if matches!(cause, Cause::Refused(Refusal::BadRequest(_))) {
            // A client that sends such requests must not continue over the same connection.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
