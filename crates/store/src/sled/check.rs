//! Whether a database holds everything that was written to it.
//!
//! Sled reads a damaged file as far as it can, takes what it did not read for free space, and
//! writes there from then on. So the check reads a copy, and the files themselves are opened for
//! writing only when it has passed.

use std::num::NonZero;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use super::digest::Digest;
use super::folder::{self, Folder};
use super::layout::{self, Head, Meta, Stored};
use crate::{StoreError, StoreKey};

/// How long sled may take to open the copy, and from then on for the next entries. On some damage
/// it would search for ever.
const PATIENCE: Duration = Duration::from_secs(120);
/// Entries between two signs of life.
const STRIDE: usize = 4096;
/// More threads would wait for each other in sled.
const MOST_THREADS: usize = 8;

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
        let found = db.as_ref().map_err(Clone::clone).and_then(|db| read(db, &key, &report));
        // Nobody listens any more if it took too long. The copy is closed after that: nobody needs
        // to wait for it.
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

type Report = Sender<Option<Result<Found, StoreError>>>;

/// Reads all entries, on as many threads as there are processors.
fn read(db: &sled::Db, key: &StoreKey, report: &Report) -> Result<Found, StoreError> {
    let get = |place| Ok::<_, StoreError>(db.get(place)?.map(|value| value.to_vec()));
    let (meta, head) = (get(layout::META)?, get(layout::HEAD)?);
    let (ranges, next) = (ranges(head.as_deref()), AtomicUsize::new(0));
    let work = || {
        let mut part = Part { match_keys: meta.is_none(), ..Part::default() };
        while let Some(range) = ranges.get(next.fetch_add(1, Ordering::Relaxed)) {
            part.read(db.range::<&[u8], _>((as_slice(&range.0), as_slice(&range.1))), key, report)?;
        }
        Ok::<_, StoreError>(part)
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let whole = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut whole = work()?;
        for other in others {
            let part = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            whole.digest = whole.digest.union(part.digest);
            whole.unmatched = whole.unmatched.union(part.unmatched);
        }
        Ok::<_, StoreError>(whole)
    })?;
    let Part { digest, unmatched, .. } = whole;
    Ok(Found { meta, head, digest, unmatched })
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

#[derive(Default)]
struct Part {
    /// Whether records are compared with the keys that lead to them.
    match_keys: bool,
    digest: Digest,
    unmatched: Digest,
}

impl Part {
    fn read(
        &mut self,
        range: sled::Iter,
        key: &StoreKey,
        report: &Report,
    ) -> Result<(), StoreError> {
        for (number, entry) in range.enumerate() {
            if number % STRIDE == 0 {
                // Nobody listens any more if it took too long.
                let _ = report.send(None);
            }
            let (place, value) = entry?;
            if place == layout::META || place == layout::HEAD {
                continue;
            }
            self.digest.add(key, &place, &value);
            if !self.match_keys {
                continue;
            }
            match layout::Entry::parse(&place) {
                Some(layout::Entry::Record { id, .. }) => {
                    let Some(stored) = Stored::parse(&value) else { continue };
                    for place in stored.keys {
                        self.unmatched.remove(key, place, layout::key_value(place, id));
                    }
                }
                Some(layout::Entry::Key { .. }) => self.unmatched.add(key, &place, &value),
                None => {}
            }
        }
        Ok(())
    }
}
