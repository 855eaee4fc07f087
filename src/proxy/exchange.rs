//! A permitted request at the portal: sent on, waited for, and answered with what comes back, or
//! with why nothing does.

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use http_body::Body as _;
use hyper::upgrade::OnUpgrade;

use super::body::{ReplyBody, RequestBody};
use super::bounds::{ConnectionRequests, Sender};
use super::received::Received;
use super::refusal::Refusal;
use super::upstream::UpstreamError;
use super::watch::{Ear, OpenQuestion, Said, Waiting, Watch};
use super::{Gateway, Hold, headers, refusal, tunnel};
use crate::clock;
use crate::session::PortalCookie;
use portcullis_http1::RequestHead;
use portcullis_policy::BadRequest;

impl Gateway {
    /// Sends it on, and answers it with what the portal says.
    pub(super) async fn forward(
        self: Arc<Self>,
        received: &Received,
        (head, body): (RequestHead, RequestBody),
        (sender, connection): (Sender, Option<ConnectionRequests>),
        upgrade: Option<(OnUpgrade, Hold)>,
        question: Arc<OpenQuestion>,
    ) -> Response<ReplyBody> {
        let slot = match self.bounds.take(sender, connection.as_ref()) {
            Ok(slot) => slot,
            Err(exceeded) => return self.unanswered(received, &question, &exceeded.into()).await,
        };
        let mut waiting = Waiting::new(&self, &question);
        let mut response = match self.upstreams.send(&head, body, slot, &mut waiting).await {
            Ok(response) => response,
            Err(error) => return self.unanswered(received, &question, &error).await,
        };
        let watch = waiting.into_watch();
        headers::strip_set_cookies(response.headers_mut());
        if !self.portal_cookies.is_empty() {
            Box::pin(self.note_portal_cookies(response.headers_mut(), &question)).await;
        }
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return match upgrade {
                Some((client, hold)) if tunnel::switches_to_websocket(&response) => {
                    let ear = Ear::default();
                    let watch = Watch::over_stream(self, question, ear.clone());
                    tunnel::open(client, hold, response, watch, ear)
                }
                Some(_) | None => self.answer(received, Refusal::PortalBroken),
            };
        }
        self.locations.publish(response.headers_mut());
        if response.body().is_end_stream() {
            return response.map(ReplyBody::Portal);
        }
        let watch = match watch {
            _ if is_event_stream(response.headers()) => {
                response.body_mut().may_pause();
                Watch::over_stream(self, question, Ear::default())
            }
            Some(watch) => watch,
            None => Watch::over_answer(self, question),
        };
        response.map(|body| ReplyBody::Portal(body.watched(watch)))
    }

    /// Notes the portal's cookies that shall end with the session. What cannot be noted could not
    /// be expired, so the browser does not get it.
    async fn note_portal_cookies(&self, headers: &mut HeaderMap, question: &OpenQuestion) {
        let Some(key) = question.presented.key() else { return };
        let path = question.target.path();
        let set_by = |line: &[u8]| PortalCookie::set_by(line, &self.portal_cookies, path);
        let lines = headers.get_all(header::SET_COOKIE).iter();
        let cookies: Vec<_> = lines.filter_map(|line| set_by(line.as_bytes())).collect();
        if cookies.is_empty() {
            return;
        }
        let noted = match self.sessions.note_portal_cookies(key, &cookies).await {
            Ok(noted) => noted,
            Err(error) => {
                tracing::error!(%error, "cookies of the portal cannot be noted in the session");
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
        question: &OpenQuestion,
        error: &UpstreamError,
    ) -> Response<ReplyBody> {
        let refusal = match error {
            UpstreamError::Revoked => return self.revoked(received, question).await,
            UpstreamError::BodyBroke => Refusal::BadRequest(BadRequest::Body),
            UpstreamError::BodyStalled => Refusal::BadRequest(BadRequest::SlowBody),
            UpstreamError::TimedOut { .. } => Refusal::PortalSlow,
            UpstreamError::Unreachable { .. } => Refusal::PortalDown,
            UpstreamError::BrokeOff { .. } => Refusal::PortalBroken,
            UpstreamError::Busy(_) => Refusal::PortalBusy,
        };
        if !matches!(refusal, Refusal::BadRequest(_)) {
            tracing::warn!(%error, request.id = received.id, "the portal did not answer");
        }
        self.answer(received, refusal)
    }

    /// Answers a request that lost its permission while the portal was waited for, as it would be
    /// answered now.
    async fn revoked(&self, received: &Received, question: &OpenQuestion) -> Response<ReplyBody> {
        tracing::info!(request.id = received.id, "a waiting request is no longer permitted");
        let snapshot = self.directory.snapshot();
        if let Some(url) = snapshot.preferences().disabled_redirect_url.as_deref() {
            return self.answer(received, Refusal::PortalDisabled { url });
        }
        let asked = self.ask_again(question, Said::Nothing, &snapshot, clock::now()).await;
        let Some((presented, decision)) = asked else {
            return self.answer(received, Refusal::StoreUnavailable);
        };
        let OpenQuestion { method, target, .. } = question;
        self.answer(received, refusal(&decision, &snapshot, &presented, method, target))
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
