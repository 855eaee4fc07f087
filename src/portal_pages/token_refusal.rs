//! Tokens of portal users that are not accepted, in words, and what programs are asked for.

use http::StatusCode;
use http::header::HeaderValue;

use super::notices::{Destination, Notices};
use crate::authz::{Refusal, Scheme, TokenRefusal};
use crate::web::notice::Notice;

/// Asks for a login and a token (RFC 7617).
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"portal\", charset=\"UTF-8\"");
/// Asks for another token (RFC 6750, 3.1).
const BEARER: HeaderValue =
    HeaderValue::from_static("Bearer realm=\"portal\", error=\"invalid_token\"");

/// The value of `WWW-Authenticate` in the response to a script.
pub(super) fn challenge(refusal: Refusal<'_>) -> Option<HeaderValue> {
    match refusal {
        Refusal::SignIn { tokens: true, .. } => Some(BASIC),
        Refusal::Token(TokenRefusal::Invalid(Scheme::Basic)) => Some(BASIC),
        Refusal::Token(TokenRefusal::Invalid(Scheme::Bearer)) => Some(BEARER),
        _ => None,
    }
}

pub(super) fn token_refusal<'a>(refusal: TokenRefusal, notices: Notices<'a>) -> Notice<'a> {
    let texts = &notices.text.notice;
    let advice = |status, text| notices.advice(status, refusal.reason(), text);
    match refusal {
        TokenRefusal::SeveralHeaders => {
            advice(StatusCode::BAD_REQUEST, &texts.several_authorizations)
        }
        TokenRefusal::Invalid(_) => advice(StatusCode::UNAUTHORIZED, &texts.invalid_token),
        TokenRefusal::LockedOut { retry_after } => {
            advice(StatusCode::TOO_MANY_REQUESTS, &texts.token_locked_out).retry_after(retry_after)
        }
        TokenRefusal::NotEnrolled => {
            let notice = advice(StatusCode::FORBIDDEN, &texts.mfa_not_enrolled);
            notices.link(notice, Destination::SignIn)
        }
        TokenRefusal::OtherSession => {
            let notice = advice(StatusCode::FORBIDDEN, &texts.other_session);
            notices.link(notice, Destination::SwitchAccount)
        }
    }
}
