//! Which sessions a list shows, or which ones end.

use super::record::{BY_ORGANIZATION, BY_USER};
use crate::directory::{OrganizationId, UserId};
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
}
