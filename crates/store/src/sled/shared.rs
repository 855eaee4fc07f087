//! The state that readers and the writer share: the database, the change feed and the fault.

use std::sync::OnceLock;

use bytes::Bytes;
use tokio::sync::watch;

use super::blocks::{Ids, IdsBackwards, Tail, batch_of};
use super::database::Database;
use super::head::{HEAD, Head};
use super::layout::{self, Stored};
use super::recent::Recent;
use crate::{Key, Kind, Record, StoreError, number_id};

/// The state that readers and the writer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) db: Database,
    pub(super) recent: watch::Sender<Recent>,
    pub(super) fault: OnceLock<String>,
}

impl Shared {
    /// The result of reading the database. After an error, the next start verifies every record.
    pub(super) fn read<T>(&self, result: sled::Result<T>) -> Result<T, StoreError> {
        result.map_err(|error| {
            self.db.skip_checksums();
            error.into()
        })
    }

    /// The record, if it exists and has the stored key `having`.
    pub(super) fn record(
        &self,
        kind: Kind,
        id: &str,
        having: Option<&[u8]>,
    ) -> Result<Option<Record>, StoreError> {
        let Some(bytes) = self.read(self.db.get(layout::record(kind, id)))? else {
            return Ok(None);
        };
        let stored = Stored::decode(kind, id, &bytes)?;
        if having.is_some_and(|key| !stored.keys.contains(&key)) {
            return Ok(None);
        }
        Ok(Some(to_record(id, &stored)))
    }

    /// The number of records of a kind, or with an index key, if it is kept.
    pub(super) fn kept_count(
        &self,
        kind: Kind,
        key: Option<&Key>,
    ) -> Result<Option<u64>, StoreError> {
        let Some(key) = key else {
            let head = self.read(self.db.get(HEAD))?;
            let head = head.as_deref().and_then(Head::decode);
            return Ok(head.map(|head| head.digest.records(kind.name())));
        };
        let Some(place) = layout::counted(&layout::indexed(kind, key)) else { return Ok(None) };
        let kept = self.read(self.db.get(place))?;
        Ok(kept.as_deref().and_then(|mut bytes| layout::number(&mut bytes)))
    }

    /// The records of a kind, or those with an index key, in order of id.
    pub(super) fn list(
        &self,
        kind: Kind,
        key: Option<&Key>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        if let Some(key) = key {
            let ids = self.ids(kind, layout::indexed(kind, key))?;
            return match after {
                Some(after) => self.with_key(kind, key, ids.after(after.as_bytes()), limit),
                None => self.with_key(kind, key, ids, limit),
            };
        }
        let prefix = layout::records(kind.name());
        let mut start = prefix.clone();
        start.extend_from_slice(after.unwrap_or_default().as_bytes());
        let entries = self.db.range(start.clone()..);
        let entries = entries.skip_while(|entry| {
            after.is_some() && entry.as_ref().is_ok_and(|(place, _)| *place == start)
        });
        self.records(kind, &prefix, entries, limit)
    }

    /// The same from the last one to the first.
    pub(super) fn list_back(
        &self,
        kind: Kind,
        key: Option<&Key>,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        if let Some(key) = key {
            let prefix = layout::indexed(kind, key);
            let tail = self.tail(kind, &prefix)?;
            let ids = IdsBackwards::before(&self.db, prefix, tail, before.map(str::as_bytes));
            return self.with_key(kind, key, ids, limit);
        }
        let prefix = layout::records(kind.name());
        let mut end = prefix.clone();
        match before {
            Some(before) => end.extend_from_slice(before.as_bytes()),
            // Ids are UTF-8, so no id has this byte.
            None => end.push(u8::MAX),
        }
        self.records(kind, &prefix, self.db.range(prefix.clone()..end).rev(), limit)
    }

