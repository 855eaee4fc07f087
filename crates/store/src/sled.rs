//! The embedded backend: sled, in one folder, for one process.
//!
//! Everything is in one sled tree under prefixed keys (`layout`), so that one `sled::Batch` makes a
//! commit atomic across records, unique keys and index keys. All commits go through one thread
//! (`writer`), which checks their conditions one after the other (`effect`) and flushes all that are
//! waiting together. Reads go to sled directly. They may see a commit that is not on disk yet, but
//! it is not published before it is.
//!
//! The change feed (`recent`) is kept in memory only: its followers are caches of the same process,
//! and empty after a restart.
//!
//! A store opens only if it is complete (I13, `opening`). Each commit updates a digest of all
//! records (`digest`), a file beside the folder names the last answered commit (`answered`), and
//! closing the store writes checksums of its files (`checksums`). Without those, after a crash, every
//! record is verified before the store is used (`check`).
//!
//! After a failed write or flush, the state on disk is unknown. The store then returns errors, also
//! for reads, until it is opened again: it fails closed.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};

pub use self::error::OpenError;
use self::flush::{Flush, fsync};
use self::folder::Filling;
pub use self::folder::Presence;
use self::kept_entries::Snapshots;
use self::opening::Opened;
use self::recent::Recent;
pub use self::rekey::{Appended, Rekeyed, Rekeying};
pub use self::rescue::Rescued;
pub use self::restore::{RestoreError, Restored};
use self::shared::Shared;
use self::writer::{Request, Writer};
use crate::{
    Changes, Commit, CommitError, Committed, Found, Key, Kind, Record, Search, Snapshot, Store,
    StoreError, StoreKey,
};

mod answered;
mod appended;
mod before_upgrade;
mod blocks;
mod check;
mod checksums;
mod completeness;
mod database;
mod digest;
mod effect;
mod error;
mod failure;
mod files;
mod flush;
mod folder;
mod head;
mod kept_entries;
mod layout;
mod log;
mod migration;
mod opening;
mod parallel;
mod recent;
mod rekey;
mod replaced;
mod rescue;
mod restore;
mod search;
mod shared;
mod snapshot;
mod target;
mod upgrade;
mod writer;

/// Commits that may wait for the writer; further ones wait for room.
const QUEUE: usize = 1024;

/// How often a lookup is repeated when a commit happens between its two steps.
const READ_ATTEMPTS: usize = 16;

/// A store in a folder, used by this process alone. When it is dropped, the waiting commits are
/// made first.
#[derive(Debug)]
pub struct SledStore {
    shared: Arc<Shared>,
    /// `None` only while dropping.
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
}

/// An empty store. Unless it is finished, the next start creates it again.
#[derive(Debug)]
pub struct NewStore {
    opened: Opened,
    key: StoreKey,
}

impl NewStore {
    /// Starts using the store.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn finish(self) -> Result<SledStore, OpenError> {
        let folder = self.opened.database.folder();
        folder.mark_in_use().map_err(|error| folder.error(&error))?;
        Ok(SledStore::start(self.opened, self.key, fsync)?)
    }
}

impl SledStore {
    /// The format that this version writes. It opens stores of earlier formats, too, and upgrades
    /// them.
    pub const FORMAT: u64 = head::FORMAT;

