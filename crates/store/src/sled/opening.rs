//! From a folder to a store that is known to be whole, or a reason why not (I13).

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::answered::{Answered, AnsweredFile, Mark};
use super::check::{self, Fault, Found};
use super::folder::{self, Folder, Presence};
use super::layout::{self, Head, Meta};
use super::log::Log;
use super::log::table::PageTable;
use super::seal::{self, Seal};
use crate::{StoreError, StoreKey};

/// Why a store is not opened. Its files are as they were.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or the files cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no store.
    #[error(
        "there is no store in `{}`{}: restore a backup of it, or begin with an empty one with \
         `portcullis store init`", path.display(), last_answered(*.answered)
    )]
    Missing {
        /// The folder.
        path: PathBuf,
        /// The last answered commit, if it is known.
        answered: Option<u64>,
    },
    /// There is something already.
    #[error("`{}` holds a store or what is left of one: move it away first", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// Not everything that was written is there.
    #[error(
        "the store in `{}` is not whole: {found}. It was left as it is. Restore a backup, or write \
         what is whole to a new folder with `portcullis store rescue DIR`", path.display()
    )]
    NotWhole {
        /// The folder.
        path: PathBuf,
        /// Where, and what is known to be missing.
        found: String,
    },
    /// The store is whole, and older than what has been answered.
    #[error(
        "the store in `{}` ends at commit {sequence}, but commit {answered} has been answered ({}): \
         it is an older copy, or its newest part is damaged or lost. It was left as it is. If you \
         have put an older copy back on purpose, accept it with `portcullis store accept-older`. \
         If not, restore the newest copy, or write what can still be read to a new folder with \
         `portcullis store rescue DIR`", path.display(), behind(*.sequence, *.answered)
    )]
    Older {
        /// The folder.
        path: PathBuf,
        /// The newest commit in the store.
        sequence: u64,
        /// The last answered commit.
        answered: u64,
    },
    /// It is not known which commit was answered last.
    #[error(
        "the store in `{}` is whole and ends at commit {sequence}, but `{}`, which names the last \
         answered commit, {}: if this is the newest copy, accept it with \
         `portcullis store accept-older`{}", path.display(), file.display(),
         if *.missing { "is missing" } else { "cannot be read" },
         folder::mount_warning(path).map_or_else(String::new, |warning| format!(". {warning}"))
    )]
    Unanswered {
        /// The folder.
        path: PathBuf,
        /// The file that names the last answered commit.
        file: PathBuf,
        /// The newest commit in the store.
        sequence: u64,
        /// Whether the file is missing.
        missing: bool,
    },
    /// The store belongs to another secret key.
    #[error(
        "the store in `{}` belongs to another secret key: put the key back that it was made with \
         (`secrets.key_file`)", path.display()
    )]
    OtherKey {
        /// The folder.
        path: PathBuf,
    },
    /// A later version of the program has written the store.
    #[error(
        "the store in `{}` has format {format}, and this version reads up to format {}: use a \
         later version of portcullis", path.display(), folder::FORMAT
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// The store's format.
        format: u64,
    },
}

fn last_answered(answered: Option<u64>) -> String {
    answered.map_or_else(String::new, |sequence| {
        format!(", though one that had come to commit {sequence} was there")
    })
}

fn behind(sequence: u64, answered: u64) -> String {
    match answered.saturating_sub(sequence) {
        0 => "with other records".to_owned(),
        1 => "1 commit is missing".to_owned(),
        missing => format!("{missing} commits are missing"),
    }
}

/// An open database. When it is dropped it is closed, and its files are sealed.
#[derive(Debug)]
pub(super) struct Database {
    db: sled::Db,
    closing: Closing,
}

/// Dropped after the database.
#[derive(Debug)]
struct Closing {
    folder: Folder,
    sound: AtomicBool,
}

/// A store that is known to be whole.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) head: Head,
    pub(super) answered: AnsweredFile,
}

impl Database {
    fn open(folder: Folder) -> Result<Self, StoreError> {
        seal::remove(&folder).map_err(|error| folder.error(&error))?;
        let db = folder.open_database()?;
        Ok(Self { db, closing: Closing { folder, sound: AtomicBool::new(true) } })
    }

    /// The folder it is in.
    pub(super) fn folder(&self) -> &Folder {
        &self.closing.folder
    }

    /// Leaves the files unsealed: it is not known what is in them.
    pub(super) fn distrust(&self) {
        self.closing.sound.store(false, Ordering::Relaxed);
    }

