//! `organizations` and their secure links (R10).

use serde::{Deserialize, Serialize};

use super::exports::{self, AsCsv};
use super::request::{
    Body, Id, NewRecord, NoFields, OptionalBody, PageParams, Params, RecordChange, RecordEdit,
};
use super::response::{
    ApiResult, Created, Listed, Lists, NoContent, Record, Versioned, created, listed, no_content,
    record,
};
use super::scoped::State;
use super::state::AdminState;
use crate::directory::OrganizationId;
use crate::directory::Page;
use crate::directory::access::secure_links::Link;
use crate::directory::accounts::organizations::OrganizationView;
use crate::directory::accounts::organizations::{
    NewOrganization, OrganizationFilter, OrganizationPatch,
};
use crate::directory::records::kind;
use crate::directory::warning::Warning;
use crate::web::paths;

/// A secure link, with its URL.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "SecureLink")]
pub(super) struct LinkView {
    url: String,
    enabled: bool,
    /// The version of the organization's record, which holds the link's state.
    version: u64,
}

impl Versioned for LinkView {
    fn version(&self) -> u64 {
        self.version
    }
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SecureLinkPatch")]
pub(super) struct LinkPatch {
    enabled: bool,
}

/// An organization, and what may not have been meant.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "OrganizationWithWarnings")]
pub(super) struct WithWarnings {
    #[serde(flatten)]
    organization: OrganizationView,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
}

impl Versioned for WithWarnings {
    fn version(&self) -> u64 {
        self.organization.version
    }
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
    Params(filter): Params<OrganizationFilter>,
    AsCsv(is_csv): AsCsv,
) -> ApiResult<Lists<Listed<Page<OrganizationView>>>> {
    if is_csv {
        return exports::organizations(admin.directory, filter).await;
    }
    let filtered = filter != OrganizationFilter::default();
    let organizations = admin.directory.organizations().list(&filter, &page.request()?).await?;
    listed(&admin, (kind::ORGANIZATION, filtered), &organizations).await.map(Lists::from)
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(new): Body<NewOrganization>,
) -> ApiResult<Created<WithWarnings>> {
    let organizations = admin.directory.organizations();
    let organization = organizations.create(new, &change).await?;
    let warnings = organizations.about_name(&organization).await.into_iter().collect();
    let path = format!("/api/v1/organizations/{}", organization.id);
    created(&WithWarnings { organization, warnings }, path)
}

pub(super) async fn show(
    State(admin): State<AdminState>,
    Id(id): Id<OrganizationId>,
) -> ApiResult<Record<OrganizationView>> {
    record(&admin.directory.organizations().get(&id).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    Id(id): Id<OrganizationId>,
    RecordEdit(change): RecordEdit,
    Body(patch): Body<OrganizationPatch>,
) -> ApiResult<Record<WithWarnings>> {
    let organizations = admin.directory.organizations();
    let is_renamed = patch.name.is_some();
    let organization = organizations.change(&id, patch, &change).await?;
    let warning = match is_renamed {
        true => organizations.about_name(&organization).await,
        false => None,
    };
    record(&WithWarnings { organization, warnings: warning.into_iter().collect() })
}

pub(super) async fn delete(
    State(admin): State<AdminState>,
    Id(id): Id<OrganizationId>,
    RecordEdit(change): RecordEdit,
) -> ApiResult<NoContent> {
    admin.directory.organizations().delete(&id, &change).await?;
    no_content()
}

pub(super) async fn link(
    State(admin): State<AdminState>,
    Id(id): Id<OrganizationId>,
    NewRecord(change): NewRecord,
) -> ApiResult<Record<LinkView>> {
    let link = admin.directory.secure_links().show(&id, &change).await?;
    record(&admin.link_view(&link))
}

pub(super) async fn switch_link(
    State(admin): State<AdminState>,
    Id(id): Id<OrganizationId>,
    RecordEdit(change): RecordEdit,
    Body(LinkPatch { enabled }): Body<LinkPatch>,
) -> ApiResult<Record<LinkView>> {
    let link = admin.directory.secure_links().set_enabled(&id, enabled, &change).await?;
    record(&admin.link_view(&link))
}

pub(super) async fn rotate_link(
    State(admin): State<AdminState>,
    Id(id): Id<OrganizationId>,
    RecordChange(change): RecordChange,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> ApiResult<Created<LinkView>> {
    let link = admin.directory.secure_links().rotate(&id, &change).await?;
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
