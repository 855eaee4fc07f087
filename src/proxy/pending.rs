//! A request on its way to the portal: what is recorded and counted when the portal answers.

use http::{HeaderName, Request};

use super::gateway::Gateway;
use super::question;
use super::received::Received;
use crate::authz::decision_record::{Entry, OpenLine};
use crate::authz::{AccessRequest, Verdict};
use crate::directory::CountedRoute;
use portcullis_policy::Route;

/// A request that was allowed a moment ago.
#[derive(Debug)]
pub(super) struct Pending {
    /// Its record, up to the portal's status.
    pub(super) line: OpenLine,
    /// Microseconds from its head to the decision.
    pub(super) micros: u64,
    /// The route that decided.
    pub(super) route: CountedRoute,
}

impl Gateway {
    /// Counts an allowed request and begins its record.
    pub(super) fn pending<B>(
        &self,
        received: &Received,
        request: &Request<B>,
        (asked, verdict): (&AccessRequest, &Verdict<'_>),
        (route, dropped): (&Route, &[&HeaderName]),
    ) -> Pending {
        let entry = received.entry(request);
        let micros = entry.micros;
        self.responder.traffic.decided(micros);
        let line = if self.responder.decisions.wants(verdict.outcome().name()) {
            let target = question::raw_target(request, Some(asked.target()));
            let entry = entry.decided(asked, verdict);
            self.responder.decisions.open(&Entry { target, dropped, ..entry })
        } else {
            OpenLine::default()
        };
        Pending { line, micros, route: verdict.snapshot().hits().counted(route) }
    }
}