    /// The records of these entries, until one has another prefix.
    fn records(
        &self,
        kind: Kind,
        prefix: &[u8],
        entries: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::new();
        for entry in entries.take(limit) {
            let (place, bytes) = self.read(entry)?;
            let Some(id) = place.strip_prefix(prefix) else { break };
            let id = layout::text(kind, id)?;
            records.push(to_record(id, &Stored::decode(kind, id, &bytes)?));
        }
        Ok(records)
    }

    /// The records of these ids that have the index key.
    fn with_key(
        &self,
        kind: Kind,
        key: &Key,
        ids: impl Iterator<Item = sled::Result<Vec<u8>>>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::new();
        for id in ids {
            if records.len() == limit {
                break;
            }
            let id = self.read(id)?;
            let id = layout::text(kind, &id)?;
            // The record may have lost the key since.
            records.extend(self.record(kind, id, Some(&layout::index(kind, key, id)))?);
        }
        Ok(records)
    }

    /// Counts the records of a kind, or those with an index key, by reading them or their ids.
    pub(super) fn counted(&self, kind: Kind, key: Option<&Key>) -> Result<u64, StoreError> {
        let Some(key) = key else {
            let entries = self.db.scan_prefix(layout::records(kind.name()));
            return entries.map(|entry| self.read(entry)).map(|entry| entry.map(|_| 1)).sum();
        };
        let ids = self.ids(kind, layout::indexed(kind, key))?;
        ids.map(|id| self.read(id)).map(|id| id.map(|_| 1)).sum()
    }

    /// The ids of the records with the index key that has this prefix.
    pub(super) fn ids(&self, kind: Kind, prefix: Vec<u8>) -> Result<Ids<'_>, StoreError> {
        let tail = self.tail(kind, &prefix)?;
        Ok(Ids::new(&self.db, prefix, tail))
    }

    /// The records of a kind whose batch is not full, if they are appended.
    fn tail(&self, kind: Kind, indexed: &[u8]) -> Result<Option<Tail>, StoreError> {
        if !kind.is_appended() {
            return Ok(None);
        }
        let prefix = layout::records(kind.name());
        let last = self.db.scan_prefix(&prefix).keys().next_back().transpose();
        let Some(last) = self.read(last)? else { return Ok(None) };
        let last = layout::text(kind, last.get(prefix.len()..).unwrap_or_default())?;
        // One that is no number is damaged, and found when it is read.
        let Ok(last) = last.parse::<u64>() else { return Ok(None) };
        let start = number_id(batch_of(last.saturating_add(1)));
        let mut ids = Vec::new();
        for entry in self.db.range(layout::record(kind, &start)..) {
            let (place, bytes) = self.read(entry)?;
            let Some(id) = place.strip_prefix(prefix.as_slice()) else { break };
            let stored = Stored::decode(kind, layout::text(kind, id)?, &bytes)?;
            if stored.keys.iter().any(|key| key.strip_suffix(id) == Some(indexed)) {
                ids.push(id.to_vec());
            }
        }
        Ok(Some(Tail { start: start.into_bytes(), ids }))
    }

    /// An error once the store has failed.
    pub(super) fn ensure_running(&self) -> Result<(), StoreError> {
        match self.fault.get() {
            None => Ok(()),
            Some(fault) => Err(StoreError::Unavailable(fault.clone())),
        }
    }

    /// The error when the writer has ended.
    pub(super) fn closed(&self) -> StoreError {
        let fault = self.fault.get().map_or("the writer has ended", String::as_str);
        StoreError::Unavailable(fault.to_owned())
    }

    /// Makes every later operation fail. The first reason is kept.
    pub(super) fn fail(&self, fault: &str) {
        self.db.skip_checksums();
        if self.fault.set(fault.to_owned()).is_ok() {
            tracing::error!(
                fault,
                "the store has failed, and returns only errors until it is opened again"
            );
        }
        self.recent.send_modify(|_| ());
    }
}

pub(super) fn to_record(id: &str, stored: &Stored<'_>) -> Record {
    Record { id: id.to_owned(), version: stored.version, doc: Bytes::copy_from_slice(stored.doc) }
}
