//! The data plane: every request that is not for one of our own pages.
//!
//! A request's way, each step of which can only refuse or go on:
//!
//! 1. one valid, known `Host`; one canonical target ([`RequestLine`]);
//! 2. portal disabled? elsewhere (R60); reserved prefix? our own pages;
//! 3. session: cookie, hash, cache, [`Subject`];
//! 4. [`decide`], pure; only it makes the permit that `forward` takes;
//! 5. forward, or challenge, deny, redirect;
//! 6. one decision record.
//!
//! Nothing here waits for the store except a session, user or organization that is not in memory;
//! a store that does not answer is a 503, never a pass (I1).

mod body;
mod bounds;
pub mod decision_record;
mod exchange;
mod forward;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub mod headers;
mod hosts;
mod lease;
mod location;
mod origin;
mod proxies;
mod received;
mod recordable;
mod refusal;
mod refused_query;
mod tunnel;
pub mod upstream;
mod watch;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Request, Response, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use self::body::{BodyError, ReplyBody};
pub use self::refusal::{Refusal, Refused};

use self::body::RequestBody;
use self::bounds::{Bounds, ConnectionRequests, Sender, Unread};
use self::decision_record::{DecisionLog, Entry};
use self::forward::{Dropped, Way, announced, origin_form};
use self::headers::{InboundFilter, Nominated};
use self::hosts::{Hosts, Number, Served};
use self::location::Locations;
use self::proxies::Proxies;
use self::received::{Received, RequestIds};
use self::refused_query::RefusedQuery;
use self::upstream::Upstreams;
use self::watch::OpenQuestion;
use crate::clock;
use crate::config::{CookieNames, IdentityNames, PublicUrl, Settings};
use crate::directory::{Directory, Snapshot};
use crate::session::{Absence, Presented, Sessions};
use crate::web::Visitor;
use crate::web::cookie::{self, OwnCookie};
use crate::web::paths::{self, RESERVED};
use portcullis_policy::{
    BadRequest, BadTarget, Decision, RefusedReading, RequestFacts, RequestLine, RequestTarget,
    Subject, decide,
};
use portcullis_store::StoreError;
use portcullis_store::feed::Feed;

/// What answers instead of the portal: our pages for people, problem documents for scripts.
pub trait ErrorPages: std::fmt::Debug + Send + Sync + 'static {
    /// The answer to a request that does not go through.
    fn refuse(&self, refused: &Refused<'_>) -> Response<axum::body::Body>;

    /// The answer to a request under [`RESERVED`].
    fn reserved(
        &self,
        request: Request<axum::body::Body>,
        visitor: Visitor,
    ) -> BoxFuture<'static, Response<axum::body::Body>>;
}

/// The connection a request came over.
#[derive(Debug, Clone)]
pub struct Connection {
    peer: IpAddr,
    /// The same as a header value, made once for all requests.
    peer_value: HeaderValue,
    tls: bool,
    hold: Hold,
    /// For HTTP/2: how many of its requests are at the portal.
    requests: Option<ConnectionRequests>,
}

/// Counts a connection among the open ones for as long as it is kept.
pub type Hold = Arc<dyn std::fmt::Debug + Send + Sync>;

impl Connection {
    /// A connection from `peer`; `tls` when TLS ends here.
    #[must_use]
    pub fn new(peer: IpAddr, tls: bool, hold: Hold) -> Self {
        let peer = peer.to_canonical();
        // The digits, dots and colons of an address are always a header value.
        let peer_value = HeaderValue::try_from(peer.to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Self { peer, peer_value, tls, hold, requests: None }
    }

    /// The same for HTTP/2: several requests may come at a time.
    #[must_use]
    pub fn multiplexed(self) -> Self {
        Self { requests: Some(ConnectionRequests::default()), ..self }
    }
}

/// The data plane's state, one for all connections.
#[derive(Debug)]
pub struct Gateway {
    directory: Directory,
    sessions: Sessions,
    feed: Feed,
    max_staleness: Duration,
    response_timeout: Duration,
    upstreams: Arc<Upstreams>,
    bounds: Arc<Bounds>,
    read_timeout: Duration,
    error_pages: Arc<dyn ErrorPages>,
    decisions: Arc<DecisionLog>,
    hosts: Hosts,
    public_url: PublicUrl,
    /// The longest target of the portal.
    target_bytes: usize,
    cookie_name: &'static str,
    proxies: Proxies,
    locations: Locations,
    names: IdentityNames,
    filter: InboundFilter,
    refused_query: RefusedQuery,
    portal_cookies: CookieNames,
    request_ids: RequestIds,
    stop: CancellationToken,
}

/// What a request asks for, in its one reading.
struct Asked<'a> {
    number: Number,
    host: &'a Served,
    target: RequestTarget,
}

