//! Getting what was written to sled onto the disk.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::failure::database_error;

/// Flushes everything written to sled so far to the disk.
pub(super) type Flush = Box<dyn FnMut() -> io::Result<()> + Send>;

/// Flushes a real database. Sled's own flush does not sync the files in `blobs` (large pages), and
/// does not wait until the drive has written its cache.
pub(super) fn fsync(path: &Path, db: &sled::Db) -> io::Result<Flush> {
    let db = db.clone();
    let file = File::open(path.join("db"))?;
    let folder = path.join("blobs");
    let mut known = HashSet::new();
    Ok(Box::new(move || {
        db.flush().map_err(|error| io::Error::other(database_error(&error)))?;
        known = sync_new(&folder, &known)?;
        file.sync_data()
    }))
}

/// Syncs the files in `folder` that are not in `known`, and the folder itself if there are any.
/// Returns all files that are there now. Files in it are written once and never changed.
fn sync_new(folder: &Path, known: &HashSet<OsString>) -> io::Result<HashSet<OsString>> {
    let mut found = HashSet::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !known.contains(&name) {
            match File::open(folder.join(&name)) {
                Ok(file) => file.sync_all()?,
                // Removed since it was listed: it was replaced already.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
        }
        found.insert(name);
    }
    if !found.is_subset(known) {
        File::open(folder)?.sync_all()?;
    }
    Ok(found)
}
