//! Opening a store only if it is complete (I13).

use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::answered::{Answered, AnsweredFile, Mark};
use super::check::{self, Fault, Found};
use super::checksums::{self, Comparison};
use super::error::OpenError;
use super::folder::{self, Folder, Presence};
use super::layout::{self, Head, Meta};
use super::log::Log;
use super::log::table::PageTable;
use super::migration::migrate;
use crate::{StoreError, StoreKey};

/// An open database. When it is dropped it is closed, and checksums of its files are written.
#[derive(Debug)]
pub(super) struct Database {
    db: sled::Db,
    closing: Closing,
}

/// Dropped after the database.
#[derive(Debug)]
struct Closing {
    folder: Folder,
    /// Whether checksums are written.
    checksums: AtomicBool,
}

/// A complete store.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) head: Head,
    pub(super) answered: AnsweredFile,
}

impl Database {
    /// Opens the database for writing.
    pub(super) fn open(folder: Folder) -> Result<Self, StoreError> {
        checksums::remove(&folder).map_err(|error| folder.error(&error))?;
        let db = folder.open_database()?;
        Ok(Self { db, closing: Closing { folder, checksums: AtomicBool::new(true) } })
    }

    /// The folder that it is in.
    pub(super) fn folder(&self) -> &Folder {
        &self.closing.folder
    }

    /// Writes no checksums when the database is closed, because its content is not known.
    pub(super) fn skip_checksums(&self) {
        self.closing.checksums.store(false, Ordering::Relaxed);
    }

    /// Writes entries and waits until they are on disk.
    pub(super) fn write(&self, batch: sled::Batch) -> Result<(), StoreError> {
        self.db.apply_batch(batch)?;
        let flush = super::writer::fsync(self.folder().path(), &self.db);
        flush.and_then(|mut flush| flush()).map_err(|error| self.folder().error(&error))
    }
}

impl Deref for Database {
    type Target = sled::Db;

    fn deref(&self) -> &sled::Db {
        &self.db
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        if !self.checksums.load(Ordering::Relaxed) {
            return;
        }
        let written = self.folder.wait_for_release().and_then(|()| {
            checksums::write(&self.folder).map_err(|error| self.folder.error(&error))
        });
        if let Err(error) = written {
            tracing::warn!(%error, "cannot write checksums; the next start verifies every record");
        }
    }
}

/// Creates an empty store. The next start creates it again unless [`Folder::mark_in_use`] follows.
pub(super) fn create(path: &Path, key: &StoreKey) -> Result<Opened, OpenError> {
    let fault = |error| folder::folder_error(path, &error);
    require_no_store(path)?;
    let folder = Folder::create(path)?;
    // Checked again, now that the folder is locked.
    require_no_store(path)?;
    folder.mark_starting().and_then(|()| folder.clear()).map_err(fault)?;
    let answered_file = folder.answered().to_owned();
    let database = Database::open(folder)?;
    let head = Head::default();
    let mut batch = sled::Batch::default();
    batch.insert(layout::META, meta(key));
    batch.insert(layout::HEAD, head.encode());
    database.write(batch)?;
    let answered = create_answered(&answered_file, &head)?;
    Ok(Opened { database, head, answered })
}

/// Creates the file that names the last answered commit.
fn create_answered(file: &Path, head: &Head) -> Result<AnsweredFile, StoreError> {
    AnsweredFile::create(file, head.mark()).map_err(|error| {
        StoreError::Unavailable(format!(
            "`{}`: {error}; the store keeps this file beside its folder (`store.path`), so the parent \
             folder must be writable",
            file.display()
        ))
    })
}

fn require_no_store(path: &Path) -> Result<(), OpenError> {
    let presence = folder::presence(path).map_err(|error| folder::folder_error(path, &error))?;
    match presence {
        Presence::Nothing | Presence::Interrupted | Presence::Lost => Ok(()),
        Presence::Store | Presence::Unversioned => Err(OpenError::Exists { path: path.to_owned() }),
    }
}

/// The [`Meta`] of a store with this key.
pub(super) fn meta(key: &StoreKey) -> Vec<u8> {
    Meta { format: folder::FORMAT, key_id: key.id() }.encode()
}

