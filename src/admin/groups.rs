//! `groups` (R1–R6).

use axum::extract::State;
use serde::Deserialize;

use super::request::{Body, Id, IfMatch, OptionalBody, PageParams, Params};
use super::response::{ApiResult, created, document, no_content, record};
use super::state::AdminState;
use crate::directory::GroupId;
use crate::directory::groups::{GroupPatch, NewGroup};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CopyOptions {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DeleteParams {
    /// The id of the group that gets the deleted group's portal users.
    move_to: Option<GroupId>,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
) -> ApiResult {
    document(&admin.directory.groups(&page.request()?).await?)
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    Body(new): Body<NewGroup>,
) -> ApiResult {
    let group = admin.directory.create_group(new).await?;
    created(&group, format!("/api/v1/groups/{}", group.id))
}

pub(super) async fn show(State(admin): State<AdminState>, Id(id): Id<GroupId>) -> ApiResult {
    record(&admin.directory.group(&id).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    Id(id): Id<GroupId>,
    IfMatch(version): IfMatch,
    Body(patch): Body<GroupPatch>,
) -> ApiResult {
    record(&admin.directory.change_group(&id, patch, version).await?)
}

pub(super) async fn copy(
    State(admin): State<AdminState>,
    Id(id): Id<GroupId>,
    IfMatch(version): IfMatch,
    OptionalBody(CopyOptions { name }): OptionalBody<CopyOptions>,
) -> ApiResult {
    let group = admin.directory.copy_group(&id, name.as_deref(), version).await?;
    created(&group, format!("/api/v1/groups/{}", group.id))
}

pub(super) async fn delete(
    State(admin): State<AdminState>,
    Id(id): Id<GroupId>,
    Params(DeleteParams { move_to }): Params<DeleteParams>,
    IfMatch(version): IfMatch,
) -> ApiResult {
    admin.directory.delete_group(&id, move_to.as_ref(), version).await?;
    no_content()
}