/// What was decided, of what and whom.
#[derive(Clone, Copy)]
struct Decided<'a> {
    target: &'a RequestTarget,
    snapshot: &'a Snapshot,
    subject: Option<&'a Subject>,
    decision: &'a Decision,
}

impl Gateway {
    /// Puts the parts together. What never ends by itself ends when `stop` is cancelled.
    #[must_use]
    pub fn new(
        settings: &Settings,
        (directory, sessions, feed): (Directory, Sessions, Feed),
        upstreams: Arc<Upstreams>,
        error_pages: Arc<dyn ErrorPages>,
        decisions: Arc<DecisionLog>,
        stop: CancellationToken,
    ) -> Self {
        let server = &settings.server;
        Self {
            directory,
            sessions,
            feed,
            max_staleness: settings.store.max_staleness,
            response_timeout: settings.upstream.response_timeout,
            upstreams,
            bounds: Bounds::new(settings),
            read_timeout: server.limits.read_timeout,
            error_pages,
            decisions,
            hosts: Hosts::new(server),
            public_url: server.public_url.clone(),
            target_bytes: server.limits.target_bytes,
            cookie_name: OwnCookie::Session.name(server.public_url.is_https()),
            proxies: Proxies::new(server),
            locations: Locations::new(settings),
            names: settings.identity.clone(),
            filter: InboundFilter::new(
                &settings.identity,
                &settings.upstream.remove_headers,
                &settings.upstream.pass_headers,
            ),
            refused_query: RefusedQuery::new(&settings.upstream.refuse_query),
            portal_cookies: settings.portal_cookies.clone(),
            request_ids: RequestIds::new(),
            stop,
        }
    }

