//! Authorization: whether a request may go to the portal.
//!
//! Every caller (the proxy, `explain`, the re-check of open connections) turns what it has into a
//! [`Question`], asks the [`Authorizer`], acts on the [`Verdict`] and records it. Nothing here
//! knows how the request came or how it is answered: this module imports the policy, the sessions,
//! the snapshot of the directory and the settings, and nothing that reads from a connection or
//! writes to one.
//!
//! The steps, each of which ends in a refusal or goes on to the next:
//!
//! 1. [`Authorizer::read`]: one served host and one canonical target, or a [`BadRequest`].
//! 2. While the portal is disabled, every request is redirected (R60).
//! 3. What is below the reserved prefix is for our own pages.
//! 4. Cached state must have been confirmed recently, and the session must be readable (I1). A
//!    token of a portal user must be valid, on public routes too.
//! 5. A page of another site may not open a WebSocket.
//! 6. [`decide`], the policy's decision. Only it makes a [`Permit`], which forwarding takes.
//! 7. A request that the policy allows must not be a change that another site's page requests in a
//!    session, nor one in a session that may only read, and must not name another method than its
//!    own.
//!
//! The policy, the groups and the preferences come from one [`Snapshot`], which the caller takes
//! once. Only step 4 may wait, for a session, user or organization that is not cached.
//!
//! | module | holds |
//! |---|---|
//! | `question`, `verdict`, `refusal` | what is asked, decided, and answered instead of the portal |
//! | `parts` | what the authorizer decides by and notes, for those who ask it |
//! | `sent`, `cross_site`, `method_override`, `refused_query`, [`reserved_headers`] | what else in a request is refused |
//! | [`trusted_proxies`] | the client's address, host and scheme behind proxies |
//! | [`identity`] | what the portal learns about the user |
//! | `start_page` | whether the start page opens, for links on our own pages |
//! | [`decision_record`], `request_id` | what is recorded |
//! | [`marked_requests`] | requests that `portcullis doctor` has marked |
//! | [`trial_log`] | what is seen in trials of the portal |
//! | [`refused_requests`], `requirement` | refused requests by their reference, with what was missing |

mod authorization;
mod cross_site;
pub mod decision_record;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub mod identity;
pub mod marked_requests;
mod method_override;
mod parts;
mod question;
mod refusal;
mod refused_query;
pub mod refused_requests;
mod request_id;
mod requirement;
pub mod reserved_headers;
mod sent;
mod start_page;
mod token;
mod token_refusal;
pub mod trial_log;
pub mod trusted_proxies;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use jiff::Timestamp;

pub use self::authorization::Scheme;
pub use self::decision_record::DecisionLog;
pub use self::question::{AccessRequest, HeaderOverride, Question};
pub use self::refusal::Refusal;
pub use self::refused_requests::RefusedRequests;
pub use self::request_id::RequestIds;
pub use self::requirement::{access, missing};
pub use self::start_page::start_page_opens;
pub use self::token_refusal::TokenRefusal;
pub use self::trial_log::TrialLog;
pub use self::verdict::{Action, Objection, Outcome, Verdict};

use self::authorization::Presented;
use self::identity::Assertions;
use self::marked_requests::MarkedRequests;
use self::method_override::NamedMethods;
use self::refused_query::RefusedQuery;
use self::reserved_headers::ReservedHeaders;
use self::sent::Sent;
use self::trusted_proxies::TrustedProxies;
use crate::config::{FieldEncoding, ServedHost, ServedHosts, Settings};
use crate::directory::{Directory, Snapshot};
use crate::session::{Absence, SessionLookup, Sessions};
use crate::web::cookie::OwnCookie;
use crate::web::paths::{self, RESERVED};
use portcullis_policy::{
    AmbiguousOverride, BadRequest, BadTarget, Decision, MethodOverride, Permit, RequestFacts,
    SessionKind, Subject, decide,
};
use portcullis_store::StoreError;
use portcullis_store::feed::Freshness;

