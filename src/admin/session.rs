//! `session`: signing in and out as an administrator.

use axum::Extension;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::problem::Problem;
use super::request::{Body, NewRecord};
use super::response::{ApiResult, Document, NoContent, Opened, document, no_content, opened};
use super::scoped::{State, Unauthenticated};
use super::state::AdminState;
use crate::clock;
use crate::credential::secret::Secret;
use crate::directory::access::administrators::{
    AdminCode, AdminSignIn, AdminSignInRequest, AdministratorView,
};
use crate::directory::records::Rights;
use crate::web::peer::Peer;

/// What an administrator signs in with.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    login: String,
    password: Secret<String>,
    #[serde(default)]
    code: Option<String>,
}

/// The code of a sign-in whose password was right.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignInCode")]
pub(super) struct Code {
    /// The `pending` of the error `code-required`.
    pending: Secret<String>,
    /// A code of the authenticator app, or a recovery code.
    code: String,
}

/// Who is signed in.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "CurrentSession")]
pub(super) struct Current<'a> {
    actor: String,
    #[serde(flatten)]
    rights: Rights,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
}

pub(super) async fn start(
    Unauthenticated(admin): Unauthenticated,
    headers: HeaderMap,
    Extension(peer): Extension<Peer>,
    Body(Credentials { login, password, code }): Body<Credentials>,
) -> ApiResult<Opened<AdministratorView>> {
    admin.site.refuse_other_sites(&headers)?;
    admin.site.check_host(&headers)?;
    let request = AdminSignInRequest {
        login: &login,
        password,
        code: code.as_deref(),
        address: peer.address(),
    };
    let administrators = admin.directory.administrators();
    Err(match administrators.sign_in(request, admin.rules, clock::now()).await? {
        AdminSignIn::Accepted { token, administrator } => {
            return opened(&administrator, admin.site.set_cookie(Some(&token)));
        }
        AdminSignIn::CodeRequired(pending) => code_required().with_pending(pending),
        AdminSignIn::NoSecondFactor(proposed) => unauthorized(
            "second-factor-missing",
            "this account has no second factor, and `admin.require_mfa` requires one; set it up with \
             `POST session/set-up`, or have an owner issue one with `portcullis admin reset-mfa`",
        )
        .with_set_up(*proposed),
        AdminSignIn::Wrong => {
            unauthorized("wrong-credentials", "the login, the password or the code is wrong")
        }
        AdminSignIn::LockedOut { until } => locked_out(until, clock::now()),
        AdminSignIn::Busy => busy("too many passwords are being checked; try again"),
    })
}

/// The second step of a sign-in. What the right password got takes the place of the password.
pub(super) async fn enter_code(
    Unauthenticated(admin): Unauthenticated,
    headers: HeaderMap,
    Extension(peer): Extension<Peer>,
    Body(Code { pending, code }): Body<Code>,
) -> ApiResult<Opened<AdministratorView>> {
    admin.site.refuse_other_sites(&headers)?;
    admin.site.check_host(&headers)?;
    let (administrators, now) = (admin.directory.administrators(), clock::now());
    let entered = (pending.expose().as_str(), code.as_str());
    Err(match administrators.enter_code(entered, peer.address(), now).await? {
        AdminCode::Accepted { token, administrator } => {
            return opened(&*administrator, admin.site.set_cookie(Some(&token)));
        }
        AdminCode::Wrong => {
            unauthorized("wrong-credentials", "the code is wrong or was used before")
        }
        AdminCode::Ended => unauthorized(
            "session-ended",
            "this sign-in has expired or was completed; sign in again",
        ),
        AdminCode::LockedOut { until } => locked_out(until, now),
        AdminCode::Busy => busy("the account was changed at the same time; try again"),
    })
}

pub(super) async fn show(
    Extension(caller): Extension<Caller>,
) -> ApiResult<Document<Current<'static>>> {
    let (actor, rights) = (caller.actor.to_string(), caller.rights());
    document(&Current { actor, rights, email: caller.email.as_deref() })
}

pub(super) async fn end(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    NewRecord(change): NewRecord,
) -> ApiResult<NoContent> {
    let Some(session) = caller.session() else {
        return Err(Problem::not_found("session", "of this caller"));
    };
    admin.end_own_session(session, &change).await?;
    let response = no_content()?;
    Ok(match admin.site.set_cookie(None) {
        Some(line) => response.with_header(header::SET_COOKIE, line),
        None => response,
    })
}

fn busy(detail: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
}

pub(super) fn code_required() -> Problem {
    unauthorized("code-required", "the password is right; send a `code` too")
}

pub(super) fn unauthorized(name: &str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, name, detail)
}

pub(super) fn locked_out(until: Timestamp, now: Timestamp) -> Problem {
    let seconds = until.duration_since(now).as_secs().max(1);
    let detail = format!("too many failed attempts; try again in {seconds} s");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "locked-out", detail)
}
