//! Refused requests by their reference, the request's id: for support to find out why (`explain
//! REFERENCE`).
//!
//! A refused request is added to a queue in memory, and a task writes the queue to the store every
//! two seconds: no request waits for the disk, and an allowed one costs nothing. Records are kept for
//! 14 days and bounded in number, the oldest removed first. Requests of sessions and of visitors
//! without one have bounds of their own, so that strangers displace nothing of signed-in people, and
//! one person only a part of the queue.

mod document;
mod queue;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use portcullis_store::{CommitError, Expect, Key, Kind, Record, StoreError, Write};
use tokio::sync::Mutex;

pub use self::document::{RefusedRequest, RefusedSession};

use self::queue::{Queue, Sender};
use super::Verdict;
use super::decision_record::Entry;
use crate::clock;
use crate::directory::records::kind;
use crate::directory::{Actor, Change, Directory};
use portcullis_policy::Subject;

/// How long they are kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Time between two writes.
const WRITE_INTERVAL: Duration = Duration::from_secs(2);
/// Writes between two removals of expired records, if nothing is added.
const WRITES_PER_REMOVAL: u64 = 1800;
/// The most records that one commit removes of each kind.
const MOST_REMOVED: usize = 500;
/// The index of the records by reference.
const BY_REFERENCE: &str = "reference";
/// The longest reference that is looked for.
const LONGEST_REFERENCE: usize = 64;

/// The refused requests.
#[derive(Debug)]
pub struct RefusedRequests {
    directory: Directory,
    queue: Queue,
    /// Held while the queue is written.
    writing: Mutex<()>,
}

impl Sender {
    const ALL: [Self; 2] = [Self::Session, Self::Visitor];

    const fn kind(self) -> Kind {
        match self {
            Self::Session => kind::REFUSED_REQUEST,
            Self::Visitor => kind::REFUSED_VISIT,
        }
    }

    /// The most records. One is at most 4 KiB, and mostly 400 bytes.
    const fn most(self) -> u64 {
        match self {
            Self::Session => 20_000,
            Self::Visitor => 5_000,
        }
    }
}

impl RefusedRequests {
    /// Those in the store of this directory.
    #[must_use]
    pub const fn new(directory: Directory) -> Self {
        Self { directory, queue: Queue::new(), writing: Mutex::const_new(()) }
    }

    /// Adds a refused request.
    pub fn add(&self, entry: &Entry<'_>, subject: Option<&Subject>, verdict: Option<&Verdict<'_>>) {
        let sender = if subject.is_some() { Sender::Session } else { Sender::Visitor };
        if self.queue.has_room(sender) {
            self.queue.add(RefusedRequest::new(entry, subject, verdict));
        }
    }

    /// The request with this reference. `None` if it was not refused, was not kept because there
    /// were too many, or has expired.
    ///
    /// # Errors
    /// When the store is unavailable, or the record is damaged.
    pub async fn find(
        &self,
        reference: &str,
        now: Timestamp,
    ) -> Result<Option<RefusedRequest>, StoreError> {
        if reference.is_empty()
            || reference.len() > LONGEST_REFERENCE
            || !reference.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Ok(None);
        }
        if let Some(waiting) = self.queue.find(reference) {
            return Ok(Some(waiting));
        }
        let reader = self.directory.records().read();
        let key = Key::new(BY_REFERENCE, reference);
        for sender in Sender::ALL {
            let found = reader.list(sender.kind(), Some(&key), None, 1).await?;
            if let Some(record) = found.first() {
                let request = read(sender.kind(), record)?;
                return Ok(Some(request).filter(|request| !is_expired(request, now)));
            }
        }
        Ok(None)
    }

    /// Writes the queue for as long as the task runs.
    pub async fn keep_writing(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(WRITE_INTERVAL);
        for tick in 0_u64.. {
            ticks.tick().await;
            let now = clock::now();
            if let Err(error) = self.write(now, tick % WRITES_PER_REMOVAL == 0).await {
                tracing::warn!(%error, "could not keep refused requests");
            }
            let dropped = self.queue.take_dropped();
            if dropped > 0 {
                tracing::info!(dropped, "refused requests not kept for `explain`: too many");
            }
        }
    }

    /// Writes the queue, and removes records that are expired or too many.
    ///
    /// # Errors
    /// When the store is unavailable; the queue is kept for the next time.
    pub async fn write(&self, now: Timestamp, removes: bool) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        for sender in Sender::ALL {
            let waiting = self.queue.waiting(sender);
            if waiting.is_empty() && !removes {
                continue;
            }
            let mut writes = self.removable(sender, waiting.len(), now).await?;
            writes.extend(waiting.iter().map(|request| append(sender.kind(), request)));
            if writes.is_empty() {
                continue;
            }
            let change = Change::new(Actor::System("refused requests"), now);
            match self.directory.records().commit(&change, writes).await {
                Ok(_) => self.queue.written(sender, waiting.len()),
                Err(CommitError::Store(error)) => return Err(error),
                // There are no conditions.
                Err(error) => return Err(StoreError::Unavailable(error.to_string())),
            }
        }
        Ok(())
    }

    /// The removal of the oldest records, if they are expired, or too many once `added` are added.
    async fn removable(
        &self,
        sender: Sender,
        added: usize,
        now: Timestamp,
    ) -> Result<Vec<Write>, StoreError> {
        let kind = sender.kind();
        let reader = self.directory.records().read();
        let newest = reader.list_back(kind, None, None, 1).await?;
        let Some(newest) = newest.first() else { return Ok(Vec::new()) };
        let next = number(kind, newest)? + 1 + u64::try_from(added).unwrap_or(u64::MAX);
        let first_kept = next.saturating_sub(sender.most());
        let mut removed = Vec::new();
        for record in reader.list(kind, None, None, MOST_REMOVED).await? {
            if number(kind, &record)? >= first_kept && !is_expired(&read(kind, &record)?, now) {
                break;
            }
            removed.push(Write::Delete { kind, id: record.id, expect: Expect::Any });
        }
        Ok(removed)
    }
}

fn append(kind: Kind, request: &RefusedRequest) -> Write {
    #[expect(clippy::expect_used, reason = "the document is a struct of strings")]
    let doc = serde_json::to_vec(request).expect("a document is JSON");
    Write::Append {
        kind,
        doc: doc.into(),
        index: vec![Key::new(BY_REFERENCE, &*request.reference)],
    }
}

fn read(kind: Kind, record: &Record) -> Result<RefusedRequest, StoreError> {
    serde_json::from_slice(&record.doc).map_err(|error| damaged(kind, record, error.to_string()))
}

fn number(kind: Kind, record: &Record) -> Result<u64, StoreError> {
    record.id.parse().map_err(|_| damaged(kind, record, "its id is not a number".to_owned()))
}

fn damaged(kind: Kind, record: &Record, cause: String) -> StoreError {
    StoreError::Damaged { kind, id: record.id.clone(), cause }
}

fn is_expired(request: &RefusedRequest, now: Timestamp) -> bool {
    now.duration_since(request.time) > KEPT
}
