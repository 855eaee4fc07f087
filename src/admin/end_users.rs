//! `organizations/{id}/end-users`.

use serde::Deserialize;

use super::exports::{self, AsCsv};
use super::request::{Body, Id, NewRecord, PageParams, Params, RecordEdit};
use super::response::{
    ApiResult, Created, Lists, NoContent, Record, created, document, no_content, record,
};
use super::scoped::State;
use super::state::AdminState;
use crate::directory::Page;
use crate::directory::accounts::end_users::EndUserView;
use crate::directory::accounts::end_users::{EndUserPatch, NewEndUser};
use crate::directory::{EndUserId, OrganizationId};

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "EndUserFilter")]
pub(super) struct Filter {
    /// The beginning of the name or the address.
    search: Option<String>,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Id(organization): Id<OrganizationId>,
    Params(page): Params<PageParams>,
    Params(Filter { search }): Params<Filter>,
    AsCsv(is_csv): AsCsv,
) -> ApiResult<Lists<Page<EndUserView>>> {
    if is_csv {
        return exports::end_users(admin.directory, organization, search).await;
    }
    let end_users = admin.directory.end_users();
    let page = end_users.list(&organization, search.as_deref(), &page.request()?).await?;
    document(&page).map(Lists::from)
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    Id(organization): Id<OrganizationId>,
    NewRecord(change): NewRecord,
    Body(new): Body<NewEndUser>,
) -> ApiResult<Created<EndUserView>> {
    let end_user = admin.directory.end_users().create(&organization, new, &change).await?;
    created(&end_user, format!("/api/v1/organizations/{organization}/end-users/{}", end_user.id))
}

pub(super) async fn show(
    State(admin): State<AdminState>,
    Id((organization, id)): Id<(OrganizationId, EndUserId)>,
) -> ApiResult<Record<EndUserView>> {
    record(&admin.directory.end_users().get(&organization, &id).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    Id((organization, id)): Id<(OrganizationId, EndUserId)>,
    RecordEdit(change): RecordEdit,
    Body(patch): Body<EndUserPatch>,
) -> ApiResult<Record<EndUserView>> {
    record(&admin.directory.end_users().change(&organization, &id, patch, &change).await?)
}

pub(super) async fn delete(
    State(admin): State<AdminState>,
    Id((organization, id)): Id<(OrganizationId, EndUserId)>,
    RecordEdit(change): RecordEdit,
) -> ApiResult<NoContent> {
    admin.directory.end_users().delete(&organization, &id, &change).await?;
    no_content()
}
