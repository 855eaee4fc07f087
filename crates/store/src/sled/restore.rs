//! A new store with the records of a backup.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use super::error::OpenError;
use super::failure::folder_error;
use super::folder::{self, Filling};
use super::head::FORMAT;
use super::layout::{self, Stored};
use super::opening;
use super::target::Target;
use crate::backup::{BackupError, Header, Reader};
use crate::{SnapshotRecord, StoreError, StoreKey};

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// What the file says about itself.
    pub header: Header,
    /// The newest commit of the new store. It is after all that an earlier store in its place has
    /// answered.
    pub sequence: u64,
}

/// Why a backup was not restored. There is no store then, unless there was one before.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file cannot be used.
    #[error("`{}`: {error}", file.display())]
    Backup {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        error: BackupError,
    },
    /// The new store cannot be written, or there is a store already.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The new store could not be written to its end.
    #[error(
        "the backup was not restored to `{}`: {error}; solve that, and run the same command again",
        path.display()
    )]
    Unfinished {
        /// The folder.
        path: PathBuf,
        /// Why it could not be written.
        error: StoreError,
    },
}

/// Creates a store at `path` from the backup `file`.
pub(super) fn restore(path: &Path, key: &StoreKey, file: &Path) -> Result<Restored, RestoreError> {
    opening::require_no_store(path)?;
    let fault = |error| RestoreError::Backup { file: file.to_owned(), error };
    let header = open(file, key).and_then(Reader::verify).map_err(fault)?;
    let answered = folder::last_answered(path)
        .map_err(|error| folder_error(path, &error))
        .map_err(OpenError::from)?;
    write(path, key, file, header, answered).map_err(|error| match error {
        RestoreError::Store(OpenError::Store(error)) => {
            RestoreError::Unfinished { path: path.to_owned(), error }
        }
        error => error,
    })
}

/// Writes the records of a verified backup.
fn write(
    path: &Path,
    key: &StoreKey,
    file: &Path,
    header: Header,
    answered: Option<u64>,
) -> Result<Restored, RestoreError> {
    let fault = |error| RestoreError::Backup { file: file.to_owned(), error };
    let mut target = Target::create(path, key, Filling::Restored)?;
    let mut reader = open(file, key).map_err(fault)?;
    if *reader.header() != header {
        return Err(fault(changed()));
    }
    while let Some(record) = reader.next_record().map_err(fault)? {
        let (place, stored) = stored(&record);
        let refused = target.put(&place, &stored).map_err(OpenError::from)?;
        if let Some(refused) = refused {
            return Err(OpenError::Store(StoreError::Unavailable(refused)).into());
        }
    }
    target.write().map_err(OpenError::from)?;
    for (kind, _) in &header.kinds {
        target.leave_unindexed(kind).map_err(OpenError::from)?;
    }
    target.count().map_err(OpenError::from)?;
    let sequence = header.sequence.max(answered.unwrap_or_default()) + 1;
    target.close(sequence)?;
    target.verify()?;
    let written: Vec<_> = target.records.iter().map(|(kind, count)| (kind, *count)).collect();
    let mut promised: Vec<_> = header.kinds.iter().map(|(kind, count)| (kind, *count)).collect();
    promised.sort_unstable();
    if written != promised {
        return Err(fault(changed()));
    }
    target.finish()?;
    Ok(Restored { header, sequence })
}

fn open(file: &Path, key: &StoreKey) -> Result<Reader<BufReader<File>>, BackupError> {
    let reader = Reader::open(BufReader::with_capacity(1 << 20, File::open(file)?), Some(key))?;
    let schema = reader.header().schema;
    match schema > FORMAT {
        true => Err(BackupError::NewerStore { schema, supported: FORMAT }),
        false => Ok(reader),
    }
}

fn changed() -> BackupError {
    io::Error::other("the file was changed while it was read").into()
}

/// The place and the stored bytes of a record.
fn stored(record: &SnapshotRecord<'_>) -> (Vec<u8>, Vec<u8>) {
    let SnapshotRecord { kind, id, version, doc, keys } = record;
    let keys: Vec<_> = keys.iter().map(|key| layout::key_place(kind, id, key)).collect();
    let keys = keys.iter().map(Vec::as_slice).collect();
    let place = [&*layout::records(kind), id.as_bytes()].concat();
    (place, Stored { version: *version, doc, keys }.encode())
}
