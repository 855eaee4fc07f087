//! `groups` (R1–R6).

use axum::extract::State;
use serde::Deserialize;

use super::AdminState;
use super::answer::{Answer, created, done, record, shown};
use super::request::{Body, Id, IfMatch, OptionalBody, PageParams, Params};
use crate::directory::groups::{GroupPatch, NewGroup};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CopyOf {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteParams {
    move_to: Option<String>,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
) -> Answer {
    shown(&admin.directory.groups(&page.request()?).await?)
}

pub(super) async fn create(State(admin): State<AdminState>, Body(new): Body<NewGroup>) -> Answer {
    let group = admin.directory.create_group(new).await?;
    created(&group, format!("/api/v1/groups/{}", group.id))
}

pub(super) async fn show(State(admin): State<AdminState>, Id(id): Id) -> Answer {
    record(&admin.directory.group(&id).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    Id(id): Id,
    IfMatch(version): IfMatch,
    Body(patch): Body<GroupPatch>,
) -> Answer {
    record(&admin.directory.change_group(&id, patch, version).await?)
}

pub(super) async fn copy(
    State(admin): State<AdminState>,
    Id(id): Id,
    IfMatch(version): IfMatch,
    OptionalBody(CopyOf { name }): OptionalBody<CopyOf>,
) -> Answer {
    let group = admin.directory.copy_group(&id, name.as_deref(), version).await?;
    created(&group, format!("/api/v1/groups/{}", group.id))
}

pub(super) async fn delete(
    State(admin): State<AdminState>,
    Id(id): Id,
    Params(DeleteParams { move_to }): Params<DeleteParams>,
    IfMatch(version): IfMatch,
) -> Answer {
    admin.directory.delete_group(&id, move_to.as_deref(), version).await?;
    done()
}
