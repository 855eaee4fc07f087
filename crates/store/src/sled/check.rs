//! Whether a database holds everything that was written to it.
//!
//! What sled cannot read of a damaged file, it takes for free space, and overwrites it. So a
//! database is read without sled first ([`read_files`]). If that leaves any doubt, sled reads a copy
//! ([`read_copy`]). The files themselves are opened for writing only afterwards.

use std::ops::Bound;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::digest::Digest;
use super::folder::{self, Folder};
use super::layout::{self, Head, Meta, Stored};
use super::log::Log;
use super::log::node::{Content, Node};
use super::log::table::PageTable;
use super::log::tree::Tree;
use super::parallel::in_parallel;
use crate::{StoreError, StoreKey};

/// How long sled may take to open the copy, and from then on for the next entries. On some damage
/// it would search for ever.
const PATIENCE: Duration = Duration::from_secs(120);
/// Entries between two signs of life.
const STRIDE: usize = 4096;

/// What a database holds.
#[derive(Debug)]
pub(super) struct Found {
    /// Format version and key, as stored.
    meta: Option<Vec<u8>>,
    /// Sequence and digest, as stored.
    head: Option<Vec<u8>>,
    /// The digest of the entries that are there.
    digest: Digest,
    /// Keys that are there without their record, or the other way round; empty if none are, and
    /// for a database with a format version, whose digest would show them.
    unmatched: Digest,
}

/// Why a database is not used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// What is missing or cannot be read.
    NotWhole(String),
    /// It belongs to another secret key.
    OtherKey,
    /// It has a later format.
    Newer(u64),
}

impl Found {
    /// What is stored about a database that is whole, without reading its entries again.
    pub(super) fn whole(db: &sled::Db, key: &StoreKey) -> Result<Result<Head, Fault>, StoreError> {
        let meta = db.get(layout::META)?;
        let head = db.get(layout::HEAD)?;
        Ok(judge(meta.as_deref(), head.as_deref(), key))
    }

    /// Whether the database has a format version.
    pub(super) fn is_versioned(&self) -> bool {
        self.meta.is_some()
    }

    /// The head, if all that was written is there.
    pub(super) fn judge(&self, key: &StoreKey) -> Result<Head, Fault> {
        let head = judge(self.meta.as_deref(), self.head.as_deref(), key)?;
        let differences = head.digest.differences(&self.digest);
        if differences.is_empty() { Ok(head) } else { Err(Fault::NotWhole(differences.join("; "))) }
    }

    /// The head of a database without format version, with the digest that it lacks. Without a
    /// digest, what is missing shows only where it leaves other entries alone.
    pub(super) fn judge_unversioned(&self) -> Result<Head, Fault> {
        let sequence = layout::decode_unversioned_head(self.head.as_deref());
        let Some(sequence) = sequence else {
            return Err(Fault::NotWhole("its head is missing".to_owned()));
        };
        if self.unmatched != Digest::default() {
            let kinds = self.unmatched.kinds().collect::<Vec<_>>().join(", ");
            let what = format!("records and the keys that lead to them do not match: {kinds}");
            return Err(Fault::NotWhole(what));
        }
        Ok(Head { sequence, digest: self.digest.clone() })
    }
}

fn judge(meta: Option<&[u8]>, head: Option<&[u8]>, key: &StoreKey) -> Result<Head, Fault> {
    let Some(meta) = meta.and_then(Meta::decode) else {
        return Err(Fault::NotWhole("its format version is missing".to_owned()));
    };
    if meta.format > folder::FORMAT {
        return Err(Fault::Newer(meta.format));
    }
    if meta.key_id != key.id() {
        return Err(Fault::OtherKey);
    }
    let head = head.and_then(Head::decode);
    head.ok_or_else(|| Fault::NotWhole("the digest of its records is missing".to_owned()))
}

/// Reads the database's files without sled, and without writing to them. Returns what they hold and
/// where; `None` if it is not certain that sled will find the same.
pub(super) fn read_files(folder: &Folder, key: &StoreKey) -> Option<(Found, PageTable)> {
    let log = Log::open(folder.path()).ok()?;
    let table = PageTable::recover(&log)?;
    let parts = Tree::new(&log, &table).leaves(|part: &mut Part, leaf| part.add_leaf(leaf, key))?;
    Some((Part::union(parts).into_found(), table))
}

/// Reads a copy of the database to its end.
pub(super) fn read_copy(
    folder: &Folder,
    key: &StoreKey,
) -> Result<Result<Found, Fault>, StoreError> {
    let copy = folder.copy_for_check().map_err(|error| {
        StoreError::Unavailable(format!(
            "`{}` was not closed in good order or has changed since, and cannot be copied for a \
             check: {error}; it needs as much free space as the store has",
            folder.path().display()
        ))
    })?;
    Ok(read_in_time(copy, key.clone()))
}

