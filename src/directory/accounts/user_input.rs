//! What is given to create or change a portal user.

use serde::Deserialize;

use super::patch;
use crate::credential::secret::Secret;
use crate::directory::records::{EndUserId, GroupId, OrganizationId, UserId};

/// A portal user to be created.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// Its id, which cannot be set by a request; by default a new one.
    #[serde(skip)]
    pub id: Option<UserId>,
    /// The organization's id.
    pub organization: OrganizationId,
    /// The end user that it belongs to; left out if it belongs to the organization itself (R16).
    #[serde(default)]
    pub end_user: Option<EndUserId>,
    /// The login; by default the email address (R15).
    #[serde(default)]
    pub login: Option<String>,
    /// The displayed name.
    #[serde(default)]
    pub name: Option<String>,
    /// The group's id; by default the default group (R6).
    #[serde(default)]
    pub group: Option<GroupId>,
    /// A password chosen by the administrator (R42).
    #[serde(default)]
    pub password: Option<Secret<String>>,
    /// The hash of the password, imported from an existing portal.
    #[serde(default)]
    pub password_hash: Option<Secret<String>>,
    /// Whether to send an invitation to choose a password (R40).
    #[serde(default)]
    pub invite: bool,
    /// The address to send the invitation to, instead of the one that R41 chooses.
    #[serde(default)]
    pub send_to: Option<String>,
    /// The address for a blind copy of the invitation, instead of the sender's (R41).
    #[serde(default)]
    pub blind_copy: Option<String>,
    /// The address of the administrator, which cannot be set by a request.
    #[serde(skip)]
    pub sender: Option<String>,
    /// Whether a second factor is required.
    #[serde(default)]
    pub require_mfa: bool,
    /// Whether the account is disabled, which cannot be set by a request.
    #[serde(skip)]
    pub disabled: bool,
}

/// Changes to a portal user; fields that are left out stay as they are.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    /// The new group's id.
    #[serde(default)]
    pub group: Option<GroupId>,
    /// The new login.
    #[serde(default)]
    pub login: Option<String>,
    /// The new displayed name; `null` removes it.
    #[serde(default, deserialize_with = "patch::nullable")]
    pub name: Option<Option<String>>,
    /// Whether a second factor is required.
    #[serde(default)]
    pub require_mfa: Option<bool>,
    /// Whether the account is disabled.
    #[serde(default)]
    pub disabled: Option<bool>,
    /// Another end user of the same organization; `null` assigns it to the organization itself
    /// (R16).
    #[serde(default, deserialize_with = "patch::nullable")]
    pub end_user: Option<Option<EndUserId>>,
}
