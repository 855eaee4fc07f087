//! A backup of a store of an earlier format, made before it is upgraded.

use std::fmt;
use std::fs;
use std::io;

use super::database::Database;
use super::head::{FORMAT, Head};
use super::kept_entries::CHUNK;
use super::snapshot::{pass_on_entry, pass_on_waiting};
use crate::backup::{self, BackupError, Options};
use crate::{Snapshot, SnapshotRecord, StoreError, StoreKey};

/// Writes all records to a file beside the store. Returns when it is on disk.
pub(super) fn back_up(
    database: &Database,
    key: &StoreKey,
    head: &Head,
    format: u64,
) -> Result<(), StoreError> {
    let path = database.folder().answered().with_extension(format!("format-{format}.backup"));
    let written = || -> Result<(), BackupError> {
        // Of an upgrade that was interrupted.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let snapshot =
            AtRest { entries: Some(database.scan_prefix(b"r")), head: head.clone(), format };
        backup::write_file(Box::new(snapshot), key, Options::default(), &path, &mut || {})?;
        Ok(())
    };
    written().map_err(|error| {
        StoreError::Unavailable(format!(
            "`{}`: {error}; the store has format {format}, and is upgraded to format {FORMAT} only \
             after this backup of it. Nothing was changed",
            path.display()
        ))
    })?;
    tracing::warn!(
        file = %path.display(),
        "the store is upgraded from format {format}; this backup of it can be removed when the new \
         version has proved itself"
    );
    Ok(())
}

/// The records of a store that nothing writes to.
struct AtRest {
    /// `None` when all have been passed on.
    entries: Option<sled::Iter>,
    head: Head,
    format: u64,
}

impl fmt::Debug for AtRest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtRest").field("format", &self.format).finish_non_exhaustive()
    }
}

impl Snapshot for AtRest {
    fn format(&self) -> u64 {
        self.format
    }

    fn sequence(&self) -> u64 {
        self.head.sequence
    }

    fn kinds(&self) -> Vec<(String, u64)> {
        self.head.digest.record_counts()
    }

    fn read(&mut self, pass_on: &mut dyn FnMut(&SnapshotRecord<'_>)) -> Result<bool, StoreError> {
        let Some(entries) = &mut self.entries else { return Ok(false) };
        let mut is_last = true;
        for entry in entries.take(CHUNK) {
            let (place, value) = entry?;
            pass_on_entry(&place, &value, pass_on)?;
            is_last = false;
        }
        if is_last {
            self.entries = None;
            pass_on_waiting(&self.head.waiting, pass_on)?;
        }
        Ok(true)
    }
}
