//! `users`: portal users, their passwords, invitations, second factors and sessions.

use axum::Extension;
use axum::extract::State;
use http::Method;
use serde::Deserialize;

use super::AdminState;
use super::answer::{Answer, created, done, record, shown};
use super::gate::Caller;
use super::problem::Problem;
use super::request::{Body, Id, IfMatch, OptionalBody, PageParams, Params};
use super::sessions;
use crate::clock;
use crate::credential::secret::Secret;
use crate::directory::invitations::BlindCopy;
use crate::directory::users::{NewUser, UserFilter, UserPatch, UserView};
use crate::directory::{DirectoryError, Page};
use crate::session::Whose;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParams {
    organization: Option<String>,
    group: Option<String>,
    login: Option<String>,
    limit: Option<usize>,
    #[serde(alias = "cursor")]
    after: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChosenPassword {
    /// Optional, so that it is named when it is missing: what a secret is read from says nothing.
    #[serde(default)]
    password: Option<Secret<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Copied {
    #[serde(default)]
    blind_copy: Option<String>,
}

/// One key selects in the store; what the others leave out is left out here, so that a page may
/// hold fewer than asked for, and only `next` tells whether there is more.
pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(params): Params<ListParams>,
) -> Answer {
    let ListParams { organization, group, login, limit, after } = params;
    let request = PageParams::new(limit, after).request()?;
    let mut page = match (&login, &organization, &group) {
        (Some(login), _, _) => Page { items: admin.with_login(login).await?, next: None },
        (None, Some(id), _) => {
            admin.directory.users(UserFilter::Organization(id), &request).await?
        }
        (None, None, Some(id)) => admin.directory.users(UserFilter::Group(id), &request).await?,
        (None, None, None) => admin.directory.users(UserFilter::All, &request).await?,
    };
    let is = |wanted: &Option<String>, has: &str| wanted.as_deref().is_none_or(|id| id == has);
    page.items.retain(|user| is(&organization, &user.organization) && is(&group, &user.group));
    shown(&page)
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Body(mut new): Body<NewUser>,
) -> Answer {
    new.sender = caller.email;
    let user = admin.directory.create_user(new, clock::now()).await?;
    created(&user, format!("/api/v1/users/{}", user.id))
}

pub(super) async fn show(State(admin): State<AdminState>, Id(id): Id) -> Answer {
    record(&admin.directory.show_user(&id).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    Id(id): Id,
    IfMatch(version): IfMatch,
    Body(patch): Body<UserPatch>,
) -> Answer {
    record(&admin.directory.change_user(&id, patch, version).await?)
}

pub(super) async fn delete(
    State(admin): State<AdminState>,
    Id(id): Id,
    IfMatch(version): IfMatch,
) -> Answer {
    admin.directory.delete_user(&id, version).await?;
    admin.forget_sessions(id).await;
    done()
}

/// `POST` answers 201, as it does everywhere; `PUT` 200.
pub(super) async fn set_password(
    State(admin): State<AdminState>,
    method: Method,
    Id(id): Id,
    IfMatch(version): IfMatch,
    Body(ChosenPassword { password }): Body<ChosenPassword>,
) -> Answer {
    let Some(password) = password else {
        return Err(Problem::invalid("password", "is missing"));
    };
    let user = admin.directory.set_password(&id, password, version).await?;
    let path = format!("/api/v1/users/{id}");
    admin.forget_sessions(id).await;
    if method == Method::POST { created(&user, path) } else { record(&user) }
}

pub(super) async fn invite(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Id(id): Id,
    IfMatch(version): IfMatch,
    OptionalBody(Copied { blind_copy }): OptionalBody<Copied>,
) -> Answer {
    let copy = BlindCopy { named: blind_copy.as_deref(), sender: caller.email.as_deref() };
    let user = admin.directory.invite(&id, copy, version, clock::now()).await?;
    created(&user, format!("/api/v1/users/{id}"))
}

pub(super) async fn withdraw(
    State(admin): State<AdminState>,
    Id(id): Id,
    IfMatch(version): IfMatch,
) -> Answer {
    admin.directory.withdraw_invitation(&id, version).await?;
    done()
}

pub(super) async fn second_factor(State(admin): State<AdminState>, Id(id): Id) -> Answer {
    record(&admin.directory.second_factor(&id).await?)
}

pub(super) async fn reset_second_factor(
    State(admin): State<AdminState>,
    Id(id): Id,
    IfMatch(version): IfMatch,
) -> Answer {
    admin.directory.reset_second_factor(&id, version, clock::now()).await?;
    done()
}

pub(super) async fn sessions(
    State(admin): State<AdminState>,
    Id(id): Id,
    Params(page): Params<PageParams>,
) -> Answer {
    admin.directory.show_user(&id).await?;
    sessions::page_of(&admin, &Whose::User(id), &page).await
}

pub(super) async fn end_sessions(
    State(admin): State<AdminState>,
    Id(id): Id,
    IfMatch(version): IfMatch,
) -> Answer {
    admin.directory.user_at(&id, version).await?;
    admin.sessions.end_all(&Whose::User(id)).await?;
    done()
}

impl AdminState {
    async fn with_login(&self, login: &str) -> Result<Vec<UserView>, Problem> {
        match self.directory.user_with_login(login).await {
            Ok(user) => Ok(vec![user]),
            Err(DirectoryError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the records of sessions that are over: the user, or the password they began under,
    /// is gone (R34). If it cannot be done now, the sweep does it once their time is over.
    async fn forget_sessions(&self, user: String) {
        if let Err(error) = self.sessions.end_all(&Whose::User(user)).await {
            tracing::warn!(%error, "the records of ended sessions were not removed");
        }
    }
}