/// Sled may panic or never end on damaged files; this does neither.
fn read_in_time(copy: PathBuf, key: StoreKey) -> Result<Found, Fault> {
    let (report, reports) = mpsc::channel();
    let started = thread::Builder::new().name("store check".to_owned()).spawn(move || {
        let db = folder::open_copy(&copy);
        // The receiver is gone if this took too long.
        let progress = || drop(report.send(None));
        let found = db.as_ref().map_err(Clone::clone).and_then(|db| read(db, &key, progress));
        // Sent before the copy is closed, which takes a while.
        let _ = report.send(Some(found));
    });
    if let Err(error) = started {
        return Err(Fault::NotWhole(format!("it could not be checked: {error}")));
    }
    loop {
        match reports.recv_timeout(PATIENCE) {
            Ok(None) => {}
            Ok(Some(Ok(found))) => return Ok(found),
            Ok(Some(Err(error))) => return Err(Fault::NotWhole(error.to_string())),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Fault::NotWhole("reading it made sled panic".to_owned()));
            }
            Err(RecvTimeoutError::Timeout) => {
                return Err(Fault::NotWhole("reading it does not end".to_owned()));
            }
        }
    }
}

/// Reads all entries.
pub(super) fn read(
    db: &sled::Db,
    key: &StoreKey,
    progress: impl Fn() + Sync,
) -> Result<Found, StoreError> {
    let meta = db.get(layout::META)?;
    let ranges = ranges(db.get(layout::HEAD)?.as_deref());
    let parts = in_parallel(&ranges, |range| {
        let mut part = Part { match_keys: meta.is_none(), ..Part::default() };
        let entries = db.range::<&[u8], _>((as_slice(&range.0), as_slice(&range.1)));
        let read = part.add_all(entries, key, &progress).map(|()| part);
        Some(read)
    });
    let parts = parts.unwrap_or_default().into_iter().collect::<Result<_, _>>()?;
    Ok(Part::union(parts).into_found())
}

type Range = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// All possible keys, in ranges that threads can read at the same time: divided by the kinds that
/// the stored head names, if it is there.
fn ranges(head: Option<&[u8]>) -> Vec<Range> {
    let head = head.and_then(Head::decode).unwrap_or_default();
    let mut starts: Vec<_> = head.digest.kinds().flat_map(layout::starts).collect();
    starts.sort();
    let ends = starts.iter().skip(1).cloned().map(Bound::Excluded).chain([Bound::Unbounded]);
    let first =
        (Bound::Unbounded, starts.first().cloned().map_or(Bound::Unbounded, Bound::Excluded));
    let rest = starts.iter().cloned().map(Bound::Included).zip(ends);
    [first].into_iter().chain(rest).collect()
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

/// What some of the entries add up to.
#[derive(Debug, Default)]
struct Part {
    /// Whether records are compared with the keys that lead to them.
    match_keys: bool,
    meta: Option<Vec<u8>>,
    head: Option<Vec<u8>>,
    digest: Digest,
    unmatched: Digest,
    /// Where the key of an entry is put together.
    place: Vec<u8>,
}

impl Part {
    fn add_all(
        &mut self,
        entries: sled::Iter,
        key: &StoreKey,
        progress: impl Fn(),
    ) -> Result<(), StoreError> {
        for (number, entry) in entries.enumerate() {
            if number % STRIDE == 0 {
                progress();
            }
            let (place, value) = entry?;
            self.add(&place, &value, key);
        }
        Ok(())
    }

    fn add_leaf(&mut self, leaf: &Node<'_>, key: &StoreKey) {
        let Content::Leaf(entries) = &leaf.content else { return };
        let mut place = std::mem::take(&mut self.place);
        for (rest, value) in entries {
            leaf.key(rest, &mut place);
            self.add(&place, value, key);
        }
        self.place = place;
    }

    fn add(&mut self, place: &[u8], value: &[u8], key: &StoreKey) {
        match place {
            layout::META => return self.meta = Some(value.to_vec()),
            layout::HEAD => return self.head = Some(value.to_vec()),
            _ => self.digest.add(key, place, value),
        }
        if !self.match_keys {
            return;
        }
        match layout::Entry::parse(place) {
            Some(layout::Entry::Record { id, .. }) => {
                let Some(stored) = Stored::parse(value) else { return };
                for place in stored.keys {
                    self.unmatched.remove(key, place, layout::key_value(place, id));
                }
            }
            Some(layout::Entry::Key { .. }) => self.unmatched.add(key, place, value),
            None => {}
        }
    }

    fn union(parts: Vec<Self>) -> Self {
        let mut whole = Self::default();
        for part in parts {
            whole.meta = whole.meta.or(part.meta);
            whole.head = whole.head.or(part.head);
            whole.digest = whole.digest.union(part.digest);
            whole.unmatched = whole.unmatched.union(part.unmatched);
        }
        whole
    }

    fn into_found(self) -> Found {
        let Self { meta, head, digest, unmatched, .. } = self;
        Found { meta, head, digest, unmatched }
    }
}
