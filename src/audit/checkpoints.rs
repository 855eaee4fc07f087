//! Signing and storing checkpoints.
//!
//! A checkpoint's record also has the hashes of the entries since the one before it. So an entry
//! can be removed at the end of its retention, and the log can still be verified; and a changed
//! entry is found by its number.

use data_encoding::BASE64;
use jiff::Timestamp;
use portcullis_audit::{Checkpoint, Hash, Tree};
use portcullis_store::{CommitError, Expect, Record, StoreError, Write, number_id};
use serde::{Deserialize, Serialize};

use super::entry::{damaged, number};
use super::log::AuditLog;
use crate::directory::records::{Actor, Change, kind};

/// The most entries that one checkpoint adds, so that its record stays small.
const MOST: usize = 4096;

/// A checkpoint as it is handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Checkpoint")]
pub struct SignedCheckpoint {
    /// The number of entries.
    pub size: u64,
    /// When it was signed.
    pub time: Timestamp,
    /// The signed text (C2SP tlog-checkpoint).
    pub checkpoint: String,
    /// The key that verifies it (C2SP signed-note).
    pub key: String,
}

/// The record of a checkpoint; its id is the size.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredCheckpoint {
    /// The signed text.
    pub(super) note: String,
    /// The hashes of the entries since the checkpoint before, in base64 without separators.
    leaves: String,
    /// The tree that the next checkpoint continues from: its complete subtrees.
    subtrees: String,
    time: Timestamp,
}

impl StoredCheckpoint {
    pub(super) fn read(record: &Record) -> Result<(u64, Self), StoreError> {
        let stored = serde_json::from_slice(&record.doc)
            .map_err(|error| damaged(record, &error.to_string()))?;
        Ok((number(record)?, stored))
    }

    /// When it was signed.
    pub(super) const fn time(&self) -> Timestamp {
        self.time
    }

    /// The hashes of its entries. Empty if they are damaged, which verification shows.
    pub(super) fn leaves(&self) -> Vec<Hash> {
        parse(&self.leaves).unwrap_or_default()
    }
}

impl AuditLog {
    /// Signs checkpoints of all entries so far, and returns the newest. `None` without entries.
    ///
    /// # Errors
    /// When the store is unavailable, or its records of the log are damaged.
    pub async fn checkpoint(&self, now: Timestamp) -> Result<Option<SignedCheckpoint>, StoreError> {
        let _signing = self.signing.lock().await;
        let reader = self.records.read();
        let newest = reader.list_back(kind::AUDIT_CHECKPOINT, None, None, 1).await?;
        let (mut tree, mut last) = match newest.first() {
            None => (Tree::default(), None),
            Some(record) => {
                let (size, stored) = StoredCheckpoint::read(record)?;
                let subtrees = parse(&stored.subtrees);
                let tree = subtrees.and_then(|subtrees| Tree::restore(size, subtrees));
                let tree = tree.ok_or_else(|| damaged(record, "its tree cannot be read"))?;
                (tree, Some(self.handed_out(size, stored)))
            }
        };
        loop {
            let after = tree.size().checked_sub(1).map(number_id);
            let entries = reader.list(kind::AUDIT, None, after.as_deref(), MOST).await?;
            if entries.is_empty() {
                return Ok(last);
            }
            match self.sign(&mut tree, &entries, now).await? {
                Some(signed) => last = Some(signed),
                // Another process has signed the same entries.
                None => return Ok(last),
            }
        }
    }

    /// Appends entries to the tree and signs it.
    async fn sign(
        &self,
        tree: &mut Tree,
        entries: &[Record],
        now: Timestamp,
    ) -> Result<Option<SignedCheckpoint>, StoreError> {
        let leaves: Vec<Hash> = entries.iter().map(|entry| Hash::leaf(&entry.doc)).collect();
        leaves.iter().for_each(|leaf| tree.push(*leaf));
        let checkpoint = Checkpoint { size: tree.size(), root: tree.root(), time: now };
        let stored = StoredCheckpoint {
            note: self.key.sign(&checkpoint),
            leaves: format(&leaves),
            subtrees: format(tree.subtrees()),
            time: now,
        };
        let doc = serde_json::to_vec(&stored).map_err(|error| {
            StoreError::Unavailable(format!("a checkpoint cannot be written as JSON: {error}"))
        })?;
        let write = Write::Put {
            kind: kind::AUDIT_CHECKPOINT,
            id: number_id(checkpoint.size),
            expect: Expect::Absent,
            doc: doc.into(),
            unique: vec![],
            index: vec![],
            ordered: Vec::new(),
        };
        let change = Change::new(Actor::System("audit log"), now);
        match self.records.commit(&change, vec![write]).await {
            Ok(_) => {}
            Err(CommitError::Store(error)) => return Err(error),
            Err(_) => return Ok(None),
        }
        tracing::info!(
            audit.size = checkpoint.size,
            audit.root = %checkpoint.root,
            audit.checkpoint = stored.note,
            "audit checkpoint signed"
        );
        Ok(Some(self.handed_out(checkpoint.size, stored)))
    }

    fn handed_out(&self, size: u64, stored: StoredCheckpoint) -> SignedCheckpoint {
        let StoredCheckpoint { note, time, .. } = stored;
        SignedCheckpoint { size, time, checkpoint: note, key: self.key.public().to_string() }
    }
}

fn format(hashes: &[Hash]) -> String {
    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.bytes()).collect();
    BASE64.encode(&bytes)
}

fn parse(text: &str) -> Option<Vec<Hash>> {
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    let (hashes, rest) = bytes.as_chunks::<{ Hash::BYTES }>();
    rest.is_empty().then(|| hashes.iter().copied().map(Hash::new).collect())
}
