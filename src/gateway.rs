//! The data plane: every request that is not for one of our own pages.
//!
//! A request's way, each step of which can only refuse or go on:
//!
//! 1. one valid, known `Host`; one canonical target ([`crate::policy::RequestTarget`]);
//! 2. portal disabled? elsewhere (R60); reserved prefix? our own pages;
//! 3. session: cookie, hash, cache, [`Subject`];
//! 4. [`decide`], pure; only it makes the permit that `forward` takes;
//! 5. forward, or challenge, deny, redirect;
//! 6. one decision record.
//!
//! Nothing here waits for the store except a session, user or organization that is not in memory;
//! a store that does not answer is a 503, never a pass (I1).

mod body;
pub mod decision_record;
mod forward;
pub mod headers;
mod refusal;
mod tunnel;
pub mod upstream;
mod watch;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use data_encoding::HEXLOWER;
use futures_util::future::BoxFuture;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use ipnet::IpNet;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::body::{BodyError, ReplyBody};
pub use self::refusal::{Refusal, Refused, Wants};
pub use crate::policy::RESERVED;

use self::body::RequestBody;
use self::decision_record::{DecisionLog, Entry};
use self::forward::{Way, origin_form};
use self::headers::InboundFilter;
use self::upstream::{UpstreamError, Upstreams};
use self::watch::{Standing, Watch};
use crate::config::{IdentityNames, PublicUrl, Settings};
use crate::directory::{Directory, Snapshot};
use crate::policy::{BadTarget, Decision, Host, RequestFacts, RequestTarget, Subject, decide};
use crate::session::{Absence, Presented, Sessions, cookie};
use crate::store::StoreError;
use crate::store::feed::Feed;

/// The style sheet and the script of our pages.
const ASSETS: &str = "/.portcullis/assets/";

/// What answers instead of the portal: our pages for people, problem documents for scripts.
pub trait Front: std::fmt::Debug + Send + Sync + 'static {
    /// The answer to a request that does not go through.
    fn refuse(&self, refused: &Refused<'_>) -> Response<axum::body::Body>;

    /// The answer to a request under [`RESERVED`].
    fn reserved(
        &self,
        request: Request<axum::body::Body>,
        visitor: Visitor,
    ) -> BoxFuture<'static, Response<axum::body::Body>>;
}

/// Who asks for one of our own pages.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The client's address: the peer's, or what a trusted proxy said.
    pub address: IpAddr,
    /// This request's id.
    pub request_id: String,
    /// When the request came in.
    pub now: Timestamp,
}

/// The connection a request came over.
#[derive(Debug, Clone)]
pub struct Connection {
    peer: IpAddr,
    /// The same as a header value, made once for all requests.
    peer_value: HeaderValue,
    tls: bool,
    hold: Hold,
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
        Self { peer, peer_value, tls, hold }
    }
}

/// The data plane's state, one for all connections.
#[derive(Debug)]
pub struct Gateway {
    directory: Directory,
    sessions: Sessions,
    feed: Feed,
    max_staleness: Duration,
    upstreams: Arc<Upstreams>,
    front: Arc<dyn Front>,
    decisions: Arc<DecisionLog>,
    /// The hosts served, each with the bytes that most requests name it by.
    hosts: Vec<(Vec<u8>, Host)>,
    public_url: PublicUrl,
    cookie_name: &'static str,
    trusted: Vec<IpNet>,
    names: IdentityNames,
    filter: InboundFilter,
    request_ids: RequestIds,
    stop: CancellationToken,
}

/// Request ids: a random beginning for the process and a count.
#[derive(Debug)]
struct RequestIds {
    start: String,
    count: AtomicU64,
}

/// What is known of a request before it is decided.
struct Received {
    id: String,
    now: Timestamp,
    began: Instant,
    wants: Wants,
    /// Known for people only: scripts are told in one language.
    languages: Option<HeaderValue>,
}

