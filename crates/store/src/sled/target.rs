//! A new store that is filled with the records of another one: of a damaged store, or of a backup.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::answered::AnsweredFile;
use super::blocks::{IndexChanges, batch_of, is_number};
use super::check;
use super::checksums::Comparison;
use super::completeness::refused;
use super::error::OpenError;
use super::folder::Filling;
use super::head::{HEAD, Head};
use super::layout::{self, Entry, Stored};
use super::opening::{self, Opened};
use crate::{StoreError, StoreKey};

/// Entries in one write to the new store.
const BATCH: usize = 1024;

/// The new store.
pub(super) struct Target {
    opened: Opened,
    key: StoreKey,
    pub(super) head: Head,
    batch: sled::Batch,
    waiting: BTreeSet<Vec<u8>>,
    /// The index keys of the records that are waiting.
    index: IndexChanges,
    /// The numbers of records with an index key.
    counts: BTreeMap<Vec<u8>, u64>,
    /// The numbers of records, by kind.
    pub(super) records: BTreeMap<String, u64>,
}

impl Target {
    /// An empty store. Until it is finished, the folder holds what `filling` says.
    pub(super) fn create(to: &Path, key: &StoreKey, filling: Filling) -> Result<Self, OpenError> {
        let opened = opening::create(to, key, filling)?;
        let head = Head::default();
        let (batch, waiting, counts) = (sled::Batch::default(), BTreeSet::new(), BTreeMap::new());
        let (index, records) = (IndexChanges::default(), BTreeMap::new());
        Ok(Self { opened, key: key.clone(), head, batch, waiting, index, counts, records })
    }

    /// Whether the record has been written.
    pub(super) fn contains(&self, kind: &str, id: &str) -> Result<bool, StoreError> {
        self.has(&[layout::records(kind).as_slice(), id.as_bytes()].concat())
    }

    /// The same for a record by its place.
    pub(super) fn has(&self, place: &[u8]) -> Result<bool, StoreError> {
        Ok(self.opened.database.contains_key(place)?)
    }

    /// Writes a record with its keys, unless another record has one of them. Returns a line if it is
    /// not written.
    pub(super) fn put(&mut self, place: &[u8], value: &[u8]) -> Result<Option<String>, StoreError> {
        let refused = |why| Ok(Some(format!("{}: {why}", describe(place))));
        let Some(Entry::Record { kind, id }) = Entry::parse(place) else {
            return refused("it has no id");
        };
        // Changes of a page whose content is lost may come out under another key.
        let belongs = |stored: &Stored<'_>| {
            let mut index = stored.keys.iter().filter(|key| !key.starts_with(b"u"));
            str::from_utf8(id).is_ok() && index.all(|key| key.ends_with(id))
        };
        let Some(stored) = Stored::parse(value).filter(belongs) else {
            return refused("it is damaged");
        };
        for key in stored.keys.iter().filter(|key| layout::index_parts(key).is_none()) {
            if self.waiting.contains(*key) || self.opened.database.contains_key(key)? {
                return refused("another record has one of its keys");
            }
        }
        self.insert(place, value);
        let is_appended = str::from_utf8(id).is_ok_and(is_number);
        for key in stored.keys {
            match layout::index_parts(key) {
                Some((prefix, id)) => self.index.set(prefix, id, true),
                None => self.insert(key, layout::key_value(key, id)),
            }
            if let Some(count) = layout::count_of(key).filter(|_| !is_appended) {
                *self.counts.entry(count).or_default() += 1;
            }
        }
        if self.waiting.len() >= BATCH {
            self.write()?;
        }
        *self.records.entry(kind.to_owned()).or_default() += 1;
        Ok(None)
    }

    fn insert(&mut self, place: &[u8], value: &[u8]) {
        self.head.digest.add(&self.key, place, value);
        self.batch.insert(place, value);
        self.waiting.insert(place.to_vec());
    }

    /// Writes what has been put so far.
    pub(super) fn write(&mut self) -> Result<(), StoreError> {
        self.waiting.clear();
        for (place, block) in std::mem::take(&mut self.index).blocks(&self.opened.database)? {
            if let Some(old) = block.old {
                self.head.digest.remove(&self.key, &place, &old);
            }
            match block.new {
                Some(block) => {
                    self.head.digest.add(&self.key, &place, &block);
                    self.batch.insert(place, block);
                }
                None => self.batch.remove(place),
            }
        }
        self.opened.database.apply_batch(std::mem::take(&mut self.batch))?;
        Ok(())
    }

    /// Takes the appended records whose batch is not full out of the blocks of ids, as the writer does
    /// not put them there yet.
    pub(super) fn leave_unindexed(&mut self, kind: &str) -> Result<(), StoreError> {
        let prefix = layout::records(kind);
        let number = |place: &[u8]| {
            let id = str::from_utf8(place.get(prefix.len()..)?).ok()?;
            id.parse::<u64>().ok().filter(|_| is_number(id))
        };
        let records = self.opened.database.scan_prefix(&prefix).rev();
        let mut start = None;
        for entry in records {
            let (place, value) = entry?;
            let Some(number) = number(&place) else { break };
            if number < *start.get_or_insert(batch_of(number.saturating_add(1))) {
                break;
            }
            let keys = Stored::parse(&value).map(|stored| stored.keys).unwrap_or_default();
            for (prefix, id) in keys.into_iter().filter_map(layout::index_parts) {
                self.index.set(prefix, id, false);
            }
        }
        self.write()
    }

    /// Writes the numbers of records with an index key.
    pub(super) fn count(&mut self) -> Result<(), StoreError> {
        for (place, count) in std::mem::take(&mut self.counts) {
            self.insert(&place, &count.to_be_bytes());
        }
        self.write()
    }

    /// Reads everything back and compares it with the digest of what was written.
    pub(super) fn verify(&self) -> Result<(), OpenError> {
        let (database, key) = (&self.opened.database, &self.key);
        let found = check::read(database, key, || ()).map_err(StoreError::from)?;
        let verified = found.verify(key).and_then(|head| match head == self.head {
            true => Ok(()),
            false => Err(check::Fault::Damaged("its head is not what was written".to_owned())),
        });
        let path = database.folder().path();
        verified.map_err(|fault| refused(path, fault, &Comparison::NotClosed))
    }

    /// Writes the head of the store, which ends at this commit.
    pub(super) fn close(&mut self, sequence: u64) -> Result<(), OpenError> {
        self.head.sequence = sequence;
        let mut batch = sled::Batch::default();
        batch.insert(HEAD, self.head.encode());
        Ok(self.opened.database.write(batch)?)
    }

    /// Starts using the store.
    pub(super) fn finish(self) -> Result<(), OpenError> {
        let folder = self.opened.database.folder();
        let noted = AnsweredFile::create(folder.answered(), self.head.mark())
            .and_then(|_| folder.mark_in_use());
        noted.map_err(|error| folder.error(&error).into())
    }
}

fn describe(place: &[u8]) -> String {
    match Entry::parse(place) {
        Some(Entry::Record { kind, id }) => format!("{kind} `{}`", String::from_utf8_lossy(id)),
        Some(Entry::Key { kind } | Entry::Count { kind }) => kind.to_owned(),
        None => "an unknown entry".to_owned(),
    }
}
