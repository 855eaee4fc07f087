//! Old values of entries, kept for snapshots while later commits are made.
//!
//! Sled has no snapshots. A snapshot is read in order of places, a few entries at a time. Before the
//! writer replaces an entry that has not been read yet, it keeps the old value for the snapshot, so
//! only what is written during the snapshot costs memory. A lock keeps the writer from applying a
//! commit between the two halves of a read; it is held for a few entries.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::StoreError;

/// Entries that are read while the writer waits.
pub(super) const CHUNK: usize = 32;
/// The places of all records are in this range.
const RECORDS: (&[u8], &[u8]) = (b"r", b"s");

/// The snapshots that are being read.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// By number.
    open: Mutex<BTreeMap<u64, Kept>>,
    next: AtomicU64,
}

/// What is kept for a snapshot.
struct Kept {
    /// The first place that has not been read; `None` when all have been.
    next: Option<Vec<u8>>,
    /// The entries from there on, once reading has begun. It may yield them as they were at any time
    /// since: where one has been replaced, what counts is in `old`.
    unread: Option<sled::Iter>,
    /// The values that entries from there on had; `None` where there was no entry.
    old: BTreeMap<Vec<u8>, Option<sled::IVec>>,
    bytes: usize,
    most_bytes: usize,
}

/// The entries that a commit replaces, if a snapshot may need them.
#[derive(Debug)]
pub(super) struct ReplacedEntries(Option<Vec<(Vec<u8>, Option<sled::IVec>)>>);

impl ReplacedEntries {
    /// Notes the value that the entry at a place has before the commit.
    pub(super) fn add(&mut self, place: &[u8], old: Option<sled::IVec>) {
        if let Some(entries) = &mut self.0
            && place.starts_with(RECORDS.0)
        {
            entries.push((place.to_vec(), old));
        }
    }
}

impl Snapshots {
    /// A snapshot begins; called by the writer between two commits.
    pub(super) fn begin(&self, most_bytes: usize) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let kept = Kept {
            next: Some(RECORDS.0.to_vec()),
            unread: None,
            old: BTreeMap::new(),
            bytes: 0,
            most_bytes,
        };
        self.open.lock().insert(number, kept);
        number
    }

    /// Collects what a commit replaces. Only the writer begins snapshots, so without an open one
    /// nothing is collected.
    pub(super) fn replaced(&self) -> ReplacedEntries {
        ReplacedEntries((!self.open.lock().is_empty()).then(Vec::new))
    }

    /// Keeps the old values that snapshots need, and applies the commit before one of them reads on.
    pub(super) fn keep<T>(&self, replaced: ReplacedEntries, apply: impl FnOnce() -> T) -> T {
        let Some(replaced) = replaced.0 else { return apply() };
        let mut open = self.open.lock();
        for kept in open.values_mut() {
            kept.keep(&replaced);
        }
        let applied = apply();
        MutexGuard::unlock_fair(open);
        applied
    }

    /// The next entries of a snapshot, in order; empty at the end.
    pub(super) fn read(
        &self,
        number: u64,
        tree: &sled::Tree,
    ) -> Result<sled::Result<Vec<Pair>>, StoreError> {
        let mut open = self.open.lock();
        let read = match open.get_mut(&number) {
            Some(kept) if kept.bytes > kept.most_bytes => Err(StoreError::Unavailable(
                "too much was written during the backup; make it when fewer records change"
                    .to_owned(),
            )),
            Some(kept) => Ok(kept.read(tree)),
            None => Ok(Ok(Vec::new())),
        };
        // A waiting commit goes first.
        MutexGuard::unlock_fair(open);
        read
    }

    pub(super) fn end(&self, number: u64) {
        self.open.lock().remove(&number);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.open.lock().is_empty()
    }
}

/// A place and what is stored there.
pub(super) type Pair = (sled::IVec, sled::IVec);

impl Kept {
    fn keep(&mut self, replaced: &[(Vec<u8>, Option<sled::IVec>)]) {
        let Some(next) = &self.next else { return };
        for (place, old) in replaced.iter().filter(|(place, _)| place >= next) {
            if self.bytes > self.most_bytes {
                self.old.clear();
                return;
            }
            if !self.old.contains_key(place) {
                self.bytes += size_of(place, old.as_ref());
                self.old.insert(place.clone(), old.clone());
            }
        }
    }

    /// Skips the places without entries.
    fn read(&mut self, tree: &sled::Tree) -> sled::Result<Vec<Pair>> {
        while self.next.take().is_some() {
            let unread = self.unread.get_or_insert_with(|| tree.range(RECORDS.0..RECORDS.1));
            let found = unread.take(CHUNK).collect::<Result<Vec<_>, _>>()?;
            let last = found.last().filter(|_| found.len() == CHUNK).map(|(place, _)| place);
            // No place between the two.
            self.next = last.map(|last| [last, &b"\0"[..]].concat());
            let later = self.next.as_ref().map(|next| self.old.split_off(next));
            let old = std::mem::replace(&mut self.old, later.unwrap_or_default());
            let entries = match old.is_empty() {
                true => found,
                false => self.with_old(found, old),
            };
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
        Ok(Vec::new())
    }

    /// The entries that were found, with the values that they had.
    fn with_old(
        &mut self,
        found: Vec<Pair>,
        old: BTreeMap<Vec<u8>, Option<sled::IVec>>,
    ) -> Vec<Pair> {
        let mut entries: BTreeMap<sled::IVec, sled::IVec> = found.into_iter().collect();
        for (place, value) in old {
            self.bytes = self.bytes.saturating_sub(size_of(&place, value.as_ref()));
            match value {
                Some(value) => drop(entries.insert(place.into(), value)),
                None => drop(entries.remove(place.as_slice())),
            }
        }
        entries.into_iter().collect()
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("old", &self.old.len()).finish_non_exhaustive()
    }
}

fn size_of(place: &[u8], value: Option<&sled::IVec>) -> usize {
    place.len() + value.map_or(0, |value| value.len())
}
