//! The sled database in a locked folder. Checksums of its files are removed while it is open.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};

use super::checksums;
use super::flush::fsync;
use super::folder::Folder;
use crate::StoreError;

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

impl Database {
    /// Opens the database for writing.
    pub(super) fn open(folder: Folder) -> Result<Self, StoreError> {
        checksums::remove(folder.path()).map_err(|error| folder.error(&error))?;
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
        let flush = fsync(self.folder().path(), &self.db);
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
            checksums::write(self.folder.path()).map_err(|error| self.folder.error(&error))
        });
        if let Err(error) = written {
            tracing::warn!(%error, "cannot write checksums; the next start verifies every record");
        }
    }
}