    /// Answers one request.
    pub async fn handle(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        connection: Connection,
        now: Timestamp,
    ) -> Response<ReplyBody> {
        let received = &Received::new(self.request_ids.next(), &request, now);
        let Asked { number, host, target } = match self.read(&request, connection.peer) {
            Ok(asked) => asked,
            Err(bad) => {
                return self.refuse(received, &request, None, None, Refusal::BadRequest(bad));
            }
        };
        let snapshot = self.directory.snapshot();
        if let Some(url) = snapshot.preferences().disabled_redirect_url.as_deref() {
            let refusal = Refusal::PortalDisabled { url };
            return self.refuse(received, &request, Some(&target), None, refusal);
        }
        if target.path().starts_with(RESERVED) {
            if let Err(bad) = target.strict() {
                let refusal = Refusal::BadRequest(bad.into());
                return self.refuse(received, &request, Some(&target), None, refusal);
            }
            return Box::pin(self.reserved(received, request, &target, &connection)).await;
        }
        let presented = match self.presented(request.headers(), &snapshot, now).await {
            Ok(presented) => presented,
            Err(error) => {
                tracing::error!(%error, request.id = received.id, "a session cannot be read");
                let refusal = Refusal::StoreUnavailable;
                return self.refuse(received, &request, Some(&target), None, refusal);
            }
        };
        let subject = presented.subject();
        let websocket = tunnel::asks_for_websocket(&request);
        let nominated = match self.pass(&request, websocket) {
            Ok(nominated) => nominated,
            Err(refusal) => {
                return self.refuse(received, &request, Some(&target), subject, refusal);
            }
        };
        let facts = RequestFacts {
            host: host.host().name(),
            method: request.method(),
            target: &target,
            websocket,
        };
        let decision = decide(snapshot.policy(), subject, &facts, now);
        if !request.body().is_end_stream() && !may_have_body(request.method(), &decision) {
            let refused = match unread(&request, &connection) {
                Ok(counted) => match self.sent_body(&mut request).await {
                    // All of it has come and nothing was in it. Decided again: that may have taken
                    // long.
                    None => {
                        drop(counted);
                        return Box::pin(self.handle(request, connection, clock::now())).await;
                    }
                    Some(refused) => Refusal::BadRequest(refused),
                },
                Err(too_many) => too_many,
            };
            return self.refuse(received, &request, Some(&target), subject, refused);
        }
        let decided =
            Decided { target: &target, snapshot: &snapshot, subject, decision: &decision };
        let Decision::Allow(permit) = &decision else {
            self.record(received, &request, &decided, &Vec::new());
            let refusal = refusal(&decision, &snapshot, &presented, request.method(), &target);
            let mut response = self.answer(received, refusal);
            let challenged = matches!(decision, Decision::Challenge(_));
            let several = matches!(presented, Presented::Nobody(Absence::SeveralCookies));
            if challenged && several && response.status().is_redirection() {
                // Else the browser would come back with them, and be led round for ever.
                let place = (host.host().name(), target.path());
                cookie::clear_doubled(response.headers_mut(), self.cookie_name, place);
            }
            return response;
        };
        let sender = Sender::of(announced(subject), || {
            self.proxies.client(request.headers(), connection.peer)
        });
        let way = Way {
            permit,
            subject,
            host,
            connection: &connection,
            snapshot: &snapshot,
            nominated: &nominated,
            websocket,
        };
        let head = match self.outbound(received, &request, &target, &way) {
            Ok((head, dropped)) => {
                self.record(received, &request, &decided, &dropped);
                head
            }
            Err(refusal) => {
                let (decision, reason) = (refusal.decision(), refusal.reason());
                let entry = decided.entry(received, &request);
                self.decisions.record(&Entry { decision, reason, ..entry });
                return self.answer(received, refusal);
            }
        };
        let granted = permit.granted();
        let upgrade = websocket.then(|| hyper::upgrade::on(&mut request));
        let method = request.method().clone();
        let body = RequestBody::new(request.into_body(), &self.filter, self.read_timeout);
        // From here on the portal is waited for; nothing shared is held meanwhile.
        drop(decision);
        drop(snapshot);
        let host = number;
        let question = OpenQuestion { presented, granted, websocket, host, method, target };
        // On the heap: it is moved as often as the answer, and seldom looked at.
        let question = Arc::new(question);
        let upgrade = upgrade.map(|client| (client, connection.hold));
        let sender = (sender, connection.requests);
        self.forward(received, (head, body), sender, upgrade, question).await
    }

