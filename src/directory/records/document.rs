//! The documents the directory keeps in the store, and the keys they are found by.
//!
//! What can be derived is not stored: a user's status follows from its fields. The default group is
//! stored once, in the preferences.

use std::fmt;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::id::{ApiTokenId, EndUserId, GroupId, OrganizationId, RecordId, UserId};
use super::kind;
use super::mark::ManagedBy;
use super::parked::Parked;
use super::rights::Rights;
use super::role::Role;
use super::scope::Scope;
use crate::credential::folding::fold;
use crate::credential::totp::UsedSteps;
use portcullis_store::{Key, Kind};

/// The unique key of an invitation: the hash of its token.
pub const INVITATION: &str = "invitation";
/// The unique key of a reset: the hash of its token.
pub const RESET: &str = "reset";
/// The ordered key with the folded texts that a record is searched by.
pub const TEXT: &str = "text";

/// A document of a kind, with the keys it is found by.
pub trait Document: Serialize + DeserializeOwned + Send + Sync {
    /// The type of its records' ids.
    type Id: RecordId;

    /// The kind it is kept under.
    const KIND: Kind;

    /// The keys no other record of the kind may have.
    fn unique(&self) -> Vec<Key> {
        Vec::new()
    }

    /// The keys many records may share.
    fn index(&self) -> Vec<Key> {
        Vec::new()
    }

    /// The texts that a search compares with what is typed.
    fn texts<'a>(&'a self, _id: &'a Self::Id) -> Vec<&'a str> {
        Vec::new()
    }

    /// The keys that a search by prefix finds it by: its texts, folded.
    fn ordered(&self, id: &Self::Id) -> Vec<Key> {
        let mut folded: Vec<_> = self.texts(id).into_iter().map(fold).collect();
        folded.sort_unstable();
        folded.dedup();
        folded.retain(|text| !text.is_empty());
        folded.into_iter().map(|text| Key::new(TEXT, text)).collect()
    }
}

/// A customer of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// The displayed name; not unique.
    pub name: String,
    /// The address for mail to the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether the secure link is enabled (R10).
    pub link_enabled: bool,
    /// What the secure link is derived from; raised when it is rotated.
    pub link_generation: u64,
    /// The group of new portal users of the organization; by default, that of the preferences (R6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_group: Option<GroupId>,
    /// Whether the portal is closed for the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<Parked>,
    /// The file that manages the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
}

impl Organization {
    /// The key that organizations with this default group are found by.
    #[must_use]
    pub fn with_default(group: &GroupId) -> Key {
        Key::new("default_group", group.as_str())
    }
}

impl Document for Organization {
    type Id = OrganizationId;

    const KIND: Kind = kind::ORGANIZATION;

    fn index(&self) -> Vec<Key> {
        let default = self.default_group.as_ref().map(Self::with_default);
        let parked = self.parked.as_ref().map(|_| Parked::key());
        let mark = self.managed_by.as_ref().map(ManagedBy::key);
        default.into_iter().chain(parked).chain(mark).collect()
    }

    fn texts<'a>(&'a self, id: &'a OrganizationId) -> Vec<&'a str> {
        [id.as_str(), &self.name].into_iter().chain(self.email.as_deref()).collect()
    }
}

/// A contact of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndUser {
    /// The organization's id; it never changes.
    pub organization: OrganizationId,
    /// The displayed name; not unique.
    pub name: String,
    /// The person's address, from which a login is taken (R15).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The file that manages the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
}

impl Document for EndUser {
    type Id = EndUserId;

    const KIND: Kind = kind::END_USER;

    fn index(&self) -> Vec<Key> {
        let organization = Key::new("organization", self.organization.as_str());
        [organization].into_iter().chain(self.managed_by.as_ref().map(ManagedBy::key)).collect()
    }

    fn texts<'a>(&'a self, _id: &'a EndUserId) -> Vec<&'a str> {
        [self.name.as_str()].into_iter().chain(self.email.as_deref()).collect()
    }
}

