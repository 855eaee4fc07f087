//! The words for each reason why the portal does not answer a request.

use axum::body::Body;
use http::{Response, StatusCode, header};
use jiff::Timestamp;

use super::denial::{Asker, denied};
use super::notices::{Destination, Notices};
use super::token_refusal::{challenge, token_refusal};
use super::{PagesState, sign_in};
use crate::authz::Refusal;
use crate::clock;
use crate::proxy::{Cause, Failure, Refused};
use crate::web::fetch_metadata::ResponseKind;
use crate::web::notice::Notice;
use crate::web::response::{redirect, see_other};
use crate::web::return_to::ReturnTo;
use crate::web::text::Advice;
use portcullis_policy::{BadRequest, RequestTarget};

/// When to try again while the portal does not respond, in seconds.
const PORTAL_RETRY: u64 = 30;
/// When to try again while there are too many requests, in seconds.
const BUSY_RETRY: u64 = 5;

impl PagesState {
    /// The response to a request that is not forwarded, or whose response is not usable.
    pub(super) fn refusal(&self, refused: &Refused<'_>) -> Response<Body> {
        let Refused { cause, wants: kind, languages, request_id, .. } = *refused;
        let text = self.texts.accepted(languages);
        let elsewhere = match cause {
            Cause::Refused(Refusal::PortalDisabled { url }) => redirect(StatusCode::FOUND, url),
            Cause::Refused(Refusal::Elsewhere { url, .. }) if kind == ResponseKind::Page => {
                redirect(StatusCode::FOUND, url)
            }
            Cause::Refused(Refusal::SignIn { target, organization, .. })
                if kind == ResponseKind::Page =>
            {
                Some(self.to_sign_in(target, organization, clock::now()))
            }
            _ => None,
        };
        elsewhere.unwrap_or_else(|| {
            let notice = notice(refused, self.notices(text));
            let mut response = self.notice(&notice, text, kind, request_id);
            if let Cause::Refused(refusal) = cause
                && let Some(challenge) = challenge(refusal)
            {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            response
        })
    }

    fn to_sign_in(
        &self,
        target: Option<&RequestTarget>,
        organization: Option<&str>,
        now: Timestamp,
    ) -> Response<Body> {
        let hint = organization.map(|id| (id, self.organization_hint(id, now)));
        let hint = hint.as_ref().map(|(id, hint)| (*id, hint.as_str()));
        let return_to = target.map(ReturnTo::of).unwrap_or_default();
        see_other(&sign_in::address_within(self.max_address, &return_to, hint))
    }
}

fn notice<'a>(refused: &Refused<'a>, notices: Notices<'a>) -> Notice<'a> {
    match refused.cause {
        Cause::Refused(refusal) => refusal_notice(refusal, notices),
        Cause::Failed(failure) => failure_notice(failure, refused, notices),
    }
}

fn refusal_notice<'a>(refusal: Refusal<'a>, notices: Notices<'a>) -> Notice<'a> {
    let texts = &notices.text.notice;
    let reason = refusal.reason();
    let forbidden = |text| notices.advice(StatusCode::FORBIDDEN, reason, text);
    let to_start = |notice| notices.link(notice, Destination::Start);
    match refusal {
        Refusal::PortalDisabled { .. } => portal_down(notices, reason, &texts.portal_closed),
        Refusal::Elsewhere { .. } => {
            to_start(notices.statement(StatusCode::FORBIDDEN, reason, &texts.elsewhere))
        }
        Refusal::Token(refusal) => token_refusal(refusal, notices),
        Refusal::SignIn { organization, .. } => {
            let text = match organization {
                Some(_) => &texts.link_not_enough,
                None => &texts.sign_in_first,
            };
            notices.advice(StatusCode::UNAUTHORIZED, reason, text)
        }
        Refusal::Denied { denial, policy, subject, target } => {
            let asker = Asker { subject, at_start: target.path() == "/" };
            denied(notices, (denial, policy), asker)
        }
        Refusal::BadRequest(bad @ BadRequest::UnknownHost) => {
            notices.advice(bad.status(), reason, &texts.unknown_host)
        }
        Refusal::BadRequest(bad) => {
            to_start(notices.advice(bad.status(), reason, &texts.bad_request))
        }
        Refusal::ForeignOrigin => {
            notices.statement(StatusCode::FORBIDDEN, reason, &texts.foreign_origin)
        }
        Refusal::CrossOrigin => to_start(forbidden(&texts.cross_origin)),
        Refusal::MethodOverride => to_start(forbidden(&texts.method_override)),
        Refusal::LoginNotEncodable => forbidden(&texts.login_not_encodable),
        Refusal::StoreUnavailable => notices.store_unavailable(),
    }
}

fn failure_notice<'a>(failure: Failure, refused: &Refused<'a>, notices: Notices<'a>) -> Notice<'a> {
    let texts = &notices.text.notice;
    let reason = refused.cause.reason();
    let to_start = |notice| notices.link(notice, Destination::Start);
    match failure {
        Failure::AccessChanged => {
            let notice = notices.advice(StatusCode::FORBIDDEN, reason, &texts.access_changed);
            match refused.may_change {
                true => to_start(notice),
                false => notices.link(notice, Destination::Again),
            }
        }
        Failure::PortalDown => portal_down(notices, reason, &texts.portal_down),
        Failure::PortalBroken => portal_down(notices, reason, &texts.portal_broken),
        Failure::PortalSlow => {
            let text = match refused.may_change {
                true => &texts.portal_slow_change,
                false => &texts.portal_slow,
            };
            to_start(notices.advice(StatusCode::GATEWAY_TIMEOUT, reason, text))
                .retry_after(PORTAL_RETRY)
        }
        Failure::PortalBusy => {
            let text = &texts.portal_busy;
            let notice = notices.advice(StatusCode::SERVICE_UNAVAILABLE, reason, text);
            notices.link(notice, Destination::Again).retry_after(BUSY_RETRY)
        }
    }
}

fn portal_down<'a>(notices: Notices<'a>, reason: &'static str, text: &'a Advice) -> Notice<'a> {
    let notice = notices.advice(StatusCode::BAD_GATEWAY, reason, text);
    notices.link(notice, Destination::Again).retry_after(PORTAL_RETRY)
}
