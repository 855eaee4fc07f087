//! Durable records, atomic commits and a change feed.
//!
//! A [`Record`] is a JSON document with a [`Kind`], an id, a version and the keys it can be found by.
//! The caller names the kinds and decides what may be written. The store promises that a [`Commit`]
//! happens completely or not at all, that its conditions held at that moment, and that it is on disk
//! once [`Store::commit`] has returned (invariant I3).
//!
//! - [`feed`]: commits that return only when this process's caches have followed them (I2).
//! - [`backup`]: all records of a moment in one file.
//! - [`cache`]: a cache that cannot be made stale by a load that started before a change (I2).
//! - [`overlay`]: a store over another one, to try changes out; nothing of it is kept.
//! - `sled` (feature `sled`, on by default): the embedded backend, for one process.
//! - `conformance` (feature `testing`): the test suite that every backend must pass.
//!
//! ```
//! use portcullis_store::sled::SledStore;
//! use portcullis_store::{Expect, Key, Kind, Store as _, StoreKey, Write};
//!
//! const USER: Kind = Kind::new("user");
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let key = StoreKey::new([7; 32]);
//! let store = SledStore::create(&folder.path().join("store"), &key)?.finish()?;
//!
//! let login = Key::new("login", "ann");
//! let ann = Write::Put {
//!     kind: USER,
//!     id: "u1".to_owned(),
//!     expect: Expect::Absent,
//!     doc: r#"{"name":"Ann"}"#.into(),
//!     unique: vec![login.clone()],
//!     index: vec![],
//!     ordered: vec![],
//! };
//! let committed = store.commit(vec![ann]).await?;
//! assert_eq!(committed.versions, [1]);
//!
//! let found = store.find(USER, &login).await?.expect("it was just written");
//! assert_eq!(found.id, "u1");
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::{Digest as _, Sha256};

pub mod backup;
pub mod cache;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod feed;
pub mod overlay;
pub mod search;
#[cfg(feature = "sled")]
pub mod sled;
mod snapshot;

pub use self::search::{Found, Place, Search};
pub use self::snapshot::{KeyType, Snapshot, SnapshotKey, SnapshotRecord};

/// A key for the digest of the records, derived from the installation's secret key. A store opens
/// only with the key that it was created with, or that replaced it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// The key with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's bytes.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// HMAC-SHA-256 of some bytes.
    fn authenticate(&self, bytes: &[u8]) -> [u8; 32] {
        // HMAC takes keys of any length.
        let Ok(mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0) else { return [0; 32] };
        mac.chain_update(bytes).finalize().into_bytes().into()
    }

    /// An identifier of the key, from which the key cannot be computed.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"portcullis store key id")
            .chain_update(self.0)
            .finalize()
            .into()
    }
}

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreKey(…)")
    }
}

/// A kind of record, named by the caller. Ids and keys are unique within a kind. Records of a kind
/// are either all appended ([`Write::Append`]) or all put.
///
/// ```
/// use portcullis_store::Kind;
///
/// const USER: Kind = Kind::new("user");
/// assert_eq!(USER.name(), "user");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind {
    name: &'static str,
    appended: bool,
}

impl Kind {
    /// The kind that is stored under `name`. If the name changes, its records are no longer found.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, appended: false }
    }

    /// The same for a kind whose records are appended.
    #[must_use]
    pub const fn appended(name: &'static str) -> Self {
        Self { name, appended: true }
    }

    /// The name it is stored under.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Whether its records are appended.
    #[must_use]
    pub const fn is_appended(self) -> bool {
        self.appended
    }
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Unique within its kind; 1 to 200 bytes, without NUL.
    pub id: String,
    /// 1 when first written, and one more with each write.
    pub version: u64,
    /// The document, JSON.
    pub doc: Bytes,
}

/// A field that a record can be found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The name of the field.
    pub name: &'static str,
    /// The value, already normalized for comparison; without NUL.
    pub value: String,
}

impl Key {
    /// A key with this name and value.
    pub fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: value.into() }
    }
}

/// A condition on the state of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// No condition.
    Any,
    /// The record does not exist.
    Absent,
    /// The record exists.
    Present,
    /// The record exists at this version.
    Version(u64),
}

/// One step of a commit.
#[derive(Debug, Clone)]
pub enum Write {
    /// Write a record, replacing its document and all its keys.
    Put {
        /// The record's kind.
        kind: Kind,
        /// The record's id.
        id: String,
        /// The condition on the record before the commit.
        expect: Expect,
        /// The new document.
        doc: Bytes,
        /// Keys that no other record of the kind may have.
        unique: Vec<Key>,
        /// Keys that several records may have.
        index: Vec<Key>,
        /// Keys that several records may have, which are found by how their values begin
        /// ([`Search::prefix`]). A record may have several with the same name.
        ordered: Vec<Key>,
    },
    /// Write a record under the next number of its kind: 0 for the first, and one more than the
    /// largest id otherwise, as 20 digits ([`number_id`]). So these records are in the order of
    /// their commits, without gaps, also with concurrent commits.
    Append {
        /// The record's kind, made with [`Kind::appended`].
        kind: Kind,
        /// The document.
        doc: Bytes,
        /// Keys that several records may have.
        index: Vec<Key>,
    },
    /// Remove a record and its keys. With [`Expect::Any`], an absent record is not an error.
    Delete {
        /// The record's kind.
        kind: Kind,
        /// The record's id.
        id: String,
        /// The condition on the record before the commit.
        expect: Expect,
    },
    /// Write nothing, but refuse the commit unless the condition holds.
    Require {
        /// The record's kind.
        kind: Kind,
        /// The record's id.
        id: String,
        /// The condition on the record before the commit.
        expect: Expect,
    },
    /// Write nothing, but refuse the commit if any record has this index key *after* it. This is
    /// the only condition on the state after the commit: one commit may move the last records away
    /// and remove what they pointed to.
    RequireNone {
        /// The records' kind, which are not appended.
        kind: Kind,
        /// The index key.
        key: Key,
    },
}