/// A sign-in: a portal user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// As it was entered; unique when folded (R15).
    pub login: String,
    /// The displayed name; not unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The organization's id; it never changes.
    pub organization: OrganizationId,
    /// The end user it belongs to; `None` if it belongs to the organization itself (R16).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_user: Option<EndUserId>,
    /// The id of its one group.
    pub group: GroupId,
    /// The password's hash: a PHC string, or an imported hash of bcrypt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Raised whenever the password is set or cleared; a session that started under another number
    /// has ended (R34).
    pub password_generation: u64,
    /// The open invitation (R40).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<OneTimeLink>,
    /// The open reset of a forgotten password (R33).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<OneTimeLink>,
    /// Whether the account is disabled: it may not use the portal (R8) and gets no mail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Whether sign-in requires a second factor (R50).
    #[serde(default)]
    pub require_mfa: bool,
    /// The second factor, once it is set up (R51).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<SecondFactor>,
    /// When the record was created.
    pub created: Timestamp,
    /// The file that manages the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
}

/// A mailed link that works once. A newer one replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneTimeLink {
    /// The hash of its token; the token itself is only in the mail.
    pub token: String,
    /// When it was created.
    #[serde(rename = "made")]
    pub created: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
    /// The address it was mailed to. The link is invalid once the user has another address, and if
    /// it was stored without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Whether the address was chosen for this link: it then stays valid when the user gets another
    /// address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_chosen: bool,
    /// When earlier ones were created, as far back as resets are counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Timestamp>,
}

/// A time-based code generator (RFC 6238) and its recovery codes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    /// The secret shared with the person's device, sealed.
    pub secret: String,
    /// The hashes of the recovery codes that have not been used.
    pub recovery_codes: Vec<String>,
    /// When it was set up.
    #[serde(rename = "since")]
    pub created: Timestamp,
    /// Whether the user chose it. Sign-in asks for it then even if it is not required.
    #[serde(default)]
    pub by_choice: bool,
}

impl fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecondFactor")
            .field("recovery_codes", &self.recovery_codes.len())
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

/// What a user's second factor has been used for; the record's id is the user's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotpStep {
    /// The time steps of the codes that were accepted.
    #[serde(flatten)]
    pub steps: UsedSteps,
    /// The pending sign-ins that have been used, until they expire.
    #[serde(default)]
    pub used: Vec<UsedSignIn>,
}

/// A pending sign-in that has become a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedSignIn {
    /// Its name.
    pub sign_in: String,
    /// When it was created.
    #[serde(rename = "began")]
    pub created: Timestamp,
}

/// When a user last signed in; the record's id is the user's. It is not in the user's record, whose
/// version would otherwise change with each sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSignIn {
    /// When the session started.
    pub at: Timestamp,
}

impl Document for LastSignIn {
    type Id = UserId;

    const KIND: Kind = kind::LAST_SIGN_IN;
}

impl Document for TotpStep {
    type Id = UserId;

    const KIND: Kind = kind::TOTP_STEP;
}

impl User {
    /// The status, derived from the fields.
    #[must_use]
    pub const fn status(&self) -> UserStatus {
        match (&self.password, &self.invitation) {
            (Some(_), _) => UserStatus::Active,
            (None, Some(_)) => UserStatus::Invited,
            (None, None) => UserStatus::NoPassword,
        }
    }

    /// Whether sign-in asks for a second factor: it is required (R50), or the user chose it.
    #[must_use]
    pub fn asks_for_second_factor(&self) -> bool {
        self.require_mfa || self.asks_by_choice()
    }

    /// Whether a second factor that is set up now is the user's choice. One that is required stays
    /// what it was when it is replaced: without the requirement it is asked for no longer.
    pub(in crate::directory) fn chooses_second_factor(&self) -> bool {
        !self.require_mfa || self.asks_by_choice()
    }

    fn asks_by_choice(&self) -> bool {
        self.second_factor.as_ref().is_some_and(|factor| factor.by_choice)
    }

