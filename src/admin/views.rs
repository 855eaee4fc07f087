//! `views` and `impersonations`: one-time links with which the operator's staff opens the portal (R17,
//! R18).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::request::{Body, NewRecord};
use super::response::{ApiResult, Issued, issued};
use super::scoped::State;
use super::state::AdminState;
use crate::directory::access::views::{IssuedView, ViewTarget};
use crate::directory::{Change, OrganizationId, UserId};
use crate::web::paths;

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewView")]
pub(super) struct NewView {
    /// The organization's id.
    organization: OrganizationId,
    /// Why, for the audit log: 1 to 500 characters on one line.
    reason: String,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewImpersonation")]
pub(super) struct NewImpersonation {
    /// The portal user's id.
    user: UserId,
    /// Why, for the audit log: 1 to 500 characters on one line.
    reason: String,
}

/// A link that works once. This response is the only place where it appears.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "ViewLink")]
pub(super) struct ViewLink {
    /// The URL to open in a browser.
    url: String,
    /// When it expires if it is not opened.
    expires: Timestamp,
}

pub(super) async fn view(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(NewView { organization, reason }): Body<NewView>,
) -> ApiResult<Issued<ViewLink>> {
    request(&admin, &ViewTarget::Organization(organization), &reason, &change).await
}

pub(super) async fn impersonate(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(NewImpersonation { user, reason }): Body<NewImpersonation>,
) -> ApiResult<Issued<ViewLink>> {
    request(&admin, &ViewTarget::User(user), &reason, &change).await
}

async fn request(
    admin: &AdminState,
    target: &ViewTarget,
    reason: &str,
    change: &Change,
) -> ApiResult<Issued<ViewLink>> {
    let views = admin.directory.views();
    let IssuedView { token, expires } = views.request(target, reason, change).await?;
    let url = paths::view_link(admin.public_url.as_str(), token.expose());
    issued(&ViewLink { url, expires })
}
