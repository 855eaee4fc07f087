//! What a store held at one moment.

use crate::StoreError;

/// All records of a store as they were between two commits. Commits that are made while it is read do
/// not change it, and hardly wait for it. Reading blocks, so it belongs on a thread of its own.
pub trait Snapshot: std::fmt::Debug + Send {
    /// The format of the store: what the records and their keys can look like.
    fn format(&self) -> u64;

    /// The sequence number of the newest commit in it.
    fn sequence(&self) -> u64;

    /// The kinds of records, and how many of each there are.
    fn kinds(&self) -> Vec<(String, u64)>;

    /// Passes the next records on. `false` when there are no more.
    ///
    /// # Errors
    /// When a record cannot be read, or the store was closed.
    fn read(&mut self, pass_on: &mut dyn FnMut(&SnapshotRecord<'_>)) -> Result<bool, StoreError>;
}

/// A record with its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRecord<'a> {
    /// The name of the kind.
    pub kind: &'a str,
    /// The id.
    pub id: &'a str,
    /// The version.
    pub version: u64,
    /// The document.
    pub doc: &'a [u8],
    /// All its keys.
    pub keys: Vec<SnapshotKey<'a>>,
}

/// A key of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotKey<'a> {
    /// Which records may have the same key, and how it is found.
    pub key_type: KeyType,
    /// The name of the field.
    pub field: &'a str,
    /// The value.
    pub value: &'a str,
}

/// The three types of keys, as [`Write::Put`](crate::Write::Put) has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// No two records of the kind have it.
    Unique,
    /// Several records may have it.
    Index,
    /// Several records may have it, and it is found by how its value begins.
    Ordered,
}
