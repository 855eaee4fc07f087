//! The store's folder: its permissions, its lock and the files in it.
//!
//! | file | |
//! |---|---|
//! | `db`, `conf`, `snap.…`, `blobs/…` | sled's |
//! | `lock` | locked by the process that uses the folder |
//! | `format` | [`FORMAT`], or an operation on the store that has not been finished |
//! | `closed` | checksums of sled's files, while the store is closed ([`super::checksums`]) |
//! | `checking/` | copies of sled's files, while they are verified |
//! | `before-format-1/` | a copy of a store of an earlier version, from before its migration |

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::answered::{self, Answered};
use super::checksums;
use super::failure::folder_error;
use super::files::{
    self, PRIVATE, copy_database, database_files, remove_file, remove_folder, write_atomically,
};
use super::head::FORMAT;
use crate::StoreError;

/// In `format` until the store is used for the first time.
const STARTING: &str = "starting";
/// In `format` until the store has all records of a backup.
const RESTORING: &str = "restoring";
/// In `format` until a store of an earlier version has been migrated.
const MIGRATING: &str = "migrating";

const CHECKING: &str = "checking";
/// Number of the next copy in `checking`. Sled removes a copy some time after it was closed, so the
/// next one must have another name.
static NEXT_COPY: AtomicU64 = AtomicU64::new(0);
const BEFORE_FORMAT_1: &str = "before-format-1";
/// How long sled may take to unlock its file.
const UNLOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether there is a store in a folder, as far as can be seen without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// No store, and no trace of one.
    Nothing,
    /// A store whose creation was interrupted; nothing has ever been written to it.
    Interrupted,
    /// A store of a version before format 1.
    Unversioned,
    /// A store.
    Store,
    /// No store, but traces of one.
    Lost,
}

/// What is written to a new store, which decides what an interruption leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filling {
    /// New records: the next start creates the store again.
    Started,
    /// Those of a backup: there is no store until they are all there.
    Restored,
}

/// A folder, locked by this process.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    answered: PathBuf,
    lock: File,
}