    /// Whether there is a store in the folder `path`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn presence(path: &Path) -> Result<Presence, StoreError> {
        opening::presence(path)
    }

    /// A warning if the folder `path` is a mount point: the store also needs the file beside it.
    #[must_use]
    pub fn mount_warning(path: &Path) -> Option<String> {
        folder::mount_warning(path)
    }

    /// The error that there is no store in the folder `path`.
    #[must_use]
    pub fn missing(path: &Path) -> OpenError {
        opening::missing(path)
    }

    /// Creates an empty store in the folder `path`, and the folder if it does not exist.
    ///
    /// # Errors
    /// When there is a store already, other users can enter the folder, or it cannot be written.
    pub fn create(path: &Path, key: &StoreKey) -> Result<NewStore, OpenError> {
        Ok(NewStore { opened: opening::create(path, key, Filling::Started)?, key: key.clone() })
    }

    /// Opens the store in the folder `path`. If the folder holds nothing else, its mode is set to
    /// 0700.
    ///
    /// # Errors
    /// When there is no store, another process has it open, other users can enter the folder, it
    /// cannot be read or written, or an answered commit is missing.
    pub fn open(path: &Path, key: &StoreKey) -> Result<Self, OpenError> {
        Ok(Self::start(opening::open(path, key)?, key.clone(), fsync)?)
    }

    /// Accepts the store although it is older than the last answered commit, if it is complete.
    /// Returns the last answered commit, if it is known, and the newest one in the store.
    ///
    /// # Errors
    /// Those of [`Self::open`], except [`OpenError::Older`] and [`OpenError::Unanswered`].
    pub fn accept_older(path: &Path, key: &StoreKey) -> Result<(Option<u64>, u64), OpenError> {
        opening::accept_older(path, key)
    }

    /// Writes every record that can be read in the folder `path` to a new store in `to`.
    ///
    /// # Errors
    /// When nothing can be read, `to` is not empty, or it cannot be written.
    pub fn rescue(path: &Path, key: &StoreKey, to: &Path) -> Result<Rescued, OpenError> {
        rescue::rescue(path, key, to)
    }

    /// Creates a store in the folder `path` with the records of the backup in `file`. The whole file is
    /// verified before anything is written; until all its records are there, there is no store.
    ///
    /// # Errors
    /// When the file cannot be used, there is a store already, or it cannot be written.
    pub fn restore(path: &Path, key: &StoreKey, file: &Path) -> Result<Restored, RestoreError> {
        restore::restore(path, key, file)
    }

    /// A store for a test, in a folder inside `folder`; created if it does not exist.
    ///
    /// # Panics
    /// When it cannot be created or opened.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    #[expect(clippy::unwrap_used, reason = "a test that cannot open its store fails")]
    pub fn for_test(folder: &Path) -> Self {
        let (path, key) = (folder.join("store"), StoreKey::new([7; 32]));
        match Self::presence(&path).unwrap() {
            Presence::Nothing => Self::create(&path, &key).unwrap().finish().unwrap(),
            _ => Self::open(&path, &key).unwrap(),
        }
    }

    /// Starts the writer. Tests pass a `flush` that waits or fails.
    fn start(
        opened: Opened,
        key: StoreKey,
        flush: impl FnOnce(&Path, &sled::Db) -> io::Result<Flush>,
    ) -> Result<Self, StoreError> {
        let Opened { database: db, head, answered } = opened;
        let folder = db.folder();
        let flush = flush(folder.path(), &db).map_err(|error| folder.error(&error))?;
        let shared = Arc::new(Shared {
            db,
            recent: watch::Sender::new(Recent::new(head.sequence)),
            fault: OnceLock::new(),
            snapshots: Snapshots::default(),
        });
        let (requests, taken) = mpsc::channel(QUEUE);
        let writer = Writer::new(Arc::clone(&shared), key, head, answered, flush);
        let writer = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(taken))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { shared, requests: Some(requests), writer: Some(writer) })
    }

    /// Reads many records on a thread that does not serve requests.
    async fn scan<T: Send + 'static>(
        &self,
        scan: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || {
            shared.ensure_running()?;
            scan(&shared)
        })
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}

#[async_trait]
impl Store for SledStore {
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Record>, StoreError> {
        self.shared.ensure_running()?;
        self.shared.record(kind, id, None)
    }

    async fn find(&self, kind: Kind, key: &Key) -> Result<Option<Record>, StoreError> {
        self.shared.ensure_running()?;
        let unique = layout::unique(kind, key);
        let mut id = String::new();
        for _ in 0..READ_ATTEMPTS {
            let owner = self.shared.read(self.shared.db.get(&unique))?;
            let Some(owner) = owner else { return Ok(None) };
            id = layout::text(kind, &owner)?.to_owned();
            // A commit between the two reads may have moved the key to another record.
            if let Some(record) = self.shared.record(kind, &id, Some(&unique))? {
                return Ok(Some(record));
            }
        }
        let cause = format!("its key `{}` is missing from the record", key.name);
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

    async fn list_back(
        &self,
        kind: Kind,
        key: Option<&Key>,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let key = key.cloned();
        let before = before.map(str::to_owned);
        self.scan(move |shared| shared.list_back(kind, key.as_ref(), before.as_deref(), limit))
            .await
    }

    async fn search(&self, kind: Kind, search: &Search, limit: usize) -> Result<Found, StoreError> {
        let search = search.clone();
        self.scan(move |shared| search::search(shared, kind, &search, limit)).await
    }

    async fn count(&self, kind: Kind, key: Option<&Key>) -> Result<u64, StoreError> {
        self.shared.ensure_running()?;
        if let Some(kept) = self.shared.kept_count(kind, key)? {
            return Ok(kept);
        }
        let key = key.cloned();
        self.scan(move |shared| shared.counted(kind, key.as_ref())).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let (answer, answered) = oneshot::channel();
        let Some(requests) = &self.requests else { return Err(self.shared.closed().into()) };
        // Once it is sent, the commit happens, even if this future is dropped.
        let sent = requests.send(Request::Commit { commit, answer }).await;
        sent.map_err(|_| self.shared.closed())?;
        answered.await.map_err(|_| self.shared.closed())?
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let Some(requests) = &self.requests else { return Err(self.shared.closed()) };
        let sent = requests.send(Request::Snapshot { answer }).await;
        sent.map_err(|_| self.shared.closed())?;
        let snapshot = answered.await.map_err(|_| self.shared.closed())??;
        Ok(Box::new(snapshot))
    }

    async fn head(&self) -> Result<u64, StoreError> {
        self.shared.ensure_running()?;
        Ok(self.shared.recent.borrow().head())
    }

    async fn changes(&self, after: u64, wait: Duration) -> Result<Changes, StoreError> {
        let mut recent = self.shared.recent.subscribe();
        let changed =
            recent.wait_for(|recent| recent.head() != after || self.shared.fault.get().is_some());
        // A timeout means that there are no changes.
        drop(tokio::time::timeout(wait, changed).await);
        self.shared.ensure_running()?;
        Ok(self.shared.recent.borrow().after(after))
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}

#[cfg(test)]
mod tests;
