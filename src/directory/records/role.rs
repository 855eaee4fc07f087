//! What administrators and tokens may do.

use serde::{Deserialize, Serialize};

/// What an administrator or a token may do. The roles are fixed.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything, administrators and tokens included.
    Owner,
    /// Organizations, people, groups, preferences, the policy.
    Administrator,
    /// Reads everything; portal users' passwords, second factors, invitations and lockouts.
    Technician,
    /// Reads everything, and exports the audit log.
    Auditor,
}

impl Role {
    /// All of them, the one with the most rights first.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Administrator, Self::Technician, Self::Auditor];

    /// The name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Administrator => "administrator",
            Self::Technician => "technician",
            Self::Auditor => "auditor",
        }
    }
}
