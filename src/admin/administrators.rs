//! `administrators`: the accounts of the operator's staff.

use serde::Deserialize;

use super::request::{Body, Id, NewRecord, PageParams, Params, RecordChange};
use super::response::{
    ApiResult, Created, Document, NoContent, Record, created, document, no_content, record,
};
use super::scoped::State;
use super::state::AdminState;
use crate::credential::secret::Secret;
use crate::directory::AdministratorId;
use crate::directory::Page;
use crate::directory::access::administrators::{
    AdminSessionView, AdministratorView, IssuedAdministrator,
};
use crate::directory::access::administrators::{AdministratorPatch, NewAdministrator};

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AdministratorPassword")]
pub(super) struct Password {
    password: Secret<String>,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
) -> ApiResult<Document<Page<AdministratorView>>> {
    document(&admin.directory.administrators().list(&page.request()?).await?)
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(new): Body<NewAdministrator>,
) -> ApiResult<Created<IssuedAdministrator>> {
    let issued = admin.directory.administrators().create(new, &change).await?;
    created(&issued, format!("/api/v1/administrators/{}", issued.id()))
}

pub(super) async fn show(
    State(admin): State<AdminState>,
    Id(id): Id<AdministratorId>,
) -> ApiResult<Record<AdministratorView>> {
    record(&admin.directory.administrators().get(&id).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    Id(id): Id<AdministratorId>,
    RecordChange(change): RecordChange,
    Body(patch): Body<AdministratorPatch>,
) -> ApiResult<Record<AdministratorView>> {
    record(&admin.directory.administrators().change(&id, &patch, &change).await?)
}

pub(super) async fn delete(
    State(admin): State<AdminState>,
    Id(id): Id<AdministratorId>,
    RecordChange(change): RecordChange,
) -> ApiResult<NoContent> {
    admin.directory.administrators().delete(&id, &change).await?;
    no_content()
}

pub(super) async fn set_password(
    State(admin): State<AdminState>,
    Id(id): Id<AdministratorId>,
    RecordChange(change): RecordChange,
    Body(Password { password }): Body<Password>,
) -> ApiResult<Record<AdministratorView>> {
    record(&admin.directory.administrators().set_password(&id, &password, &change).await?)
}

pub(super) async fn reset_mfa(
    State(admin): State<AdminState>,
    Id(id): Id<AdministratorId>,
    RecordChange(change): RecordChange,
) -> ApiResult<Created<IssuedAdministrator>> {
    let issued = admin.directory.administrators().reset_second_factor(&id, &change).await?;
    created(&issued, format!("/api/v1/administrators/{id}"))
}

pub(super) async fn sessions(
    State(admin): State<AdminState>,
    Id(id): Id<AdministratorId>,
    Params(page): Params<PageParams>,
) -> ApiResult<Document<Page<AdminSessionView>>> {
    document(&admin.directory.administrators().sessions(&id, &page.request()?).await?)
}

pub(super) async fn end_sessions(
    State(admin): State<AdminState>,
    Id(id): Id<AdministratorId>,
    RecordChange(change): RecordChange,
) -> ApiResult<NoContent> {
    admin.directory.administrators().end_sessions(&id, &change).await?;
    no_content()
}
