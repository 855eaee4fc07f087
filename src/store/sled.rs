//! The embedded backend: one process, one folder, sled underneath.
//!
//! Everything is in one sled tree under prefixed keys (`layout`), so that one `sled::Batch` makes
//! a commit atomic across records, unique keys and index keys. All commits go through one thread
//! (`writer`), which judges them one after the other (`judge`) and makes as many durable at once
//! as are waiting. Reads go to sled directly; they may see a commit that is not durable yet, but
//! nobody is told of it before it is.
//!
//! The change feed (`recent`) is kept in memory only: its followers are caches of this same
//! process, and those are empty after a restart anyway.
//!
//! After a failed write or flush it is not known what is on disk. The store then answers nothing
//! any more, reads included, until it is opened again: it fails closed.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use self::layout::Stored;
use self::recent::Recent;
use self::writer::{Disk, Request, Writer};
use crate::store::{Changes, Commit, CommitError, Committed, Key, Kind, Record, Store, StoreError};

mod judge;
mod layout;
mod recent;
mod writer;

/// Commits that may wait for the writer; further ones wait to be let in.
const QUEUE: usize = 1024;

/// How often a reading is repeated when a commit came between its two steps. More than once in a
/// row is already unlikely.
const READ_ATTEMPTS: usize = 16;

/// The mode of a folder that only its owner can enter.
const PRIVATE: u32 = 0o700;

/// What sled may keep in memory of what is on disk.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// A store in a folder of this machine, used by this process alone. Dropping it ends the writer
/// after the commits it has taken on.
#[derive(Debug)]
pub struct SledStore {
    shared: Arc<Shared>,
    /// `None` only while dropping.
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
}

/// What readers and the writer share.
#[derive(Debug)]
struct Shared {
    db: sled::Db,
    recent: watch::Sender<Recent>,
    fault: OnceLock<String>,
    /// Dropped after `db`, so that whoever gets the lock finds the database closed.
    _lock: File,
}

impl SledStore {
    /// Opens the store in the folder `path`, making it if it does not exist, and closing it to
    /// others if it is the store's alone.
    ///
    /// # Errors
    /// When another process has it open, others can enter the folder, or the folder or what is in it
    /// cannot be read or written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, |db| writer::fsync(path, db))
    }

    /// Opens the store with another way to make it durable: tests put faults and waits there.
    fn open_with(
        path: &Path,
        disk: impl FnOnce(&sled::Db) -> io::Result<Disk>,
    ) -> Result<Self, StoreError> {
        let (db, lock) = open_database(path)?;
        let head = layout::decode_head(db.get(layout::HEAD)?.as_deref())
            .ok_or_else(|| StoreError::Unavailable("the head of the feed is damaged".to_owned()))?;
        let disk = disk(&db).map_err(|error| folder_error(path, &error))?;
        let shared = Arc::new(Shared {
            db,
            recent: watch::Sender::new(Recent::new(head)),
            fault: OnceLock::new(),
            _lock: lock,
        });
        let (requests, taken) = mpsc::channel(QUEUE);
        let writer = Writer::new(Arc::clone(&shared), head, disk);
        let writer = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(taken))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { shared, requests: Some(requests), writer: Some(writer) })
    }

    /// Runs a reading of many records where it does not hold up the data plane.
    async fn scan<T: Send + 'static>(
        &self,
        scan: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || {
            shared.sound()?;
            scan(&shared)
        })
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}

#[async_trait]
impl Store for SledStore {
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Record>, StoreError> {
        self.shared.sound()?;
        self.shared.record(kind, id, None)
    }

    async fn find(&self, kind: Kind, key: &Key) -> Result<Option<Record>, StoreError> {
        self.shared.sound()?;
        let unique = layout::unique(kind, key);
        let mut id = String::new();
        for _ in 0..READ_ATTEMPTS {
            let Some(owner) = self.shared.db.get(&unique)? else { return Ok(None) };
            id = layout::text(kind, &owner)?.to_owned();
            // A commit between the two readings may have given the key to somebody else.
            if let Some(record) = self.shared.record(kind, &id, Some(&unique))? {
                return Ok(Some(record));
            }
        }
        let cause = format!("`{}` leads here, but is not among the record's keys", key.name);
        Err(StoreError::Damaged { kind, id, cause })
    }

    async fn list(
        &self,
        kind: Kind,
        key: Option<&Key>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let key = key.cloned();
        let after = after.map(str::to_owned);
        self.scan(move |shared| shared.list(kind, key.as_ref(), after.as_deref(), limit)).await
    }

