//! Which roles a route is open to.

use crate::directory::records::Role;

/// What a route requires of its caller. The roles are fixed: R in `docs/api.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authority {
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
    pub(super) fn includes(self, role: Role) -> bool {
        self.roles().contains(&role)
    }

    /// The role with the fewest rights that has it.
    pub(super) fn least(self) -> Role {
        self.roles().last().copied().unwrap_or(Role::Owner)
    }
}