    /// The host and target, if the request names one of each and they are ours.
    fn read<B>(&self, request: &Request<B>, peer: IpAddr) -> Result<Asked<'_>, BadRequest> {
        let (uri, fields) = (request.uri(), request.headers());
        let mut lines = fields.get_all(header::HOST).iter();
        let line = lines.next();
        if lines.next().is_some() {
            return Err(BadRequest::TwoHosts);
        }
        if !headers::is_plainly_coded(fields) {
            return Err(BadRequest::TransferCoding);
        }
        if !headers::expects_only_leave(fields) {
            return Err(BadRequest::Expectation);
        }
        let authority = uri.authority().map(http::uri::Authority::as_str);
        let line = RequestLine {
            method: request.method(),
            scheme: uri.scheme_str(),
            authority,
            target: uri.path_and_query().map(http::uri::PathAndQuery::as_str),
            host: match line {
                Some(line) => Some(line.as_bytes()),
                // HTTP/2 names it in `:authority` alone (RFC 9113, 8.3.1).
                None if request.version() == Version::HTTP_2 => authority.map(str::as_bytes),
                None => None,
            },
        };
        let raw = line.target.map_or(0, str::len);
        let forwarded = self.proxies.host(fields, peer)?;
        let ((number, host), target) =
            line.read(|line| self.hosts.named(forwarded.unwrap_or(line)))?;
        // Our own pages carry addresses of the portal in theirs, spelled longer.
        let longest = raw.max(target.as_str().len());
        if longest > self.target_bytes && !target.path().starts_with(RESERVED) {
            return Err(BadRequest::Target(BadTarget::TooLong));
        }
        Ok(Asked { number, host, target })
    }

    /// Why a request that may have no body is refused, if it has one. On HTTP/2 a stream that is
    /// still open may turn out to have none.
    async fn sent_body(&self, request: &mut Request<Incoming>) -> Option<BadRequest> {
        if request.version() != Version::HTTP_2 {
            return Some(BadRequest::BodyNotAllowed);
        }
        let ends = body::ends_empty(request.body_mut());
        match tokio::time::timeout(self.response_timeout, ends).await {
            Ok(true) => None,
            Ok(false) => Some(BadRequest::BodyNotAllowed),
            Err(_) => Some(BadRequest::SlowBody),
        }
    }

    /// Has one of our own pages answer.
    async fn reserved(
        &self,
        received: &Received,
        mut request: Request<Incoming>,
        target: &RequestTarget,
        connection: &Connection,
    ) -> Response<ReplyBody> {
        let _counted = match unread(&request, connection) {
            Ok(counted) => counted,
            Err(too_many) => return self.answer(received, too_many),
        };
        // Pages act on the same state as decisions do. What they look like does not depend on it.
        let acts = !target.path().starts_with(paths::ASSETS);
        if acts && !self.feed.fresh(self.max_staleness) {
            return self.answer(received, Refusal::StoreUnavailable);
        }
        let uri = std::mem::take(request.uri_mut());
        *request.uri_mut() = origin_form(uri, target);
        let visitor = Visitor {
            address: self.proxies.client(request.headers(), connection.peer),
            request_id: received.id.clone(),
            now: received.now,
        };
        let answer = self.error_pages.reserved(request.map(axum::body::Body::new), visitor).await;
        answer.map(ReplyBody::Own)
    }

    /// What is for this connection only, if the request may be decided at all.
    fn pass<B>(
        &self,
        request: &Request<B>,
        websocket: bool,
    ) -> Result<Nominated, Refusal<'static>> {
        if websocket && !origin::is_ours(request.headers(), &self.public_url, &self.hosts) {
            return Err(Refusal::ForeignOrigin);
        }
        Nominated::by(request.headers()).map_err(|_| Refusal::BadRequest(BadRequest::Connection))
    }

    async fn presented(
        &self,
        headers: &HeaderMap,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Presented, StoreError> {
        if !self.feed.fresh(self.max_staleness) {
            return Err(StoreError::Unavailable("changes have not been confirmed".to_owned()));
        }
        self.sessions.resolve(headers, self.cookie_name, snapshot, now).await
    }

    /// Answers a request that was not decided by the policy, and records that.
    fn refuse<B>(
        &self,
        received: &Received,
        request: &Request<B>,
        target: Option<&RequestTarget>,
        subject: Option<&Subject>,
        refusal: Refusal<'_>,
    ) -> Response<ReplyBody> {
        let entry = Entry {
            path: target.map(|target| recordable::path(target.path())),
            target: raw(request, target),
            decision: refusal.decision(),
            reason: refusal.reason(),
            ..Entry::of(received, request, subject)
        };
        self.decisions.record(&entry);
        self.answer(received, refusal)
    }

    /// Records a request that is answered before it is read: `start` is the beginning of its head.
    pub fn record_unread(&self, start: &[u8], reason: &'static str, now: Timestamp) {
        let mut words = start.trim_ascii_start().split(|byte| matches!(byte, b' ' | b'\r' | b'\n'));
        let method = words.next().and_then(|method| std::str::from_utf8(method).ok());
        let method = method.filter(|method| method.bytes().all(|byte| byte.is_ascii_uppercase()));
        let target = words.next().map(recordable::target);
        self.decisions.record(&Entry {
            time: now,
            request: &self.request_ids.next(),
            method: method.unwrap_or_default(),
            path: None,
            target,
            decision: "bad-request",
            reason,
            reading: None,
            route: None,
            session: None,
            organization: None,
            user: None,
            group: None,
            policy: "",
            dropped: &[],
            micros: 0,
        });
    }

    fn answer(&self, received: &Received, refusal: Refusal<'_>) -> Response<ReplyBody> {
        let refused = Refused {
            refusal,
            wants: received.wants,
            may_change: received.may_change,
            languages: received.languages.as_ref(),
            request_id: &received.id,
        };
        let mut response = self.error_pages.refuse(&refused).map(ReplyBody::Own);
        if matches!(refusal, Refusal::BadRequest(_)) {
            // Whoever sends such requests shall not go on over the same connection.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn record<B>(
        &self,
        received: &Received,
        request: &Request<B>,
        decided: &Decided<'_>,
        dropped: &Dropped<'_>,
    ) {
        if self.decisions.wants(decided.decision.name()) {
            self.decisions.record(&Entry { dropped, ..decided.entry(received, request) });
        }
    }
}

impl<'a> Decided<'a> {
    fn entry<B>(&self, received: &'a Received, request: &'a Request<B>) -> Entry<'a> {
        let Self { target, snapshot, subject, decision } = *self;
        Entry {
            path: Some(recordable::path(target.path())),
            target: raw(request, Some(target)),
            decision: decision.name(),
            reason: decision.reason().as_str(),
            route: decision.route().map(|route| route.name()),
            reading: decision.reading().map(RefusedReading::readings),
            policy: snapshot.policy().version(),
            ..Entry::of(received, request, subject)
        }
    }
}

