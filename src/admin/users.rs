//! `users`: portal users, their passwords, invitations, second factors and sessions.

use axum::Extension;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::exports::{self, AsCsv};
use super::problem::Problem;
use super::request::{
    Body, Id, NewRecord, OptionalBody, PageParams, Params, RecordChange, RecordEdit,
};
use super::response::{
    ApiResult, Created, Document, Listed, Lists, NoContent, Record, Versioned, created, listed,
    no_content, record,
};
use super::scoped::State;
use super::sessions;
use super::sessions::SessionPage;
use super::state::AdminState;
use crate::credential::secret::Secret;
use crate::directory::access::invitations::Addresses;
use crate::directory::access::second_factors::SecondFactorView;
use crate::directory::accounts::user_list::UserFilter;
use crate::directory::accounts::user_warnings::Named;
use crate::directory::accounts::users::{NewUser, UserPatch, UserView};
use crate::directory::records::kind;
use crate::directory::warning::Warning;
use crate::directory::{Change, DirectoryError, Page, UserId};
use crate::session::SessionFilter;

#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(super) struct ByLogin {
    login: Option<String>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(super) struct DeleteParams {
    /// Whether the end user that it belongs to is deleted too.
    end_user: Option<bool>,
}

/// A user, and what may not have been meant.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "UserWithWarnings")]
pub(super) struct WithWarnings {
    #[serde(flatten)]
    user: UserView,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
}

impl Versioned for WithWarnings {
    fn version(&self) -> u64 {
        self.user.version
    }
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserPassword")]
pub(super) struct PasswordBody {
    /// Optional, so that the error names it when it is missing: the deserializer of a secret
    /// reports no details.
    #[serde(default)]
    password: Option<Secret<String>>,
}

#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InvitationOptions {
    #[serde(default)]
    send_to: Option<String>,
    #[serde(default)]
    blind_copy: Option<String>,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
    Params(ByLogin { login }): Params<ByLogin>,
    Params(filter): Params<UserFilter>,
    AsCsv(is_csv): AsCsv,
) -> ApiResult<Lists<Listed<Page<UserView>>>> {
    if is_csv {
        if login.is_some() {
            return Err(Problem::invalid("login", "cannot be combined with CSV"));
        }
        return exports::users(admin.directory, filter).await;
    }
    let request = page.request()?;
    let users = admin.directory.users();
    let Some(login) = &login else {
        let filtered = filter != UserFilter::default();
        let page = users.list(&filter, &request).await?;
        return listed(&admin, (kind::USER, filtered), &page).await.map(Lists::from);
    };
    users.check(&filter).await?;
    let mut items = admin.with_login(login).await?;
    items.retain(|user| filter.admits(user));
    listed(&admin, (kind::USER, true), &Page { items, next: None }).await.map(Lists::from)
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    NewRecord(change): NewRecord,
    Body(mut new): Body<NewUser>,
) -> ApiResult<Created<WithWarnings>> {
    new.sender = caller.email;
    let named = Named { group: new.group.is_some(), send_to: new.send_to.is_some() };
    let users = admin.directory.users();
    let user = users.create(new, &change).await?;
    let warnings = users.warnings(&user, named).await;
    let path = format!("/api/v1/users/{}", user.id);
    created(&WithWarnings { user, warnings }, path)
}

pub(super) async fn show(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
) -> ApiResult<Record<UserView>> {
    record(&admin.directory.users().get(&id).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    RecordEdit(change): RecordEdit,
    Body(patch): Body<UserPatch>,
) -> ApiResult<Record<WithWarnings>> {
    let users = admin.directory.users();
    let ends_requirement = patch.require_mfa == Some(false);
    let user = users.change(&id, patch, &change).await?;
    // The user is changed whatever happens here.
    let warning = match ends_requirement {
        true => users.about_second_factor(&user).await.ok().flatten(),
        false => None,
    };
    record(&WithWarnings { user, warnings: warning.into_iter().collect() })
}

pub(super) async fn delete(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    RecordEdit(change): RecordEdit,
    Params(DeleteParams { end_user }): Params<DeleteParams>,
) -> ApiResult<NoContent> {
    let users = admin.directory.users();
    match end_user {
        Some(true) => users.delete_with_end_user(&id, &change).await?,
        Some(false) | None => users.delete(&id, &change).await?,
    }
    no_content()
}

pub(super) async fn set_password(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    RecordChange(change): RecordChange,
    Body(PasswordBody { password }): Body<PasswordBody>,
) -> ApiResult<Record<UserView>> {
    record(&admin.set_password(id, password, &change).await?)
}

pub(super) async fn post_password(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    RecordChange(change): RecordChange,
    Body(PasswordBody { password }): Body<PasswordBody>,
) -> ApiResult<Created<UserView>> {
    let path = format!("/api/v1/users/{id}");
    created(&admin.set_password(id, password, &change).await?, path)
}

pub(super) async fn invite(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Id(id): Id<UserId>,
    RecordChange(change): RecordChange,
    OptionalBody(options): OptionalBody<InvitationOptions>,
) -> ApiResult<Created<WithWarnings>> {
    let addresses = Addresses {
        send_to: options.send_to.as_deref(),
        blind_copy: options.blind_copy.as_deref(),
        sender: caller.email.as_deref(),
    };
    let user = admin.directory.invitations().send(&id, addresses, &change).await?;
    let named = Named { group: true, send_to: options.send_to.is_some() };
    let warnings = admin.directory.users().warnings(&user, named).await;
    created(&WithWarnings { user, warnings }, format!("/api/v1/users/{id}"))
}

pub(super) async fn withdraw(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    RecordChange(change): RecordChange,
) -> ApiResult<NoContent> {
    admin.directory.invitations().withdraw(&id, &change).await?;
    no_content()
}

pub(super) async fn second_factor(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
) -> ApiResult<Record<SecondFactorView>> {
    record(&admin.directory.second_factors().get(&id).await?)
}

pub(super) async fn reset_second_factor(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    RecordChange(change): RecordChange,
) -> ApiResult<NoContent> {
    admin.directory.second_factors().reset(&id, &change).await?;
    no_content()
}

pub(super) async fn sessions(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    Params(page): Params<PageParams>,
) -> ApiResult<Document<Listed<SessionPage>>> {
    admin.directory.users().get(&id).await?;
    sessions::page_of(&admin, (&SessionFilter::User(id), None), &page).await
}

pub(super) async fn end_sessions(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    RecordChange(change): RecordChange,
) -> ApiResult<NoContent> {
    admin.directory.users().get_at(&id, change.expected).await?;
    admin.sessions.end_all(&SessionFilter::User(id), &change).await?;
    no_content()
}

impl AdminState {
    async fn set_password(
        &self,
        id: UserId,
        password: Option<Secret<String>>,
        change: &Change,
    ) -> Result<UserView, Problem> {
        let Some(password) = password else {
            return Err(Problem::invalid("password", "is missing"));
        };
        let user = self.directory.users().set_password(&id, password, change).await?;
        self.remove_sessions(id, change).await;
        Ok(user)
    }

    async fn with_login(&self, login: &str) -> Result<Vec<UserView>, Problem> {
        match self.directory.users().with_login(login).await {
            Ok(user) => Ok(vec![user]),
            Err(DirectoryError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the records of sessions that have ended because the password changed (R34). Best effort: the periodic sweep removes what is left once it expires.
    async fn remove_sessions(&self, user: UserId, change: &Change) {
        if let Err(error) = self.sessions.end_all(&SessionFilter::User(user), change).await {
            tracing::warn!(%error, "could not remove the records of ended sessions");
        }
    }
}
