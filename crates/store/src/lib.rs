//! Durable records, atomic commits and the change feed.
//!
//! The store knows nothing of portals: a record is a JSON document with a kind, an id, a version
//! and the keys it can be found by. Rules about what may be written live in `directory`; what the
//! store promises is that a [`Commit`] happens wholly or not at all, that its conditions held at
//! that moment, and that an answered commit is on disk (invariant I3).
//!
//! - `sled`: the embedded backend, one process.
//! - `feed`: commits that return only when this process's caches have followed them (I2).
//! - `cache`: a cache that a load started before a change cannot make stale (I2).
//! - `conformance`: the suite every backend must pass.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

pub mod cache;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod feed;
pub mod sled;

/// A key of the store's own, derived from the installation's secret key: the digest of the records
/// is computed with it, and the store belongs to it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// The key with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What the store records of the key; it does not lead back to it.
    fn id(&self) -> [u8; 32] {
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

/// A kind of record, named by the caller. Ids and keys are unique within a kind.
///
/// ```
/// use portcullis_store::Kind;
///
/// const USER: Kind = Kind::new("user");
/// assert_eq!(USER.name(), "user");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(&'static str);

impl Kind {
    /// The kind that is stored under `name`. Renaming a kind makes its records unreachable.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name it is stored under.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Unique within its kind; 1 to 200 bytes, no NUL.
    pub id: String,
    /// 1 when first written, one more with each write.
    pub version: u64,
    /// The document, JSON.
    pub doc: Bytes,
}

/// A field a record can be found by: a name fixed in the code and this record's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The field.
    pub name: &'static str,
    /// The value, already folded the way it is to be compared; no NUL.
    pub value: String,
}

impl Key {
    /// A key from its field and value.
    pub fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: value.into() }
    }
}

/// What must be true of a record for a commit to go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything: written if absent, replaced if present.
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
    /// Write a record whole, with the keys it is found by from now on.
    Put {
        /// The record's kind.
        kind: Kind,
        /// The record's id.
        id: String,
        /// What must hold of the record before.
        expect: Expect,
        /// The new document.
        doc: Bytes,
        /// Keys no other record of the kind may have.
        unique: Vec<Key>,
        /// Keys many records may share.
        index: Vec<Key>,
    },
    /// Remove a record and its keys. Removing what is absent does nothing under [`Expect::Any`].
    Delete {
        /// The record's kind.
        kind: Kind,
        /// The record's id.
        id: String,
        /// What must hold of the record before.
        expect: Expect,
    },
    /// Write nothing, but refuse the commit unless the record is as expected.
    Require {
        /// The record's kind.
        kind: Kind,
        /// The record's id.
        id: String,
        /// What must hold of the record.
        expect: Expect,
    },
    /// Write nothing, but refuse the commit if it would leave any record with this (non-unique)
    /// key. Alone among the conditions it is judged against the state *after* the commit, so that
    /// one commit may move the last records away and remove what they pointed to.
    RequireNone {
        /// The records' kind.
        kind: Kind,
        /// The key none may have.
        key: Key,
    },
}

/// Writes that happen together or not at all. Every [`Expect`] is judged against the state before
/// the commit. A record is named by at most one `Put` or `Delete`; a second one is a conflict.
/// A unique key may move from one record to another within a commit, in whatever order they stand.
pub type Commit = Vec<Write>;

/// An answered commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its place in the change feed; the newest place of all if the commit changed nothing.
    pub sequence: u64,
    /// The new version for each `Put`, in order.
    pub versions: Vec<u64>,
}

/// A record that a commit wrote or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The commit's place in the feed; changes of one commit share it.
    pub sequence: u64,
    /// The record's kind.
    pub kind: Kind,
    /// The record's id.
    pub id: String,
}

/// What happened after a place in the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// The changes since, oldest first, whole commits only. Empty when there was none.
    List(Vec<Change>),
    /// The place is not in the feed (any more): whoever follows must forget what it holds, read
    /// again, and go on from `head`.
    StartOver {
        /// The place of the newest commit.
        head: u64,
    },
}

/// Why a commit was refused: nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A record was not as expected: the caller read an older state and may read again.
    #[error("{} `{id}` has changed or is not there", kind.name())]
    Conflict {
        /// The record's kind.
        kind: Kind,
        /// The record's id.
        id: String,
    },
    /// Another record has the unique key.
    #[error("{} with {field} `{value}` exists already", kind.name())]
    Taken {
        /// The record's kind.
        kind: Kind,
        /// The unique field.
        field: &'static str,
        /// The value that is taken.
        value: String,
    },
    /// A record has a key that a [`Write::RequireNone`] forbids.
    #[error("a {} still has {} `{}`", kind.name(), key.name, key.value)]
    InUse {
        /// The records' kind.
        kind: Kind,
        /// The key that is still in use.
        key: Key,
    },
    /// The backend did not answer: whether the commit happened is unknown.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The backend did not answer, or what it holds cannot be read. The operator must act.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The backend cannot be reached or reported a fault.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A record cannot be decoded.
    #[error("{} `{id}` in the store is damaged: {cause}", kind.name())]
    Damaged {
        /// The record's kind.
        kind: Kind,
        /// The record's id.
        id: String,
        /// What the decoder said.
        cause: String,
    },
}

/// What every backend does. Values are whole records; a commit is the only way to write.
#[async_trait]
pub trait Store: std::fmt::Debug + Send + Sync + 'static {
    /// The record, if it exists.
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Record>, StoreError>;

    /// The record that has this unique key, if one does.
    async fn find(&self, kind: Kind, key: &Key) -> Result<Option<Record>, StoreError>;

    /// Up to `limit` records in order of id, those after `after`, with this (non-unique) key if
    /// one is given.
    async fn list(
        &self,
        kind: Kind,
        key: Option<&Key>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError>;

    /// How many records there are of the kind, with this (non-unique) key if one is given.
    async fn count(&self, kind: Kind, key: Option<&Key>) -> Result<u64, StoreError>;

    /// Writes all of it or nothing; when this returns `Ok`, it is durable (I3).
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError>;

    /// The place of the newest commit in the feed; 0 before the first.
    async fn head(&self) -> Result<u64, StoreError>;

    /// What happened after the place `after`; when that is nothing, waits for up to `wait`.
    ///
    /// Only durable commits are told, and each is readable before it is told. An answer, an empty
    /// list too, says that the backend was asked and had nothing more: it confirms that whoever
    /// followed so far is up to date.
    async fn changes(&self, after: u64, wait: Duration) -> Result<Changes, StoreError>;
}
