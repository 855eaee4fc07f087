//! The facts about a portal user or an organization that requests need. They are cached.

use super::disclosed::{FieldText, PersonTexts};
use crate::config::Disclosure;
use crate::directory::records::{
    EndUserId, GroupId, Organization, OrganizationId, Stored, User, UserId, UserStatus,
};
use crate::telemetry::events::Account;
use portcullis_policy::built_in;
use std::sync::Arc;

/// The facts about a portal user that requests need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFacts {
    /// The user's id.
    pub id: UserId,
    /// The login as it was entered.
    pub login: Arc<str>,
    /// The organization's id.
    pub organization: OrganizationId,
    /// The end user's id, if the login belongs to one.
    pub end_user: Option<EndUserId>,
    /// The id of the group.
    pub group: GroupId,
    /// Whether the user has a password or is only invited.
    pub status: UserStatus,
    /// Whether the account is disabled.
    pub disabled: bool,
    /// Raised with each new password. A session records the number it started under.
    pub password_generation: u64,
    /// Whether sign-in asks for a second factor: it is required, or the user chose it.
    pub asks_for_second_factor: bool,
    /// Whether a second factor is set up.
    pub mfa_enrolled: bool,
    /// Texts for the portal.
    pub(super) texts: PersonTexts,
}

impl UserFacts {
    pub(in crate::directory) fn new(user: &Stored<User>) -> Self {
        let User { login, organization, end_user, group, password_generation, .. } = &user.doc;
        Self {
            id: user.id.clone(),
            login: Arc::from(login.as_str()),
            organization: organization.clone(),
            end_user: end_user.clone(),
            group: group.clone(),
            status: user.doc.status(),
            disabled: user.doc.disabled,
            password_generation: *password_generation,
            asks_for_second_factor: user.doc.asks_for_second_factor(),
            mfa_enrolled: user.doc.second_factor.is_some(),
            texts: PersonTexts::default(),
        }
    }

    /// The facts with the texts for the portal.
    pub(super) fn disclosing(user: &Stored<User>, disclosure: Disclosure) -> Self {
        Self { texts: PersonTexts::of_user(&user.doc, disclosure), ..Self::new(user) }
    }

    /// The user in an event.
    #[must_use]
    pub fn account(&self) -> Account<'_> {
        Account {
            user: self.id.as_str(),
            organization: self.organization.as_str(),
            login: &self.login,
        }
    }

    /// Whether a session that started under this password generation is still valid (R34).
    #[must_use]
    pub const fn honours_session(&self, password_generation: u64) -> bool {
        self.password_generation == password_generation
    }

    /// Whether the user may use the portal at all (R8). Disabled users and members of the group
    /// without portal access may not, whatever the group has been granted.
    #[must_use]
    pub fn has_portal_access(&self) -> bool {
        !self.disabled && self.group != built_in::NO_ACCESS
    }
}

/// The facts about an organization that requests need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationFacts {
    /// The organization's id.
    pub id: OrganizationId,
    /// The displayed name.
    pub name: Arc<str>,
    /// Whether it has portal users, invited ones included (R12).
    pub has_portal_users: bool,
    /// Whether the secure link is enabled (R10).
    pub link_enabled: bool,
    /// Raised when the secure link is rotated. A session records the number it started under.
    pub link_generation: u64,
    /// The name for the portal.
    pub(super) shown_name: Option<Arc<FieldText>>,
}

impl OrganizationFacts {
    pub(in crate::directory) fn new(
        organization: &Stored<Organization>,
        has_portal_users: bool,
        disclosure: Disclosure,
    ) -> Self {
        Self {
            id: organization.id.clone(),
            name: Arc::from(organization.doc.name.as_str()),
            has_portal_users,
            link_enabled: organization.doc.link_enabled,
            link_generation: organization.doc.link_generation,
            shown_name: FieldText::new(&organization.doc.name, disclosure.organization_name),
        }
    }
}
