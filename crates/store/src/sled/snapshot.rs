//! Snapshots: the records as they were between two commits, while later commits are made
//! ([`super::kept_entries`]).

use std::sync::{Arc, Weak};

use super::appended::{self, Waiting};
use super::head::{FORMAT, Head};
use super::layout::{self, Entry, Stored};
use super::shared::Shared;
use crate::{KeyType, Snapshot, SnapshotKey, SnapshotRecord, StoreError};

/// The most bytes of old values that are kept for a snapshot.
const MOST_KEPT: usize = 256 * 1024 * 1024;

/// A snapshot of the store.
#[derive(Debug)]
pub(super) struct SledSnapshot {
    /// Weak, so that it does not keep the store open.
    shared: Weak<Shared>,
    number: u64,
    head: Head,
    /// Whether the appended records in the head have been passed on.
    is_done: bool,
}

impl SledSnapshot {
    /// A snapshot of the state with this head, which is the present one.
    pub(super) fn begin(shared: &Arc<Shared>, head: Head) -> Self {
        Self::with_limit(shared, head, MOST_KEPT)
    }

    fn with_limit(shared: &Arc<Shared>, head: Head, most_kept: usize) -> Self {
        let number = shared.snapshots.begin(most_kept);
        Self { shared: Arc::downgrade(shared), number, head, is_done: false }
    }
}

impl Snapshot for SledSnapshot {
    fn format(&self) -> u64 {
        FORMAT
    }

    fn sequence(&self) -> u64 {
        self.head.sequence
    }

    fn kinds(&self) -> Vec<(String, u64)> {
        self.head.digest.record_counts()
    }

    fn read(&mut self, pass_on: &mut dyn FnMut(&SnapshotRecord<'_>)) -> Result<bool, StoreError> {
        if self.is_done {
            return Ok(false);
        }
        let Some(shared) = self.shared.upgrade() else {
            return Err(StoreError::Unavailable("the gateway is stopping".to_owned()));
        };
        shared.ensure_running()?;
        let entries = shared.read(shared.snapshots.read(self.number, &shared.db)?)?;
        for (place, value) in &entries {
            pass_on_entry(place, value, pass_on)?;
        }
        if entries.is_empty() {
            self.is_done = true;
            pass_on_waiting(&self.head.waiting, pass_on)?;
        }
        // After a fault, it is not known what was read.
        shared.ensure_running()?;
        Ok(true)
    }
}

impl Drop for SledSnapshot {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.snapshots.end(self.number);
        }
    }
}

/// Passes on the records of an entry.
pub(super) fn pass_on_entry(
    place: &[u8],
    value: &[u8],
    pass_on: &mut dyn FnMut(&SnapshotRecord<'_>),
) -> Result<(), StoreError> {
    let Some(Entry::Record { kind, id }) = Entry::parse(place) else { return Err(damaged(place)) };
    for (id, stored) in appended::records(id, value) {
        pass_on(&record(kind, id, stored)?);
    }
    Ok(())
}

/// Passes on the appended records that are not in entries.
pub(super) fn pass_on_waiting(
    waiting: &Waiting,
    pass_on: &mut dyn FnMut(&SnapshotRecord<'_>),
) -> Result<(), StoreError> {
    for kind in waiting.kinds() {
        for (id, stored) in waiting.of(kind) {
            pass_on(&record(kind, id, stored)?);
        }
    }
    Ok(())
}

fn record<'a>(
    kind: &'a str,
    id: &'a [u8],
    stored: &'a [u8],
) -> Result<SnapshotRecord<'a>, StoreError> {
    let parsed = str::from_utf8(id).ok().and_then(|id| {
        let Stored { version, doc, keys } = Stored::parse(stored)?;
        let keys = keys.into_iter().map(|place| key(place, id)).collect::<Option<_>>()?;
        Some(SnapshotRecord { kind, id, version, doc, keys })
    });
    parsed.ok_or_else(|| damaged(&[kind.as_bytes(), b" ", id].concat()))
}

fn key<'a>(place: &'a [u8], id: &'a str) -> Option<SnapshotKey<'a>> {
    let key_type = match place.first()? {
        b'u' => KeyType::Unique,
        b'i' => KeyType::Index,
        b'o' => KeyType::Ordered,
        _ => return None,
    };
    let parsed = layout::parse_key(place, id.as_bytes()).filter(|parsed| parsed.id == id)?;
    Some(SnapshotKey { key_type, field: parsed.field, value: parsed.value })
}

fn damaged(what: &[u8]) -> StoreError {
    let what = String::from_utf8_lossy(what);
    StoreError::Unavailable(format!("a record of the store is damaged: `{what}`"))
}

#[cfg(test)]
mod tests;
