//! Preferences of the whole installation (R12, R60).

use crate::config::ServedHosts;
use crate::directory::accounts::groups::check_default;
use crate::directory::accounts::patch;
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::{
    Change, Group, GroupId, ManagedBy, Preferences, Stored, present, retry,
};
use http::Uri;
use http::uri::Authority;
use portcullis_policy::{self, Host};
use serde::{Deserialize, Serialize};

/// The longest redirect URL in bytes.
const MAX_URL: usize = 2048;

/// Changes to the preferences; fields that are left out stay as they are. The default group is
/// changed through the group (R6).
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreferencesPatch {
    /// Whether secure links ask for sign-in if the organization has portal users (R12).
    #[serde(default)]
    pub secure_with_password_if_portal_users_exist: Option<bool>,
    /// Where to redirect every request, which disables the portal; `null` enables it (R60).
    #[serde(default, deserialize_with = "patch::nullable")]
    pub disabled_redirect_url: Option<Option<String>>,
    /// Whether portal users get an email when staff acts as them in the portal (R18).
    #[serde(default)]
    pub notify_impersonated: Option<bool>,
    /// The id of another default group (R6), which a request changes with the group.
    #[serde(skip)]
    pub default_group: Option<GroupId>,
}

/// The preferences as administrators see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Preferences")]
pub struct PreferencesView {
    /// Whether secure links ask for sign-in if the organization has portal users (R12).
    pub secure_with_password_if_portal_users_exist: bool,
    /// Where every request is redirected while the portal is disabled (R60).
    pub disabled_redirect_url: Option<String>,
    /// The id of the group that new portal users get (R6).
    pub default_group: GroupId,
    /// Whether portal users get an email when staff acts as them in the portal (R18).
    pub notify_impersonated: bool,
    /// The file that manages them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
    /// The version of the record.
    pub version: u64,
}

impl From<Stored<Preferences>> for PreferencesView {
    fn from(preferences: Stored<Preferences>) -> Self {
        let Stored { version, doc, .. } = preferences;
        Self {
            secure_with_password_if_portal_users_exist: doc
                .secure_with_password_if_portal_users_exist,
            disabled_redirect_url: doc.disabled_redirect_url,
            default_group: doc.default_group,
            notify_impersonated: doc.notify_impersonated,
            managed_by: doc.managed_by,
            version,
        }
    }
}

/// The preferences of the installation.
#[derive(Debug, Clone)]
pub struct PreferencesRecord {
    pub(in crate::directory) core: Core,
    /// Requests cannot be redirected to these hosts.
    pub(in crate::directory) served: ServedHosts,
}

impl PreferencesRecord {
    /// The preferences.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn get(&self) -> Result<PreferencesView, DirectoryError> {
        Ok(self.core.read().existing::<Preferences>(&Preferences::id(), None).await?.into())
    }

    /// Checks that requests can be redirected to a URL (R60).
    ///
    /// # Errors
    /// When they cannot.
    pub(in crate::directory) fn check_redirect(&self, url: &str) -> Result<(), DirectoryError> {
        check_redirect(url, &self.served)
    }

    /// Changes the preferences.
    ///
    /// # Errors
    /// When the URL is not a valid redirect target or leads to the portal itself, or the preferences
    /// are not at the expected version.
    pub async fn change(
        &self,
        patch: PreferencesPatch,
        change: &Change,
    ) -> Result<PreferencesView, DirectoryError> {
        if let Some(Some(url)) = &patch.disabled_redirect_url {
            self.check_redirect(url)?;
        }
        let changed = retry(|| async {
            let preferences = self
                .core
                .read()
                .existing::<Preferences>(&Preferences::id(), change.expected)
                .await?;
            let mut doc = preferences.doc.clone();
            if let Some(secure) = patch.secure_with_password_if_portal_users_exist {
                doc.secure_with_password_if_portal_users_exist = secure;
            }
            if let Some(url) = &patch.disabled_redirect_url {
                doc.disabled_redirect_url.clone_from(url);
            }
            if let Some(notify) = patch.notify_impersonated {
                doc.notify_impersonated = notify;
            }
            let mut commit = Vec::new();
            if let Some(id) = &patch.default_group {
                let group = self.core.read().existing::<Group>(id, None).await;
                check_default(&group.map_err(|error| error.in_field("default_group"))?)?;
                commit.push(present::<Group>(id));
                doc.default_group.clone_from(id);
            }
            let (write, changed) = preferences.edit(doc, change);
            commit.push(write);
            self.core.commit(change, commit).await?;
            Ok::<_, AttemptError>(changed)
        })
        .await?;
        Ok(changed.into())
    }
}

/// Refuses what is not an absolute `http` or `https` URL that is valid in a header, and URLs of the
/// gateway itself, which would be redirected again.
fn check_redirect(url: &str, served: &ServedHosts) -> Result<(), DirectoryError> {
    let invalid = |message: &str| {
        Err(DirectoryError::invalid("disabled_redirect_url", format!("`{url}` {message}")))
    };
    if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
        return invalid("must begin with `http://` or `https://`");
    }
    if url.len() > MAX_URL {
        return invalid("is too long");
    }
    if !url.bytes().all(|b| b.is_ascii_graphic()) {
        return invalid("has spaces or characters beyond ASCII, which must be percent-encoded");
    }
    let parsed = url.parse::<Uri>().ok();
    let Some(authority) = parsed.as_ref().and_then(Uri::authority) else {
        return invalid("is not a complete URL");
    };
    if portcullis_policy::port_of(authority).is_err() {
        return invalid("has an invalid port; it must be from 1 to 65535");
    }
    let Some(host) = host_of(authority) else { return invalid("is not a complete URL") };
    if served.is_reached_at(&host) {
        return invalid(
            "leads to the portal itself, which would be an endless redirect; use another host",
        );
    }
    Ok(())
}

fn host_of(authority: &Authority) -> Option<Host> {
    let authority = authority.as_str();
    // The part before an `@` is user information.
    Host::parse(authority.rsplit('@').next().unwrap_or(authority)).ok()
}

#[cfg(test)]
mod tests;
