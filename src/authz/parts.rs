//! What an authorizer decides by and notes, for those who ask it.

use std::sync::Arc;

use arc_swap::Guard;

use super::Authorizer;
use super::marked_requests::MarkedRequests;
use super::refused_requests::RefusedRequests;
use super::reserved_headers::ReservedHeaders;
use super::trial_log::TrialLog;
use super::trusted_proxies::TrustedProxies;
use crate::config::{FoundHost, ServedHost, ServedHosts};
use crate::directory::Snapshot;
use crate::session::Sessions;

impl Authorizer {
    /// The served hosts.
    #[must_use]
    pub fn hosts(&self) -> &ServedHosts {
        &self.hosts
    }

    /// A served host.
    #[must_use]
    pub fn host<'h>(&'h self, found: &'h FoundHost) -> &'h ServedHost {
        self.hosts.get(found)
    }

    /// The proxies in front of the gateway.
    #[must_use]
    pub fn proxies(&self) -> &TrustedProxies {
        &self.proxies
    }

    /// The headers that only a gateway may set.
    #[must_use]
    pub fn reserved_headers(&self) -> &Arc<ReservedHeaders> {
        &self.reserved_headers
    }

    /// The refused requests.
    #[must_use]
    pub fn refused_requests(&self) -> &Arc<RefusedRequests> {
        &self.refused_requests
    }

    /// The requests that `portcullis doctor` has marked.
    #[must_use]
    pub fn marked_requests(&self) -> &MarkedRequests {
        &self.marked_requests
    }

    /// What is seen in trials of the portal.
    #[must_use]
    pub fn trial_log(&self) -> &Arc<TrialLog> {
        &self.trial_log
    }

    /// The sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The name of the session cookie.
    #[must_use]
    pub fn session_cookie(&self) -> &'static str {
        self.session_cookie
    }

    /// The state to decide by. A request is decided by one snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.directory.snapshot()
    }

    /// Whether cached state has been confirmed recently enough to decide by it (I1).
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.freshness.fresh(self.max_staleness)
    }
}
