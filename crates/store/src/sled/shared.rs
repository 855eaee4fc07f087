//! The state that readers and the writer share: the database, the change feed and the fault.

use std::ops::ControlFlow;
use std::sync::OnceLock;

use bytes::Bytes;
use tokio::sync::watch;

use super::appended::{self, Waiting};
use super::blocks::{Ids, IdsBackwards, Tail, batch_of};
use super::database::Database;
use super::head::{HEAD, Head};
use super::kept_entries::Snapshots;
use super::layout::{self, Stored};
use super::recent::Recent;
use crate::{Key, Kind, Record, StoreError, number_id};

/// The state that readers and the writer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) db: Database,
    pub(super) recent: watch::Sender<Recent>,
    pub(super) fault: OnceLock<String>,
    pub(super) snapshots: Snapshots,
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
        let Some(bytes) = self.stored(kind, id)? else { return Ok(None) };
        let stored = Stored::decode(kind, id, &bytes)?;
        if having.is_some_and(|key| !stored.keys.contains(&key)) {
            return Ok(None);
        }
        Ok(Some(to_record(id, &stored)))
    }

    /// The stored bytes of a record.
    pub(super) fn stored(&self, kind: Kind, id: &str) -> Result<Option<sled::IVec>, StoreError> {
        let in_entry = || self.read(appended::stored(&self.db, kind, id));
        let stored = in_entry()?;
        if stored.is_some() || !kind.is_appended() {
            return Ok(stored);
        }
        let waiting = self.waiting(kind)?;
        match waiting.of(kind.name()).into_iter().find(|(its, _)| *its == id.as_bytes()) {
            Some((_, stored)) => Ok(Some(stored.into())),
            // It may have got into an entry between the two.
            None => in_entry(),
        }
    }

    /// The records of a kind that are not in entries yet.
    fn waiting(&self, kind: Kind) -> Result<Waiting, StoreError> {
        if !kind.is_appended() {
            return Ok(Waiting::default());
        }
        let head = self.read(self.db.get(HEAD))?;
        let head = head.as_deref().and_then(Head::decode).ok_or_else(|| {
            self.db.skip_checksums();
            StoreError::Unavailable("the newest records of the store cannot be read".to_owned())
        })?;
        Ok(head.waiting)
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
        let mut records = Vec::new();
        let from = after.map(|after| [after.as_bytes(), b"\0"].concat()).unwrap_or_default();
        self.each_from(kind, &from, |id, stored| {
            if records.len() == limit {
                return Ok(ControlFlow::Break(()));
            }
            records.push(read(kind, id, stored)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(records)
    }

    /// Passes on the records of a kind from the id `from` on, in order, until told to break.
    fn each_from(
        &self,
        kind: Kind,
        from: &[u8],
        mut pass_on: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        // Read first, so that each record is in it or in an entry, or in both.
        let waiting = self.waiting(kind)?;
        let waiting = waiting.of(kind.name());
        let newest = waiting.first().map(|(id, _)| *id);
        let prefix = layout::records(kind.name()).len();
        for entry in self.read(appended::entries_from(&self.db, kind, from))? {
            let (place, value) = self.read(entry)?;
            for (id, stored) in appended::records(place.get(prefix..).unwrap_or_default(), &value) {
                let is_next = id >= from && newest.is_none_or(|newest| id < newest);
                if is_next && pass_on(id, stored)?.is_break() {
                    return Ok(());
                }
            }
        }
        for (id, stored) in waiting.into_iter().filter(|(id, _)| *id >= from) {
            if pass_on(id, stored)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
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
        // Ids are UTF-8, so no id has this byte.
        let end = before.map_or(&[u8::MAX][..], str::as_bytes);
        let waiting = self.waiting(kind)?;
        let waiting = waiting.of(kind.name());
        let mut records = Vec::new();
        for (id, stored) in waiting.iter().rev().filter(|(id, _)| *id < end).take(limit) {
            records.push(read(kind, id, stored)?);
        }
        let end = waiting.first().map_or(end, |(first, _)| end.min(first));
        let prefix = layout::records(kind.name());
        let places = prefix.clone()..[prefix.as_slice(), end].concat();
        for entry in self.db.range(places).rev() {
            if records.len() == limit {
                break;
            }
            let (place, value) = self.read(entry)?;
            let id = place.get(prefix.len()..).unwrap_or_default();
            let here = appended::records(id, &value).rev().filter(|(id, _)| *id < end);
            for (id, stored) in here.take(limit - records.len()) {
                records.push(read(kind, id, stored)?);
            }
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
            let mut count = 0;
            self.each_from(kind, b"", |_, _| {
                count += 1;
                Ok(ControlFlow::Continue(()))
            })?;
            return Ok(count);
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
        let waiting = self.waiting(kind)?;
        let last = match waiting.of(kind.name()).last() {
            Some((id, _)) => Some(id.to_vec()),
            None => self.read(appended::last_id(&self.db, kind))?,
        };
        let Some(last) = last else { return Ok(None) };
        // One that is no number is damaged, and found when it is read.
        let Ok(last) = layout::text(kind, &last)?.parse::<u64>() else { return Ok(None) };
        let start = number_id(batch_of(last.saturating_add(1)));
        let mut ids = Vec::new();
        self.each_from(kind, start.as_bytes(), |id, stored| {
            let stored = Stored::decode(kind, layout::text(kind, id)?, stored)?;
            if stored.keys.iter().any(|key| key.strip_suffix(id) == Some(indexed)) {
                ids.push(id.to_vec());
            }
            Ok(ControlFlow::Continue(()))
        })?;
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

/// The record with these stored bytes.
fn read(kind: Kind, id: &[u8], stored: &[u8]) -> Result<Record, StoreError> {
    let id = layout::text(kind, id)?;
    Ok(to_record(id, &Stored::decode(kind, id, stored)?))
}

pub(super) fn to_record(id: &str, stored: &Stored<'_>) -> Record {
    Record { id: id.to_owned(), version: stored.version, doc: Bytes::copy_from_slice(stored.doc) }
}
