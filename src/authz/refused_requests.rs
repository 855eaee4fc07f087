//! Refused requests by their reference, the request's id: for support to find out why (`explain
//! REFERENCE`).
//!
//! A refused request is added to a queue in memory, and a task writes the queue to the store every
//! two seconds: no request waits for the disk, and an allowed one costs nothing. Records are kept for
//! 14 days and bounded in number, the oldest removed first. Requests of sessions and of visitors
//! without one have bounds of their own, so that strangers displace nothing of signed-in people. Each
//! portal user, each secure link and each organization has a bound too, in the queue or in the store,
//! and displaces only its own beyond that.

mod document;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
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
/// The index by portal user or, of visitors by one, by secure link.
const BY_SENDER: &str = "sender";
/// The index by organization.
const BY_ORGANIZATION: &str = "organization";
/// The most records of one portal user.
const MOST_OF_USER: u64 = 200;
/// The most of the visitors by one secure link: less than of its organization, whose portal users
/// keep the rest.
const MOST_OF_LINK: u64 = 1000;
/// The most of one organization.
const MOST_OF_ORGANIZATION: u64 = 2000;
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

    /// The newest requests that were refused at `since` or later, of sessions and of visitors at most
    /// `most` each, and those that are not written yet.
    ///
    /// # Errors
    /// When the store is unavailable, or a record is damaged.
    pub async fn recent(
        &self,
        since: Timestamp,
        most: usize,
    ) -> Result<Vec<RefusedRequest>, StoreError> {
        let reader = self.directory.records().read();
        let mut found = Vec::new();
        for sender in Sender::ALL {
            found.extend(self.queue.waiting(sender));
            for record in reader.list_back(sender.kind(), None, None, most).await? {
                found.push(read(sender.kind(), &record)?);
            }
        }
        found.retain(|request| request.time >= since);
        Ok(found)
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
            let mut writes = self.removable(sender, &waiting, now).await?;
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

    /// The removal of the oldest records, if they are expired, or too many once `added` are added: of
    /// a sender, of an organization, or of all.
    async fn removable(
        &self,
        sender: Sender,
        added: &[RefusedRequest],
        now: Timestamp,
    ) -> Result<Vec<Write>, StoreError> {
        let kind = sender.kind();
        let mut removed = BTreeMap::new();
        for record in self.directory.records().read().list(kind, None, None, MOST_REMOVED).await? {
            let request = read(kind, &record)?;
            if !is_expired(&request, now) {
                break;
            }
            removed.insert(record.id, request);
        }
        for share in [RefusedRequest::of_sender, RefusedRequest::of_organization] {
            let mut shares = HashMap::new();
            for (key, most) in added.iter().filter_map(share) {
                shares.entry(key).or_insert((0, most)).0 += 1;
            }
            for (key, (count, most)) in shares {
                self.remove_beyond(kind, Some(&key), count, most, &mut removed).await?;
            }
        }
        let count = u64::try_from(added.len()).unwrap_or(u64::MAX);
        self.remove_beyond(kind, None, count, sender.most(), &mut removed).await?;
        let delete = |id| Write::Delete { kind, id, expect: Expect::Any };
        Ok(removed.into_keys().map(delete).collect())
    }

    /// Adds to `removed` the oldest records that have `key`, so that with `added` new ones there are
    /// no more than `most`.
    async fn remove_beyond(
        &self,
        kind: Kind,
        key: Option<&Key>,
        added: u64,
        most: u64,
        removed: &mut BTreeMap<String, RefusedRequest>,
    ) -> Result<(), StoreError> {
        let reader = self.directory.records().read();
        let has_key =
            |request: &&RefusedRequest| key.is_none_or(|key| index(request).contains(key));
        let gone = removed.values().filter(has_key).count();
        let kept = reader.count_records(kind, key).await?.saturating_add(added);
        let beyond = usize::try_from(kept.saturating_sub(most)).unwrap_or(usize::MAX);
        let excess = beyond.saturating_sub(gone).min(MOST_REMOVED);
        if excess == 0 {
            return Ok(());
        }
        let oldest = reader.list(kind, key, None, excess.saturating_add(removed.len())).await?;
        let others = oldest.into_iter().filter(|record| !removed.contains_key(&record.id));
        for record in others.take(excess).collect::<Vec<_>>() {
            let request = read(kind, &record)?;
            removed.insert(record.id, request);
        }
        Ok(())
    }
}

impl RefusedRequest {
    /// The key of its portal user or secure link, and the most records that have it.
    fn of_sender(&self) -> Option<(Key, u64)> {
        let session = self.session.as_ref()?;
        Some(match &session.user {
            Some(user) => (Key::new(BY_SENDER, format!("user:{user}")), MOST_OF_USER),
            None => (Key::new(BY_SENDER, format!("link:{}", session.organization)), MOST_OF_LINK),
        })
    }

    /// The key of its organization, and the most records that have it.
    fn of_organization(&self) -> Option<(Key, u64)> {
        let session = self.session.as_ref()?;
        Some((Key::new(BY_ORGANIZATION, &*session.organization), MOST_OF_ORGANIZATION))
    }
}

/// The keys that a record is found by.
fn index(request: &RefusedRequest) -> Vec<Key> {
    let shares = request.of_sender().into_iter().chain(request.of_organization());
    let reference = Key::new(BY_REFERENCE, &*request.reference);
    [reference].into_iter().chain(shares.map(|(key, _)| key)).collect()
}

fn append(kind: Kind, request: &RefusedRequest) -> Write {
    #[expect(clippy::expect_used, reason = "the document is a struct of strings")]
    let doc = serde_json::to_vec(request).expect("a document is JSON");
    Write::Append { kind, doc: doc.into(), index: index(request) }
}

fn read(kind: Kind, record: &Record) -> Result<RefusedRequest, StoreError> {
    serde_json::from_slice(&record.doc).map_err(|error| damaged(kind, record, error.to_string()))
}

fn damaged(kind: Kind, record: &Record, cause: String) -> StoreError {
    StoreError::Damaged { kind, id: record.id.clone(), cause }
}

fn is_expired(request: &RefusedRequest, now: Timestamp) -> bool {
    now.duration_since(request.time) > KEPT
}
