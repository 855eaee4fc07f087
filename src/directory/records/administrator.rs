//! Administrators: the operator's own staff, and their sessions at the admin listener.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::Document;
use super::id::{AdminSessionId, AdministratorId};
use super::kind;
use super::rights::Rights;
use super::role::Role;
use super::scope::Scope;
use crate::credential::folding::fold;
use crate::credential::totp::UsedSteps;
use portcullis_store::{Key, Kind};

/// An account of the operator's staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Administrator {
    /// As it was entered; unique among administrators when folded.
    pub login: String,
    /// The address for blind copies of invitations (R41).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What the account may do.
    pub role: Role,
    /// The organizations that it is limited to.
    #[serde(default, skip_serializing_if = "Scope::is_all")]
    pub scope: Scope,
    /// Whether it may see the portal as a portal user does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub impersonate: bool,
    /// The password's hash, a PHC string.
    pub password: AdminSecret,
    /// Raised whenever the password or the second factor is replaced; a session that started under
    /// another number has ended.
    pub generation: u64,
    /// The second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<AdminFactor>,
    /// When the record was created.
    pub created: Timestamp,
    /// When a session last started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sign_in: Option<Timestamp>,
    /// The address that it was from. Failures in its network are counted apart (I6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_address: Option<IpAddr>,
}

/// A hash that is not shown when the record is debugged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AdminSecret(pub String);

impl std::fmt::Debug for AdminSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// A code generator (RFC 6238) of an administrator, with its recovery codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminFactor {
    /// The secret shared with the person's device, sealed.
    pub secret: AdminSecret,
    /// The hashes of the recovery codes that have not been used.
    pub recovery_codes: Vec<String>,
    /// When it was issued.
    pub created: Timestamp,
    /// Whether a code has shown that the person has it.
    pub confirmed: bool,
    /// The time steps of the codes that were accepted.
    pub steps: UsedSteps,
}

impl Document for Administrator {
    type Id = AdministratorId;

    const KIND: Kind = kind::ADMINISTRATOR;

    fn unique(&self) -> Vec<Key> {
        vec![Self::login_key(&self.login)]
    }

    fn index(&self) -> Vec<Key> {
        self.scope.keys()
    }
}

impl Administrator {
    /// What the account may do.
    #[must_use]
    pub fn rights(&self) -> Rights {
        Rights { role: self.role, scope: self.scope.clone(), impersonate: self.impersonate }
    }

    /// What the secrets of the administrator with this id are sealed for. No portal user has such an
    /// id.
    #[must_use]
    pub fn sealed_for(id: &str) -> String {
        format!("administrator/{id}")
    }

    /// The unique key of a login.
    #[must_use]
    pub fn login_key(login: &str) -> Key {
        Key::new("login", fold(login))
    }
}

/// A session of an administrator; the id of its record is the token's hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminSession {
    /// Whose it is.
    pub administrator: AdministratorId,
    /// The account's generation when it started; under another one it has ended.
    pub generation: u64,
    /// When it started.
    pub created: Timestamp,
    /// The last use that was saved.
    pub last_seen: Timestamp,
    /// The address that it started from.
    pub address: IpAddr,
}

impl AdminSession {
    /// The index key of the sessions of an administrator.
    #[must_use]
    pub fn of(administrator: &AdministratorId) -> Key {
        Key::new("administrator", administrator.as_str())
    }
}

impl Document for AdminSession {
    type Id = AdminSessionId;

    const KIND: Kind = kind::ADMIN_SESSION;

    fn index(&self) -> Vec<Key> {
        vec![Self::of(&self.administrator)]
    }
}
