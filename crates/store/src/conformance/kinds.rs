//! Kinds of records for tests.

use crate::Kind;

pub(crate) const USER: Kind = Kind::new("user");
pub(crate) const GROUP: Kind = Kind::new("group");
pub(crate) const ORGANIZATION: Kind = Kind::new("organization");
pub(crate) const END_USER: Kind = Kind::new("end_user");
pub(crate) const PREFERENCES: Kind = Kind::new("preferences");
pub(crate) const LETTER: Kind = Kind::new("letter");
pub(crate) const ENTRY: Kind = Kind::appended("entry");

/// Every one of them.
pub(crate) const ALL: [Kind; 7] = [USER, GROUP, ORGANIZATION, END_USER, PREFERENCES, LETTER, ENTRY];