/// Decides about requests. All transports share one.
#[derive(Debug)]
pub struct Authorizer {
    directory: Directory,
    sessions: Sessions,
    freshness: Freshness,
    max_staleness: Duration,
    hosts: ServedHosts,
    proxies: TrustedProxies,
    /// The longest target in bytes. Targets of our own pages may be longer.
    target_bytes: usize,
    session_cookie: &'static str,
    /// Whether tokens are valid that users have created themselves.
    tokens_by_users: bool,
    /// Whether staff that acts as a portal user may only read (R18).
    impersonation_read_only: bool,
    refused_query: RefusedQuery,
    reserved_headers: Arc<ReservedHeaders>,
    user_encoding: FieldEncoding,
    refused_requests: Arc<RefusedRequests>,
    marked_requests: MarkedRequests,
    trial_log: Arc<TrialLog>,
    assertions: Option<Assertions>,
}

/// Whether the client has done something in its session since the last check of an open connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// The session's idle time starts again.
    Active,
    /// The session ends when it would have ended.
    Idle,
}

impl Authorizer {
    /// The authorizer for these settings.
    #[must_use]
    pub fn new(
        settings: &Settings,
        (directory, sessions, freshness): (Directory, Sessions, Freshness),
    ) -> Self {
        let server = &settings.server;
        Self {
            refused_requests: Arc::new(RefusedRequests::new(directory.clone())),
            marked_requests: MarkedRequests::default(),
            trial_log: Arc::new(TrialLog::new(directory.clone())),
            directory,
            sessions,
            freshness,
            max_staleness: settings.store.max_staleness,
            hosts: ServedHosts::new(server),
            proxies: TrustedProxies::new(server),
            target_bytes: server.limits.target_bytes,
            session_cookie: OwnCookie::Session.name(server.public_url.is_https()),
            tokens_by_users: settings.tokens_by_users,
            impersonation_read_only: settings.impersonation_read_only,
            refused_query: RefusedQuery::new(&settings.upstream.refuse_query),
            reserved_headers: Arc::new(ReservedHeaders::new(settings)),
            user_encoding: settings.identity.user_encoding,
            assertions: None,
        }
    }

    /// The same, with assertions for the portal in the verdicts.
    #[must_use]
    pub fn asserting(self, assertions: Option<Assertions>) -> Self {
        Self { assertions, ..self }
    }

    /// Reads a question.
    ///
    /// # Errors
    /// When it has no reading or more than one, or names a host that is not served.
    pub fn read(&self, question: &Question<'_>) -> Result<AccessRequest, BadRequest> {
        let Question { line, forwarded_host, websocket, client, preflight } = question;
        let raw = line.target.map_or(0, str::len);
        let (host, target) = line.read(|host| self.hosts.find(forwarded_host.unwrap_or(host)))?;
        // Our own pages carry targets of the portal in theirs, where they are longer.
        let longest = raw.max(target.as_str().len());
        if longest > self.target_bytes && !target.path().starts_with(RESERVED) {
            return Err(BadRequest::Target(BadTarget::TooLong));
        }
        Ok(AccessRequest {
            host,
            method: line.method.clone(),
            target,
            websocket: *websocket,
            client: *client,
            preflight: preflight.clone(),
            header_override: None,
        })
    }

    /// Whether the start page of the request's host opens for this subject.
    #[must_use]
    pub fn opens_start_page(
        &self,
        request: &AccessRequest,
        subject: Option<&Subject>,
        now: Timestamp,
    ) -> bool {
        let at = (self.host(&request.host).name(), request.client);
        start_page_opens(self.snapshot().policy(), subject, at, now)
    }

