//! `groups` (R1–R6).

use serde::Deserialize;

use super::request::{
    Body, Id, NewRecord, OptionalBody, PageParams, Params, RecordChange, RecordEdit,
};
use super::response::{
    ApiResult, Created, Document, NoContent, Record, created, document, no_content, record,
};
use super::scoped::State;
use super::state::AdminState;
use crate::directory::GroupId;
use crate::directory::Page;
use crate::directory::accounts::groups::GroupView;
use crate::directory::accounts::groups::{CopyOptions, GroupPatch, NewGroup};

#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(super) struct DeleteParams {
    /// The id of the group that gets the deleted group's portal users.
    move_to: Option<GroupId>,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
) -> ApiResult<Document<Page<GroupView>>> {
    document(&admin.directory.groups().list(&page.request()?).await?)
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(new): Body<NewGroup>,
) -> ApiResult<Created<GroupView>> {
    let group = admin.directory.groups().create(new, &change).await?;
    created(&group, format!("/api/v1/groups/{}", group.id))
}

pub(super) async fn show(
    State(admin): State<AdminState>,
    Id(id): Id<GroupId>,
) -> ApiResult<Record<GroupView>> {
    record(&admin.directory.groups().get(&id).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    Id(id): Id<GroupId>,
    RecordEdit(change): RecordEdit,
    Body(patch): Body<GroupPatch>,
) -> ApiResult<Record<GroupView>> {
    record(&admin.directory.groups().change(&id, patch, &change).await?)
}

pub(super) async fn copy(
    State(admin): State<AdminState>,
    Id(id): Id<GroupId>,
    RecordChange(change): RecordChange,
    OptionalBody(options): OptionalBody<CopyOptions>,
) -> ApiResult<Created<GroupView>> {
    let group = admin.directory.groups().copy(&id, options, &change).await?;
    created(&group, format!("/api/v1/groups/{}", group.id))
}

pub(super) async fn delete(
    State(admin): State<AdminState>,
    Id(id): Id<GroupId>,
    Params(DeleteParams { move_to }): Params<DeleteParams>,
    RecordEdit(change): RecordEdit,
) -> ApiResult<NoContent> {
    admin.directory.groups().delete(&id, move_to.as_ref(), &change).await?;
    no_content()
}
