//! The store's folder: who may enter it, who uses it, and which files are in it.
//!
//! | file | |
//! |---|---|
//! | `db`, `conf`, `snap.…`, `blobs/…` | sled's |
//! | `lock` | held by the process that uses the folder |
//! | `format` | [`FORMAT`], or what was being done to the store when the process ended |
//! | `closed` | checksums of sled's files, while the store is closed ([`super::seal`]) |
//! | `checking/` | a copy of sled's files while they are checked |
//! | `before-format-1/` | a copy of the store from before it had a format version |

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::answered::{self, Answered};
use super::seal;
use crate::StoreError;

/// The format that this version writes.
pub(super) const FORMAT: u64 = 1;
/// In `format` until the store may be used for the first time.
const STARTING: &str = "starting";
/// In `format` until an older store has its format version.
const MIGRATING: &str = "migrating";

const CHECKING: &str = "checking";
/// Number of the next copy in `checking`. Sled removes one some time after it was closed, and must
/// not find another in its place.
static NEXT_COPY: AtomicU64 = AtomicU64::new(0);
const BEFORE_FORMAT_1: &str = "before-format-1";
/// The mode of a folder that only its owner can enter.
const PRIVATE: u32 = 0o700;
/// From this size on a file is copied on two threads.
const LARGE: u64 = 16 * 1024 * 1024;
/// How long sled may take to let go of its file.
const LETTING_GO: Duration = Duration::from_secs(10);

/// What a folder holds, as far as can be seen without opening the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// No store, and no sign that there was one.
    Nothing,
    /// A store whose first start was interrupted: nothing was ever written to it.
    Interrupted,
    /// A store from before there were format versions.
    Unversioned,
    /// A store.
    Store,
    /// No store, but signs that there was one.
    Lost,
}

/// A folder that this process alone uses.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    answered: PathBuf,
    lock: File,
}

/// What the folder holds.
pub(super) fn presence(path: &Path) -> io::Result<Presence> {
    let format = match fs::read_to_string(path.join("format")) {
        Ok(format) => Some(format),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        // A file where the folder should be holds no store; to open it will say so.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Presence::Nothing),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Some(String::new()),
        Err(error) => return Err(error),
    };
    let answered = Answered::read(&answered::path(path)?)?;
    let unanswered = match answered {
        Answered::Nothing => true,
        Answered::At(mark, _) => mark.sequence == 0,
        Answered::Unreadable => false,
    };
    let versioned = answered != Answered::Nothing || path.join(seal::CLOSED).exists();
    let database = path.join("db").is_file();
    Ok(match format.as_deref().map(str::trim) {
        Some(STARTING) if unanswered => Presence::Interrupted,
        Some(MIGRATING) if database => Presence::Unversioned,
        None if database && !versioned => Presence::Unversioned,
        None if !database && !versioned && database_files(path)?.is_empty() => Presence::Nothing,
        _ if database => Presence::Store,
        _ => Presence::Lost,
    })
}

/// What to do if the folder is a mount point: the file beside it is then on another file system,
/// which may not be kept.
pub(super) fn mount_warning(path: &Path) -> Option<String> {
    let beside = answered::path(path).ok()?;
    let above = beside.parent().filter(|above| !above.as_os_str().is_empty());
    let above = fs::metadata(above.unwrap_or(Path::new("."))).ok()?;
    let folder = fs::metadata(path).ok()?;
    (folder.dev() != above.dev()).then(|| {
        format!(
            "`{}` is a mount point, so `{}`, without which the store does not open, is on another \
             file system. Unless that is kept too (in a container it usually is not), mount the \
             folder above instead, or set `store.path` to a folder inside, such as `{}`, and move \
             the store there",
            path.display(),
            beside.display(),
            path.join("store").display()
        )
    })
}

/// The last answered commit of the store that is or was in the folder, if it is known.
pub(super) fn last_answered(path: &Path) -> io::Result<Option<u64>> {
    Ok(match Answered::read(&answered::path(path)?)? {
        Answered::At(mark, _) => Some(mark.sequence),
        Answered::Nothing | Answered::Unreadable => None,
    })
}

