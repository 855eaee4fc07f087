//! `sessions`: who is signed in.

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::AdminState;
use super::answer::{Answer, done, shown};
use super::problem::Problem;
use super::request::{Id, PageParams, Params};
use crate::clock;
use crate::credential::token::TokenHash;
use crate::session::{SessionView, Whose};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParams {
    user: Option<String>,
    organization: Option<String>,
    limit: Option<usize>,
    #[serde(alias = "cursor")]
    after: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhoseParams {
    user: Option<String>,
    organization: Option<String>,
}

#[derive(Debug, Serialize)]
struct SessionPage {
    items: Vec<SessionView>,
    next: Option<String>,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(params): Params<ListParams>,
) -> Answer {
    let whose = whose(params.user, params.organization)?;
    page_of(&admin, &whose, &PageParams::new(params.limit, params.after)).await
}

/// Sessions may outlive their owner for a while, so it is only where none was ended that the owner
/// must be there.
pub(super) async fn end_all(
    State(admin): State<AdminState>,
    Params(params): Params<WhoseParams>,
) -> Answer {
    let whose = whose(params.user, params.organization)?;
    match (admin.sessions.end_all(&whose).await?, &whose) {
        (0, Whose::User(id)) => admin.directory.show_user(id).await.map(drop)?,
        (0, Whose::Organization(id)) => admin.directory.show_organization(id).await.map(drop)?,
        (_, _) => {}
    }
    done()
}

pub(super) async fn end(State(admin): State<AdminState>, Id(id): Id) -> Answer {
    let ended = match TokenHash::parse(&id) {
        Some(key) => admin.sessions.end(&key).await?,
        None => false,
    };
    if ended { done() } else { Err(Problem::no_such("session", &id)) }
}

/// A page of somebody's sessions.
pub(super) async fn page_of(admin: &AdminState, whose: &Whose, page: &PageParams) -> Answer {
    let limit = page.limit()?;
    let after = page.after();
    if after.is_some_and(|after| TokenHash::parse(after).is_none()) {
        return Err(Problem::invalid("after", "is not a place that a list has told"));
    }
    let (items, next) = admin.sessions.list(whose, after, limit, clock::now()).await?;
    shown(&SessionPage { items, next })
}

fn whose(user: Option<String>, organization: Option<String>) -> Result<Whose, Problem> {
    match (user, organization) {
        (None, None) => Ok(Whose::All),
        (Some(user), None) => Ok(Whose::User(user)),
        (None, Some(organization)) => Ok(Whose::Organization(organization)),
        (Some(_), Some(_)) => {
            Err(Problem::invalid("organization", "name a user or an organization, not both"))
        }
    }
}
