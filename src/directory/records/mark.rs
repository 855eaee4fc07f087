//! The mark of a record that a file manages, and what a change does to it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use portcullis_store::Key;

/// The file that manages a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManagedBy {
    /// The name of the file or of where it comes from, as given when it was applied.
    pub name: String,
    /// The commit that it was applied from when the record last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl ManagedBy {
    /// The index key of the records that the file manages, at whichever commit.
    #[must_use]
    pub fn key(&self) -> Key {
        Key::new("managed_by", self.name.as_str())
    }
}

impl fmt::Display for ManagedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.commit {
            Some(commit) => write!(f, "{}@{commit}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What a change does to the marks of the records that it writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Marks {
    /// A record that a file manages is not changed.
    #[default]
    Keep,
    /// A record that a file manages loses its mark.
    Remove,
    /// The change is applied from this file, and its records get its mark.
    Set {
        /// The file.
        by: ManagedBy,
        /// Whether the records of other files are taken over; otherwise they are not changed.
        take_over: bool,
    },
}

impl Marks {
    /// The mark of a record after the change.
    pub(super) fn after(&self, before: Option<&ManagedBy>, is_edited: bool) -> Option<ManagedBy> {
        match self {
            Self::Keep => before.cloned(),
            Self::Remove => None,
            // The mark of a record that stays the same is not renewed with each commit.
            Self::Set { by, .. } => match before {
                Some(before) if before.name == by.name && !is_edited => Some(before.clone()),
                _ => Some(by.clone()),
            },
        }
    }

    /// Whether a record with this mark may be changed or deleted.
    pub(super) fn allow(&self, before: &ManagedBy) -> bool {
        match self {
            Self::Keep => false,
            Self::Remove => true,
            Self::Set { by, take_over } => *take_over || by.name == before.name,
        }
    }

    /// The file that the change is applied from.
    pub(super) const fn source(&self) -> Option<&ManagedBy> {
        match self {
            Self::Set { by, .. } => Some(by),
            Self::Keep | Self::Remove => None,
        }
    }
}