    /// Sets the hash of a new password. Sessions that started under the old one end (R34), and
    /// mailed links to choose one no longer work.
    pub(in crate::directory) fn set_password(&mut self, hash: &str) {
        self.password = Some(hash.to_owned());
        self.password_generation += 1;
        self.invitation = None;
        self.reset = None;
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the hash: it can be attacked offline.
        f.debug_struct("User")
            .field("login", &self.login)
            .field("organization", &self.organization)
            .field("group", &self.group)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl Document for User {
    type Id = UserId;

    const KIND: Kind = kind::USER;

    fn unique(&self) -> Vec<Key> {
        let mut keys = vec![login_key(&self.login)];
        keys.extend(self.invitation.as_ref().map(|link| Key::new(INVITATION, &*link.token)));
        keys.extend(self.reset.as_ref().map(|link| Key::new(RESET, &*link.token)));
        keys
    }

    fn index(&self) -> Vec<Key> {
        let mut keys = vec![
            Key::new("organization", self.organization.as_str()),
            Key::new("group", self.group.as_str()),
            self.status().key(),
        ];
        keys.extend(self.end_user.as_ref().map(|id| Key::new("end_user", id.as_str())));
        keys.extend(self.disabled.then(disabled_key));
        keys.extend(self.managed_by.as_ref().map(ManagedBy::key));
        keys
    }

    fn texts<'a>(&'a self, _id: &'a UserId) -> Vec<&'a str> {
        [self.login.as_str()].into_iter().chain(self.name.as_deref()).collect()
    }
}

/// The index key of disabled users.
pub(in crate::directory) fn disabled_key() -> Key {
    Key::new("disabled", "true")
}

/// The unique key of a login: how two are compared (R15).
#[must_use]
pub fn login_key(login: &str) -> Key {
    Key::new("login", fold(login))
}

/// Whether a portal user can sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Has a password.
    Active,
    /// Is invited and has chosen no password yet.
    Invited,
    /// Has no password and no invitation.
    NoPassword,
}

impl UserStatus {
    /// The name in documents and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Invited => "invited",
            Self::NoPassword => "no_password",
        }
    }

    /// The index key of users with this status.
    pub(in crate::directory) fn key(self) -> Key {
        Key::new("status", self.name())
    }
}

/// A named set of permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Unique when folded (R4).
    pub name: String,
    /// The ids of the permissions granted. One that the catalogue no longer knows grants nothing.
    pub permissions: Vec<String>,
    /// The file that manages the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
}

impl Document for Group {
    type Id = GroupId;

    const KIND: Kind = kind::GROUP;

    fn unique(&self) -> Vec<Key> {
        vec![Key::new("name", fold(&self.name))]
    }

    fn index(&self) -> Vec<Key> {
        self.managed_by.as_ref().map(ManagedBy::key).into_iter().collect()
    }
}

/// A bearer token of the admin API; its record's id is the token's hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    /// Its name, chosen by its creator.
    pub name: String,
    /// The address of the administrator who uses it: blind copies of invitations go there (R41).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What it may do. Tokens that were created before there were roles may do everything.
    #[serde(default = "owner")]
    pub role: Role,
    /// The organizations that it is limited to.
    #[serde(default, skip_serializing_if = "Scope::is_all")]
    pub scope: Scope,
    /// Whether it may see the portal as a portal user does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub impersonate: bool,
    /// When it was created.
    pub created: Timestamp,
    /// When it expires; `None` for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// When a token was last used; the record's id is the token's, whose version does not change with
/// its use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiTokenUse {
    /// When the request came.
    pub at: Timestamp,
}

impl Document for ApiTokenUse {
    type Id = ApiTokenId;

    const KIND: Kind = kind::API_TOKEN_USE;
}

const fn owner() -> Role {
    Role::Owner
}

impl Document for ApiToken {
    type Id = ApiTokenId;

    const KIND: Kind = kind::API_TOKEN;

    fn index(&self) -> Vec<Key> {
        self.scope.keys()
    }
}

impl ApiToken {
    /// What requests with it may do.
    #[must_use]
    pub fn rights(&self) -> Rights {
        Rights { role: self.role, scope: self.scope.clone(), impersonate: self.impersonate }
    }
}
