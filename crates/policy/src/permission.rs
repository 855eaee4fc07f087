//! The catalogue of permissions, and sets of permissions.
//!
//! The position of a permission in the file is its bit in a [`PermissionSet`], so a set is valid
//! only with its own catalogue. Records store ids.

use std::collections::HashMap;

use super::document::File;
use super::similar::did_you_mean;

/// The bits of a [`PermissionSet`].
const MAX_PERMISSIONS: usize = 64;

/// A set of permissions of one catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Whether the permission at this position of the catalogue is in the set.
    #[must_use]
    pub const fn contains(self, index: usize) -> bool {
        index < MAX_PERMISSIONS && self.0 & (1 << index) != 0
    }

    /// Adds the permission at this position of the catalogue. Positions from 64 are ignored.
    pub const fn insert(&mut self, index: usize) {
        if index < MAX_PERMISSIONS {
            self.0 |= 1 << index;
        }
    }

    /// The permissions in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The permissions in this set and not in the other.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether this set has every permission of the other.
    #[must_use]
    pub const fn is_superset(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// The number of permissions.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The positions in the catalogue, in ascending order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let index = left.trailing_zeros() as usize;
            // Clears the lowest bit.
            left &= left.wrapping_sub(1);
            (index < MAX_PERMISSIONS).then_some(index)
        })
    }
}

/// A permission of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The id, in policy files, records and headers.
    pub id: String,
    /// The name that is shown.
    pub name: String,
    /// Whether it needs a signed-in person. Link sessions never have it then (R3).
    pub identity: bool,
}

/// An id that is not in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no permission `{id}`{proposal}")]
pub struct UnknownPermission {
    id: String,
    /// The question whether a similar id was meant, or nothing.
    proposal: String,
}

impl UnknownPermission {
    /// The message for a policy file.
    pub(super) fn in_file(&self) -> String {
        let Self { id, proposal } = self;
        format!("there is no permission `{id}` in permissions.toml{proposal}")
    }
}

/// All permissions, in the order of the file; at most 64.
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

    /// The position of the permission with this id.
    #[must_use]
    pub fn index(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// The error for an id that it does not have.
    pub(super) fn unknown(&self, id: &str) -> UnknownPermission {
        let known = self.permissions.iter().map(|permission| permission.id.as_str());
        UnknownPermission { id: id.to_owned(), proposal: did_you_mean(id, known) }
    }

    /// Every permission.
    #[must_use]
    pub fn all(&self) -> PermissionSet {
        self.select(|_| true)
    }

    /// Every permission that does not need a signed-in person (R3).
    #[must_use]
    pub fn without_identity(&self) -> PermissionSet {
        self.select(|permission| !permission.identity)
    }

    /// The set of the permissions with these ids.
    ///
    /// # Errors
    /// The first id that is not in the catalogue.
    pub fn set<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<PermissionSet, UnknownPermission> {
        let mut set = PermissionSet::EMPTY;
        for id in ids {
            set.insert(self.index(id).ok_or_else(|| self.unknown(id))?);
        }
        Ok(set)
    }

    /// The ids of a set, in the order of the file.
    pub fn ids(&self, set: PermissionSet) -> impl Iterator<Item = &str> {
        set.iter()
            .filter_map(|index| self.permissions.get(index))
            .map(|permission| permission.id.as_str())
    }

    /// Reads `permissions.toml`. Problems are added to the file.
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
                        "`{}` is not a valid permission id; use up to 64 lower-case letters, \
                         digits, `_`, `-` and `.`",
                        id.value
                    ),
                );
            } else if name.value.trim().is_empty() {
                file.problem(name.line, "`name` must not be empty");
            } else if catalogue.index(&id.value).is_some() {
                file.problem(id.line, format!("permission `{}` is defined twice", id.value));
            } else if catalogue.permissions.len() == MAX_PERMISSIONS {
                file.problem(line, format!("there are more than {MAX_PERMISSIONS} permissions"));
                break;
            } else {
                catalogue.places.insert(id.value.clone(), catalogue.permissions.len());
                catalogue.permissions.push(Permission { id: id.value, name: name.value, identity });
            }
        }
        if catalogue.permissions.is_empty() && !file.has_problems() {
            file.problem(None, "there are no permissions; add at least one [[permission]]");
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

/// Ids are sent in a header as a comma-separated list, so they contain nothing that needs quoting.
fn is_permission_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'))
}
