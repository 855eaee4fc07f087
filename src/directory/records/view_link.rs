//! A one-time link with which a member of the operator's staff opens the portal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::Document;
use super::id::{OrganizationId, TrialId, UserId, ViewLinkId};
use super::kind;
use super::staff_member::StaffMember;
use super::trial::Trial;
use portcullis_policy::SessionKind;
use portcullis_store::{Key, Kind};

/// A link that starts one session of the operator's staff in the portal; its record's id is the hash
/// of its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewLink {
    /// The organization whose portal it opens.
    pub organization: OrganizationId,
    /// The portal user to act as; `None` to view the portal without being a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The trial that it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialId>,
    /// Who asked for it.
    pub staff: StaffMember,
    /// Why.
    pub reason: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
}

impl ViewLink {
    /// The kind of session that it starts.
    #[must_use]
    pub const fn session(&self) -> SessionKind {
        match (&self.trial, &self.user) {
            (Some(_), _) => SessionKind::Trial,
            (None, Some(_)) => SessionKind::Impersonation,
            (None, None) => SessionKind::Staff,
        }
    }
}

impl Document for ViewLink {
    type Id = ViewLinkId;

    const KIND: Kind = kind::VIEW_LINK;

    fn index(&self) -> Vec<Key> {
        let trial = self.trial.as_ref().map(Trial::key);
        [Key::new("organization", self.organization.as_str())].into_iter().chain(trial).collect()
    }
}
