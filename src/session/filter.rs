//! Which sessions a list shows, or which ones end.

use super::record::{BY_KIND, BY_ORGANIZATION, BY_USER};
use crate::directory::{OrganizationId, UserId};
use portcullis_policy::SessionKind;
use portcullis_store::Key;

/// A choice of sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionFilter {
    /// All sessions of the installation.
    All,
    /// The sessions of a portal user.
    User(UserId),
    /// The sessions of an organization: of its portal users and of its secure link.
    Organization(OrganizationId),
}

impl SessionFilter {
    /// The index key of the records; `None` for all records.
    pub(super) fn key(&self) -> Option<Key> {
        match self {
            Self::All => None,
            Self::User(id) => Some(Key::new(BY_USER, id.as_str())),
            Self::Organization(id) => Some(Key::new(BY_ORGANIZATION, id.as_str())),
        }
    }

    /// The same, where only sessions of this kind are read. Those of staff are few among many.
    pub(super) fn key_of_kind(&self, kind: Option<SessionKind>) -> Option<Key> {
        match (self, kind) {
            (Self::All, Some(kind)) if kind.is_staff() => Some(Key::new(BY_KIND, kind.name())),
            _ => self.key(),
        }
    }
}
