//! The data plane: a reverse proxy in front of the portal.
//!
//! A request is read into a [`Question`](crate::authz::Question), which
//! [`Authorizer`](crate::authz::Authorizer) answers. A
//! request for one of our own pages goes to [`ErrorPages::own_page`], one that is refused to
//! [`ErrorPages::refuse`], one that is allowed to the portal. Each decision about a request to the
//! portal is recorded, with the portal's status once it has answered.
//!
//! What HTTP requires is checked here: the framing of a message, what `Connection` nominates,
//! bodies where none may be, and how much work a client may cause (I12).
//!
//! | module | holds |
//! |---|---|
//! | `question`, `received` | a request as it comes in |
//! | [`head_size`] | how large its head may be |
//! | `forward`, [`headers`] | the request as the portal gets it |
//! | `pending` | what is recorded and counted when the portal answers |
//! | `exchange`, `send`, `lease`, `request_body`, `bounds` | sending it, and the limits on that |
//! | [`upstream`], `portal_connection`, `upstream_error` | the portal's servers, and connections to them |
//! | [`rotation`], [`server_state`], `server_changes` | which of them gets a request |
//! | [`dial`], [`upstream_tls`], `tls_refusal`, [`probe`] | connecting to them, the certificates for that, why TLS failed, and requests of the gateway itself |
//! | `banner` | the banner in pages that staff view |
//! | `response_body`, `location`, `tunnel`, `frame_ends` | the response, or a WebSocket, on its way to the client |
//! | `watch` | the re-check of what is open (I7) |
//! | `failure` | why a request gets no response from the portal |
//! | `gateway` | what all requests share |
//! | [`Responder`] | the answer in place of the portal |
//! | `error_pages`, `connection` | what the rest of the program provides |

mod banner;
mod bounds;
mod connection;
pub mod dial;
mod error_pages;
mod exchange;
mod failure;
mod forward;
mod frame_ends;
mod gateway;
pub mod head_size;
pub mod headers;
mod lease;
mod location;
mod pending;
mod portal_connection;
pub mod probe;
pub mod question;
mod received;
mod request_body;
mod responder;
mod response_body;
pub mod rotation;
mod send;
mod server_changes;
pub mod server_state;
mod tls_refusal;
mod tunnel;
pub mod upstream;
mod upstream_error;
pub mod upstream_tls;
mod watch;

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use jiff::Timestamp;

#[cfg(any(test, feature = "fuzzing"))]
pub use self::banner::fuzzing::{banner_in_page, page_with_banner};
pub use self::connection::Connection;
pub use self::error_pages::{BannerSources, ErrorPages, Onward, PageBanner, Refused, Viewing};
pub use self::failure::{Cause, ContractError, Failure};
pub use self::gateway::Gateway;
pub use self::received::Received;
pub use self::responder::Responder;
pub use self::response_body::{BodyError, ReplyBody};

use self::banner::Navigation;
use self::bounds::{Sender, Unread};
use self::forward::{ForwardContext, origin_form};
use self::headers::Nominated;
use self::request_body::RequestBody;
use self::rotation::Group;
use self::watch::AllowedRequest;
use crate::authz::decision_record::{Entry, recordable};
use crate::authz::{AccessRequest, Action, Refusal, Verdict};
use crate::clock;
use crate::web::Visitor;
use crate::web::paths;
use crate::web::peer::Peer;
use portcullis_policy::{BadRequest, Subject};

