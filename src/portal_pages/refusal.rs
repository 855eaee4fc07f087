//! The words for each reason why the portal does not answer a request.

use axum::body::Body;
use http::{Response, StatusCode, header};

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
use portcullis_policy::{BadRequest, BadTarget, RequestTarget};

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
                Some(self.to_sign_in(refused, target, organization))
            }
            _ => None,
        };
        elsewhere.unwrap_or_else(|| {
            let start_opens = refused.onward.start_opens;
            let notices = Notices { start_opens, ..self.notices(text) };
            let notice = notice(refused, notices);
            let mut response = self.notice(&notice, text, kind, request_id);
            if let Cause::Refused(refusal) = cause
                && let Some(challenge) = challenge(refusal)
            {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            response
        })
    }

    /// To the sign-in page. After a form that was not passed on, which a browser cannot repeat by
    /// itself, it says so, and leads back to the page that has the form.
    fn to_sign_in(
        &self,
        refused: &Refused<'_>,
        target: Option<&RequestTarget>,
        organization: Option<&str>,
    ) -> Response<Body> {
        let hint = organization.map(|id| (id, self.organization_hint(id, clock::now())));
        let hint = hint.as_ref().map(|(id, hint)| (*id, hint.as_str()));
        if refused.may_change {
            let return_to = refused.onward.sent_from.map(ReturnTo::parse).unwrap_or_default();
            let address = sign_in::address_within(self.max_address, &return_to, hint);
            return see_other(&sign_in::address_unsent(address));
        }
        let return_to = target.map(ReturnTo::of).unwrap_or_default();
        see_other(&sign_in::address_within(self.max_address, &return_to, hint))
    }
}

fn notice<'a>(refused: &Refused<'a>, notices: Notices<'a>) -> Notice<'a> {
    match refused.cause {
        Cause::Refused(refusal) => refusal_notice(refusal, refused, notices),
        Cause::Failed(failure) => failure_notice(failure, refused, notices),
        Cause::Contract(error) => {
            let text = &notices.text.notice.wrong_contract;
            notices.advice(StatusCode::FORBIDDEN, error.as_str(), text)
        }
    }
}

fn refusal_notice<'a>(
    refusal: Refusal<'a>,
    refused: &Refused<'a>,
    notices: Notices<'a>,
) -> Notice<'a> {
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
        Refusal::Denied { denial, policy, subject } => {
            let asker = Asker { subject, may_change: refused.may_change };
            denied(notices, (denial, policy), asker)
        }
        Refusal::BadRequest(bad) => bad_request(bad, notices),
        Refusal::ForeignOrigin => {
            notices.statement(StatusCode::FORBIDDEN, reason, &texts.foreign_origin)
        }
        Refusal::CrossOrigin => to_start(forbidden(&texts.cross_origin)),
        Refusal::ReadOnly => {
            let notice = to_start(forbidden(&texts.read_only));
            notices.link(notice, Destination::StopView)
        }
        Refusal::MethodOverride => to_start(forbidden(&texts.method_override)),
        Refusal::LoginNotEncodable => forbidden(&texts.login_not_encodable),
        Refusal::StoreUnavailable => reloading(notices.store_unavailable(), refused, notices),
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
        Failure::NoPortal => notices.advice(StatusCode::NOT_FOUND, reason, &texts.no_portal),
        Failure::PortalDown => {
            reloading(portal_down(notices, reason, &texts.portal_down), refused, notices)
        }
        Failure::PortalBroken => {
            // The portal may have received the request, so the page does not repeat it by itself.
            portal_down(notices, reason, &texts.portal_broken)
        }
        Failure::PortalSlow => {
            let slow = |text| notices.advice(StatusCode::GATEWAY_TIMEOUT, reason, text);
            let notice = match refused.may_change {
                true => to_start(slow(&texts.portal_slow_change)),
                false => notices.link(slow(&texts.portal_slow), Destination::Again),
            };
            notice.retry_after(PORTAL_RETRY)
        }
        Failure::PortalBusy => {
            let text = &texts.portal_busy;
            let notice = notices.advice(StatusCode::SERVICE_UNAVAILABLE, reason, text);
            let notice = notices.link(notice, Destination::Again).retry_after(BUSY_RETRY);
            reloading(notice, refused, notices)
        }
    }
}

/// The words for a request that cannot be read, by what its sender can do.
fn bad_request(bad: BadRequest, notices: Notices<'_>) -> Notice<'_> {
    let texts = &notices.text.notice;
    let text = match bad {
        BadRequest::UnknownHost => return notices.unknown_host(),
        BadRequest::Target(BadTarget::TooLong) => &texts.address_too_long,
        BadRequest::Target(_) | BadRequest::NoPath => &texts.bad_request,
        BadRequest::Body => &texts.bad_body,
        BadRequest::SlowBody => &texts.slow_body,
        BadRequest::BodyTooLarge => &texts.body_too_large,
        BadRequest::NoHost
        | BadRequest::TwoHosts
        | BadRequest::HostMismatch
        | BadRequest::BadHost
        | BadRequest::Connect
        | BadRequest::Connection
        | BadRequest::TransferCoding
        | BadRequest::Expectation
        | BadRequest::BodyNotAllowed => &texts.bad_message,
    };
    let notice = notices.advice(bad.status(), bad.as_str(), text);
    notices.link(notice, Destination::Start)
}

/// The page of a request that can be repeated loads itself again.
fn reloading<'a>(notice: Notice<'a>, refused: &Refused<'_>, notices: Notices<'a>) -> Notice<'a> {
    match refused.may_change {
        true => notice,
        false => notices.reloading(notice, clock::now()),
    }
}

fn portal_down<'a>(notices: Notices<'a>, reason: &'static str, text: &'a Advice) -> Notice<'a> {
    let notice = notices.advice(StatusCode::BAD_GATEWAY, reason, text);
    notices.link(notice, Destination::Again).retry_after(PORTAL_RETRY)
}