/// How a request is answered that does not go through. One that is allowed, but otherwise than when
/// it was sent on, does not either.
fn refusal<'a>(
    decision: &'a Decision,
    snapshot: &'a Snapshot,
    presented: &'a Presented,
    method: &Method,
    target: &'a RequestTarget,
) -> Refusal<'a> {
    match decision {
        Decision::Allow(_) => Refusal::AccessChanged,
        Decision::Challenge(_) => challenge(method, target, presented),
        Decision::Malformed(bad) => Refusal::BadRequest((*bad).into()),
        Decision::Deny(denial) => {
            let (policy, subject) = (snapshot.policy(), presented.subject());
            Refusal::Denied { denial, policy, subject, target }
        }
        Decision::Redirect(redirection) => {
            let (url, reason) = (redirection.location(), redirection.reason());
            Refusal::Elsewhere { url, reason }
        }
    }
}

/// What somebody without a session is told who needs one.
fn challenge<'a>(
    method: &Method,
    target: &'a RequestTarget,
    presented: &'a Presented,
) -> Refusal<'a> {
    let organization = match presented {
        Presented::Nobody(Absence::LinkNotEnough { organization }) => Some(&**organization),
        Presented::Nobody(Absence::NoCookie | Absence::SeveralCookies | Absence::Ended)
        | Presented::Somebody { .. } => None,
    };
    // Only what a browser can go back to by itself: a form's content would be gone.
    let safe = matches!(*method, Method::GET | Method::HEAD);
    Refusal::SignIn { target: safe.then_some(target), organization }
}

/// Counts a request whose body is waited for here, unless all of it has come.
fn unread(
    request: &Request<Incoming>,
    connection: &Connection,
) -> Result<Option<Unread>, Refusal<'static>> {
    match &connection.requests {
        Some(requests) if !request.body().is_end_stream() => {
            requests.unread().map(Some).ok_or(Refusal::PortalBusy)
        }
        Some(_) | None => Ok(None),
    }
}

/// Whether a request with this method may have a body where it was decided. Portals that read no
/// body of a GET or HEAD take it for the next request.
fn may_have_body(method: &Method, decision: &Decision) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
        || decision.route().is_some_and(|route| route.body())
}

/// The target as it came, unless its path is the one it was read as.
fn raw<B>(request: &Request<B>, target: Option<&RequestTarget>) -> Option<String> {
    let uri = request.uri();
    if target.is_some_and(|target| target.path() == uri.path()) {
        return None;
    }
    // On HTTP/2 the authority is part of every target.
    Some(if request.version() == Version::HTTP_2 {
        recordable::target(uri.path().as_bytes())
    } else {
        recordable::target(uri.to_string().as_bytes())
    })
}

#[cfg(test)]
mod tests;
