//! A record as it is in a file: the fields that files hold, in the order in which they are written.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::directory::records::{
    EndUser, EndUserId, GroupId, Organization, OrganizationId, Preferences, Stored, User, UserId,
};

/// A record as it is in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// The preferences.
    Preferences(PreferencesEntry),
    /// A group.
    Group(GroupEntry),
    /// An organization.
    Organization(OrganizationEntry),
    /// An end user.
    EndUser(EndUserEntry),
    /// A portal user.
    User(UserEntry),
}

/// The preferences as they are in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreferencesEntry {
    pub(super) secure_with_password_if_portal_users_exist: bool,
    pub(super) disabled_redirect_url: Option<String>,
    /// `None` leaves it as it is.
    pub(super) default_group: Option<GroupId>,
    #[serde(default)]
    pub(super) notify_impersonated: bool,
}

/// A group as it is in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupEntry {
    pub(super) id: GroupId,
    pub(super) name: String,
    /// In the catalogue's order.
    pub(super) permissions: Vec<String>,
}

/// An organization as it is in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationEntry {
    pub(super) id: OrganizationId,
    pub(super) name: String,
    pub(super) email: Option<String>,
    pub(super) link_enabled: bool,
    /// `None` for the default of the gateway (R6).
    #[serde(default)]
    pub(super) default_group: Option<GroupId>,
    /// Why it is parked; `None` if it is not.
    #[serde(default)]
    pub(super) parked: Option<String>,
}

/// An end user as it is in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndUserEntry {
    pub(super) id: EndUserId,
    pub(super) organization: OrganizationId,
    pub(super) name: String,
    pub(super) email: Option<String>,
}

/// A portal user as it is in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserEntry {
    /// `None` for the user with the login, or a new one.
    pub(super) id: Option<UserId>,
    pub(super) login: String,
    pub(super) name: Option<String>,
    pub(super) organization: OrganizationId,
    pub(super) end_user: Option<EndUserId>,
    pub(super) group: GroupId,
    pub(super) require_mfa: bool,
    pub(super) disabled: bool,
    /// Whether a user that the file creates is invited. No property of a user: it is not exported.
    pub(super) invite: bool,
}

impl Entry {
    /// What the record is, as in the audit log.
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match self {
            Self::Preferences(_) => "preferences",
            Self::Group(_) => "group",
            Self::Organization(_) => "organization",
            Self::EndUser(_) => "end-user",
            Self::User(_) => "user",
        }
    }

    /// The id of the record, if it is known.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Preferences(_) => Some("preferences"),
            Self::Group(entry) => Some(entry.id.as_str()),
            Self::Organization(entry) => Some(entry.id.as_str()),
            Self::EndUser(entry) => Some(entry.id.as_str()),
            Self::User(entry) => entry.id.as_ref().map(UserId::as_str),
        }
    }

    /// What people call the record.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Preferences(_) => "preferences",
            Self::Group(entry) => &entry.name,
            Self::Organization(entry) => &entry.name,
            Self::EndUser(entry) => &entry.name,
            Self::User(entry) => &entry.login,
        }
    }

    /// The organization that the record is or belongs to.
    #[must_use]
    pub const fn organization(&self) -> Option<&OrganizationId> {
        match self {
            Self::Preferences(_) | Self::Group(_) => None,
            Self::Organization(entry) => Some(&entry.id),
            Self::EndUser(entry) => Some(&entry.organization),
            Self::User(entry) => Some(&entry.organization),
        }
    }

    /// The fields in the order in which they are written. `null` is left out of a file.
    pub(super) fn fields(&self) -> Vec<(&'static str, Value)> {
        match self.clone() {
            Self::Preferences(it) => vec![
                (
                    "secure_with_password_if_portal_users_exist",
                    it.secure_with_password_if_portal_users_exist.into(),
                ),
                ("disabled_redirect_url", it.disabled_redirect_url.into()),
                ("default_group", it.default_group.map(|id| id.to_string()).into()),
                ("notify_impersonated", it.notify_impersonated.into()),
            ],
            Self::Group(it) => vec![
                ("id", it.id.to_string().into()),
                ("name", it.name.into()),
                ("permissions", it.permissions.into()),
            ],
            Self::Organization(it) => vec![
                ("id", it.id.to_string().into()),
                ("name", it.name.into()),
                ("email", it.email.into()),
                ("link_enabled", it.link_enabled.into()),
                ("default_group", it.default_group.map(|id| id.to_string()).into()),
                ("parked", it.parked.into()),
            ],
            Self::EndUser(it) => vec![
                ("id", it.id.to_string().into()),
                ("organization", it.organization.to_string().into()),
                ("name", it.name.into()),
                ("email", it.email.into()),
            ],
            Self::User(it) => vec![
                ("id", it.id.map(|id| id.to_string()).into()),
                ("login", it.login.into()),
                ("name", it.name.into()),
                ("organization", it.organization.to_string().into()),
                ("end_user", it.end_user.map(|id| id.to_string()).into()),
                ("group", it.group.to_string().into()),
                ("require_mfa", it.require_mfa.into()),
                ("disabled", it.disabled.into()),
            ],
        }
    }
}

impl From<Stored<Preferences>> for Entry {
    fn from(Stored { doc, .. }: Stored<Preferences>) -> Self {
        Self::Preferences(PreferencesEntry {
            secure_with_password_if_portal_users_exist: doc
                .secure_with_password_if_portal_users_exist,
            disabled_redirect_url: doc.disabled_redirect_url,
            default_group: Some(doc.default_group),
            notify_impersonated: doc.notify_impersonated,
        })
    }
}

impl From<Stored<Organization>> for Entry {
    fn from(Stored { id, doc, .. }: Stored<Organization>) -> Self {
        let Organization { name, email, link_enabled, default_group, parked, .. } = doc;
        let parked = parked.map(|parked| parked.reason);
        Self::Organization(OrganizationEntry {
            id,
            name,
            email,
            link_enabled,
            default_group,
            parked,
        })
    }
}

impl From<Stored<EndUser>> for Entry {
    fn from(Stored { id, doc, .. }: Stored<EndUser>) -> Self {
        let EndUser { organization, name, email, .. } = doc;
        Self::EndUser(EndUserEntry { id, organization, name, email })
    }
}

impl From<Stored<User>> for Entry {
    fn from(Stored { id, doc, .. }: Stored<User>) -> Self {
        Self::User(UserEntry {
            id: Some(id),
            login: doc.login,
            name: doc.name,
            organization: doc.organization,
            end_user: doc.end_user,
            group: doc.group,
            require_mfa: doc.require_mfa,
            disabled: doc.disabled,
            invite: false,
        })
    }
}
