//! The catalogue of permissions, and sets of them.
//!
//! A permission's place in the file is its bit in a [`PermissionSet`], so a set means something
//! only beside the catalogue it was made with; records keep ids.

use std::collections::HashMap;

use super::document::File;

/// As many permissions as a [`PermissionSet`] has bits.
const MAX_PERMISSIONS: usize = 64;

/// A set of permissions of one catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// The set without any permission.
    pub const EMPTY: Self = Self(0);

    /// Whether the permission with this place in the catalogue is in the set.
    #[must_use]
    pub const fn contains(self, index: usize) -> bool {
        index < MAX_PERMISSIONS && self.0 & (1 << index) != 0
    }

    /// Adds the permission with this place in the catalogue; a place no catalogue has is ignored.
    pub const fn insert(&mut self, index: usize) {
        if index < MAX_PERMISSIONS {
            self.0 |= 1 << index;
        }
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether everything in the other is in this one.
    #[must_use]
    pub const fn is_superset(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The places in the catalogue, in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let index = left.trailing_zeros() as usize;
            // All bits up to and with the lowest go; of none there is none.
            left &= left.wrapping_sub(1);
            (index < MAX_PERMISSIONS).then_some(index)
        })
    }
}

/// A permission as the catalogue names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The name in policy files, records and headers.
    pub id: String,
    /// The name people read.
    pub name: String,
    /// Whether it needs to know which person asks, so that no link session can have it (R3).
    pub identity: bool,
}

/// A permission was named that the catalogue does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no permission `{0}`")]
pub struct UnknownPermission(pub String);

/// The permissions there are, in the order of the file; 64 at most.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    permissions: Vec<Permission>,
    places: HashMap<String, usize>,
}

impl Catalogue {
    /// The permissions, in the order of the file.
    #[must_use]
    pub fn permissions(&self) -> &[Permission] {
        &self.permissions
    }

    /// The place of a permission, by its id.
    #[must_use]
    pub fn index(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// Every permission.
    #[must_use]
    pub fn all(&self) -> PermissionSet {
        self.select(|_| true)
    }

    /// Every permission that can be granted to someone who has not signed in (R3).
    #[must_use]
    pub fn without_identity(&self) -> PermissionSet {
        self.select(|permission| !permission.identity)
    }

    /// The set of the permissions with these ids.
    ///
    /// # Errors
    /// The first id that the catalogue does not have.
    pub fn set<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<PermissionSet, UnknownPermission> {
        let mut set = PermissionSet::EMPTY;
        for id in ids {
            set.insert(self.index(id).ok_or_else(|| UnknownPermission(id.to_owned()))?);
        }
        Ok(set)
    }

    /// The ids of a set, in the order of the file.
    pub fn ids(&self, set: PermissionSet) -> impl Iterator<Item = &str> {
        set.iter()
            .filter_map(|index| self.permissions.get(index))
            .map(|permission| permission.id.as_str())
    }

    /// Reads `permissions.toml`; what is wrong goes to the file's problems.
    pub(super) fn compile(file: &File<'_>) -> Self {
        let mut catalogue = Self::default();
        for mut entry in file.entries("permission") {
            let id = entry.required_string("id");
            let name = entry.required_string("name");
            let identity = entry.boolean("identity").unwrap_or(false);
            let line = entry.line();
            entry.finish();
            let (Some(id), Some(name)) = (id, name) else { continue };
            if !is_permission_id(&id.value) {
                file.problem(
                    id.line,
                    format!(
                        "`{}` is no permission id: lower-case letters, digits, `_`, `-` and `.`, \
                         64 at most",
                        id.value
                    ),
                );
            } else if name.value.trim().is_empty() {
                file.problem(name.line, "`name` is empty");
            } else if catalogue.index(&id.value).is_some() {
                file.problem(id.line, format!("permission `{}` is there twice", id.value));
            } else if catalogue.permissions.len() == MAX_PERMISSIONS {
                file.problem(line, format!("more than {MAX_PERMISSIONS} permissions"));
                break;
            } else {
                catalogue.places.insert(id.value.clone(), catalogue.permissions.len());
                catalogue.permissions.push(Permission { id: id.value, name: name.value, identity });
            }
        }
        if catalogue.permissions.is_empty() && !file.has_problems() {
            file.problem(None, "there is no permission");
        }
        catalogue
    }

    fn select(&self, choose: impl Fn(&Permission) -> bool) -> PermissionSet {
        let mut set = PermissionSet::EMPTY;
        for (index, permission) in self.permissions.iter().enumerate() {
            if choose(permission) {
                set.insert(index);
            }
        }
        set
    }
}

/// Ids go into headers as a list, so they hold nothing a header or a list could stumble over.
fn is_permission_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'))
}
