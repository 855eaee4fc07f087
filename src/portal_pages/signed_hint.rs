//! Statements in our own addresses that we sign, because anyone can make such an address.

use jiff::Timestamp;

use super::PagesState;

impl PagesState {
    /// States that the browser came by an organization's link, so may see its name.
    pub(super) fn organization_hint(&self, organization: &str, now: Timestamp) -> String {
        self.forms.sign(&came_by_link(organization), now)
    }

    /// Whether [`PagesState::organization_hint`] made the hint for this organization.
    pub(super) fn is_organization_hint(
        &self,
        hint: &str,
        organization: &str,
        now: Timestamp,
    ) -> bool {
        self.forms.is_signed(hint, &came_by_link(organization), now)
    }

    /// States that the password of this login has just been set here.
    pub(super) fn password_hint(&self, login: &str, now: Timestamp) -> String {
        self.forms.sign(&password_set(login), now)
    }

    /// Whether [`PagesState::password_hint`] made the hint for this login.
    pub(super) fn is_password_hint(&self, hint: &str, login: &str, now: Timestamp) -> bool {
        self.forms.is_signed(hint, &password_set(login), now)
    }
}

fn came_by_link(organization: &str) -> String {
    format!("organization {organization}")
}

fn password_set(login: &str) -> String {
    format!("password {login}")
}