impl Folder {
    /// Takes the folder for this process, making it if it is not there, and closing it to others if
    /// it is the store's alone.
    pub(super) fn make(path: &Path) -> Result<Self, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(PRIVATE).create(path);
        made.map_err(|error| folder_error(path, &error))?;
        Self::take(path)
    }

    /// Takes the folder for this process.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let fault = |error: io::Error| folder_error(path, &error);
        keep_private(path)?;
        let lock = File::create(path.join("lock")).map_err(fault)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!(
                    "`{}` is in use by another process: end it, or use another folder",
                    path.display()
                );
                return Err(StoreError::Unavailable(message));
            }
            Err(TryLockError::Error(error)) => return Err(fault(error)),
        }
        let answered = answered::path(path).map_err(fault)?;
        let folder = Self { path: path.to_owned(), answered, lock };
        folder.clear_leftovers().map_err(fault)?;
        Ok(folder)
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file that names the last answered commit.
    pub(super) fn answered(&self) -> &Path {
        &self.answered
    }

    /// A fault of this folder.
    pub(super) fn error(&self, error: &io::Error) -> StoreError {
        folder_error(&self.path, error)
    }

    /// Removes what an interrupted process has left and nobody reads. Sled takes an unfinished
    /// snapshot for one, and could then never start again.
    fn clear_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("snap.") && name.ends_with(".generating") {
                tracing::info!(file = %entry.path().display(), "removed what was left of a start");
                remove_file(&entry.path())?;
            }
        }
        remove_folder(&self.path.join(CHECKING))
    }

    /// Notes that the store is made, and is to be made again if that is interrupted.
    pub(super) fn note_starting(&self) -> io::Result<()> {
        write_whole(&self.path.join("format"), STARTING.as_bytes())
    }

    /// Notes that the store gets its format version.
    pub(super) fn note_migrating(&self) -> io::Result<()> {
        write_whole(&self.path.join("format"), MIGRATING.as_bytes())
    }

    /// Whether the store was getting its format version when the process ended.
    pub(super) fn was_migrating(&self) -> bool {
        fs::read_to_string(self.path.join("format")).is_ok_and(|format| format == MIGRATING)
    }

    /// Notes that the store is in use, in today's format.
    pub(super) fn note_format(&self) -> io::Result<()> {
        let format = format!("{FORMAT}\n");
        let file = self.path.join("format");
        if fs::read(&file).is_ok_and(|found| found == format.as_bytes()) {
            return Ok(());
        }
        write_whole(&file, format.as_bytes())
    }

    /// Removes every file of the store.
    pub(super) fn clear(&self) -> io::Result<()> {
        for name in database_files(&self.path)? {
            remove_file(&self.path.join(name))?;
        }
        remove_file(&self.path.join(seal::CLOSED))?;
        remove_file(&self.answered)
    }

    /// Opens the database, making it if it is not there.
    pub(super) fn open_database(&self) -> Result<sled::Db, StoreError> {
        self.wait_for_release()?;
        open_database(&self.path)
    }

    /// Copies the database for a check. The copy is removed when the folder is let go of, at the
    /// latest by the next process.
    pub(super) fn copy_for_check(&self) -> io::Result<PathBuf> {
        let copy = NEXT_COPY.fetch_add(1, Ordering::Relaxed).to_string();
        let to = self.path.join(CHECKING).join(copy);
        copy_database(&self.path, &to)?;
        Ok(to)
    }

    /// Removes the copy.
    pub(super) fn remove_copy(&self) -> io::Result<()> {
        remove_folder(&self.path.join(CHECKING))
    }

    /// Keeps a copy of the database as it was without a format version.
    pub(super) fn keep_unversioned(&self) -> io::Result<()> {
        let to = self.path.join(BEFORE_FORMAT_1);
        if to.exists() {
            return Ok(());
        }
        let draft = self.path.join(format!("{BEFORE_FORMAT_1}.new"));
        remove_folder(&draft)?;
        copy_database(&self.path, &draft)?;
        for name in database_files(&draft)? {
            File::open(draft.join(name))?.sync_all()?;
        }
        fs::rename(&draft, &to)?;
        File::open(&self.path)?.sync_all()
    }

    /// Waits until sled has let go of the database, which it does after it was closed.
    pub(super) fn wait_for_release(&self) -> Result<(), StoreError> {
        let db = match File::open(self.path.join("db")) {
            Ok(db) => db,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(self.error(&error)),
        };
        let since = Instant::now();
        loop {
            match db.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) if since.elapsed() < LETTING_GO => {
                    thread::park_timeout(Duration::from_millis(1));
                }
                Err(TryLockError::WouldBlock) => {
                    let error = io::Error::other("`db` is still in use");
                    return Err(self.error(&error));
                }
                Err(TryLockError::Error(error)) => return Err(self.error(&error)),
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = self.remove_copy() {
            tracing::warn!(%error, "a copy of the store was not removed; the next start removes it");
        }
        // Closing the file is not enough while a process that was just started still shares it.
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the lock of the store was not released");
        }
    }
}

