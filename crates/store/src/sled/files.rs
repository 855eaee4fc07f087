//! Files of the store: which ones are sled's, and how they are opened, copied, written and removed.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::thread;

use super::failure::{database_error, folder_error};
use crate::StoreError;

/// The mode of a folder that only its owner can enter.
pub(super) const PRIVATE: u32 = 0o700;
/// The size of sled's cache.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// Files of at least this size are copied on two threads.
const LARGE: u64 = 16 * 1024 * 1024;

/// Sled's files in a folder, by their paths in the folder.
pub(super) fn database_files(path: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in entries(path)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let unfinished = name.ends_with(".generating");
        if name == "db" || name == "conf" || (name.starts_with("snap.") && !unfinished) {
            files.push(name);
        }
    }
    for entry in entries(&path.join("blobs"))? {
        files.push(format!("blobs/{}", entry?.file_name().to_string_lossy()));
    }
    Ok(files)
}

/// The entries of a folder; none if it does not exist.
fn entries(path: &Path) -> io::Result<impl Iterator<Item = io::Result<fs::DirEntry>>> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        entries => Some(entries?),
    };
    Ok(entries.into_iter().flatten())
}

/// Opens a database, creating it if necessary, and makes its files private.
pub(super) fn open_database(path: &Path) -> Result<sled::Db, StoreError> {
    let fault = |error: io::Error| folder_error(path, &error);
    let db = sled::Config::default()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        .mode(sled::Mode::LowSpace)
        .open()
        .map_err(|error| fault(io::Error::other(database_error(&error))))?;
    for name in database_files(path).map_err(fault)? {
        let file = path.join(name);
        fs::set_permissions(file, Permissions::from_mode(0o600)).map_err(fault)?;
    }
    // New files survive a power cut only if their folder is on disk, too.
    for folder in [path.join("blobs").as_path(), path] {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault)?;
    }
    Ok(db)
}

/// Opens a copy that is only read. Sled does not sync it, and removes it when it is closed.
pub(super) fn open_copy(path: &Path) -> sled::Result<sled::Db> {
    let config = sled::Config::default().path(path).cache_capacity(CACHE_BYTES);
    config.mode(sled::Mode::LowSpace).temporary(true).flush_every_ms(None).open()
}

/// Copies sled's files.
pub(super) fn copy_database(from: &Path, to: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE).create(to.join("blobs"))?;
    for name in database_files(from)? {
        copy_file(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

/// Copies a file.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let length = fs::metadata(from)?.len();
    if length < LARGE || copy_halves(from, to, length).is_err() {
        // Also if the file system does not support the other way, or to report why it failed.
        fs::copy(from, to)?;
    }
    Ok(())
}

fn copy_halves(from: &Path, to: &Path, length: u64) -> io::Result<()> {
    let source = File::open(from)?;
    let target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let half = length / 2;
    thread::scope(|scope| {
        let first = scope.spawn(|| copy_range(&source, &target, 0, half));
        copy_range(&source, &target, half, length)?;
        first.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn copy_range(from: &File, to: &File, start: u64, end: u64) -> io::Result<()> {
    let (mut read, mut write) = (start, start);
    while read < end {
        let length = usize::try_from(end - read).unwrap_or(usize::MAX);
        if rustix::fs::copy_file_range(from, Some(&mut read), to, Some(&mut write), length)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// Writes a private file atomically. It is on disk when this returns.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().map(OsStr::to_owned).unwrap_or_default();
    name.push(".new");
    let draft = path.with_file_name(name);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Removes a file if it exists.
pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes a folder if it exists.
pub(super) fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
