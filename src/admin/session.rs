//! `session`: signing in and out as an administrator.

use axum::Extension;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::problem::Problem;
use super::request::{Body, NewRecord};
use super::response::{
    ApiResult, Created, Document, NoContent, Opened, Record, created, document, no_content, opened,
    record,
};
use super::scoped::{State, Unauthenticated};
use super::state::AdminState;
use crate::clock;
use crate::credential::secret::Secret;
use crate::directory::Change;
use crate::directory::access::administrators::{
    AdminPasswordChange, AdminPasswordRequest, AdminSignIn, AdminSignInRequest, AdministratorView,
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
    Extension(Peer(address)): Extension<Peer>,
    Body(Credentials { login, password, code }): Body<Credentials>,
) -> ApiResult<Opened<AdministratorView>> {
    admin.site.refuse_other_sites(&headers)?;
    admin.site.check_host(&headers)?;
    let request = AdminSignInRequest { login: &login, password, code: code.as_deref(), address };
    let administrators = admin.directory.administrators();
    Err(match administrators.sign_in(request, admin.rules, clock::now()).await? {
        AdminSignIn::Accepted { token, administrator } => {
            return opened(&administrator, admin.site.set_cookie(Some(&token)));
        }
        AdminSignIn::CodeRequired => code_required(),
        AdminSignIn::NoSecondFactor => unauthorized(
            "second-factor-missing",
            "this account has no second factor, and `admin.require_mfa` requires one; an owner can \
             issue one with `portcullis admin reset-mfa`",
        ),
        AdminSignIn::Wrong => {
            unauthorized("wrong-credentials", "the login, the password or the code is wrong")
        }
        AdminSignIn::LockedOut { until } => locked_out(until, clock::now()),
        AdminSignIn::Busy => {
            let detail = "too many passwords are being checked; try again";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
        }
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

/// The new password of the caller's own account.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OwnPassword")]
pub(super) struct OwnPassword {
    /// The current password.
    current: Secret<String>,
    /// A code, if the account has a second factor.
    #[serde(default)]
    code: Option<String>,
    /// The new password.
    password: Secret<String>,
}

pub(super) async fn set_password(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(body): Body<OwnPassword>,
) -> ApiResult<Record<AdministratorView>> {
    record(&*own_password(&admin, body, &change).await?)
}

pub(super) async fn post_password(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(body): Body<OwnPassword>,
) -> ApiResult<Created<AdministratorView>> {
    let administrator = own_password(&admin, body, &change).await?;
    created(&*administrator, format!("/api/v1/administrators/{}", administrator.id))
}

async fn own_password(
    admin: &AdminState,
    OwnPassword { current, code, password: new }: OwnPassword,
    change: &Change,
) -> Result<Box<AdministratorView>, Problem> {
    let request = AdminPasswordRequest { current, code: code.as_deref(), new };
    match admin.change_own_password(request, change).await? {
        None => Err(Problem::not_found("session", "of this caller")),
        Some(AdminPasswordChange::Changed(administrator)) => Ok(administrator),
        Some(AdminPasswordChange::CodeRequired) => Err(code_required()),
        Some(AdminPasswordChange::Wrong) => {
            Err(unauthorized("wrong-credentials", "the current password or the code is wrong"))
        }
        Some(AdminPasswordChange::LockedOut { until }) => Err(locked_out(until, change.at)),
    }
}

fn code_required() -> Problem {
    unauthorized("code-required", "the password is right; send a `code` too")
}

fn unauthorized(name: &str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, name, detail)
}

fn locked_out(until: Timestamp, now: Timestamp) -> Problem {
    let seconds = until.duration_since(now).as_secs().max(1);
    let detail = format!("too many failed attempts; try again in {seconds} s");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "locked-out", detail)
}