/// Whether there is a store in the folder.
pub(super) fn presence(path: &Path) -> io::Result<Presence> {
    let format = match fs::read_to_string(path.join("format")) {
        Ok(format) => Some(format),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        // The path is a file. The error comes from opening it.
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
    let versioned = answered != Answered::Nothing || path.join(checksums::CLOSED).exists();
    let database = path.join("db").is_file();
    Ok(match format.as_deref().map(str::trim) {
        Some(STARTING) if unanswered => Presence::Interrupted,
        Some(RESTORING) => Presence::Lost,
        Some(MIGRATING) if database => Presence::Unversioned,
        None if database && !versioned => Presence::Unversioned,
        None if !database && !versioned && database_files(path)?.is_empty() => Presence::Nothing,
        _ if database => Presence::Store,
        _ => Presence::Lost,
    })
}

/// A warning if the folder is a mount point: the file beside it is then on another file system,
/// which may not be persistent.
pub(super) fn mount_warning(path: &Path) -> Option<String> {
    let beside = answered::path(path).ok()?;
    let above = beside.parent().filter(|above| !above.as_os_str().is_empty());
    let above = fs::metadata(above.unwrap_or(Path::new("."))).ok()?;
    let folder = fs::metadata(path).ok()?;
    (folder.dev() != above.dev()).then(|| {
        format!(
            "`{}` is a mount point, so `{}`, which the store needs, is on another file system. If \
             that one is not persistent (in a container it usually is not), mount the parent folder \
             instead, or set `store.path` to a folder inside, such as `{}`, and move the store there",
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
    /// Locks the folder, creating it if necessary.
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(PRIVATE).create(path);
        made.map_err(|error| folder_error(path, &error))?;
        Self::lock(path)
    }

    /// Locks the folder. If it holds nothing but a store, its mode is set to 0700.
    pub(super) fn lock(path: &Path) -> Result<Self, StoreError> {
        let fault = |error: io::Error| folder_error(path, &error);
        keep_private(path)?;
        let lock = File::create(path.join("lock")).map_err(fault)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!(
                    "`{}` is in use by another process; stop that process, or use another folder",
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

    /// An error of this folder.
    pub(super) fn error(&self, error: &io::Error) -> StoreError {
        folder_error(&self.path, error)
    }

    /// Removes files of an interrupted process. Sled would read an unfinished snapshot and fail.
    fn clear_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("snap.") && name.ends_with(".generating") {
                tracing::info!(file = %entry.path().display(), "removed a file of an interrupted start");
                remove_file(&entry.path())?;
            }
        }
        remove_folder(&self.path.join(CHECKING))
    }

    /// Records that the store is being created.
    pub(super) fn mark_filling(&self, filling: Filling) -> io::Result<()> {
        let format = match filling {
            Filling::Started => STARTING,
            Filling::Restored => RESTORING,
        };
        write_atomically(&self.path.join("format"), format.as_bytes())
    }

    /// Records that the store is being migrated.
    pub(super) fn mark_migrating(&self) -> io::Result<()> {
        write_atomically(&self.path.join("format"), MIGRATING.as_bytes())
    }

    /// Whether a migration was interrupted.
    pub(super) fn was_migrating(&self) -> bool {
        fs::read_to_string(self.path.join("format")).is_ok_and(|format| format == MIGRATING)
    }

    /// Records that the store is in use, in format [`FORMAT`].
    pub(super) fn mark_in_use(&self) -> io::Result<()> {
        let format = format!("{FORMAT}\n");
        let file = self.path.join("format");
        if fs::read(&file).is_ok_and(|found| found == format.as_bytes()) {
            return Ok(());
        }
        write_atomically(&file, format.as_bytes())
    }

    /// Removes every file of the store.
    pub(super) fn clear(&self) -> io::Result<()> {
        for name in database_files(&self.path)? {
            remove_file(&self.path.join(name))?;
        }
        remove_file(&self.path.join(checksums::CLOSED))?;
        remove_file(&self.answered)
    }

    /// Opens the database, creating it if necessary.
    pub(super) fn open_database(&self) -> Result<sled::Db, StoreError> {
        self.wait_for_release()?;
        files::open_database(&self.path)
    }

    /// Copies the database for verification. The copy is removed when the folder is unlocked, or by
    /// the next process that locks it.
    pub(super) fn copy_for_check(&self) -> io::Result<PathBuf> {
        let copy = NEXT_COPY.fetch_add(1, Ordering::Relaxed).to_string();
        let to = self.path.join(CHECKING).join(copy);
        copy_database(&self.path, &to)?;
        Ok(to)
    }

    /// Removes the copies.
    fn remove_copies(&self) -> io::Result<()> {
        remove_folder(&self.path.join(CHECKING))
    }

    /// Keeps a copy of the database from before its migration.
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

    /// Waits until sled has unlocked the database, some time after it was closed.
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
                Err(TryLockError::WouldBlock) if since.elapsed() < UNLOCK_TIMEOUT => {
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
        if let Err(error) = self.remove_copies() {
            tracing::warn!(%error, "cannot remove a copy of the store; the next start will");
        }
        // Closing the file is not enough: a child process may still have it open.
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "cannot unlock the store");
        }
    }
}

/// Makes the folder private: it holds hashes of passwords and of session tokens, and the umask
/// determines the mode of sled's files.
///
/// Only a folder that is empty or holds a store is changed. Another program may need access to any
/// other one.
fn keep_private(path: &Path) -> Result<(), StoreError> {
    let fault = |error: io::Error| folder_error(path, &error);
    let mode = || fs::metadata(path).map(|folder| folder.permissions().mode() & 0o7777);
    let found = mode().map_err(fault)?;
    if is_private(found) {
        return Ok(());
    }
    let ours = path.join("db").is_file() || fs::read_dir(path).map_err(fault)?.next().is_none();
    if ours && fs::set_permissions(path, Permissions::from_mode(PRIVATE)).is_ok() {
        // Some file systems have no modes and report success.
        if is_private(mode().map_err(fault)?) {
            let message = "the store's folder was accessible to other users; its mode is now 0700";
            tracing::warn!(folder = %path.display(), mode = format!("{found:04o}"), message);
            return Ok(());
        }
    }
    let message = format!(
        "`{}` has mode {found:04o}, so other users can enter it, and the store holds password hashes; \
         run `chmod 700` on it as its owner, or set `store.path` to a new folder inside it",
        path.display()
    );
    Err(StoreError::Unavailable(message))
}

const fn is_private(mode: u32) -> bool {
    mode & 0o077 == 0
}
