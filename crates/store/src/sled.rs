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
//! What is opened is known to be whole (I13, `opening`): each commit keeps a digest of everything up
//! to date (`digest`), a file beside the folder names the last answered commit (`answered`), and a
//! store that was closed is sealed (`seal`). Otherwise all of it is read before it is used (`check`).
//!
//! After a failed write or flush it is not known what is on disk. The store then answers nothing
//! any more, reads included, until it is opened again: it fails closed.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

pub use self::folder::Presence;
use self::layout::Stored;
pub use self::opening::OpenError;
use self::opening::{Database, Opened};
use self::recent::Recent;
pub use self::rescue::Rescued;
use self::writer::{Disk, Request, Writer};
use crate::{
    Changes, Commit, CommitError, Committed, Key, Kind, Record, Store, StoreError, StoreKey,
};

mod answered;
mod check;
mod digest;
mod folder;
mod judge;
mod layout;
mod log;
mod opening;
mod parallel;
mod recent;
mod rescue;
mod seal;
mod writer;

/// Commits that may wait for the writer; further ones wait to be let in.
const QUEUE: usize = 1024;

/// How often a reading is repeated when a commit came between its two steps. More than once in a
/// row is already unlikely.
const READ_ATTEMPTS: usize = 16;

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
    db: Database,
    recent: watch::Sender<Recent>,
    fault: OnceLock<String>,
}

/// An empty store that is made anew at the next start unless it is finished.
#[derive(Debug)]
pub struct NewStore {
    opened: Opened,
    key: StoreKey,
}

impl NewStore {
    /// Takes the store into use.
    ///
    /// # Errors
    /// When that cannot be noted.
    pub fn finish(self) -> Result<SledStore, OpenError> {
        let folder = self.opened.database.folder();
        folder.note_format().map_err(|error| folder.error(&error))?;
        Ok(SledStore::start(self.opened, self.key, writer::fsync)?)
    }
}

impl SledStore {
    /// What the folder `path` holds.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn presence(path: &Path) -> Result<Presence, StoreError> {
        opening::presence(path)
    }

    /// What to do if the folder `path` is a mount point: the store also needs the file beside it.
    #[must_use]
    pub fn mount_warning(path: &Path) -> Option<String> {
        folder::mount_warning(path)
    }

    /// Says that there is no store in the folder `path`.
    #[must_use]
    pub fn missing(path: &Path) -> OpenError {
        opening::missing(path)
    }

    /// Makes an empty store in the folder `path`, and the folder if it does not exist.
    ///
    /// # Errors
    /// When there is a store, others can enter the folder, or it cannot be written.
    pub fn create(path: &Path, key: &StoreKey) -> Result<NewStore, OpenError> {
        Ok(NewStore { opened: opening::create(path, key)?, key: key.clone() })
    }

    /// Opens the store in the folder `path`, closing it to others if it is the store's alone.
    ///
    /// # Errors
    /// When there is none, another process has it open, others can enter the folder, it cannot be
    /// read or written, or not everything that was answered is in it.
    pub fn open(path: &Path, key: &StoreKey) -> Result<Self, OpenError> {
        Ok(Self::start(opening::open(path, key)?, key.clone(), writer::fsync)?)
    }

    /// Takes the store as it is for the newest, if it is whole. Returns the commit that was
    /// answered last, if it is known, and the newest one in the store.
    ///
    /// # Errors
    /// As for [`Self::open`], but for its being older.
    pub fn accept_older(path: &Path, key: &StoreKey) -> Result<(Option<u64>, u64), OpenError> {
        opening::accept_older(path, key)
    }

    /// Writes every record that can still be read in the folder `path` to a new store in `to`.
    ///
    /// # Errors
    /// When nothing can be read, there is something in `to`, or it cannot be written.
    pub fn rescue(path: &Path, key: &StoreKey, to: &Path) -> Result<Rescued, OpenError> {
        rescue::rescue(path, key, to)
    }

    /// The store of a test, in a folder of its own inside `folder`; made if it is not there.
    ///
    /// # Panics
    /// When it cannot be made or opened.
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

    /// Begins to write, with a way to make it durable: tests put faults and waits there.
    fn start(
        opened: Opened,
        key: StoreKey,
        disk: impl FnOnce(&Path, &sled::Db) -> io::Result<Disk>,
    ) -> Result<Self, StoreError> {
        let Opened { database: db, head, answered } = opened;
        let folder = db.folder();
        let disk = disk(folder.path(), &db).map_err(|error| folder.error(&error))?;
        let shared = Arc::new(Shared {
            db,
            recent: watch::Sender::new(Recent::new(head.sequence)),
            fault: OnceLock::new(),
        });
        let (requests, taken) = mpsc::channel(QUEUE);
        let writer = Writer::new(Arc::clone(&shared), key, head, answered, disk);
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
        self.db.distrust();
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
    key.map_or_else(|| layout::records(kind.name()), |key| layout::indexed(kind, key))
}

#[cfg(test)]
mod tests;
