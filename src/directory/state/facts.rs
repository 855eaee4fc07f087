//! What a request must know about a person or an organization, read once and then kept.

use crate::directory::records::{
    EndUserId, GroupId, Organization, OrganizationId, Stored, User, UserId, UserStatus,
};
use portcullis_policy::built_in;
use std::sync::Arc;

/// A portal user, as far as a request must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFacts {
    /// The user's id.
    pub id: UserId,
    /// The login, as given.
    pub login: Arc<str>,
    /// The organization's id.
    pub organization: OrganizationId,
    /// The end user's id, if it is the sign-in of one.
    pub end_user: Option<EndUserId>,
    /// The id of the group.
    pub group: GroupId,
    /// Whether the user has a password or is only invited.
    pub status: UserStatus,
    /// Which password it is: a session keeps the number it began under.
    pub password_generation: u64,
    /// Whether a second factor is asked for.
    pub require_mfa: bool,
}

impl UserFacts {
    pub(in crate::directory) fn new(user: &Stored<User>) -> Self {
        let User { login, organization, end_user, group, password_generation, require_mfa, .. } =
            &user.doc;
        Self {
            id: user.id.clone(),
            login: Arc::from(login.as_str()),
            organization: organization.clone(),
            end_user: end_user.clone(),
            group: group.clone(),
            status: user.doc.status(),
            password_generation: *password_generation,
            require_mfa: *require_mfa,
        }
    }

    /// Whether a session that began under this password generation still stands (R34).
    #[must_use]
    pub const fn honours_session(&self, password_generation: u64) -> bool {
        self.password_generation == password_generation
    }

    /// Whether the user may use the portal at all (R8). It is the group as such that keeps out,
    /// whatever it has been granted.
    #[must_use]
    pub fn has_portal_access(&self) -> bool {
        self.group != built_in::NO_ACCESS
    }
}

/// An organization, as far as a request must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationFacts {
    /// The organization's id.
    pub id: OrganizationId,
    /// The name, as shown.
    pub name: Arc<str>,
    /// Whether anybody has a sign-in there, claimed or only invited (R12).
    pub has_portal_users: bool,
    /// Whether the secure link is switched on (R10).
    pub link_enabled: bool,
    /// Which secure link it is: a link session keeps the number it began under.
    pub link_generation: u64,
}

impl OrganizationFacts {
    pub(in crate::directory) fn new(
        organization: &Stored<Organization>,
        has_portal_users: bool,
    ) -> Self {
        Self {
            id: organization.id.clone(),
            name: Arc::from(organization.doc.name.as_str()),
            has_portal_users,
            link_enabled: organization.doc.link_enabled,
            link_generation: organization.doc.link_generation,
        }
    }
}
