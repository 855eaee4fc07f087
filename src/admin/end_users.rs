//! `organizations/{id}/end-users`.

use axum::extract::State;

use super::AdminState;
use super::answer::{Answer, created, done, record, shown};
use super::request::{Body, Id, IfMatch, PageParams, Params};
use crate::directory::end_users::{EndUserPatch, NewEndUser};

pub(super) async fn list(
    State(admin): State<AdminState>,
    Id(organization): Id,
    Params(page): Params<PageParams>,
) -> Answer {
    shown(&admin.directory.end_users(&organization, &page.request()?).await?)
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    Id(organization): Id,
    Body(new): Body<NewEndUser>,
) -> Answer {
    let made = admin.directory.create_end_user(&organization, new).await?;
    created(&made, format!("/api/v1/organizations/{organization}/end-users/{}", made.id))
}

pub(super) async fn show(
    State(admin): State<AdminState>,
    Id((organization, id)): Id<(String, String)>,
) -> Answer {
    record(&admin.directory.end_user(&organization, &id).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    Id((organization, id)): Id<(String, String)>,
    IfMatch(version): IfMatch,
    Body(patch): Body<EndUserPatch>,
) -> Answer {
    record(&admin.directory.change_end_user(&organization, &id, patch, version).await?)
}

pub(super) async fn delete(
    State(admin): State<AdminState>,
    Id((organization, id)): Id<(String, String)>,
    IfMatch(version): IfMatch,
) -> Answer {
    admin.directory.delete_end_user(&organization, &id, version).await?;
    done()
}