/// Opens the store, if every answered commit is in it.
pub(super) fn open(path: &Path, key: &StoreKey) -> Result<Opened, OpenError> {
    let Checked { database, head, answered } = open_checked(path, key, Older::Refused)?;
    let file = database.folder().answered().to_owned();
    let fault = |error| folder::folder_error(&file, &error);
    let answered = match answered {
        Answered::At(mark, slot) => {
            let mut answered = AnsweredFile::open(&file, slot).map_err(fault)?;
            if mark != head.mark() {
                // The process ended after writing the commit and before recording it.
                answered.write(head.mark()).map_err(fault)?;
            }
            answered
        }
        Answered::Nothing | Answered::Unreadable => create_answered(&file, &head)?,
    };
    database.folder().mark_in_use().map_err(|error| folder::folder_error(path, &error))?;
    Ok(Opened { database, head, answered })
}

/// Accepts a complete store although it is older than the last answered commit. Returns that commit,
/// if it is known, and the newest one in the store.
pub(super) fn accept_older(path: &Path, key: &StoreKey) -> Result<(Option<u64>, u64), OpenError> {
    let Checked { database, head, answered } = open_checked(path, key, Older::Accepted)?;
    create_answered(database.folder().answered(), &head)?;
    database.folder().mark_in_use().map_err(|error| folder::folder_error(path, &error))?;
    let before = match answered {
        Answered::At(mark, _) => Some(mark.sequence),
        Answered::Nothing | Answered::Unreadable => None,
    };
    Ok((before, head.sequence))
}

/// What happens to a complete store that is older than the last answered commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Older {
    Refused,
    Accepted,
}

/// Refuses a store that is, or may be, older than the last answered commit.
pub(super) fn require_answered(
    folder: &Folder,
    head: &Head,
    answered: Answered,
    files: &Comparison,
    older: Older,
) -> Result<(), OpenError> {
    let (path, sequence) = (folder.path().to_owned(), head.sequence);
    match (answered, files) {
        (Answered::At(mark, _), _) if mark == head.mark() || mark.sequence < sequence => Ok(()),
        // The files of an older copy would match their checksums: this is damage.
        (Answered::At(mark, _), Comparison::Changed(place)) => {
            let last = mark.sequence;
            let found = format!("{place}; the last readable commit is {sequence} of {last}");
            Err(OpenError::Damaged { path, found })
        }
        _ if older == Older::Accepted => Ok(()),
        (Answered::At(Mark { sequence: answered, .. }, _), _) => {
            Err(OpenError::Older { path, sequence, answered })
        }
        (Answered::Nothing | Answered::Unreadable, _) => Err(OpenError::Unanswered {
            path,
            file: folder.answered().to_owned(),
            sequence,
            missing: answered == Answered::Nothing,
        }),
    }
}

/// Refuses a store that ends before the last answered commit because of damage. Sled stops at a
/// damaged message; in an older copy, no valid message follows the end.
fn require_undamaged_end(
    folder: &Folder,
    head: &Head,
    answered: Answered,
) -> Result<(), OpenError> {
    let (path, end) = (folder.path(), head.sequence);
    let Answered::At(Mark { sequence: last, .. }, _) = answered else { return Ok(()) };
    if last <= end {
        return Ok(());
    }
    let damage = Log::open(path).and_then(|log| log.first_damage());
    let Some((at, length)) = damage.map_err(|error| folder.error(&error))? else { return Ok(()) };
    let found = format!(
        "{length} bytes of `db` at {at} are damaged; the last readable commit before them is {end} of \
         {last}"
    );
    Err(OpenError::Damaged { path: path.to_owned(), found })
}

/// A complete store, and the last answered commit.
pub(super) struct Checked {
    pub(super) database: Database,
    pub(super) head: Head,
    pub(super) answered: Answered,
}