    async fn count(&self, kind: Kind, key: Option<&Key>) -> Result<u64, StoreError> {
        let prefix = prefix(kind, key);
        self.scan(move |shared| {
            let mut count = 0;
            for entry in shared.db.scan_prefix(prefix) {
                entry?;
                count += 1;
            }
            Ok(count)
        })
        .await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let (answer, answered) = oneshot::channel();
        let Some(requests) = &self.requests else { return Err(self.shared.gone().into()) };
        // From here on the commit happens, whether or not anybody waits for the answer.
        let sent = requests.send(Request { commit, answer }).await;
        sent.map_err(|_| self.shared.gone())?;
        answered.await.map_err(|_| self.shared.gone())?
    }

    async fn head(&self) -> Result<u64, StoreError> {
        self.shared.sound()?;
        Ok(self.shared.recent.borrow().head())
    }

    async fn changes(&self, after: u64, wait: Duration) -> Result<Changes, StoreError> {
        let mut recent = self.shared.recent.subscribe();
        let news =
            recent.wait_for(|recent| recent.head() != after || self.shared.fault.get().is_some());
        // Running out of time is an answer too: there was nothing.
        drop(tokio::time::timeout(wait, news).await);
        self.shared.sound()?;
        Ok(self.shared.recent.borrow().after(after))
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer had panicked");
        }
    }
}

impl Shared {
    /// The record, if it exists and has the stored key `having`.
    fn record(
        &self,
        kind: Kind,
        id: &str,
        having: Option<&[u8]>,
    ) -> Result<Option<Record>, StoreError> {
        let Some(bytes) = self.db.get(layout::record(kind, id))? else { return Ok(None) };
        let stored = Stored::decode(kind, id, &bytes)?;
        if having.is_some_and(|key| !stored.keys.contains(&key)) {
            return Ok(None);
        }
        Ok(Some(to_record(id, &stored)))
    }

    fn list(
        &self,
        kind: Kind,
        key: Option<&Key>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let prefix = prefix(kind, key);
        let mut start = prefix.clone();
        start.extend_from_slice(after.unwrap_or_default().as_bytes());
        let mut records = Vec::new();
        for entry in self.db.range(start.clone()..) {
            if records.len() == limit {
                break;
            }
            let (place, bytes) = entry?;
            let Some(id) = place.strip_prefix(prefix.as_slice()) else { break };
            if after.is_some() && place == start {
                continue;
            }
            let id = layout::text(kind, id)?;
            let record = match key {
                None => Some(to_record(id, &Stored::decode(kind, id, &bytes)?)),
                // What has lost the key since it was listed is passed over.
                Some(_) => self.record(kind, id, Some(&place))?,
            };
            records.extend(record);
        }
        Ok(records)
    }

    /// Refuses once the store has failed.
    fn sound(&self) -> Result<(), StoreError> {
        match self.fault.get() {
            None => Ok(()),
            Some(fault) => Err(StoreError::Unavailable(fault.clone())),
        }
    }

    /// Why the writer does not answer.
    fn gone(&self) -> StoreError {
        let fault = self.fault.get().map_or("the writer has ended", String::as_str);
        StoreError::Unavailable(fault.to_owned())
    }

    /// Ends the store's service; the first reason stands.
    fn fail(&self, fault: &str) {
        if self.fault.set(fault.to_owned()).is_ok() {
            tracing::error!(fault, "the store has failed and answers nothing until it is reopened");
        }
        self.recent.send_modify(|_| ());
    }
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

fn to_record(id: &str, stored: &Stored<'_>) -> Record {
    Record { id: id.to_owned(), version: stored.version, doc: Bytes::copy_from_slice(stored.doc) }
}

/// What the sled keys of the records, or of the index entries with `key`, begin with; the id
/// follows.
fn prefix(kind: Kind, key: Option<&Key>) -> Vec<u8> {
    key.map_or_else(|| layout::records(kind), |key| layout::indexed(kind, key))
}

fn open_database(path: &Path) -> Result<(sled::Db, File), StoreError> {
    let fault = |error: io::Error| folder_error(path, &error);
    DirBuilder::new().recursive(true).mode(PRIVATE).create(path).map_err(fault)?;
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
    // Whoever had the store before may still be letting go of sled's own lock.
    match File::open(path.join("db")) {
        Ok(db) => db.lock().map_err(fault)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(fault(error)),
    }
    let db = sled::Config::default()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        .mode(sled::Mode::LowSpace)
        .open()
        .map_err(|error| StoreError::Unavailable(format!("`{}`: {error}", path.display())))?;
    // New files are there after a power cut only if the folder that names them is on disk too.
    for folder in [path.join("blobs").as_path(), path] {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault)?;
    }
    Ok((db, lock))
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

fn folder_error(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("`{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests;
