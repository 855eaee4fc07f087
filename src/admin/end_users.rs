//! `organizations/{id}/end-users`.

use axum::extract::State;

use super::request::{Body, Id, IfMatch, PageParams, Params};
use super::response::{ApiResult, created, document, no_content, record};
use super::state::AdminState;
use crate::directory::end_users::{EndUserPatch, NewEndUser};
use crate::directory::{EndUserId, OrganizationId};

pub(super) async fn list(
    State(admin): State<AdminState>,
    Id(organization): Id<OrganizationId>,
    Params(page): Params<PageParams>,
) -> ApiResult {
    document(&admin.directory.end_users(&organization, &page.request()?).await?)
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    Id(organization): Id<OrganizationId>,
    Body(new): Body<NewEndUser>,
) -> ApiResult {
    let end_user = admin.directory.create_end_user(&organization, new).await?;
    created(&end_user, format!("/api/v1/organizations/{organization}/end-users/{}", end_user.id))
}

pub(super) async fn show(
    State(admin): State<AdminState>,
    Id((organization, id)): Id<(OrganizationId, EndUserId)>,
) -> ApiResult {
    record(&admin.directory.end_user(&organization, &id).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    Id((organization, id)): Id<(OrganizationId, EndUserId)>,
    IfMatch(version): IfMatch,
    Body(patch): Body<EndUserPatch>,
) -> ApiResult {
    record(&admin.directory.change_end_user(&organization, &id, patch, version).await?)
}

pub(super) async fn delete(
    State(admin): State<AdminState>,
    Id((organization, id)): Id<(OrganizationId, EndUserId)>,
    IfMatch(version): IfMatch,
) -> ApiResult {
    admin.directory.delete_end_user(&organization, &id, version).await?;
    no_content()
}
