//! Replacing the key of a store that no gateway serves.
//!
//! One sled batch replaces the id of the key, the digest of all records, and the records that depend
//! on the key. After a crash, the store has either the old key or the new one.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::appended;
use super::blocks::IndexChanges;
use super::digest::Digest;
use super::error::OpenError;
use super::head::{HEAD, Head, META, Meta};
use super::layout::{self, Entry, Stored, number};
use super::opening::{self, Opened};
use super::replaced::Entries;
use crate::{Key, Kind, StoreError, StoreKey, number_id};

/// What becomes of a record when the key is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rekeyed {
    /// It stays as it is.
    Kept,
    /// It gets this document. Its keys stay.
    Replaced(Vec<u8>),
    /// It is removed.
    Removed,
}

/// A record that the commit adds under the next number of its kind, as
/// [`Write::Append`](crate::Write::Append).
#[derive(Debug, Clone)]
pub struct Appended {
    /// The record's kind.
    pub kind: Kind,
    /// The document.
    pub doc: Vec<u8>,
    /// Keys that several records may have.
    pub index: Vec<Key>,
}

/// A store whose key is being replaced. No other process can open it.
#[derive(Debug)]
pub struct Rekeying {
    opened: Opened,
}

impl Rekeying {
    /// Opens the store in the folder `path` with its present key.
    ///
    /// # Errors
    /// Those of opening the store.
    pub fn open(path: &Path, key: &StoreKey) -> Result<Self, OpenError> {
        Ok(Self { opened: opening::open(path, key)? })
    }

