//! An allowed request at the portal: it is sent, and answered with the portal's response, or with
//! the reason why there is none.

use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use http_body::Body as _;
use hyper::upgrade::OnUpgrade;
use jiff::Timestamp;

use super::banner::Navigation;
use super::bounds::{ConnectionRequests, Sender};
use super::connection::Hold;
use super::error_pages::Onward;
use super::failure::{Cause, Failure};
use super::gateway::Gateway;
use super::pending::Pending;
use super::received::Received;
use super::request_body::RequestBody;
use super::response_body::ReplyBody;
use super::upstream_error::UpstreamError;
use super::watch::{ActivityFlag, AllowedRequest, Waiting, Watch};
use super::{headers, tunnel};
use crate::authz::{Action, Activity, Refusal};
use crate::clock;
use crate::directory::records::TrialId;
use crate::directory::{Actor, Change};
use crate::session::{PortalCookie, SessionLookup};
use portcullis_http1::RequestHead;
use portcullis_policy::{BadRequest, SessionKind};

impl Gateway {
    /// Sends the request to a server of this group of the portal's, and answers it with the portal's
    /// response, whose head must come `within` this time if it is not that of the settings.
    pub(super) async fn forward(
        self: Arc<Self>,
        (received, pending, navigation): (&Received, Pending, Option<Box<Navigation>>),
        (head, body): (RequestHead, RequestBody),
        (sender, connection): (Sender, Option<ConnectionRequests>),
        (group, within): (usize, Option<Duration>),
        upgrade: Option<(OnUpgrade, Hold)>,
        allowed: Arc<AllowedRequest>,
    ) -> Response<ReplyBody> {
        let Pending { line, micros: decided, route } = pending;
        let record = self.responder.decisions.awaiting_status(line);
        let slot = match self.bounds.take(sender, connection.as_ref()) {
            Ok(slot) => slot,
            Err(exceeded) => return self.unanswered(received, &allowed, &exceeded.into()).await,
        };
        let mut waiting = Waiting::new(&self, &allowed);
        let mut response =
            match self.upstreams.send(&head, body, slot, (group, within), &mut waiting).await {
                Ok(response) => response,
                Err(error) => return self.unanswered(received, &allowed, &error).await,
            };
        let micros = received.micros().saturating_sub(decided);
        self.responder.traffic.answered(response.status().as_u16(), micros);
        self.authz.snapshot().hits().answered(route, micros);
        record.answered(response.status(), micros);
        if let Some(trial) = allowed.session.trial() {
            self.note_in_trial(trial, &allowed, &response, received.now);
        }
        let watch = waiting.into_watch();
        headers::strip_set_cookies(response.headers_mut(), self.identity.cookie.as_ref());
        if !self.portal_cookies.is_empty() {
            Box::pin(self.note_portal_cookies(response.headers_mut(), &allowed, received.now))
                .await;
        }
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return match upgrade {
                Some((client, hold)) if tunnel::switches_to_websocket(&response) => {
                    let client_activity = ActivityFlag::default();
                    let watch = Watch::over_stream(self, allowed, client_activity.clone());
                    tunnel::open(client, hold, response, watch, client_activity)
                }
                Some(_) | None => {
                    self.responder.traffic.failed(Cause::from(Failure::PortalBroken).reason());
                    self.answer(received, Failure::PortalBroken.into(), Onward::default())
                }
            };
        }
        self.locations.publish(response.headers_mut());
        if let Some(hsts) = &self.hsts {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
        let banner = navigation.and_then(|navigation| {
            navigation.prepare(&mut response, &allowed.session, &*self.responder.error_pages)
        });
        if response.body().is_end_stream() {
            return response.map(ReplyBody::Portal);
        }
        let watch = match watch {
            _ if is_event_stream(response.headers()) => {
                response.body_mut().may_pause();
                Watch::over_stream(self, allowed, ActivityFlag::default())
            }
            Some(watch) => watch,
            None => Watch::over_response(self, allowed),
        };
        response.map(|body| {
            let body = body.watched(watch);
            match banner {
                None => ReplyBody::Portal(body),
                Some(banner) => ReplyBody::WithBanner(banner.insert_into(body)),
            }
        })
    }

