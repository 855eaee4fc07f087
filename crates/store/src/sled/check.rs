//! Verifying that a database holds everything that was written to it.
//!
//! When sled opens a damaged database, it treats what it cannot read as free space and overwrites
//! it. So the files are first read without sled ([`read_files`]). If the result is not certain, sled
//! reads a copy ([`read_copy`]). Only then does sled open the files themselves.

use std::fmt::Write as _;
use std::io;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::digest::Digest;
use super::files;
use super::folder::Folder;
use super::head::{FORMAT, HEAD, Head, META, Meta, decode_unversioned_head};
use super::layout::{self, Stored};
use super::log::Log;
use super::log::node::{Content, Node};
use super::log::table::PageTable;
use super::log::tree::Tree;
use super::parallel::in_parallel;
use crate::{StoreError, StoreKey};

/// How long sled may take to open a copy, and to read each [`STRIDE`] entries. On some damage, it
/// never returns.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Damaged parts that an error names; it counts the others.
const MAX_PARTS: usize = 3;
/// Number of entries between two progress reports.
const STRIDE: usize = 4096;

/// The content of a database.
#[derive(Debug)]
pub(super) struct Found {
    /// The stored format version and key id.
    meta: Option<Vec<u8>>,
    /// The stored sequence number and digest.
    head: Option<Vec<u8>>,
    /// The digest of the entries.
    digest: Digest,
    /// The digest of keys without their record, or records without their keys. Only computed for a
    /// database without a format version, which has no stored digest.
    unmatched: Digest,
}

/// Why a database is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// What is missing or cannot be read.
    Damaged(String),
    /// It was created with another secret key.
    OtherKey,
    /// It has a later format.
    Newer(u64),
}

impl Found {
    /// The stored head, without verifying the entries.
    pub(super) fn head(db: &sled::Db, key: &StoreKey) -> sled::Result<Result<Head, Fault>> {
        let meta = db.get(META)?;
        let head = db.get(HEAD)?;
        Ok(stored_head(meta.as_deref(), head.as_deref(), key))
    }

    /// Whether the database has a format version.
    pub(super) fn is_versioned(&self) -> bool {
        self.meta.is_some()
    }

    /// The head, if the entries match its digest.
    pub(super) fn verify(&self, key: &StoreKey) -> Result<Head, Fault> {
        let head = stored_head(self.meta.as_deref(), self.head.as_deref(), key)?;
        let differences = head.digest.differences(&self.digest);
        if differences.is_empty() { Ok(head) } else { Err(Fault::Damaged(differences.join("; "))) }
    }

    /// The head for a database without a format version, with the digest that it lacks. Missing
    /// entries are found only where a record and its keys do not match.
    pub(super) fn verify_unversioned(&self) -> Result<Head, Fault> {
        let sequence = decode_unversioned_head(self.head.as_deref());
        let Some(sequence) = sequence else {
            return Err(Fault::Damaged("its sequence number is missing".to_owned()));
        };
        if self.unmatched != Digest::default() {
            let kinds = self.unmatched.kinds().collect::<Vec<_>>().join(", ");
            let what = format!("records and their keys do not match: {kinds}");
            return Err(Fault::Damaged(what));
        }
        Ok(Head { sequence, digest: self.digest.clone(), ..Head::default() })
    }
}

fn stored_head(meta: Option<&[u8]>, head: Option<&[u8]>, key: &StoreKey) -> Result<Head, Fault> {
    let Some(meta) = meta.and_then(Meta::decode) else {
        return Err(Fault::Damaged("its format version is missing".to_owned()));
    };
    if meta.format > FORMAT {
        return Err(Fault::Newer(meta.format));
    }
    if meta.key_id != key.id() {
        return Err(Fault::OtherKey);
    }
    let head = head.and_then(Head::decode);
    head.ok_or_else(|| Fault::Damaged("the digest of its records is missing".to_owned()))
}

/// Reads the database's files without sled. Returns their content and the messages that it comes
/// from; `None` if it is not certain that sled will read the same.
pub(super) fn read_files(folder: &Folder, key: &StoreKey) -> Option<(Found, PageTable)> {
    let log = Log::open(folder.path()).ok()?;
    let table = PageTable::recover(&log)?;
    let parts = Tree::new(&log, &table).leaves(|part: &mut Part, leaf| part.add_leaf(leaf, key))?;
    Some((Part::union(parts).into_found(), table))
}