    /// Writes entries and waits until they are on disk.
    pub(super) fn write(&self, batch: sled::Batch) -> Result<(), StoreError> {
        self.db.apply_batch(batch)?;
        let disk = super::writer::fsync(self.folder().path(), &self.db);
        disk.and_then(|mut disk| disk()).map_err(|error| self.folder().error(&error))
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
        if !self.sound.load(Ordering::Relaxed) {
            return;
        }
        let sealed = self
            .folder
            .wait_for_release()
            .and_then(|()| seal::write(&self.folder).map_err(|error| self.folder.error(&error)));
        if let Err(error) = sealed {
            tracing::warn!(%error, "the store was not sealed; the next start checks every record");
        }
    }
}

/// Makes an empty store where there is none. It is made anew at the next start unless
/// [`Folder::note_format`] follows.
pub(super) fn create(path: &Path, key: &StoreKey) -> Result<Opened, OpenError> {
    let fault = |error| folder::folder_error(path, &error);
    require_no_store(path)?;
    let folder = Folder::make(path)?;
    // Looked at again, now that no other process can be at it.
    require_no_store(path)?;
    folder.note_starting().and_then(|()| folder.clear()).map_err(fault)?;
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
            "`{}`: {error}; the store keeps this file beside its folder, so the folder that holds \
             both must be writable (see `store.path`)",
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

fn meta(key: &StoreKey) -> Vec<u8> {
    Meta { format: folder::FORMAT, key_id: key.id() }.encode()
}

/// Opens the store, if everything that was answered is in it.
pub(super) fn open(path: &Path, key: &StoreKey) -> Result<Opened, OpenError> {
    let Checked { database, head, answered } = open_checked(path, key, Older::Refused)?;
    let file = database.folder().answered().to_owned();
    let fault = |error| folder::folder_error(&file, &error);
    let answered = match answered {
        Answered::At(mark, slot) => {
            let mut answered = AnsweredFile::open(&file, slot).map_err(fault)?;
            if mark != head.mark() {
                // The process ended between writing the commit and noting it.
                answered.write(head.mark()).map_err(fault)?;
            }
            answered
        }
        Answered::Nothing | Answered::Unreadable => create_answered(&file, &head)?,
    };
    database.folder().note_format().map_err(|error| folder::folder_error(path, &error))?;
    Ok(Opened { database, head, answered })
}

/// Takes the store as it is for the newest, if it is whole. Returns what was answered last, if
/// that is known, and where the store is now.
pub(super) fn accept_older(path: &Path, key: &StoreKey) -> Result<(Option<u64>, u64), OpenError> {
    let Checked { database, head, answered } = open_checked(path, key, Older::Accepted)?;
    create_answered(database.folder().answered(), &head)?;
    database.folder().note_format().map_err(|error| folder::folder_error(path, &error))?;
    let before = match answered {
        Answered::At(mark, _) => Some(mark.sequence),
        Answered::Nothing | Answered::Unreadable => None,
    };
    Ok((before, head.sequence))
}

/// Whether a whole store that is behind what was answered opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Older {
    Refused,
    Accepted,
}

