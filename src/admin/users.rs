//! `users`: portal users, their passwords, invitations, second factors and sessions.

use axum::Extension;
use axum::extract::State;
use http::Method;
use serde::Deserialize;

use super::caller::Caller;
use super::problem::Problem;
use super::request::{Body, Id, IfMatch, OptionalBody, PageParams, Params};
use super::response::{ApiResult, created, document, no_content, record};
use super::sessions;
use super::state::AdminState;
use crate::clock;
use crate::credential::secret::Secret;
use crate::directory::invitations::BlindCopy;
use crate::directory::users::{NewUser, UserFilter, UserPatch, UserView};
use crate::directory::{DirectoryError, GroupId, OrganizationId, Page, UserId};
use crate::session::Whose;

#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    organization: Option<OrganizationId>,
    group: Option<GroupId>,
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
    Params(Filter { organization, group, login }): Params<Filter>,
) -> ApiResult {
    let request = page.request()?;
    let mut page = match (&login, &organization, &group) {
        (Some(login), _, _) => Page { items: admin.with_login(login).await?, next: None },
        (None, Some(id), _) => {
            admin.directory.users(&UserFilter::Organization(id.clone()), &request).await?
        }
        (None, None, Some(id)) => {
            admin.directory.users(&UserFilter::Group(id.clone()), &request).await?
        }
        (None, None, None) => admin.directory.users(&UserFilter::All, &request).await?,
    };
    page.items.retain(|user| {
        organization.as_ref().is_none_or(|id| *id == user.organization)
            && group.as_ref().is_none_or(|id| *id == user.group)
    });
    document(&page)
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Body(mut new): Body<NewUser>,
) -> ApiResult {
    new.sender = caller.email;
    let user = admin.directory.create_user(new, clock::now()).await?;
    created(&user, format!("/api/v1/users/{}", user.id))
}

pub(super) async fn show(State(admin): State<AdminState>, Id(id): Id<UserId>) -> ApiResult {
    record(&admin.directory.show_user(&id).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    IfMatch(version): IfMatch,
    Body(patch): Body<UserPatch>,
) -> ApiResult {
    record(&admin.directory.change_user(&id, patch, version).await?)
}

pub(super) async fn delete(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    IfMatch(version): IfMatch,
) -> ApiResult {
    admin.directory.delete_user(&id, version).await?;
    admin.remove_sessions(id).await;
    no_content()
}

/// `POST` responds with 201, as everywhere, `PUT` with 200.
pub(super) async fn set_password(
    State(admin): State<AdminState>,
    method: Method,
    Id(id): Id<UserId>,
    IfMatch(version): IfMatch,
    Body(PasswordBody { password }): Body<PasswordBody>,
) -> ApiResult {
    let Some(password) = password else {
        return Err(Problem::invalid("password", "is missing"));
    };
    let user = admin.directory.set_password(&id, password, version).await?;
    let path = format!("/api/v1/users/{id}");
    admin.remove_sessions(id).await;
    if method == Method::POST { created(&user, path) } else { record(&user) }
}

pub(super) async fn invite(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Id(id): Id<UserId>,
    IfMatch(version): IfMatch,
    OptionalBody(InvitationOptions { blind_copy }): OptionalBody<InvitationOptions>,
) -> ApiResult {
    let copy = BlindCopy { named: blind_copy.as_deref(), sender: caller.email.as_deref() };
    let user = admin.directory.invite(&id, copy, version, clock::now()).await?;
    created(&user, format!("/api/v1/users/{id}"))
}

pub(super) async fn withdraw(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    IfMatch(version): IfMatch,
) -> ApiResult {
    admin.directory.withdraw_invitation(&id, version).await?;
    no_content()
}

pub(super) async fn second_factor(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
) -> ApiResult {
    record(&admin.directory.second_factor(&id).await?)
}

pub(super) async fn reset_second_factor(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    IfMatch(version): IfMatch,
) -> ApiResult {
    admin.directory.reset_second_factor(&id, version, clock::now()).await?;
    no_content()
}

pub(super) async fn sessions(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    Params(page): Params<PageParams>,
) -> ApiResult {
    admin.directory.show_user(&id).await?;
    sessions::page_of(&admin, &Whose::User(id), &page).await
}

pub(super) async fn end_sessions(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    IfMatch(version): IfMatch,
) -> ApiResult {
    admin.directory.user_at(&id, version).await?;
    admin.sessions.end_all(&Whose::User(id)).await?;
    no_content()
}

impl AdminState {
    async fn with_login(&self, login: &str) -> Result<Vec<UserView>, Problem> {
        match self.directory.user_with_login(login).await {
            Ok(user) => Ok(vec![user]),
            Err(DirectoryError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the records of sessions that have ended because their user was deleted or the
    /// password changed (R34). Best effort: the periodic sweep removes what is left once it expires.
    async fn remove_sessions(&self, user: UserId) {
        if let Err(error) = self.sessions.end_all(&Whose::User(user)).await {
            tracing::warn!(%error, "could not remove the records of ended sessions");
        }
    }
}
