//! The organizations that an administrator or a token is limited to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::id::OrganizationId;
use portcullis_store::Key;

/// The organizations that a caller may see and change: all, or only these. In JSON `null` or a list
/// of ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Scope(Option<BTreeSet<OrganizationId>>);

impl Scope {
    /// All organizations, and the gateway as a whole.
    pub const ALL: Self = Self(None);

    /// These organizations only.
    #[must_use]
    pub fn only(organizations: impl IntoIterator<Item = OrganizationId>) -> Self {
        Self(Some(organizations.into_iter().collect()))
    }

    /// No organization.
    #[must_use]
    pub fn none() -> Self {
        Self::only([])
    }

    /// The organizations, in order of id; `None` for all.
    #[must_use]
    pub fn limited(&self) -> Option<&BTreeSet<OrganizationId>> {
        self.0.as_ref()
    }

    /// Whether it is limited. Records of the gateway as a whole are then outside of it.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it is not limited, for serde.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// Whether an organization is in it.
    #[must_use]
    pub fn includes(&self, organization: &str) -> bool {
        self.limited().is_none_or(|known| known.contains(organization))
    }

    /// The index keys of an account or token with this scope, by which an organization finds them.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        self.limited().into_iter().flatten().map(Self::key).collect()
    }

    /// The index key of accounts and tokens whose scope has this organization.
    #[must_use]
    pub fn key(organization: &OrganizationId) -> Key {
        Key::new("scope", organization.as_str())
    }

    /// Whether everything in `other` is in it.
    #[cfg(test)]
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self.limited(), other.limited()) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(these), Some(those)) => these.is_superset(those),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_what_it_includes() {
        let [acme, both] = [&["acme"][..], &["acme", "globex"]]
            .map(|ids| Scope::only(ids.iter().map(|id| OrganizationId::from(*id))));
        assert!(Scope::ALL.covers(&both) && both.covers(&acme) && acme.covers(&Scope::none()));
        assert!(!acme.covers(&both) && !both.covers(&Scope::ALL));
        assert!(acme.includes("acme") && !acme.includes("globex") && !acme.includes(""));
        assert!(Scope::ALL.includes("globex") && !Scope::none().includes("acme"));
    }

    #[test]
    fn null_is_all_and_a_list_is_a_limit() {
        assert_eq!(serde_json::from_str::<Scope>("null").unwrap(), Scope::ALL);
        let scope: Scope = serde_json::from_str(r#"["globex", "acme", "acme"]"#).unwrap();
        assert_eq!(serde_json::to_string(&scope).unwrap(), r#"["acme","globex"]"#);
        assert_eq!(serde_json::from_str::<Scope>("[]").unwrap(), Scope::none());
    }
}
