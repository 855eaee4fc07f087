//! `organizations` and their secure links (R10).

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::AdminState;
use super::answer::{Answer, created, done, record, shown};
use super::request::{Body, Id, IfMatch, Nothing, OptionalBody, PageParams, Params};
use crate::clock;
use crate::directory::links::Link;
use crate::directory::organizations::{NewOrganization, OrganizationPatch};
use crate::web::paths;

/// A secure link as administrators see it.
#[derive(Debug, Serialize)]
pub(super) struct LinkView {
    url: String,
    enabled: bool,
    /// The version of the organization's record, which the link is part of.
    pub(super) version: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkPatch {
    enabled: bool,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
) -> Answer {
    shown(&admin.directory.organizations(&page.request()?).await?)
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    Body(new): Body<NewOrganization>,
) -> Answer {
    let organization = admin.directory.create_organization(new, clock::now()).await?;
    created(&organization, format!("/api/v1/organizations/{}", organization.id))
}

pub(super) async fn show(State(admin): State<AdminState>, Id(id): Id) -> Answer {
    record(&admin.directory.show_organization(&id).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    Id(id): Id,
    IfMatch(version): IfMatch,
    Body(patch): Body<OrganizationPatch>,
) -> Answer {
    record(&admin.directory.change_organization(&id, patch, version).await?)
}

pub(super) async fn delete(
    State(admin): State<AdminState>,
    Id(id): Id,
    IfMatch(version): IfMatch,
) -> Answer {
    admin.directory.delete_organization(&id, version).await?;
    done()
}

pub(super) async fn link(State(admin): State<AdminState>, Id(id): Id) -> Answer {
    let link = admin.directory.link(&id).await?;
    record(&admin.link_view(&link))
}

pub(super) async fn switch_link(
    State(admin): State<AdminState>,
    Id(id): Id,
    IfMatch(version): IfMatch,
    Body(LinkPatch { enabled }): Body<LinkPatch>,
) -> Answer {
    let link = admin.directory.switch_link(&id, enabled, version).await?;
    record(&admin.link_view(&link))
}

pub(super) async fn rotate_link(
    State(admin): State<AdminState>,
    Id(id): Id,
    IfMatch(version): IfMatch,
    OptionalBody(Nothing {}): OptionalBody<Nothing>,
) -> Answer {
    let link = admin.directory.rotate_link(&id, version).await?;
    created(&admin.link_view(&link), format!("/api/v1/organizations/{id}/link"))
}

impl AdminState {
    fn link_view(&self, link: &Link) -> LinkView {
        LinkView {
            url: paths::secure_link(self.public_url.as_str(), link.token.expose()),
            enabled: link.enabled,
            version: link.version,
        }
    }
}
