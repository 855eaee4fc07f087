//! `users`: portal users, their passwords, invitations, second factors and sessions.

use axum::Extension;
use axum::extract::State;
use http::Method;
use serde::Deserialize;

use super::caller::Caller;
use super::problem::Problem;
use super::request::{Body, Id, NewRecord, OptionalBody, PageParams, Params, RecordChange};
use super::response::{ApiResult, created, document, no_content, record};
use super::sessions;
use super::state::AdminState;
use crate::credential::secret::Secret;
use crate::directory::access::invitations::BlindCopy;
use crate::directory::accounts::users::{NewUser, UserFilter, UserPatch, UserView};
use crate::directory::{Change, DirectoryError, EndUserId, GroupId, OrganizationId, Page, UserId};
use crate::session::SessionFilter;

#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    organization: Option<OrganizationId>,
    group: Option<GroupId>,
    end_user: Option<EndUserId>,
    login: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordBody {
    /// Optional, so that the error names it when it is missing: the deserializer of a secret
    /// reports no details.
    #[serde(default)]
    password: Option<Secret<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InvitationOptions {
    #[serde(default)]
    blind_copy: Option<String>,
}

/// The store selects by one filter; the others are applied to the page that it returns. A page may
/// therefore hold fewer items than requested, and only `next` shows whether there are more.
pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
    Params(Filter { organization, group, end_user, login }): Params<Filter>,
) -> ApiResult {
    let request = page.request()?;
    let filter = match (&end_user, &organization, &group) {
        (Some(id), _, _) => UserFilter::EndUser(id.clone()),
        (None, Some(id), _) => UserFilter::Organization(id.clone()),
        (None, None, Some(id)) => UserFilter::Group(id.clone()),
        (None, None, None) => UserFilter::All,
    };
    let mut page = match &login {
        Some(login) => Page { items: admin.with_login(login).await?, next: None },
        None => admin.directory.users().list(&filter, &request).await?,
    };
    page.items.retain(|user| {
        organization.as_ref().is_none_or(|id| *id == user.organization)
            && group.as_ref().is_none_or(|id| *id == user.group)
            && end_user.as_ref().is_none_or(|id| user.end_user.as_ref() == Some(id))
    });
    document(&page)
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    NewRecord(change): NewRecord,
    Body(mut new): Body<NewUser>,
) -> ApiResult {
    new.sender = caller.email;
    let user = admin.directory.users().create(new, &change).await?;
    created(&user, format!("/api/v1/users/{}", user.id))
}

pub(super) async fn show(State(admin): State<AdminState>, Id(id): Id<UserId>) -> ApiResult {
    record(&admin.directory.users().get(&id).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    RecordChange(change): RecordChange,
    Body(patch): Body<UserPatch>,
) -> ApiResult {
    record(&admin.directory.users().change(&id, patch, &change).await?)
}

pub(super) async fn delete(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    RecordChange(change): RecordChange,
) -> ApiResult {
    admin.directory.users().delete(&id, &change).await?;
    admin.remove_sessions(id, &change).await;
    no_content()
}

/// `POST` responds with 201, as everywhere, `PUT` with 200.
pub(super) async fn set_password(
    State(admin): State<AdminState>,
    method: Method,
    Id(id): Id<UserId>,
    RecordChange(change): RecordChange,
    Body(PasswordBody { password }): Body<PasswordBody>,
) -> ApiResult {
    let Some(password) = password else {
        return Err(Problem::invalid("password", "is missing"));
    };
    let user = admin.directory.users().set_password(&id, password, &change).await?;
    let path = format!("/api/v1/users/{id}");
    admin.remove_sessions(id, &change).await;
    if method == Method::POST { created(&user, path) } else { record(&user) }
}

pub(super) async fn invite(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Id(id): Id<UserId>,
    RecordChange(change): RecordChange,
    OptionalBody(InvitationOptions { blind_copy }): OptionalBody<InvitationOptions>,
) -> ApiResult {
    let copy = BlindCopy { named: blind_copy.as_deref(), sender: caller.email.as_deref() };
    let user = admin.directory.invitations().send(&id, copy, &change).await?;
    created(&user, format!("/api/v1/users/{id}"))
}

pub(super) async fn withdraw(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    RecordChange(change): RecordChange,
) -> ApiResult {
    admin.directory.invitations().withdraw(&id, &change).await?;
    no_content()
}

pub(super) async fn second_factor(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
) -> ApiResult {
    record(&admin.directory.second_factors().get(&id).await?)
}

pub(super) async fn reset_second_factor(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    RecordChange(change): RecordChange,
) -> ApiResult {
    admin.directory.second_factors().reset(&id, &change).await?;
    no_content()
}

pub(super) async fn sessions(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    Params(page): Params<PageParams>,
) -> ApiResult {
    admin.directory.users().get(&id).await?;
    sessions::page_of(&admin, &SessionFilter::User(id), &page).await
}

pub(super) async fn end_sessions(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    RecordChange(change): RecordChange,
) -> ApiResult {
    admin.directory.users().get_at(&id, change.expected).await?;
    admin.sessions.end_all(&SessionFilter::User(id), &change).await?;
    no_content()
}

impl AdminState {
    async fn with_login(&self, login: &str) -> Result<Vec<UserView>, Problem> {
        match self.directory.users().with_login(login).await {
            Ok(user) => Ok(vec![user]),
            Err(DirectoryError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the records of sessions that have ended because their user was deleted or the
    /// password changed (R34). Best effort: the periodic sweep removes what is left once it expires.
    async fn remove_sessions(&self, user: UserId, change: &Change) {
        if let Err(error) = self.sessions.end_all(&SessionFilter::User(user), change).await {
            tracing::warn!(%error, "could not remove the records of ended sessions");
        }
    }
}
