//! Who makes a change, when, and to which version of a record.
//!
//! Every operation that writes takes a [`Change`], and so does the one commit: it is what an audit
//! log needs besides the records before and after.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;

use super::id::{AdministratorId, ApiTokenId, UserId};
use super::role::Role;
use crate::telemetry::events;

/// Who makes a change, when, and to which version of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Who makes it.
    pub actor: Actor,
    /// The role in which an administrator or a token makes it.
    pub role: Option<Role>,
    /// The address of the client of the request that is being handled. `None` for the admin socket
    /// and for tasks.
    pub from: Option<IpAddr>,
    /// When, as read from the clock once for the whole request or task.
    pub at: Timestamp,
    /// The version that the record must still have (`If-Match`); `None` for any.
    pub expected: Option<u64>,
}

impl Change {
    /// A change to whatever version of the record there is, by the client of the request that is
    /// being handled.
    #[must_use]
    pub fn new(actor: Actor, at: Timestamp) -> Self {
        Self { actor, role: None, from: events::client(), at, expected: None }
    }

    /// The same change, in this role.
    #[must_use]
    pub fn in_role(self, role: Role) -> Self {
        Self { role: Some(role), ..self }
    }

    /// The same change, to this version of the record only.
    #[must_use]
    pub fn expecting(self, expected: Option<u64>) -> Self {
        Self { expected, ..self }
    }
}

/// Who makes a change. Displayed as its kind and what identifies it, without personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A process that can open the admin socket, such as the command line.
    SocketOwner,
    /// The holder of a token of the admin API.
    Token {
        /// The token's id.
        id: ApiTokenId,
        /// The token's name.
        name: String,
    },
    /// An administrator, signed in at the admin listener.
    Administrator {
        /// The account's id.
        id: AdministratorId,
        /// Its login.
        login: String,
    },
    /// A portal user, who changes something of their own: a password, a second factor, a session.
    PortalUser {
        /// The user's id.
        id: UserId,
    },
    /// A part of the gateway, by its name.
    System(&'static str),
}

impl Actor {
    /// The way that the change comes, in events; `None` for a part of the gateway, whose changes are
    /// not events.
    pub(in crate::directory) const fn logged_via(&self) -> Option<&'static str> {
        match self {
            Self::System(_) => None,
            Self::SocketOwner
            | Self::Token { .. }
            | Self::Administrator { .. }
            | Self::PortalUser { .. } => Some(self.via()),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SocketOwner => f.write_str("socket"),
            Self::Token { name, .. } => write!(f, "token:{name}"),
            Self::Administrator { login, .. } => write!(f, "administrator:{login}"),
            Self::PortalUser { id } => write!(f, "portal-user:{id}"),
            Self::System(part) => write!(f, "system:{part}"),
        }
    }
}