/// Refuses a store that is behind what was answered, or may be.
fn require_answered(
    folder: &Folder,
    head: &Head,
    answered: Answered,
    seal: &Seal,
    older: Older,
) -> Result<(), OpenError> {
    let (path, sequence) = (folder.path().to_owned(), head.sequence);
    match (answered, seal) {
        (Answered::At(mark, _), _) if mark == head.mark() || mark.sequence < sequence => Ok(()),
        // A copy of another time would be as it was when it was closed: this is damage.
        (Answered::At(mark, _), Seal::Broken(place)) => {
            let last = mark.sequence;
            let found = format!("{place}; what can be read ends at commit {sequence} of {last}");
            Err(OpenError::NotWhole { path, found })
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

/// Refuses a store that is behind what was answered because it is damaged. Sled takes a damaged
/// message for the end; with whole messages after it, this is no older copy.
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
        "{length} bytes of `db` at {at} are damaged; what can be read before them ends at commit \
         {end} of {last}"
    );
    Err(OpenError::NotWhole { path: path.to_owned(), found })
}

/// A whole store, and what was answered last.
struct Checked {
    database: Database,
    head: Head,
    answered: Answered,
}

fn open_checked(path: &Path, key: &StoreKey, older: Older) -> Result<Checked, OpenError> {
    let fault = |error| folder::folder_error(path, &error);
    require_store(path)?;
    let folder = Folder::take(path)?;
    let answered = Answered::read(folder.answered()).map_err(fault)?;
    // Looked at again, now that no other process can be at it.
    if require_store(path)? == Presence::Unversioned {
        return migrate(folder, key, older);
    }
    let seal = seal::verify(&folder).map_err(fault)?;
    let verified = match &seal {
        Seal::Intact => None,
        Seal::Missing | Seal::Broken(_) => {
            tracing::info!("the store was not closed in good order: checking every record");
            let quick = verify_files(&folder, key, answered);
            Some(quick.map_or_else(
                || verify_copy(&folder, key, answered, &seal, older).map(|head| (head, None)),
                |(head, table)| Ok((head, Some(table))),
            )?)
        }
    };
    if let Seal::Broken(place) = &seal {
        tracing::warn!(place, "the store's files have changed since it was closed; it is whole");
    }
    let database = Database::open(folder)?;
    let refuse = |fault| {
        database.distrust();
        refused(path, fault, &seal)
    };
    let mut head = Found::whole(&database, key)?.map_err(refuse)?;
    match verified {
        Some((verified, None)) if verified != head => {
            return Err(refuse(Fault::NotWhole("it does not read the same twice".to_owned())));
        }
        // Sled's new snapshot names the places that it reads from.
        Some((verified, Some(table)))
            if verified != head
                || PageTable::snapshot(path).is_none_or(|(_, found)| found != table) =>
        {
            tracing::info!("checking every record once more, as sled reads it");
            let found = check::read(&database, key, || ())?;
            head = found.judge(key).map_err(refuse)?;
        }
        _ => {}
    }
    require_answered(database.folder(), &head, answered, &seal, older)?;
    Ok(Checked { database, head, answered })
}

/// Verifies the files in place; `None` if that leaves any doubt.
fn verify_files(folder: &Folder, key: &StoreKey, answered: Answered) -> Option<(Head, PageTable)> {
    let (found, table) = check::read_files(folder, key)?;
    let head = found.judge(key).ok()?;
    let Answered::At(mark, _) = answered else { return None };
    (mark == head.mark() || mark.sequence < head.sequence).then_some((head, table))
}

/// Verifies a copy of the files.
fn verify_copy(
    folder: &Folder,
    key: &StoreKey,
    answered: Answered,
    seal: &Seal,
    older: Older,
) -> Result<Head, OpenError> {
    let found = check::read_copy(folder, key)?;
    let head = found.and_then(|found| found.judge(key));
    let head = head.map_err(|fault| refused(folder.path(), fault, seal))?;
    require_undamaged_end(folder, &head, answered)?;
    require_answered(folder, &head, answered, seal, older)?;
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

/// There is no store.
pub(super) fn missing(path: &Path) -> OpenError {
    match folder::last_answered(path) {
        Ok(answered) => OpenError::Missing { path: path.to_owned(), answered },
        Err(error) => folder::folder_error(path, &error).into(),
    }
}

fn refused(path: &Path, fault: Fault, seal: &Seal) -> OpenError {
    let path = path.to_owned();
    match fault {
        Fault::OtherKey => OpenError::OtherKey { path },
        Fault::Newer(format) => OpenError::Newer { path, format },
        Fault::NotWhole(found) => {
            let found = match seal {
                Seal::Broken(place) => format!("{place}; {found}"),
                Seal::Missing | Seal::Intact => found,
            };
            OpenError::NotWhole { path, found }
        }
    }
}

/// Gives a store from before there were format versions what it lacks. A copy of it stays.
fn migrate(folder: Folder, key: &StoreKey, older: Older) -> Result<Checked, OpenError> {
    let path = folder.path().to_owned();
    let fault = |error| folder::folder_error(&path, &error);
    let refused = |fault| refused(&path, fault, &Seal::Missing);
    let found = check::read_copy(&folder, key)?.map_err(refused)?;
    if found.is_versioned() {
        // The process ended while it migrated the store, or the files beside it are gone.
        let head = found.judge(key).map_err(refused)?;
        let answered = match folder.was_migrating() {
            true => Answered::At(head.mark(), 0),
            false => Answered::Nothing,
        };
        require_answered(&folder, &head, answered, &Seal::Missing, older)?;
        let database = Database::open(folder)?;
        return Ok(Checked { database, head, answered: Answered::Nothing });
    }
    let head = found.judge_unversioned().map_err(refused)?;
    folder.keep_unversioned().and_then(|()| folder.note_migrating()).map_err(fault)?;
    let database = Database::open(folder)?;
    let mut batch = sled::Batch::default();
    batch.insert(layout::META, meta(key));
    batch.insert(layout::HEAD, head.encode());
    database.write(batch)?;
    tracing::warn!(
        folder = %path.display(),
        "the store has a format version now; `before-format-1` in it is a copy from before, which \
         can be removed"
    );
    Ok(Checked { database, head, answered: Answered::Nothing })
}

/// What the folder holds.
pub(super) fn presence(path: &Path) -> Result<Presence, StoreError> {
    folder::presence(path).map_err(|error| folder::folder_error(path, &error))
}