/// Has sled read a copy of the database.
pub(super) fn read_copy(
    folder: &Folder,
    key: &StoreKey,
) -> Result<Result<Found, Fault>, StoreError> {
    let copy = folder.copy_for_check().map_err(|error| {
        StoreError::Unavailable(format!(
            "`{}` was not closed properly, and cannot be copied to verify it: {error}; the copy needs \
             as much free space as the store uses",
            folder.path().display()
        ))
    })?;
    let found = read_with_timeout(copy, key.clone());
    Ok(found.map_err(|cause| unreadable(folder, cause)))
}

/// The fault of a database that sled cannot read: the damaged parts of its files, or `cause` if none
/// is found.
fn unreadable(folder: &Folder, cause: String) -> Fault {
    match damaged_parts(folder) {
        Ok(parts) if !parts.is_empty() => {
            let more = parts.len().saturating_sub(MAX_PARTS);
            let mut found = parts.into_iter().take(MAX_PARTS).collect::<Vec<_>>().join("; ");
            if more > 0 {
                let _ = write!(found, "; and {more} more");
            }
            Fault::Damaged(found)
        }
        Ok(_) | Err(_) => Fault::Damaged(cause),
    }
}

/// The parts of the database's files that are damaged, a phrase each.
fn damaged_parts(folder: &Folder) -> io::Result<Vec<String>> {
    let log = Log::open(folder.path())?;
    let (_, mut parts) = PageTable::salvage(&log)?;
    if !log.has_known_settings() {
        parts.push("`conf` is damaged".to_owned());
    }
    if PageTable::snapshot(folder.path()).is_none() {
        parts.push("the newest file `snap.…` is damaged".to_owned());
    }
    Ok(parts)
}

/// On damaged files sled may panic or never return.
fn read_with_timeout(copy: PathBuf, key: StoreKey) -> Result<Found, String> {
    let (report, reports) = mpsc::channel();
    let started = thread::Builder::new().name("store check".to_owned()).spawn(move || {
        let db = files::open_copy(&copy);
        // The receiver is gone if this took too long.
        let progress = || drop(report.send(None));
        let found = db.as_ref().map_err(Clone::clone).and_then(|db| read(db, &key, progress));
        // Sent before the copy is closed, which takes a while.
        let _ = report.send(Some(found));
    });
    started.map_err(|error| format!("it cannot be checked: {error}"))?;
    loop {
        match reports.recv_timeout(TIMEOUT) {
            Ok(None) => {}
            Ok(Some(Ok(found))) => return Ok(found),
            Ok(Some(Err(sled::Error::Io(error)))) => {
                return Err(format!("its files cannot be read: {error}"));
            }
            Ok(Some(Err(_))) | Err(RecvTimeoutError::Disconnected) => {
                return Err("its files cannot be read".to_owned());
            }
            Err(RecvTimeoutError::Timeout) => {
                return Err("reading its files takes too long".to_owned());
            }
        }
    }
}

/// Reads all entries.
pub(super) fn read(
    db: &sled::Db,
    key: &StoreKey,
    progress: impl Fn() + Sync,
) -> sled::Result<Found> {
    let meta = db.get(META)?;
    let ranges = ranges(db.get(HEAD)?.as_deref());
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

/// The digest of some of the entries.
#[derive(Debug, Default)]
struct Part {
    /// Whether records are compared with their keys.
    match_keys: bool,
    meta: Option<Vec<u8>>,
    head: Option<Vec<u8>>,
    digest: Digest,
    unmatched: Digest,
    /// A buffer for the key of an entry.
    place: Vec<u8>,
}

impl Part {
    fn add_all(
        &mut self,
        entries: sled::Iter,
        key: &StoreKey,
        progress: impl Fn(),
    ) -> sled::Result<()> {
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
            META => return self.meta = Some(value.to_vec()),
            HEAD => return self.add_head(value, key),
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
            Some(layout::Entry::Count { .. }) | None => {}
        }
    }

    fn add_head(&mut self, value: &[u8], key: &StoreKey) {
        self.head = Some(value.to_vec());
        for (place, stored) in Head::decode(value).unwrap_or_default().waiting.entries() {
            self.digest.add(key, &place, stored);
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