/// Sled's files in a folder, by their paths in it.
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

/// What is in a folder; nothing, if it is not there.
fn entries(path: &Path) -> io::Result<impl Iterator<Item = io::Result<fs::DirEntry>>> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        entries => Some(entries?),
    };
    Ok(entries.into_iter().flatten())
}

/// Opens a database, and closes its files to others.
pub(super) fn open_database(path: &Path) -> Result<sled::Db, StoreError> {
    let fault = |error: io::Error| folder_error(path, &error);
    let db = sled::Config::default()
        .path(path)
        .cache_capacity(super::CACHE_BYTES)
        .mode(sled::Mode::LowSpace)
        .open()
        .map_err(|error| StoreError::Unavailable(format!("`{}`: {error}", path.display())))?;
    for name in database_files(path).map_err(fault)? {
        let file = path.join(name);
        fs::set_permissions(file, Permissions::from_mode(0o600)).map_err(fault)?;
    }
    // New files are there after a power cut only if the folder that names them is on disk too.
    for folder in [path.join("blobs").as_path(), path] {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault)?;
    }
    Ok(db)
}

/// Opens a copy that is read once. Sled does not wait for the disk, and removes it afterwards.
pub(super) fn open_copy(path: &Path) -> Result<sled::Db, StoreError> {
    let config = sled::Config::default().path(path).cache_capacity(super::CACHE_BYTES);
    let config = config.mode(sled::Mode::LowSpace).temporary(true).flush_every_ms(None);
    config.open().map_err(|error| StoreError::Unavailable(format!("`{}`: {error}", path.display())))
}

fn copy_database(from: &Path, to: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE).create(to.join("blobs"))?;
    for name in database_files(from)? {
        copy_file(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

/// Copies a file, a large one on two threads.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let length = fs::metadata(from)?.len();
    if length < LARGE || copy_halves(from, to, length).is_err() {
        // Also where the file system cannot do the other, or to report why it failed.
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

/// Writes a file that only its owner can read, whole or not at all, and on disk when this returns.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
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

/// Removes a file, if it is there.
pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Closes the folder to others if they can enter it: it holds hashes of passwords and of session
/// tokens, and sled makes its files as the umask has it.
///
/// Only a folder with a store in it, or with nothing, is surely there for the store alone; to close
/// another one might take it from a program that needs it.
fn keep_private(path: &Path) -> Result<(), StoreError> {
    let fault = |error: io::Error| folder_error(path, &error);
    let mode = || fs::metadata(path).map(|folder| folder.permissions().mode() & 0o7777);
    let found = mode().map_err(fault)?;
    if is_private(found) {
        return Ok(());
    }
    let ours = path.join("db").is_file() || fs::read_dir(path).map_err(fault)?.next().is_none();
    if ours && fs::set_permissions(path, Permissions::from_mode(PRIVATE)).is_ok() {
        // Some file systems know no modes, and say nothing of it.
        if is_private(mode().map_err(fault)?) {
            let message = "others could enter the folder of the store; it has been closed to them";
            tracing::warn!(folder = %path.display(), mode = format!("{found:04o}"), message);
            return Ok(());
        }
    }
    let message = format!(
        "`{}` has mode {found:04o}: others can enter it, and the store holds hashes of passwords; \
         run `chmod 700` on it as its owner, or give the store a folder of its own inside it",
        path.display()
    );
    Err(StoreError::Unavailable(message))
}

const fn is_private(mode: u32) -> bool {
    mode & 0o077 == 0
}

/// A fault of a folder.
pub(super) fn folder_error(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("`{}`: {error}", path.display()))
}