    /// Notes the portal's response to a request in a trial.
    fn note_in_trial<B>(
        &self,
        trial: &TrialId,
        allowed: &AllowedRequest,
        response: &Response<B>,
        now: Timestamp,
    ) {
        let host = self.authz.host(allowed.request.host()).name();
        let answer = (response.status(), response.headers());
        self.authz.trial_log().add(trial, (host, &allowed.request), answer, now);
    }

    /// Notes the portal's cookies that end with the session (`session.portal_cookies`). A cookie
    /// that cannot be noted could not be expired later, so the browser does not get it.
    async fn note_portal_cookies(
        &self,
        headers: &mut HeaderMap,
        allowed: &AllowedRequest,
        now: Timestamp,
    ) {
        let SessionLookup::Found { key, subject, .. } = &allowed.session else { return };
        let path = allowed.request.target().path();
        let set_by = |line: &[u8]| PortalCookie::set_by(line, &self.portal_cookies, path);
        let lines = headers.get_all(header::SET_COOKIE).iter();
        let cookies: Vec<_> = lines.filter_map(|line| set_by(line.as_bytes())).collect();
        if cookies.is_empty() {
            return;
        }
        let change = Change::new(Actor::System("cookies of the portal"), now);
        let sessions = self.authz.sessions();
        let noted = match subject.kind {
            // A program with a token never signs out, so they would not end.
            SessionKind::Token => Ok(false),
            _ => sessions.note_portal_cookies(*key, &cookies, &change).await,
        };
        let noted = match noted {
            Ok(noted) => noted,
            Err(error) => {
                tracing::error!(%error, "could not note cookies of the portal in the session");
                false
            }
        };
        if !noted {
            headers::remove_set_cookies(headers, |line| set_by(line).is_some());
        }
    }

    /// Answers a request that the portal did not answer.
    async fn unanswered(
        &self,
        received: &Received,
        allowed: &AllowedRequest,
        error: &UpstreamError,
    ) -> Response<ReplyBody> {
        let cause: Cause<'_> = match error {
            UpstreamError::Revoked => return self.revoked(received, allowed).await,
            UpstreamError::BodyBroke => Refusal::BadRequest(BadRequest::Body).into(),
            UpstreamError::BodyTooLarge => Refusal::BadRequest(BadRequest::BodyTooLarge).into(),
            UpstreamError::BodyStalled => Refusal::BadRequest(BadRequest::SlowBody).into(),
            UpstreamError::TimedOut { .. } => Failure::PortalSlow.into(),
            UpstreamError::Unreachable { .. } | UpstreamError::Draining => {
                Failure::PortalDown.into()
            }
            UpstreamError::BrokeOff { .. } => Failure::PortalBroken.into(),
            UpstreamError::Busy(_) => Failure::PortalBusy.into(),
        };
        if matches!(cause, Cause::Failed(_)) {
            self.responder.traffic.failed(cause.reason());
            tracing::warn!(%error, request.id = received.id, "the portal did not answer");
        }
        let AllowedRequest { request, session, .. } = allowed;
        let onward = self.responder.onward(received, Some(request), session.subject());
        self.answer(received, cause, onward)
    }

    /// Answers a request that is no longer allowed since it waits for the portal, as it would be
    /// answered now.
    async fn revoked(&self, received: &Received, allowed: &AllowedRequest) -> Response<ReplyBody> {
        tracing::info!(request.id = received.id, "a waiting request is no longer permitted");
        let AllowedRequest { request, session, .. } = allowed;
        let (snapshot, now) = (self.authz.snapshot(), clock::now());
        let verdict =
            self.authz.reauthorize(request, session, Activity::Idle, &snapshot, now).await;
        let cause = match verdict.action(request) {
            Action::Refuse(refusal) => refusal.into(),
            // Still allowed, but the portal would now learn something else about the user.
            Action::Forward(_) | Action::OwnPage => Failure::AccessChanged.into(),
        };
        let onward = self.responder.onward(received, Some(request), verdict.subject());
        self.answer(received, cause, onward)
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes) else {
        return false;
    };
    // The parameters do not matter, nor does case (RFC 9110, 8.3.1).
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or(kind);
    kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}
