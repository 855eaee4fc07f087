//! Who makes a change, when, and to which version of a record.
//!
//! Every operation that writes takes a [`Change`], and so does the one commit: it is what an audit
//! log needs besides the records before and after.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;

use super::id::{AdminSessionId, AdministratorId, ApiTokenId, JobId, UserId};
use super::mark::Marks;
use super::rights::{Authority, Rights};
use super::scope::Scope;
use super::staff_member::StaffMember;
use crate::directory::error::DirectoryError;
use crate::telemetry::events;

/// Who makes a change, when, and to which version of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Who makes it.
    pub actor: Actor,
    /// The address of the client of the request that is being handled. `None` for the admin socket
    /// and for tasks.
    pub from: Option<IpAddr>,
    /// When, as read from the clock once for the whole request or task.
    pub at: Timestamp,
    /// The version that the record must still have (`If-Match`); `None` for any.
    pub expected: Option<u64>,
    /// What it does to the marks of records that a file manages.
    pub marks: Marks,
    /// The job that makes it. The actor is then who queued the job, and an administrator need not be
    /// signed in.
    pub job: Option<JobId>,
}

impl Change {
    /// A change to whatever version of the record there is, by the client of the request that is
    /// being handled.
    #[must_use]
    pub fn new(actor: Actor, at: Timestamp) -> Self {
        Self { actor, from: events::client(), at, expected: None, marks: Marks::Keep, job: None }
    }

    /// The same change, to this version of the record only.
    #[must_use]
    pub fn expecting(self, expected: Option<u64>) -> Self {
        Self { expected, ..self }
    }

    /// The same change, with another effect on the marks of records that a file manages.
    #[must_use]
    pub fn marking(self, marks: Marks) -> Self {
        Self { marks, ..self }
    }

    /// Checks that the actor has an authority (I10). Which records it extends to is checked where
    /// they are read and written.
    ///
    /// # Errors
    /// [`DirectoryError::Escalation`].
    pub fn requires(&self, authority: Authority) -> Result<(), DirectoryError> {
        match self.actor.rights() {
            Some(rights) if authority.includes(rights.role) => Ok(()),
            _ => Err(DirectoryError::Escalation { role: authority.least() }),
        }
    }

    /// Checks that the actor has an authority over the gateway as a whole (I10).
    ///
    /// # Errors
    /// [`DirectoryError::Escalation`]; [`DirectoryError::OutOfScope`] if only the scope is in the way.
    pub fn requires_over_gateway(&self, authority: Authority) -> Result<(), DirectoryError> {
        self.requires(authority)?;
        match self.actor.scope().is_limited() {
            true => Err(DirectoryError::OutOfScope { role: authority.least() }),
            false => Ok(()),
        }
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
        /// What it may do.
        rights: Rights,
    },
    /// An administrator, signed in at the admin listener.
    Administrator {
        /// The account's id.
        id: AdministratorId,
        /// Its login.
        login: String,
        /// What the account may do.
        rights: Rights,
        /// The session; `None` while signing in.
        session: Option<AdminSessionId>,
    },
    /// A portal user, who changes something of their own: a password, a second factor, a session.
    PortalUser {
        /// The user's id.
        id: UserId,
    },
    /// A member of the operator's staff in the portal, where a session of theirs starts or ends.
    Staff(StaffMember),
    /// A part of the gateway, by its name.
    System(&'static str),
}

impl Actor {
    /// What the actor may do as an operator. `None` for a portal user, and for staff in the portal.
    #[must_use]
    pub const fn rights(&self) -> Option<&Rights> {
        match self {
            Self::SocketOwner | Self::System(_) => Some(&Rights::ALL),
            Self::Token { rights, .. } | Self::Administrator { rights, .. } => Some(rights),
            Self::PortalUser { .. } | Self::Staff(_) => None,
        }
    }

    /// The organizations whose records the actor may change. Portal users have none, nor has staff in
    /// the portal; their operations concern only themselves.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.rights().map_or(Scope::ALL, |rights| rights.scope.clone())
    }

    /// The actor as a member of the operator's staff; `generation` is that of an administrator's
    /// account. `None` for portal users, parts of the gateway, and an administrator who is signing in.
    #[must_use]
    pub fn staff_member(&self, generation: u64) -> Option<StaffMember> {
        Some(match self {
            Self::SocketOwner => StaffMember::Socket,
            Self::Token { id, name, .. } => {
                StaffMember::Token { id: id.clone(), name: name.clone() }
            }
            Self::Administrator { id, login, session: Some(session), .. } => {
                let (id, login, session) = (id.clone(), login.clone(), session.clone());
                StaffMember::Administrator { id, login, session, generation }
            }
            Self::Staff(member) => member.clone(),
            Self::Administrator { session: None, .. }
            | Self::PortalUser { .. }
            | Self::System(_) => return None,
        })
    }

    /// The way that the change comes, in events; `None` for a part of the gateway, whose changes are
    /// not events.
    pub(in crate::directory) const fn logged_via(&self) -> Option<&'static str> {
        match self {
            Self::System(_) => None,
            Self::SocketOwner
            | Self::Token { .. }
            | Self::Administrator { .. }
            | Self::PortalUser { .. }
            | Self::Staff(_) => Some(self.via()),
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
            Self::Staff(StaffMember::Administrator { login, .. }) => {
                write!(f, "administrator:{login}")
            }
            Self::Staff(member) => f.write_str(&member.name()),
            Self::System(part) => write!(f, "system:{part}"),
        }
    }
}