    /// Passes on the kind, id and document of each record.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn records(&self, mut pass_on: impl FnMut(&str, &str, &[u8])) -> Result<(), StoreError> {
        for entry in self.entries() {
            let (place, value, _) = entry?;
            let Some((kind, id)) = record(&place) else { continue };
            for (id, bytes) in appended::records(id.as_bytes(), &value) {
                if let (Ok(id), Some(stored)) = (str::from_utf8(id), Stored::parse(bytes)) {
                    pass_on(kind, id, stored.doc);
                }
            }
        }
        Ok(())
    }

    /// The places and values of all records, and whether they are new: those that wait in the head get
    /// into entries.
    fn entries(&self) -> impl Iterator<Item = Result<(sled::IVec, sled::IVec, bool), StoreError>> {
        let mut waiting = self.opened.head.waiting.clone();
        let kinds: Vec<_> = waiting.kinds().map(str::to_owned).collect();
        let waiting: Vec<_> = kinds.iter().filter_map(|kind| waiting.take(kind)).collect();
        let waiting =
            waiting.into_iter().map(|(place, block)| Ok((place.into(), block.into(), true)));
        let entries = self.opened.database.scan_prefix(b"r");
        let entries = entries.map(|entry| {
            let (place, value) = entry?;
            Ok((place, value, false))
        });
        entries.chain(waiting)
    }

    /// Replaces the key by `new`. `change` decides what becomes of each record, and `appended` is
    /// added. The store has the new key on disk when this returns.
    ///
    /// # Errors
    /// When a record cannot be read, or the store cannot be written; it then opens with one of the
    /// two keys.
    pub fn replace(
        mut self,
        new: &StoreKey,
        mut change: impl FnMut(&str, &str, &[u8]) -> Rekeyed,
        appended: &Appended,
    ) -> Result<(), StoreError> {
        let (mut digest, mut batch) = (Digest::default(), sled::Batch::default());
        let (mut removed_keys, mut uncounted) = (BTreeSet::new(), BTreeMap::<_, u64>::new());
        let mut index = IndexChanges::default();
        let mut next = 0;
        let database = &self.opened.database;
        for entry in self.entries() {
            let (place, value, mut is_changed) = entry?;
            let Some((kind, id)) = record(&place) else {
                digest.add(new, &place, &value);
                continue;
            };
            let mut left = Vec::new();
            for (id, bytes) in appended::records(id.as_bytes(), &value) {
                let id = str::from_utf8(id).unwrap_or_default();
                if kind == appended.kind.name() {
                    next = id.parse::<u64>().map_or(next, |number| number + 1);
                }
                let stored = Stored::parse(bytes);
                let rekeyed = stored.as_ref().map(|stored| change(kind, id, stored.doc));
                match (rekeyed, stored) {
                    (Some(Rekeyed::Replaced(doc)), Some(stored)) => {
                        let (version, keys) = (stored.version + 1, stored.keys);
                        let bytes = Stored { version, doc: &doc, keys }.encode();
                        left.push((id, Cow::Owned(bytes)));
                        is_changed = true;
                    }
                    (Some(Rekeyed::Removed), Some(stored)) => {
                        for count in stored.keys.iter().filter_map(|key| layout::count_of(key)) {
                            *uncounted.entry(count).or_default() += 1;
                        }
                        for key in stored.keys {
                            match layout::index_parts(key) {
                                Some((prefix, id)) => index.set(prefix, id, false),
                                None => drop(removed_keys.insert(key.to_vec())),
                            }
                        }
                        is_changed = true;
                    }
                    _ => left.push((id, Cow::Borrowed(bytes))),
                }
            }
            if !is_changed {
                digest.add(new, &place, &value);
                continue;
            }
            batch.remove(&*place);
            let left = left.iter().map(|(id, bytes)| (id.as_bytes(), &**bytes));
            if let Some((first, value)) = appended::entry(left) {
                let place = [&*layout::records(kind), first].concat();
                digest.add(new, &place, &value);
                batch.insert(place, value);
            }
        }
        for entry in database.scan_prefix(b"c") {
            let (place, value) = entry?;
            let Some(removed) = uncounted.get(&*place) else {
                digest.add(new, &place, &value);
                continue;
            };
            let count = number(&mut &*value).unwrap_or_default().saturating_sub(*removed);
            if count == 0 {
                batch.remove(place);
            } else {
                let count = count.to_be_bytes();
                digest.add(new, &place, &count);
                batch.insert(place, &count);
            }
        }
        for entry in [b"o", b"u"].into_iter().flat_map(|table| database.scan_prefix(table)) {
            let (place, value) = entry?;
            if removed_keys.contains(&*place) {
                batch.remove(place);
            } else {
                digest.add(new, &place, &value);
            }
        }
        let (place, value) = record_of(appended, next, &mut index);
        digest.add(new, &place, &value);
        batch.insert(place, value);
        let blocks = index.blocks(database)?;
        for entry in database.scan_prefix(b"i") {
            let (place, value) = entry?;
            if !blocks.contains_key(&*place) {
                digest.add(new, &place, &value);
            }
        }
        put(blocks, new, &mut digest, &mut batch);
        let sequence = self.opened.head.sequence + 1;
        let head = Head { sequence, digest, ..Head::default() };
        batch.insert(META, Meta::of(new).encode());
        batch.insert(HEAD, head.encode());
        if let Err(error) = database.write(batch) {
            database.skip_checksums();
            return Err(error);
        }
        let noted = self.opened.answered.write(head.mark());
        noted.map_err(|error| self.opened.database.folder().error(&error))
    }
}

/// The entry of an appended record; its index keys are added to `changes`.
fn record_of(appended: &Appended, number: u64, changes: &mut IndexChanges) -> (Vec<u8>, Vec<u8>) {
    let Appended { kind, doc, index } = appended;
    let id = number_id(number);
    for key in index {
        changes.set(&layout::indexed(*kind, key), id.as_bytes(), true);
    }
    let keys: Vec<_> = index.iter().map(|key| layout::index(*kind, key, &id)).collect();
    let stored = Stored { version: 1, doc, keys: keys.iter().map(Vec::as_slice).collect() };
    (layout::record(*kind, &id), stored.encode())
}

/// Adds the changed blocks to the batch, and those that stay to the digest.
fn put(blocks: Entries, key: &StoreKey, digest: &mut Digest, batch: &mut sled::Batch) {
    for (place, block) in blocks {
        match block.new {
            Some(block) => {
                digest.add(key, &place, &block);
                batch.insert(place, block);
            }
            None => batch.remove(place),
        }
    }
}

/// The kind of the records at a place, and the id of the first; `None` for what was never written.
fn record(place: &[u8]) -> Option<(&str, &str)> {
    let Some(Entry::Record { kind, id }) = Entry::parse(place) else { return None };
    Some((kind, str::from_utf8(id).ok()?))
}
