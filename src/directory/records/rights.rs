//! What an administrator or a token may do: by its role, in its scope.

use serde::Serialize;

use super::role::Role;
use super::scope::Scope;

/// What the refusal of a commit names for an actor without the right to impersonate, which is not a
/// role.
pub(in crate::directory) const IMPERSONATE: &str = "impersonate";

/// What an operation or a route of the admin API requires. The roles that have it are fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// Nothing: for probes, and for signing in.
    Public,
    /// Any role: to read what is not secret.
    Read,
    /// To help portal users: their passwords, second factors, invitations, sessions and lockouts.
    Support,
    /// To change organizations, people, groups and preferences, and to reload the policy.
    Manage,
    /// To take the whole audit log out of the gateway.
    Export,
    /// To manage administrators and tokens.
    Own,
}

impl Authority {
    /// The roles that have it, the one with the fewest rights last.
    const fn roles(self) -> &'static [Role] {
        use Role::{Administrator, Auditor, Owner, Technician};
        match self {
            Self::Public | Self::Read => &[Owner, Administrator, Technician, Auditor],
            Self::Support => &[Owner, Administrator, Technician],
            Self::Manage => &[Owner, Administrator],
            Self::Export => &[Owner, Administrator, Auditor],
            Self::Own => &[Owner],
        }
    }

    /// Whether a role has it.
    #[must_use]
    pub fn includes(self, role: Role) -> bool {
        self.roles().contains(&role)
    }

    /// The role with the fewest rights that has it.
    #[must_use]
    pub fn least(self) -> Role {
        self.roles().last().copied().unwrap_or(Role::Owner)
    }
}

/// What an administrator or a token may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Rights {
    /// The role.
    pub role: Role,
    /// The organizations that the role is limited to.
    pub scope: Scope,
    /// Whether it may see the portal as a portal user does. No role implies it.
    pub impersonate: bool,
}

impl Rights {
    /// Everything: of who can open the files of the gateway.
    pub const ALL: Self = Self { role: Role::Owner, scope: Scope::ALL, impersonate: true };

    /// Whether the role has an authority over the gateway as a whole.
    #[must_use]
    pub fn over_gateway(&self, authority: Authority) -> bool {
        authority.includes(self.role) && !self.scope.is_limited()
    }
}
