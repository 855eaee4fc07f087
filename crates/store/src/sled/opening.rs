//! Opening a store only if it is complete (I13).

use std::path::Path;

use super::answered::{Answered, AnsweredFile};
use super::check::{self, Fault, Found};
use super::checksums::{self, Comparison};
use super::completeness::{Checked, Older, refused, require_answered, require_undamaged_end};
use super::database::Database;
use super::error::OpenError;
use super::failure::folder_error;
use super::folder::{self, Filling, Folder, Presence};
use super::head::{HEAD, Head, META, Meta};
use super::log::table::PageTable;
use super::migration::migrate;
use super::upgrade;
use crate::{StoreError, StoreKey};

/// A complete store.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) head: Head,
    pub(super) answered: AnsweredFile,
}

/// Creates an empty store. Until [`Folder::mark_in_use`] follows, the folder holds what `filling`
/// says.
pub(super) fn create(path: &Path, key: &StoreKey, filling: Filling) -> Result<Opened, OpenError> {
    let fault = |error| folder_error(path, &error);
    require_no_store(path)?;
    let folder = Folder::create(path)?;
    // Checked again, now that the folder is locked.
    require_no_store(path)?;
    folder.mark_filling(filling).and_then(|()| folder.clear()).map_err(fault)?;
    let answered_file = folder.answered().to_owned();
    let database = Database::open(folder)?;
    let head = Head::default();
    let mut batch = sled::Batch::default();
    batch.insert(META, Meta::of(key).encode());
    batch.insert(HEAD, head.encode());
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

/// Refuses a folder that holds a store.
pub(super) fn require_no_store(path: &Path) -> Result<(), OpenError> {
    let presence = folder::presence(path).map_err(|error| folder_error(path, &error))?;
    match presence {
        Presence::Nothing | Presence::Interrupted | Presence::Lost => Ok(()),
        Presence::Store | Presence::Unversioned => Err(OpenError::Exists { path: path.to_owned() }),
    }
}

/// Opens the store, if every answered commit is in it.
pub(super) fn open(path: &Path, key: &StoreKey) -> Result<Opened, OpenError> {
    let Checked { database, head, answered } = open_checked(path, key, Older::Refused)?;
    let head = upgrade::upgrade(&database, key, head)?;
    let file = database.folder().answered().to_owned();
    let fault = |error| folder_error(&file, &error);
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
    database.folder().mark_in_use().map_err(|error| folder_error(path, &error))?;
    Ok(Opened { database, head, answered })
}

/// Accepts a complete store although it is older than the last answered commit. Returns that commit,
/// if it is known, and the newest one in the store.
pub(super) fn accept_older(path: &Path, key: &StoreKey) -> Result<(Option<u64>, u64), OpenError> {
    let Checked { database, head, answered } = open_checked(path, key, Older::Accepted)?;
    create_answered(database.folder().answered(), &head)?;
    database.folder().mark_in_use().map_err(|error| folder_error(path, &error))?;
    let before = match answered {
        Answered::At(mark, _) => Some(mark.sequence),
        Answered::Nothing | Answered::Unreadable => None,
    };
    Ok((before, head.sequence))
}

fn open_checked(path: &Path, key: &StoreKey, older: Older) -> Result<Checked, OpenError> {
    let fault = |error| folder_error(path, &error);
    require_store(path)?;
    let folder = Folder::lock(path)?;
    let answered = Answered::read(folder.answered()).map_err(fault)?;
    // Checked again, now that the folder is locked.
    if require_store(path)? == Presence::Unversioned {
        return migrate(folder, key, older);
    }
    let files = checksums::compare(folder.path()).map_err(fault)?;
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
    let unreadable = |_: &_| database.skip_checksums();
    let mut head = Found::head(&database, key)
        .inspect_err(unreadable)
        .map_err(StoreError::from)?
        .map_err(refuse)?;
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
            let found = check::read(&database, key, || ())
                .inspect_err(unreadable)
                .map_err(StoreError::from)?;
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
    let fault = |error| folder_error(path, &error);
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
        Err(error) => folder_error(path, &error).into(),
    }
}

/// Whether there is a store in the folder.
pub(super) fn presence(path: &Path) -> Result<Presence, StoreError> {
    folder::presence(path).map_err(|error| folder_error(path, &error))
}