impl Gateway {
    /// Puts the parts together. What never ends by itself ends when `stop` is cancelled.
    #[must_use]
    pub fn new(
        settings: &Settings,
        (directory, sessions, feed): (Directory, Sessions, Feed),
        upstreams: Arc<Upstreams>,
        front: Arc<dyn Front>,
        decisions: Arc<DecisionLog>,
        stop: CancellationToken,
    ) -> Self {
        let server = &settings.server;
        let hosts = [server.public_url.host()].into_iter().chain(&server.hosts);
        let hosts = hosts.map(|host| server.public_url.named(host));
        let hosts = hosts.map(|host| (host.to_string().into_bytes(), host)).collect();
        Self {
            directory,
            sessions,
            feed,
            max_staleness: settings.store.max_staleness,
            upstreams,
            front,
            decisions,
            hosts,
            public_url: server.public_url.clone(),
            cookie_name: cookie::name(server.public_url.is_https()),
            trusted: server.trusted_proxies.clone(),
            names: settings.identity.clone(),
            filter: InboundFilter::new(&settings.identity, &settings.upstream.remove_headers),
            request_ids: RequestIds {
                start: HEXLOWER.encode(&crate::random::bytes::<6>()),
                count: AtomicU64::new(0),
            },
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
        let wants = Wants::of(request.headers());
        let received = Received {
            id: self.request_ids.next(),
            now,
            began: Instant::now(),
            wants,
            languages: match wants {
                Wants::Page => request.headers().get(header::ACCEPT_LANGUAGE).cloned(),
                Wants::Problem => None,
            },
        };
        let (host, target) = match self.name_of(&request) {
            Ok(named) => named,
            Err(refusal) => return self.refuse(&received, &request, None, refusal),
        };
        let snapshot = self.directory.snapshot();
        if let Some(url) = snapshot.preferences().disabled_redirect_url.as_deref() {
            let refusal = Refusal::PortalDisabled { url };
            return self.refuse(&received, &request, Some(&target), refusal);
        }
        if target.path().starts_with(RESERVED) {
            // Pages act on the same state as decisions do. What they look like does not depend on it.
            let acts = !target.path().starts_with(ASSETS);
            if acts && !self.feed.fresh(self.max_staleness) {
                return self.answer(&received, Refusal::StoreUnavailable);
            }
            let uri = std::mem::take(request.uri_mut());
            *request.uri_mut() = origin_form(uri, &target);
            let visitor = Visitor {
                address: self.client_address(request.headers(), connection.peer),
                request_id: received.id,
                now,
            };
            let answer = self.front.reserved(request.map(axum::body::Body::new), visitor).await;
            return answer.map(ReplyBody::Own);
        }
        let presented = match self.presented(request.headers(), &snapshot, now).await {
            Ok(presented) => presented,
            Err(error) => {
                tracing::error!(%error, request.id = received.id, "a session cannot be read");
                return self.refuse(&received, &request, Some(&target), Refusal::StoreUnavailable);
            }
        };
        let subject = presented.subject();
        let websocket = tunnel::asks_for_websocket(request.method(), request.headers());
        if websocket && !self.same_origin(request.headers()) {
            return self.refuse(&received, &request, Some(&target), Refusal::ForeignOrigin);
        }
        if headers::strip_hop_by_hop(request.headers_mut()).is_err() {
            let refusal = Refusal::BadRequest { name: "bad-connection-header" };
            return self.refuse(&received, &request, Some(&target), refusal);
        }
        let facts = RequestFacts {
            host: host.name(),
            method: request.method(),
            target: &target,
            websocket,
        };
        let decision = decide(snapshot.policy(), subject, &facts, now);
        self.record(&received, &request, &target, &snapshot, subject, &decision);
        match decision {
            Decision::Allow(permit) => {
                let upgrade = websocket.then(|| hyper::upgrade::on(&mut request));
                let session = presented.key();
                let method = request.method().clone();
                let way = Way {
                    permit,
                    subject,
                    host: &host,
                    connection: &connection,
                    snapshot: &snapshot,
                };
                let request = self.outbound(&received, request, &target, &way, websocket);
                // From here on the portal is waited for; nothing shared is held meanwhile.
                drop(snapshot);
                let standing = Standing { session, websocket, host, method, target };
                let upgrade = upgrade.map(|client| (client, connection.hold));
                self.forward(&received, request, upgrade, standing).await
            }
            Decision::Challenge(_) => {
                let organization = match &presented {
                    Presented::Nobody(Absence::LinkNotEnough { organization }) => {
                        Some(&**organization)
                    }
                    Presented::Nobody(Absence::NoCookie | Absence::Ended)
                    | Presented::Somebody { .. } => None,
                };
                // Only what a browser can go back to by itself: a form's content would be gone.
                let safe = matches!(*request.method(), Method::GET | Method::HEAD);
                let refusal = Refusal::SignIn { target: safe.then_some(&target), organization };
                self.answer(&received, refusal)
            }
            Decision::Deny(denial) => {
                let policy = snapshot.policy();
                let refusal = Refusal::Denied { denial: &denial, policy, subject, target: &target };
                self.answer(&received, refusal)
            }
            Decision::Redirect(redirection) => {
                self.answer(&received, Refusal::Elsewhere { url: redirection.location() })
            }
        }
    }

    /// Whether what was permitted once still is (I7). A store that does not answer permits
    /// nothing.
    async fn still_permits(&self, standing: &Standing<'_>, now: Timestamp) -> bool {
        let snapshot = self.directory.snapshot();
        if snapshot.preferences().disabled_redirect_url.as_deref().is_some()
            || !self.feed.fresh(self.max_staleness)
        {
            return false;
        }
        let presented = match standing.session {
            Some(key) => match self.sessions.resolve_key(key, &snapshot, now).await {
                Ok(presented) => presented,
                Err(_) => return false,
            },
            None => Presented::Nobody(Absence::NoCookie),
        };
        let decision = decide(snapshot.policy(), presented.subject(), &standing.facts(), now);
        matches!(decision, Decision::Allow(_))
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

    /// The host and target, if the request names one of each and they are ours.
    fn name_of<B>(
        &self,
        request: &Request<B>,
    ) -> Result<(Cow<'_, Host>, RequestTarget), Refusal<'static>> {
        let headers = request.headers();
        let mut lines = headers.get_all(header::HOST).iter();
        let line = lines.next();
        if lines.next().is_some() {
            return Err(Refusal::BadRequest { name: "two-hosts" });
        }
        let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
        let line = match line {
            Some(line) => Some(line.as_bytes()),
            // HTTP/2 names it in `:authority` alone (RFC 9113, 8.3.1).
            None if request.version() == Version::HTTP_2 => authority,
            None => None,
        };
        let line = line.ok_or(Refusal::BadRequest { name: "no-host" })?;
        if authority.is_some_and(|authority| !authority.eq_ignore_ascii_case(line)) {
            return Err(Refusal::BadRequest { name: "host-mismatch" });
        }
        let host = self.served(line)?;
        // An absolute URL of another scheme is not ours, whatever host it names.
        if request.uri().scheme_str().is_some_and(|scheme| !matches!(scheme, "http" | "https")) {
            return Err(Refusal::BadRequest { name: BadTarget::Form.as_str() });
        }
        if request.method() == Method::CONNECT {
            return Err(Refusal::BadRequest { name: "connect" });
        }
        let target = request
            .uri()
            .path_and_query()
            .map(http::uri::PathAndQuery::as_str)
            .ok_or(Refusal::BadRequest { name: "no-path" })?;
        let target = RequestTarget::parse(target)
            .map_err(|error| Refusal::BadRequest { name: error.as_str() })?;
        Ok((host, target))
    }

    /// The host of these bytes, if it is one that we serve on whatever port.
    fn served(&self, bytes: &[u8]) -> Result<Cow<'_, Host>, Refusal<'static>> {
        if let Some((_, host)) = self.hosts.iter().find(|(known, _)| known == bytes) {
            return Ok(Cow::Borrowed(host));
        }
        let bad = Refusal::BadRequest { name: "bad-host" };
        let text = std::str::from_utf8(bytes).map_err(|_| bad)?;
        let host = Host::parse(text).map_err(|_| bad)?;
        if self.hosts.iter().any(|(_, ours)| ours.name() == host.name()) {
            Ok(Cow::Owned(host))
        } else {
            Err(Refusal::UnknownHost)
        }
    }

    /// The client's address: the peer's unless a trusted proxy names another; then the last one
    /// in the chain that is no trusted proxy itself.
    fn client_address(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let lines: Vec<&str> = headers
            .get_all(headers::X_FORWARDED_FOR)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .collect();
        let mut client = peer;
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
            let address = address.to_canonical();
            client = address;
            if !self.trusts(address) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    async fn forward(
        self: &Arc<Self>,
        received: &Received,
        request: Request<RequestBody>,
        upgrade: Option<(OnUpgrade, Hold)>,
        standing: Standing<'_>,
    ) -> Response<ReplyBody> {
        let mut response = match self.upstreams.send(request).await {
            Ok(response) => response,
            Err(error) => return self.portal_failed(received, &error),
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return match upgrade {
                Some((client, hold)) => {
                    let watch = Watch::start(Arc::clone(self), standing.into_owned());
                    tunnel::open(client, hold, response, watch)
                }
                None => self.answer(received, Refusal::PortalBroken),
            };
        }
        self.inbound(&mut response);
        *response.version_mut() = Version::default();
        if is_event_stream(response.headers()) {
            let watch = Watch::start(Arc::clone(self), standing.into_owned());
            return response.map(|body| ReplyBody::Portal(body.watched(watch)));
        }
        response.map(ReplyBody::Portal)
    }

    /// A browser says where a WebSocket's page came from; another program says nothing (RFC 6455,
    /// 10.2).
    fn same_origin(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else { return true };
        if origins.next().is_some() {
            return false;
        }
        let Ok(origin) = origin.to_str() else { return false };
        if origin.eq_ignore_ascii_case(self.public_url.as_str()) {
            return true;
        }
        self.public_url
            .host_of(origin)
            .is_some_and(|host| self.hosts.iter().any(|(_, ours)| *ours == host))
    }

    fn portal_failed(&self, received: &Received, error: &UpstreamError) -> Response<ReplyBody> {
        tracing::warn!(%error, request.id = received.id, "the portal did not answer");
        let refusal = match error {
            UpstreamError::TimedOut { .. } => Refusal::PortalSlow,
            UpstreamError::Unreachable { .. } => Refusal::PortalDown,
            UpstreamError::BrokeOff { .. } => Refusal::PortalBroken,
        };
        self.answer(received, refusal)
    }

    /// Answers a request that was not decided by the policy, and records that.
    fn refuse<B>(
        &self,
        received: &Received,
        request: &Request<B>,
        target: Option<&RequestTarget>,
        refusal: Refusal<'_>,
    ) -> Response<ReplyBody> {
        self.decisions.record(&Entry {
            time: received.now,
            request: &received.id,
            method: request.method().as_str(),
            path: target.map(|target| loggable(target.path())),
            decision: refusal.decision(),
            reason: refusal.reason(),
            route: None,
            session: None,
            organization: None,
            user: None,
            group: None,
            policy: "",
            micros: received.micros(),
        });
        self.answer(received, refusal)
    }

    fn answer(&self, received: &Received, refusal: Refusal<'_>) -> Response<ReplyBody> {
        let refused = Refused {
            refusal,
            wants: received.wants,
            languages: received.languages.as_ref(),
            request_id: &received.id,
        };
        let mut response = self.front.refuse(&refused).map(ReplyBody::Own);
        if matches!(response.status(), StatusCode::BAD_REQUEST | StatusCode::MISDIRECTED_REQUEST) {
            // Whoever sends such requests shall not go on over the same connection.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn record<B>(
        &self,
        received: &Received,
        request: &Request<B>,
        target: &RequestTarget,
        snapshot: &Snapshot,
        subject: Option<&Subject>,
        decision: &Decision,
    ) {
        if !self.decisions.wants(decision.name()) {
            return;
        }
        self.decisions.record(&Entry {
            time: received.now,
            request: &received.id,
            method: request.method().as_str(),
            path: Some(target.path()),
            decision: decision.name(),
            reason: decision.reason().as_str(),
            route: decision.route().map(|route| route.name()),
            session: subject.map(|subject| subject.kind.name()),
            organization: subject.map(|subject| &*subject.organization),
            user: subject.and_then(|subject| subject.user.as_deref()),
            group: subject.map(|subject| &*subject.group),
            policy: snapshot.policy().version(),
            micros: received.micros(),
        });
    }
}

impl Received {
    fn micros(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl RequestIds {
    fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut id = String::with_capacity(self.start.len() + 16);
        id.push_str(&self.start);
        HEXLOWER.encode_append(&count.to_be_bytes(), &mut id);
        id
    }
}

/// The path as it may be recorded: what follows one of our own pages may be a secure link's token.
fn loggable(path: &str) -> &str {
    if path.starts_with(RESERVED) { RESERVED } else { path }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

#[cfg(test)]
mod tests;
