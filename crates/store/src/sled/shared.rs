//! The state that readers and the writer share: the database, the change feed and the fault.

use std::sync::OnceLock;

use bytes::Bytes;
use tokio::sync::watch;

use super::database::Database;
use super::head::{HEAD, Head};
use super::layout::{self, Stored};
use super::recent::Recent;
use crate::{Key, Kind, Record, StoreError};

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

    pub(super) fn list(
        &self,
        kind: Kind,
        key: Option<&Key>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let prefix = prefix(kind, key);
        let mut start = prefix.clone();
        start.extend_from_slice(after.unwrap_or_default().as_bytes());
        let entries = self.db.range(start.clone()..);
        let entries = entries.skip_while(|entry| {
            after.is_some() && entry.as_ref().is_ok_and(|(place, _)| *place == start)
        });
        self.records(kind, key, &prefix, entries, limit)
    }

    pub(super) fn list_back(
        &self,
        kind: Kind,
        key: Option<&Key>,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let prefix = prefix(kind, key);
        let mut end = prefix.clone();
        match before {
            Some(before) => end.extend_from_slice(before.as_bytes()),
            // Ids are UTF-8, so no id has this byte.
            None => end.push(u8::MAX),
        }
        let entries = self.db.range(prefix.clone()..end).rev();
        self.records(kind, key, &prefix, entries, limit)
    }

    /// The records of these entries, until one has another prefix.
    fn records(
        &self,
        kind: Kind,
        key: Option<&Key>,
        prefix: &[u8],
        entries: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::new();
        for entry in entries {
            if records.len() == limit {
                break;
            }
            let (place, bytes) = self.read(entry)?;
            let Some(id) = place.strip_prefix(prefix) else { break };
            let id = layout::text(kind, id)?;
            let record = match key {
                None => Some(to_record(id, &Stored::decode(kind, id, &bytes)?)),
                // The record may have lost the key since.
                Some(_) => self.record(kind, id, Some(&place))?,
            };
            records.extend(record);
        }
        Ok(records)
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

/// The prefix of the sled keys of the records, or of the index entries with `key`. The id follows.
pub(super) fn prefix(kind: Kind, key: Option<&Key>) -> Vec<u8> {
    key.map_or_else(|| layout::records(kind.name()), |key| layout::indexed(kind, key))
}