impl Gateway {
    /// Answers one request.
    pub async fn handle(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        connection: Connection,
        now: Timestamp,
    ) -> Response<ReplyBody> {
        let client = self.authz.proxies().client(request.headers(), connection.peer);
        let received = &self.responder.received(client, &request, now);
        let from = (connection.peer, client);
        let read = question::read(&request, self.authz.proxies(), from);
        let asked = match read.and_then(|question| self.authz.read(&question)) {
            Ok(asked) => asked,
            Err(bad) => {
                if bad == BadRequest::UnknownHost
                    && let Some(asset) = self.asset_anywhere(&request)
                {
                    return asset;
                }
                let refusal = Refusal::BadRequest(bad);
                return self.refuse(received, &request, None, None, refusal.into());
            }
        };
        if self.upstreams.are_none() && !asked.is_own_page() {
            let cause = Failure::NoPortal.into();
            return self.refuse(received, &request, Some(&asked), None, cause);
        }
        let snapshot = self.authz.snapshot();
        let verdict = self.authz.authorize(&asked, request.headers(), &snapshot, now).await;
        let mut nominated = Nominated::default();
        if verdict.outcome().is_by_policy() {
            nominated = match Nominated::by(request.headers()) {
                Ok(nominated) => nominated,
                Err(_) => {
                    let refusal = Refusal::BadRequest(BadRequest::Connection);
                    let subject = verdict.subject();
                    return self.refuse(received, &request, Some(&asked), subject, refusal.into());
                }
            };
            if !request.body().is_end_stream() && !may_have_body(&asked, &verdict) {
                let refused = match unread(&request, &connection) {
                    Ok(counted) => match self.sent_body(&mut request).await {
                        // The body has ended without a byte. Waiting for that may have taken long,
                        // so the request is decided again.
                        None => {
                            drop(counted);
                            return Box::pin(self.handle(request, connection, clock::now())).await;
                        }
                        Some(refused) => Refusal::BadRequest(refused).into(),
                    },
                    Err(too_many) => too_many.into(),
                };
                let subject = verdict.subject();
                return self.refuse(received, &request, Some(&asked), subject, refused);
            }
        }
        let permit = match verdict.action(&asked) {
            Action::Forward(permit) => permit,
            Action::OwnPage => {
                return Box::pin(self.own_page(received, request, &asked, &connection)).await;
            }
            Action::Refuse(refusal) => {
                return self.refuse_verdict(received, &request, &asked, &verdict, refusal);
            }
        };
        let route = permit.route();
        let most = route.body_bytes();
        let to = (Group::position_of(route), route.response_timeout());
        if most.is_some_and(|most| request.body().size_hint().lower() > most) {
            let refusal = Refusal::BadRequest(BadRequest::BodyTooLarge);
            let subject = verdict.subject();
            return self.refuse(received, &request, Some(&asked), subject, refusal.into());
        }
        let sender = Sender::of(verdict.subject(), || received.client);
        let navigation = Navigation::of(verdict.session(), received, &request, || {
            self.origin(&request, &connection, self.authz.host(asked.host()))
        });
        let context = ForwardContext {
            _permit: permit,
            identity: verdict.identity(),
            host: self.authz.host(asked.host()),
            connection: &connection,
            catalogue: snapshot.policy().catalogue(),
            nominated: &nominated,
            websocket: asked.is_websocket(),
            passed: verdict.header_override().map(|by| &by.name),
            by_token: verdict.is_by_token(),
            for_banner: navigation.is_some(),
        };
        let (head, dropped) = self.outbound(received, &request, asked.target(), &context);
        let pending = self.pending(received, &request, (&asked, &verdict), (route, &dropped));
        let granted = permit.granted();
        let upgrade = asked.is_websocket().then(|| hyper::upgrade::on(&mut request));
        let limits = (most, self.read_timeout);
        let body = RequestBody::new(request.into_body(), &self.filter, limits);
        // Nothing that is shared is held while the portal is waited for.
        let asked = asked.overridden(verdict.header_override());
        let session = verdict.into_session();
        drop(snapshot);
        // On the heap, because it is moved as often as the response, and rarely read.
        let allowed = Arc::new(AllowedRequest { request: asked, session, granted });
        let upgrade = upgrade.map(|client| (client, connection.hold));
        let sender = (sender, connection.requests);
        self.forward((received, pending, navigation), (head, body), sender, to, upgrade, allowed)
            .await
    }

    /// Why a request that may have no body is refused, if it has one. On HTTP/2, a stream that is
    /// still open may turn out to have none.
    async fn sent_body(&self, request: &mut Request<Incoming>) -> Option<BadRequest> {
        if request.version() != Version::HTTP_2 {
            return Some(BadRequest::BodyNotAllowed);
        }
        let ends = request_body::ends_empty(request.body_mut());
        match tokio::time::timeout(self.response_timeout, ends).await {
            Ok(true) => None,
            Ok(false) => Some(BadRequest::BodyNotAllowed),
            Err(_) => Some(BadRequest::SlowBody),
        }
    }

