//! `lockouts`: logins and addresses that are locked after failed sign-in attempts.

use std::net::IpAddr;

use serde::Deserialize;

use super::problem::Problem;
use super::request::{Id, NewRecord, Params};
use super::response::{ApiResult, Document, Listed, NoContent, listed_hiding, no_content};
use super::scoped::State;
use super::state::AdminState;
use crate::clock;
use crate::credential::folding::fold;
use crate::directory::access::lockouts::LockoutView;
use crate::directory::access::lockouts::Release;
use crate::directory::{Change, Page};

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "LockoutFilter")]
pub(super) struct ByLogin {
    /// Only those of this login, however it is spelled.
    login: Option<String>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(super) struct ReleaseParams {
    login: Option<String>,
    address: Option<IpAddr>,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(ByLogin { login }): Params<ByLogin>,
) -> ApiResult<Document<Listed<Page<LockoutView>>>> {
    let (mut items, hidden) = admin.directory.lockouts().list_and_hidden(clock::now()).await?;
    let Some(login) = login else { return listed_hiding(hidden, &Page { items, next: None }) };
    let login = fold(&login);
    items.retain(|lockout| lockout.login.as_ref() == Some(&login));
    listed_hiding(None, &Page { items, next: None })
}

pub(super) async fn release_by_query(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Params(params): Params<ReleaseParams>,
) -> ApiResult<NoContent> {
    match params {
        ReleaseParams { login: Some(login), address: None } => {
            admin.release(Release::Login(&login), &login, &change).await
        }
        ReleaseParams { login: None, address: Some(address) } => {
            admin.release(Release::Address(address), &address.to_string(), &change).await
        }
        ReleaseParams { .. } => {
            Err(Problem::invalid("login", "specify either `login` or `address`"))
        }
    }
}

pub(super) async fn release(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Id(id): Id,
) -> ApiResult<NoContent> {
    admin.release(Release::Id(&id), &id, &change).await
}

impl AdminState {
    async fn release(
        &self,
        what: Release<'_>,
        name: &str,
        change: &Change,
    ) -> ApiResult<NoContent> {
        match self.directory.lockouts().release(what, change).await? {
            true => no_content(),
            false => Err(Problem::not_found("lockout", name)),
        }
    }
}
