//! Who of the operator's staff started a session in the portal.

use serde::{Deserialize, Serialize};

use super::id::{AdminSessionId, AdministratorId, ApiTokenId};
use portcullis_store::Key;

/// The index of sessions in the portal by the member of staff who started them.
const STARTED_BY: &str = "started_by";

/// A member of the operator's staff, as a session in the portal remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StaffMember {
    /// A process that can open the admin socket.
    Socket,
    /// The holder of a token of the admin API.
    Token {
        /// The token's id.
        id: ApiTokenId,
        /// The token's name.
        name: String,
    },
    /// An administrator.
    Administrator {
        /// The account's id.
        id: AdministratorId,
        /// Its login.
        login: String,
        /// The session at the admin listener.
        session: AdminSessionId,
        /// The account's generation, as [`Administrator::generation`](super::Administrator) had it.
        generation: u64,
    },
}

impl StaffMember {
    /// The name for the portal and in records: the login, `token:NAME` or `socket`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Socket => "socket".to_owned(),
            Self::Token { name, .. } => format!("token:{name}"),
            Self::Administrator { login, .. } => login.clone(),
        }
    }

    /// Whether it is the administrator with this id.
    pub(super) fn is_administrator(&self, administrator: &AdministratorId) -> bool {
        matches!(self, Self::Administrator { id, .. } if id == administrator)
    }

    /// The index keys of the sessions that they have started in the portal.
    pub(crate) fn keys(&self) -> Vec<Key> {
        match self {
            Self::Socket => Vec::new(),
            Self::Token { id, .. } => vec![Self::by_token(id)],
            Self::Administrator { id, session, .. } => {
                vec![Self::by_administrator(id), Self::by_session(session)]
            }
        }
    }

    /// The index key of the sessions that the holder of a token has started.
    pub(crate) fn by_token(id: &ApiTokenId) -> Key {
        Key::new(STARTED_BY, format!("token:{id}"))
    }

    /// The index key of the sessions that an administrator has started.
    pub(crate) fn by_administrator(id: &AdministratorId) -> Key {
        Key::new(STARTED_BY, format!("administrator:{id}"))
    }

    /// The index key of those that were started from one session at the admin listener.
    pub(crate) fn by_session(id: &AdminSessionId) -> Key {
        Key::new(STARTED_BY, format!("session:{id}"))
    }
}