    /// A file of our pages at a host that is not served, because the page that says so loads it.
    fn asset_anywhere<B>(&self, request: &Request<B>) -> Option<Response<ReplyBody>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let mut response =
            self.responder.error_pages.asset(request.uri().path())?.map(ReplyBody::Own);
        // As after every request to such a host.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        Some(response)
    }

    /// Answers with one of our own pages.
    async fn own_page(
        &self,
        received: &Received,
        mut request: Request<Incoming>,
        asked: &AccessRequest,
        connection: &Connection,
    ) -> Response<ReplyBody> {
        let _counted = match unread(&request, connection) {
            Ok(counted) => counted,
            Err(too_many) => return self.answer(received, too_many.into(), Onward::default()),
        };
        // Pages act on the same state as decisions do (I1); style sheets and scripts do not.
        let acts = !asked.target().path().starts_with(paths::ASSETS);
        if acts && !self.authz.is_fresh() {
            let refusal = Refusal::StoreUnavailable;
            return self.answer(received, refusal.into(), Onward::default());
        }
        let uri = std::mem::take(request.uri_mut());
        *request.uri_mut() = origin_form(uri, asked.target());
        let visitor = Visitor {
            address: received.client,
            request_id: received.id.clone(),
            now: received.now,
            host: self.authz.host(asked.host()).name().to_owned(),
        };
        let answer =
            self.responder.error_pages.own_page(request.map(axum::body::Body::new), visitor).await;
        answer.map(ReplyBody::Own)
    }

    fn refuse_verdict<B>(
        &self,
        received: &Received,
        request: &Request<B>,
        asked: &AccessRequest,
        verdict: &Verdict<'_>,
        refusal: Refusal<'_>,
    ) -> Response<ReplyBody> {
        let response = self.responder.refuse_verdict(received, request, (asked, verdict), refusal);
        response.map(ReplyBody::Own)
    }

    fn refuse<B>(
        &self,
        received: &Received,
        request: &Request<B>,
        asked: Option<&AccessRequest>,
        subject: Option<&Subject>,
        cause: Cause<'_>,
    ) -> Response<ReplyBody> {
        let response = self.responder.refuse(received, request, (asked, subject), cause);
        response.map(ReplyBody::Own)
    }

    fn answer(
        &self,
        received: &Received,
        cause: Cause<'_>,
        onward: Onward<'_>,
    ) -> Response<ReplyBody> {
        self.responder.answer(received, cause, onward).map(ReplyBody::Own)
    }

    /// Records a request that is refused before it could be read; `start` is the beginning of its
    /// head. Its client is the peer, unless a trusted proxy names another in the fields, if there
    /// are any.
    pub fn record_unread(
        &self,
        start: &[u8],
        (peer, fields): (Peer, Option<&HeaderMap>),
        reason: &'static str,
        now: Timestamp,
    ) {
        let mut words = start.trim_ascii_start().split(|byte| matches!(byte, b' ' | b'\r' | b'\n'));
        let method = words.next().and_then(|method| std::str::from_utf8(method).ok());
        let method = method.filter(|method| method.bytes().all(|byte| byte.is_ascii_uppercase()));
        let target = words.next().map(recordable::target);
        let id = self.responder.next_id();
        let of = |fields| self.authz.proxies().client(fields, peer);
        let client = fields.map_or_else(|| peer.address(), of);
        let entry = Entry::new(now, (&id, client), method.unwrap_or_default(), 0);
        let entry = Entry { target, decision: "bad-request", reason, ..entry };
        self.responder.traffic.refused(entry.decision, entry.reason);
        self.responder.decisions.record(&entry);
    }
}

/// Counts a request whose body is waited for here, unless all of it has come.
fn unread(request: &Request<Incoming>, connection: &Connection) -> Result<Option<Unread>, Failure> {
    match &connection.requests {
        Some(requests) if !request.body().is_end_stream() => {
            requests.unread().map(Some).ok_or(Failure::PortalBusy)
        }
        Some(_) | None => Ok(None),
    }
}

/// Whether a request may have a body. Portals that read no body of a GET or HEAD take it for the
/// next request.
fn may_have_body(asked: &AccessRequest, verdict: &Verdict<'_>) -> bool {
    !matches!(*asked.method(), Method::GET | Method::HEAD)
        || verdict.outcome().route().is_some_and(|route| route.body())
}

#[cfg(test)]
mod tests;
