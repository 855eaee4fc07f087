//! `session/…`: how the caller signs in, and where: the own password, second factor and sessions.

use axum::Extension;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::problem::Problem;
use super::request::{Body, Id, NewRecord, PageParams, Params};
use super::response::{
    ApiResult, Created, Document, Issued, NoContent, Opened, Record, created, document, issued,
    no_content, opened, record,
};
use super::scoped::{State, Unauthenticated};
use super::session::{code_required, locked_out, unauthorized};
use super::state::AdminState;
use crate::clock;
use crate::credential::secret::Secret;
use crate::directory::access::administrators::{
    AdminSessionView, AdminSetUp, AdministratorView, NewRecoveryCodes, OwnChange, OwnFactorView,
    OwnProof, ProposedFactor,
};
use crate::directory::records::{AdminSessionId, AdministratorId};
use crate::directory::{Actor, Change, Page};
use crate::web::peer::Peer;

/// The new password of the caller's own account.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnPassword {
    /// The current password.
    current: Secret<String>,
    /// A code, if the account has a second factor.
    #[serde(default)]
    code: Option<String>,
    /// The new password.
    password: Secret<String>,
}

/// A second factor for the caller's own account.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnFactor {
    /// The current password.
    current: Secret<String>,
    /// A code of the present second factor, if there is one.
    #[serde(default)]
    code: Option<String>,
    /// The `proposal` of a secret.
    proposal: String,
    /// A code of the app with that secret.
    new_code: String,
}

/// What new recovery codes are issued for.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnRecoveryCodes {
    /// The current password.
    current: Secret<String>,
    /// A code of the authenticator app.
    #[serde(default)]
    code: Option<String>,
}

/// The second factor that a sign-in requires.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetUp {
    /// The `proposal` of the error `second-factor-missing`.
    proposal: String,
    /// A code of the app with the proposed secret.
    code: String,
}

/// The account whose second factor was set up.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct SetUpDone {
    #[serde(flatten)]
    administrator: Box<AdministratorView>,
    #[serde(flatten)]
    codes: NewRecoveryCodes,
}

/// A session of the caller's own account.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct OwnSession {
    #[serde(flatten)]
    session: AdminSessionView,
    /// Whether it is the one of this request.
    current: bool,
}

pub(super) async fn set_password(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(body): Body<OwnPassword>,
) -> ApiResult<Record<AdministratorView>> {
    record(&own_password(&admin, body, &change).await?)
}

pub(super) async fn post_password(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(body): Body<OwnPassword>,
) -> ApiResult<Created<AdministratorView>> {
    let administrator = own_password(&admin, body, &change).await?;
    created(&administrator, format!("/api/v1/administrators/{}", administrator.id))
}

async fn own_password(
    admin: &AdminState,
    OwnPassword { current, code, password: new }: OwnPassword,
    change: &Change,
) -> Result<AdministratorView, Problem> {
    let proof = OwnProof { current, code: code.as_deref() };
    outcome(admin.own_account().change_own_password(&proof, &new, change).await?, change)
}

pub(super) async fn second_factor(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
) -> ApiResult<Document<OwnFactorView>> {
    document(&admin.own_account().own_factor(own_id(&caller)?).await?)
}

pub(super) async fn propose_second_factor(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
) -> ApiResult<Document<ProposedFactor>> {
    match admin.own_account().propose_own_factor(&change).await? {
        Some(proposed) => document(&proposed),
        None => Err(no_session()),
    }
}

pub(super) async fn set_up_second_factor(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(OwnFactor { current, code, proposal, new_code }): Body<OwnFactor>,
) -> ApiResult<Issued<NewRecoveryCodes>> {
    let proof = OwnProof { current, code: code.as_deref() };
    let account = admin.own_account();
    let made = account.set_up_own_factor(&proof, (&proposal, &new_code), &change).await?;
    issued(&outcome(made, &change)?)
}

pub(super) async fn replace_recovery_codes(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(OwnRecoveryCodes { current, code }): Body<OwnRecoveryCodes>,
) -> ApiResult<Issued<NewRecoveryCodes>> {
    let proof = OwnProof { current, code: code.as_deref() };
    let made = admin.own_account().replace_own_recovery_codes(&proof, &change).await?;
    issued(&outcome(made, &change)?)
}

/// Sets up the second factor that a sign-in requires, and signs in. The proposal, which only the right
/// password gets, takes the place of the password.
pub(super) async fn set_up_at_sign_in(
    Unauthenticated(admin): Unauthenticated,
    headers: HeaderMap,
    Extension(peer): Extension<Peer>,
    Body(SetUp { proposal, code }): Body<SetUp>,
) -> ApiResult<Opened<SetUpDone>> {
    admin.site.refuse_other_sites(&headers)?;
    admin.site.check_host(&headers)?;
    let (account, now) = (admin.own_account(), clock::now());
    Err(match account.set_up_at_sign_in((&proposal, &code), peer.address(), now).await? {
        AdminSetUp::Done { token, administrator, codes } => {
            return opened(
                &SetUpDone { administrator, codes },
                admin.site.set_cookie(Some(&token)),
            );
        }
        AdminSetUp::Wrong(proposed) => {
            unauthorized("wrong-credentials", "the code is wrong").with_set_up(proposed)
        }
        AdminSetUp::Invalid => {
            let detail = "this set-up has expired or was used; sign in again";
            Problem::new(StatusCode::UNAUTHORIZED, "session-ended", detail)
        }
        AdminSetUp::LockedOut { until } => locked_out(until, now),
    })
}

pub(super) async fn sessions(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Params(page): Params<PageParams>,
) -> ApiResult<Document<Page<OwnSession>>> {
    let sessions = admin.own_account().sessions(own_id(&caller)?, &page.request()?).await?;
    document(
        &sessions
            .map(|session| OwnSession { current: caller.session() == Some(&session.id), session }),
    )
}

pub(super) async fn end_session(
    State(admin): State<AdminState>,
    Id(id): Id<AdminSessionId>,
    NewRecord(change): NewRecord,
) -> ApiResult<NoContent> {
    match admin.own_account().end_own_session(&id, &change).await? {
        true => no_content(),
        false => Err(Problem::not_found("session of this caller", id.as_str())),
    }
}

/// What became of a change that needs a proof.
fn outcome<T>(made: Option<OwnChange<T>>, change: &Change) -> Result<T, Problem> {
    match made {
        None => Err(no_session()),
        Some(OwnChange::Changed(made)) => Ok(made),
        Some(OwnChange::CodeRequired) => Err(code_required()),
        Some(OwnChange::Wrong) => {
            Err(unauthorized("wrong-credentials", "the current password or the code is wrong"))
        }
        Some(OwnChange::LockedOut { until }) => Err(locked_out(until, change.at)),
    }
}

/// The id of the administrator who is signed in.
fn own_id(caller: &Caller) -> Result<&AdministratorId, Problem> {
    match &caller.actor {
        Actor::Administrator { id, .. } => Ok(id),
        _ => Err(no_session()),
    }
}

fn no_session() -> Problem {
    Problem::not_found("session", "of this caller")
}