    /// Decides about a request that comes in with these headers. It is a use of its session.
    pub async fn authorize<'s>(
        &self,
        request: &AccessRequest,
        headers: &HeaderMap,
        snapshot: &'s Snapshot,
        now: Timestamp,
    ) -> Verdict<'s> {
        let mut verdict = if let Some(presented) = Presented::of(headers) {
            // Boxed because it is rare: otherwise each request's future would have room for it.
            Box::pin(self.by_token(request, presented, headers, snapshot, now)).await
        } else {
            let session = || self.sessions.resolve(headers, self.session_cookie, snapshot, now);
            let sent = Sent { headers, by_browser: true };
            self.verdict(request, Some(sent), session, (snapshot, now)).await
        };
        if let Some(assertions) = &self.assertions
            && verdict.permit().is_some()
        {
            verdict.assertion = assertions.value(&verdict.session, now);
        }
        if let Some(route) = verdict.outcome().route() {
            snapshot.hits().count(route, verdict.permit().is_some());
        }
        verdict
    }

    /// Decides about a request that presents a token.
    async fn by_token<'s>(
        &self,
        request: &AccessRequest,
        presented: Presented,
        headers: &HeaderMap,
        snapshot: &'s Snapshot,
        now: Timestamp,
    ) -> Verdict<'s> {
        let by = (request.client, headers);
        let session = || self.token_session(&presented, by, snapshot, now);
        let by_browser = presented.scheme() == Scheme::Basic;
        let sent = Sent { headers, by_browser };
        self.verdict(request, Some(sent), session, (snapshot, now)).await
    }

    /// Decides again about a request that has been allowed in a session, or without one (I7).
    pub async fn reauthorize<'s>(
        &self,
        request: &AccessRequest,
        session: &SessionLookup,
        activity: Activity,
        snapshot: &'s Snapshot,
        now: Timestamp,
    ) -> Verdict<'s> {
        let session = || async move {
            match (session, activity) {
                (SessionLookup::Found { key, subject, .. }, _)
                    if subject.kind == SessionKind::Token =>
                {
                    self.token_session_again(key, activity, snapshot, now).await
                }
                (SessionLookup::Found { key, .. }, Activity::Active) => {
                    self.sessions.resolve_key(*key, snapshot, now).await
                }
                (SessionLookup::Found { key, .. }, Activity::Idle) => {
                    self.sessions.look_at(*key, snapshot, now).await
                }
                (SessionLookup::Missing(_), _) => Ok(SessionLookup::Missing(Absence::NoCookie)),
            }
        };
        self.verdict(request, None, session, (snapshot, now)).await
    }

    /// What would be decided about a request of this subject. Only the snapshot is used.
    pub fn evaluate<'s>(
        &self,
        request: &AccessRequest,
        subject: Option<&Subject>,
        snapshot: &'s Snapshot,
        now: Timestamp,
    ) -> Outcome<'s> {
        before_session(request, snapshot)
            .unwrap_or_else(|| self.in_session(request, None, subject, (snapshot, now)).0)
    }

    /// Steps 2 to 7.
    async fn verdict<'s, F, E>(
        &self,
        request: &AccessRequest,
        sent: Option<Sent<'_>>,
        session: impl FnOnce() -> F,
        (snapshot, now): (&'s Snapshot, Timestamp),
    ) -> Verdict<'s>
    where
        F: Future<Output = Result<SessionLookup, E>>,
        E: Into<Outcome<'s>>,
    {
        if let Some(outcome) = before_session(request, snapshot) {
            return Verdict::without_session(snapshot, outcome);
        }
        if !self.is_fresh() {
            let error = StoreError::Unavailable("changes have not been confirmed".to_owned());
            return Verdict::without_session(snapshot, error.into());
        }
        match session().await {
            Ok(session) => {
                let subject = session.subject();
                let (outcome, header_override) =
                    self.in_session(request, sent, subject, (snapshot, now));
                Verdict { snapshot, session, outcome, header_override, assertion: None }
            }
            Err(refused) => Verdict::without_session(snapshot, refused.into()),
        }
    }

    /// Steps 5 to 7. Without headers, the checks of headers are left out.
    fn in_session<'s>(
        &self,
        request: &AccessRequest,
        sent: Option<Sent<'_>>,
        subject: Option<&Subject>,
        (snapshot, now): (&Snapshot, Timestamp),
    ) -> (Outcome<'s>, Option<Box<HeaderOverride>>) {
        let own = self.host(&request.host);
        let may_open = |headers| cross_site::may_open_websocket(headers, (&self.hosts, own));
        if request.websocket && !sent.and_then(Sent::by_browser).is_none_or(may_open) {
            return (Outcome::ForeignOrigin, None);
        }
        let facts = RequestFacts {
            websocket: request.websocket,
            client: request.client,
            preflight: request.preflight.as_ref(),
            ..RequestFacts::new(own.name(), &request.method, &request.target)
        };
        let permit = match decide(snapshot.policy(), subject, &facts, now) {
            Decision::Allow(permit) => permit,
            refused => return (Outcome::Decided(refused), None),
        };
        let is_cross_site = |method: &Method, permit: &Permit| {
            let subject = subject.filter(|_| !permit.route().cross_origin());
            self.is_cross_site(method, sent, own, subject)
        };
        if is_cross_site(&request.method, &permit) {
            return (Outcome::Objection(permit, Objection::CrossOrigin), None);
        }
        if self.only_reads(subject) && (request.websocket || !is_read(&request.method)) {
            return (Outcome::Objection(permit, Objection::ReadOnly), None);
        }
        if subject.is_some_and(|subject| !self.expresses_login(subject)) {
            return (Outcome::Objection(permit, Objection::LoginNotEncodable), None);
        }
        let rule = permit.route().method_override();
        let own = (&request.method, request.target.query());
        let of_routes = snapshot.policy().method_overrides();
        let reserved = (&self.refused_query, &*self.reserved_headers, of_routes);
        let headers = sent.map(|sent| sent.headers);
        let named = NamedMethods::read(rule, own, headers, reserved).map(|named| match headers {
            Some(_) => named,
            None => NamedMethods { in_header: request.header_override.clone(), ..named },
        });
        let Ok(named) = named else {
            return (Outcome::Objection(permit, Objection::MethodOverride), None);
        };
        let by_header = rule.and_then(MethodOverride::header).zip(named.in_header.as_ref());
        let by_header = by_header
            .map(|(name, method)| (name.clone(), method.clone()))
            .filter(|(_, method)| *method != request.method);
        let other = match named.other(&request.method) {
            Ok(Some(other)) => other,
            Ok(None) => return (Outcome::Decided(Decision::Allow(permit)), None),
            Err(AmbiguousOverride) => {
                return (Outcome::Objection(permit, Objection::MethodOverride), None);
            }
        };
        let facts = RequestFacts { method: &other, preflight: None, ..facts };
        let outcome = match decide(snapshot.policy(), subject, &facts, now) {
            Decision::Allow(permit) if is_cross_site(&other, &permit) => {
                Outcome::Objection(permit, Objection::CrossOrigin)
            }
            Decision::Allow(permit) if self.only_reads(subject) && !is_read(&other) => {
                Outcome::Objection(permit, Objection::ReadOnly)
            }
            decision => Outcome::Decided(decision),
        };
        let header_override = by_header.map(|(name, method)| HeaderOverride { name, method });
        (outcome, header_override.map(Box::new))
    }

    /// Whether the portal can get the subject's login. UTF-8 expresses every login that the directory
    /// accepts.
    fn expresses_login(&self, subject: &Subject) -> bool {
        self.user_encoding == FieldEncoding::Utf8
            || subject.has_no_access()
            || subject.login.as_deref().is_none_or(|login| self.user_encoding.expresses(login))
    }

    /// Whether the session may only read: it is of staff that acts as a portal user.
    fn only_reads(&self, subject: Option<&Subject>) -> bool {
        self.impersonation_read_only
            && subject.is_some_and(|subject| subject.kind == SessionKind::Impersonation)
    }

    /// Whether a page of another site asks for a change in the subject's session.
    fn is_cross_site(
        &self,
        method: &Method,
        sent: Option<Sent<'_>>,
        own: &ServedHost,
        subject: Option<&Subject>,
    ) -> bool {
        // Without an identity there is nothing that another site could abuse.
        subject.is_some_and(|subject| !subject.has_no_access())
            && sent
                .and_then(Sent::by_browser)
                .is_some_and(|headers| !cross_site::may_change(method, headers, (&self.hosts, own)))
    }
}

/// Steps 2 and 3. The portal's servers verify by the keys, whatever visitors are shown.
fn before_session<'s>(request: &AccessRequest, snapshot: &'s Snapshot) -> Option<Outcome<'s>> {
    if request.target.as_str() == paths::KEYS {
        return Some(Outcome::OwnPage);
    }
    if let Some(url) = snapshot.preferences().disabled_redirect_url.as_deref() {
        return Some(Outcome::PortalDisabled(url));
    }
    request.is_own_page().then(|| match request.target.strict() {
        Ok(()) => Outcome::OwnPage,
        Err(bad) => Outcome::BadTarget(bad),
    })
}

/// Whether a method only reads (RFC 9110, 9.2.1), of those that browsers use for pages.
fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

#[cfg(test)]
mod tests;