fn open_checked(path: &Path, key: &StoreKey, older: Older) -> Result<Checked, OpenError> {
    let fault = |error| folder::folder_error(path, &error);
    require_store(path)?;
    let folder = Folder::lock(path)?;
    let answered = Answered::read(folder.answered()).map_err(fault)?;
    // Checked again, now that the folder is locked.
    if require_store(path)? == Presence::Unversioned {
        return migrate(folder, key, older);
    }
    let files = checksums::compare(&folder).map_err(fault)?;
    let verified = match &files {
        Comparison::Unchanged => None,
        Comparison::NotClosed | Comparison::Changed(_) => {
            tracing::info!("the store was not closed properly; verifying every record");
            let quick = verify_files(&folder, key, answered);
            Some(quick.map_or_else(
                || verify_copy(&folder, key, answered, &files, older).map(|head| (head, None)),
                |(head, table)| Ok((head, Some(table))),
            )?)
        }
    };
    if let Comparison::Changed(place) = &files {
        tracing::warn!(
            place,
            "the store's files have changed since it was closed; no record is missing"
        );
    }
    let database = Database::open(folder)?;
    let refuse = |fault| {
        database.skip_checksums();
        refused(path, fault, &files)
    };
    let mut head = Found::head(&database, key)?.map_err(refuse)?;
    match verified {
        Some((verified, None)) if verified != head => {
            return Err(refuse(Fault::Damaged(
                "reading it twice gave different results".to_owned(),
            )));
        }
        // Sled's new snapshot lists the messages that it will read.
        Some((verified, Some(table)))
            if verified != head
                || PageTable::snapshot(path).is_none_or(|(_, found)| found != table) =>
        {
            tracing::info!("verifying every record again, through sled");
            let found = check::read(&database, key, || ())?;
            head = found.verify(key).map_err(refuse)?;
        }
        _ => {}
    }
    require_answered(database.folder(), &head, answered, &files, older)?;
    Ok(Checked { database, head, answered })
}

/// Verifies the files in place. `None` if the result is not certain, or they are not complete.
fn verify_files(folder: &Folder, key: &StoreKey, answered: Answered) -> Option<(Head, PageTable)> {
    let (found, table) = check::read_files(folder, key)?;
    let head = found.verify(key).ok()?;
    let Answered::At(mark, _) = answered else { return None };
    (mark == head.mark() || mark.sequence < head.sequence).then_some((head, table))
}

/// Verifies a copy of the files.
fn verify_copy(
    folder: &Folder,
    key: &StoreKey,
    answered: Answered,
    files: &Comparison,
    older: Older,
) -> Result<Head, OpenError> {
    let found = check::read_copy(folder, key)?;
    let head = found.and_then(|found| found.verify(key));
    let head = head.map_err(|fault| refused(folder.path(), fault, files))?;
    require_undamaged_end(folder, &head, answered)?;
    require_answered(folder, &head, answered, files, older)?;
    Ok(head)
}

fn require_store(path: &Path) -> Result<Presence, OpenError> {
    let fault = |error| folder::folder_error(path, &error);
    let presence = folder::presence(path).map_err(fault)?;
    match presence {
        Presence::Store | Presence::Unversioned => Ok(presence),
        Presence::Nothing | Presence::Interrupted | Presence::Lost => Err(missing(path)),
    }
}

/// The error that there is no store.
pub(super) fn missing(path: &Path) -> OpenError {
    match folder::last_answered(path) {
        Ok(answered) => OpenError::Missing { path: path.to_owned(), answered },
        Err(error) => folder::folder_error(path, &error).into(),
    }
}

/// The error for a database with this fault.
pub(super) fn refused(path: &Path, fault: Fault, files: &Comparison) -> OpenError {
    let path = path.to_owned();
    match fault {
        Fault::OtherKey => OpenError::OtherKey { path },
        Fault::Newer(format) => OpenError::Newer { path, format },
        Fault::Damaged(found) => {
            let found = match files {
                Comparison::Changed(place) => format!("{place}; {found}"),
                Comparison::NotClosed | Comparison::Unchanged => found,
            };
            OpenError::Damaged { path, found }
        }
    }
}

/// Whether there is a store in the folder.
pub(super) fn presence(path: &Path) -> Result<Presence, StoreError> {
    folder::presence(path).map_err(|error| folder::folder_error(path, &error))
}
