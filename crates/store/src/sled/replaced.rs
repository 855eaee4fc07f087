//! Sled entries that a commit replaces, with what they replace: each is read once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// A sled entry before and after a commit; `None` where it does not exist.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    /// The value before.
    pub(super) old: Option<sled::IVec>,
    /// The value after.
    pub(super) new: Option<Vec<u8>>,
}

/// Entries by their sled keys.
pub(super) type Entries = BTreeMap<Vec<u8>, Replaced>;

/// Sets the value that the entry at `place` has after the commit. Returns the one that it had so far.
pub(super) fn set(
    entries: &mut Entries,
    tree: &sled::Tree,
    place: Vec<u8>,
    new: Option<Vec<u8>>,
) -> sled::Result<Option<Vec<u8>>> {
    match entries.entry(place) {
        Entry::Occupied(entry) => Ok(std::mem::replace(&mut entry.into_mut().new, new)),
        Entry::Vacant(entry) => {
            let old = tree.get(entry.key())?;
            let so_far = old.as_deref().map(<[u8]>::to_vec);
            entry.insert(Replaced { old, new });
            Ok(so_far)
        }
    }
}
