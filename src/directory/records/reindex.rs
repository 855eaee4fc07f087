//! Documents of earlier releases under the keys that this release finds them by.
//!
//! The keys of a record are stored with it, so a record that an earlier release wrote lacks the keys
//! that were added since. At the first start, all records whose keys have changed are written again
//! with the same document; each version rises by one. What was done is noted in the same commit, so
//! an interrupted start goes on where it ended.

use portcullis_store::{CommitError, Expect, Kind, Record, StoreError, Write};
use serde::{Deserialize, Serialize};

use super::document::{Document, EndUser, Organization, User};
use super::id::RecordId;
use super::stored::{Stored, put};
use super::write::Records;
use super::{kind, read::Reader};

/// Raised when a kind of document gets other keys.
const KEYS: u64 = 1;
/// How many records are written at a time.
const BATCH: usize = 500;
/// The id of the record that notes what was done.
const ID: &str = "keys";

/// The kinds that are written again, in this order.
const REWRITTEN: [(Kind, Rewrite); 3] = [
    (kind::ORGANIZATION, rewrite::<Organization>),
    (kind::END_USER, rewrite::<EndUser>),
    (kind::USER, rewrite::<User>),
];

type Rewrite = fn(Record) -> Option<Write>;

/// What was done.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Done {
    /// The keys of the records that were written.
    keys: u64,
    /// How many kinds are complete.
    kinds: usize,
    /// The last record of the next kind that was written.
    after: Option<String>,
}

/// Writes the records of earlier releases again.
pub(in crate::directory) async fn reindex(records: &Records) -> Result<(), StoreError> {
    let mut done = done(records.read()).await?;
    if done.keys == KEYS && done.kinds == REWRITTEN.len() {
        return Ok(());
    }
    if done.keys != KEYS {
        done = Done { keys: KEYS, ..Done::default() };
    }
    let mut written = 0;
    while let Some((kind, rewrite)) = REWRITTEN.get(done.kinds) {
        let batch = records.read().list(*kind, None, done.after.as_deref(), BATCH).await?;
        done.after = batch.last().map(|record| record.id.clone());
        done.kinds += usize::from(done.after.is_none());
        let mut writes: Vec<_> = batch.into_iter().filter_map(rewrite).collect();
        written += writes.len();
        writes.push(note(&done));
        match records.commit_unchanged(writes).await {
            Ok(()) => {}
            // Another process changes records, or does the same.
            Err(CommitError::Conflict { .. }) => done = self::done(records.read()).await?,
            Err(CommitError::Store(error)) => return Err(error),
            Err(error) => return Err(StoreError::Unavailable(error.to_string())),
        }
    }
    if written > 0 {
        tracing::info!(records = written, "records of an earlier release can now be searched");
    }
    Ok(())
}

async fn done(reader: &Reader) -> Result<Done, StoreError> {
    let note = reader.record(kind::KEYS, ID).await?;
    Ok(note.and_then(|note| serde_json::from_slice(&note.doc).ok()).unwrap_or_default())
}

fn note(done: &Done) -> Write {
    let doc = serde_json::to_vec(done).unwrap_or_default().into();
    let (unique, index, ordered) = (Vec::new(), Vec::new(), Vec::new());
    let id = ID.to_owned();
    Write::Put { kind: kind::KEYS, id, expect: Expect::Any, doc, unique, index, ordered }
}

/// The write of the same document; `None` for a damaged one, which stays as it is.
fn rewrite<T: Document>(record: Record) -> Option<Write> {
    let expect = Expect::Version(record.version);
    let stored = Stored::<T>::decode_intact(record)?;
    stored.id.is_valid().then(|| put(&stored.id, expect, &stored.doc))
}

#[cfg(test)]
mod tests;
