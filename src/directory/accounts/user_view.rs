//! Portal users as administrators see them.

use jiff::Timestamp;
use serde::Serialize;

use crate::directory::core::Core;
use crate::directory::error::DirectoryError;
use crate::directory::records::{
    EndUserId, GroupId, LastSignIn, ManagedBy, OneTimeLink, OrganizationId, Stored, User, UserId,
    UserStatus,
};

/// A portal user as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "User")]
pub struct UserView {
    /// Its id.
    pub id: UserId,
    /// The login, as given.
    pub login: String,
    /// The displayed name, if the user has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The organization's id.
    pub organization: OrganizationId,
    /// The end user's id, if it belongs to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_user: Option<EndUserId>,
    /// The group's id.
    pub group: GroupId,
    /// Whether a second factor is required.
    pub require_mfa: bool,
    /// Whether a second factor is set up.
    pub mfa_enrolled: bool,
    /// Whether the user has a password or is invited.
    pub status: UserStatus,
    /// The invitation, if one is open and its address is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation: Option<InvitationView>,
    /// Whether the account is disabled.
    pub disabled: bool,
    /// When the user last signed in; left out if that has never happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sign_in: Option<Timestamp>,
    /// The file that manages it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
    /// The version of its record.
    pub version: u64,
}

impl UserView {
    pub(in crate::directory) fn new(user: Stored<User>, last_sign_in: Option<Timestamp>) -> Self {
        Self {
            status: user.doc.status(),
            disabled: user.doc.disabled,
            last_sign_in,
            invitation: user.doc.invitation.and_then(InvitationView::of),
            mfa_enrolled: user.doc.second_factor.is_some(),
            id: user.id,
            login: user.doc.login,
            name: user.doc.name,
            organization: user.doc.organization,
            end_user: user.doc.end_user,
            group: user.doc.group,
            require_mfa: user.doc.require_mfa,
            managed_by: user.doc.managed_by,
            version: user.version,
        }
    }
}

/// An open invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Invitation")]
pub struct InvitationView {
    /// The address that it was sent to.
    pub sent_to: String,
    /// When its link expires.
    pub expires: Timestamp,
}

impl InvitationView {
    pub(in crate::directory) fn of(link: OneTimeLink) -> Option<Self> {
        let OneTimeLink { to, expires, .. } = link;
        to.map(|sent_to| Self { sent_to, expires })
    }
}

/// A user as administrators see it.
pub(in crate::directory) async fn view(
    core: &Core,
    user: Stored<User>,
) -> Result<UserView, DirectoryError> {
    let last = core.read().get::<LastSignIn>(&user.id).await?;
    Ok(UserView::new(user, last.map(|last| last.doc.at)))
}
