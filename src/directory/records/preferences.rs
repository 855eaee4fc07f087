//! The preferences of the whole installation: one record.

use serde::{Deserialize, Serialize};

use super::document::Document;
use super::id::{GroupId, PreferencesId};
use super::kind;
use super::mark::ManagedBy;
use portcullis_policy::built_in;
use portcullis_store::{Key, Kind};

/// The preferences of the whole installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    /// Whether an organization's secure link stops opening sessions once it has portal users (R12).
    pub secure_with_password_if_portal_users_exist: bool,
    /// Where every request to the portal is sent while it is disabled (R60).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_redirect_url: Option<String>,
    /// The id of the group a new user gets when none is named (R6).
    pub default_group: GroupId,
    /// Whether portal users get a mail when staff acts as them in the portal (R18).
    #[serde(default)]
    pub notify_impersonated: bool,
    /// The file that manages the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
}

/// The preferences of a new installation.
impl Default for Preferences {
    fn default() -> Self {
        Self {
            secure_with_password_if_portal_users_exist: true,
            disabled_redirect_url: None,
            default_group: GroupId::from(built_in::ADMIN),
            notify_impersonated: false,
            managed_by: None,
        }
    }
}

impl Preferences {
    /// The id of the one record.
    #[must_use]
    pub fn id() -> PreferencesId {
        PreferencesId::from("preferences")
    }
}

impl Document for Preferences {
    type Id = PreferencesId;

    const KIND: Kind = kind::PREFERENCES;

    fn index(&self) -> Vec<Key> {
        self.managed_by.as_ref().map(ManagedBy::key).into_iter().collect()
    }
}
