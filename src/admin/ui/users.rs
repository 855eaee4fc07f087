//! Portal users: their list, and a page each.

pub(super) mod access;
pub(super) mod bulk;
mod bulk_bar;
pub(super) mod editor;
mod for_whom;
mod form;
pub(super) mod impersonation;
pub(super) mod invitation;
pub(super) mod list;
pub(super) mod new;
pub(super) mod page;
pub(super) mod password;
mod send_to;
mod state;
pub(super) mod tokens;

use jiff::Timestamp;
use serde::Deserialize;

use super::fields::segment;
use super::groups::ManagedBy;
use super::people::below;

/// A portal user, as the API shows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) login: String,
    pub(super) name: Option<String>,
    pub(super) organization: String,
    pub(super) end_user: Option<String>,
    pub(super) group: String,
    pub(super) require_mfa: bool,
    pub(super) mfa_enrolled: bool,
    /// `active`, `invited` or `no_password`.
    pub(super) status: String,
    pub(super) invitation: Option<Invitation>,
    pub(super) disabled: bool,
    pub(super) last_sign_in: Option<Timestamp>,
    pub(super) managed_by: Option<ManagedBy>,
}

/// An open invitation.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Invitation {
    pub(super) sent_to: String,
    pub(super) expires: Timestamp,
}

impl User {
    /// The address of its page.
    pub(super) fn page(&self) -> String {
        page_of(&self.id)
    }

    /// Its id as a segment of a path.
    pub(super) fn segment(&self) -> String {
        segment(&self.id)
    }
}

/// The address of the page of a portal user.
pub(super) fn page_of(id: &str) -> String {
    below("users", id, "")
}

/// The path of a portal user in the API.
pub(super) fn api(id: &str) -> String {
    format!("/api/v1/users/{}", segment(id))
}