/// The id of an appended record with this number: 20 digits, so that the order of ids is that of
/// the numbers.
#[must_use]
pub fn number_id(number: u64) -> String {
    format!("{number:020}")
}

/// Writes that happen together or not at all.
///
/// Every [`Expect`] is about the state before the commit. At most one `Put` or `Delete` may name the
/// same record; a second one is a conflict. A unique key may move from one record to another within
/// a commit, whatever the order of the two writes.
pub type Commit = Vec<Write>;

/// The result of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The commit's sequence number in the change feed. If the commit changed nothing, the newest
    /// sequence number.
    pub sequence: u64,
    /// The new version for each `Put`, in order.
    pub versions: Vec<u64>,
}

/// A record that a commit wrote or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The commit's sequence number. Changes of one commit share it.
    pub sequence: u64,
    /// The record's kind.
    pub kind: Kind,
    /// The record's id.
    pub id: String,
}

/// The changes after a sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// Every later change, oldest first, in complete commits. Empty if nothing has changed.
    List(Vec<Change>),
    /// They are no longer available. The follower must discard what it holds, read again, and
    /// continue from `head`.
    StartOver {
        /// The newest sequence number.
        head: u64,
    },
}

/// Why a commit was refused. Except for [`CommitError::Store`], nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A condition on a record did not hold. The caller may read the record again and retry.
    #[error("{} `{id}` has changed or does not exist", kind.name())]
    Conflict {
        /// The record's kind.
        kind: Kind,
        /// The record's id.
        id: String,
    },
    /// Another record has the unique key.
    #[error("{} with {field} `{value}` already exists", kind.name())]
    Taken {
        /// The record's kind.
        kind: Kind,
        /// The name of the key.
        field: &'static str,
        /// The value of the key.
        value: String,
    },
    /// A record has a key that a [`Write::RequireNone`] forbids.
    #[error("a {} still has {} `{}`", kind.name(), key.name, key.value)]
    InUse {
        /// The record's kind.
        kind: Kind,
        /// The key.
        key: Key,
    },
    /// The actor may not write the record. No store returns this: it is for the layer that knows who
    /// commits.
    #[error("{} `{id}` may not be written", kind.name())]
    Refused {
        /// The record's kind.
        kind: Kind,
        /// The record's id.
        id: String,
        /// The name of the role that may.
        needs: &'static str,
        /// Whether it may only if it is not limited to some organizations.
        unlimited: bool,
    },
    /// The record is kept elsewhere and may not be changed here. No store returns this either.
    #[error("{} `{id}` is managed by `{by}`", kind.name())]
    Managed {
        /// The record's kind.
        kind: Kind,
        /// The record's id.
        id: String,
        /// What manages it.
        by: String,
    },
    /// What the actor was authenticated with is no longer valid. No store returns this either.
    #[error("the {} of the actor is no longer valid", kind.name())]
    ActorEnded {
        /// The kind of its record.
        kind: Kind,
    },
    /// The store failed. It is not known whether the commit happened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The store failed; the operator must act.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, or has reported a fault.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A record cannot be decoded.
    #[error("{} `{id}` in the store is damaged: {cause}", kind.name())]
    Damaged {
        /// The record's kind.
        kind: Kind,
        /// The record's id.
        id: String,
        /// The error of the decoder.
        cause: String,
    },
}

/// A backend. Records are read and written whole, and a commit is the only way to write.
#[async_trait]
pub trait Store: std::fmt::Debug + Send + Sync + 'static {
    /// The record with this id.
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Record>, StoreError>;

    /// The record with this unique key.
    async fn find(&self, kind: Kind, key: &Key) -> Result<Option<Record>, StoreError>;

    /// Up to `limit` records whose ids come after `after`, in order of id. With `key`, only records
    /// with this index key.
    async fn list(
        &self,
        kind: Kind,
        key: Option<&Key>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError>;

    /// The same in the other direction: up to `limit` records whose ids come before `before`, from
    /// the last one on.
    async fn list_back(
        &self,
        kind: Kind,
        key: Option<&Key>,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError>;

    /// Up to `limit` records that a search finds, in its order.
    ///
    /// Only a bounded number of entries is read, so there may be fewer records although
    /// [`Found::next`] leads to more. A search that continues there finds each record that has the
    /// same keys all the time exactly once, whatever happens to others.
    async fn search(&self, kind: Kind, search: &Search, limit: usize) -> Result<Found, StoreError>;

    /// The number of records of the kind; with `key`, of those with this index key. Kept rather than
    /// counted, except for keys of appended records.
    async fn count(&self, kind: Kind, key: Option<&Key>) -> Result<u64, StoreError>;

    /// Makes all the writes or none. When this returns `Ok`, they are on disk (I3).
    ///
    /// If the future is dropped before that, the commit happens completely or not at all.
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError>;

    /// All records as they are between two commits, while later commits are made. A store that only
    /// wraps another one has none.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        Err(StoreError::Unavailable("this store has no snapshots".to_owned()))
    }

    /// The sequence number of the newest commit that is on disk; 0 before the first.
    async fn head(&self) -> Result<u64, StoreError>;

    /// The changes after the sequence number `after`. If there are none, waits up to `wait` for one.
    ///
    /// Only commits that are on disk are returned, and their records can be read by then. An empty
    /// list confirms that a follower which has applied everything up to `after` is up to date.
    async fn changes(&self, after: u64, wait: Duration) -> Result<Changes, StoreError>;
}
