//! The one way to write.
//!
//! An operation reads, applies its rules, and commits on condition that the records it read have
//! not changed. If they have, the operation runs again on the current ones ([`retry`]), so that its
//! rules are applied to the state that it writes to. The version that a caller expects is part of what is
//! read: the operation fails as soon as the record is at another one. What takes long, such as
//! hashing a password, is done in the first run and kept for the others.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use portcullis_store::feed::{Feed, Follower};
use portcullis_store::overlay::Overlay;
use portcullis_store::{Changes, CommitError, Committed, Kind, Store, StoreError, Write};
use tokio::sync::Mutex;

use super::audit::{Occurrence, RecordChange, salt};
use super::audited::is_audited;
use super::change::{Actor, Change};
use super::change_log;
use super::collected::Collected;
use super::current_actor::current;
use super::document::User;
use super::kind;
use super::managed;
use super::permitted;
use super::read::Reader;
use super::scope::Scope;
use super::user_token::UserToken;
use crate::directory::error::{AttemptError, DirectoryError};

/// How often an operation runs. Each time another commit came first, so this is reached only when
/// other processes keep changing the same record.
const ATTEMPTS: usize = 16;

/// Held by the one operation that runs again. The first runs of all operations are concurrent; if
/// the later ones were too, each round would let one through and all others would run again.
static AGAIN: Mutex<()> = Mutex::const_new(());

/// The records of the directory, and of the modules above it that keep records of their own. The
/// store behind them is private, so nothing is written without a [`Change`].
#[derive(Debug, Clone)]
pub struct Records {
    reader: Reader,
    writes_to: Target,
}

/// Where commits go.
#[derive(Clone)]
enum Target {
    /// The store, followed by the caches of this process.
    Store(Feed),
    /// An overlay for one dry run, and the caches that follow it.
    Overlay(Arc<Overlay>, Vec<Arc<dyn Follower>>),
    /// What a batch of operations collects, to be committed at once later.
    Batch(Arc<Collected>),
}

impl Records {
    pub(in crate::directory) fn new(feed: Feed) -> Self {
        Self { reader: Reader::new(feed.store().clone()), writes_to: Target::Store(feed) }
    }

    /// The records of a dry run: nothing that is written reaches the store below the overlay.
    pub(in crate::directory) fn of_dry_run(
        overlay: Arc<Overlay>,
        followers: Vec<Arc<dyn Follower>>,
    ) -> Self {
        Self {
            reader: Reader::new(overlay.clone()),
            writes_to: Target::Overlay(overlay, followers),
        }
    }

    /// The records of a batch of operations, which collects what they commit.
    pub(in crate::directory) fn of_batch(collected: Arc<Collected>) -> Self {
        let reader = Reader::new(Arc::clone(collected.overlay()) as Arc<dyn Store>);
        Self { reader, writes_to: Target::Batch(collected) }
    }

    /// The records that a scope shows.
    pub(in crate::directory) fn within(&self, scope: &Scope) -> Self {
        Self { reader: self.reader.within(scope), ..self.clone() }
    }

    /// The records of a store that no gateway has open.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn offline(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        Ok(Self::new(Feed::start(store, Vec::new()).await?))
    }

    /// For reading.
    pub(crate) const fn read(&self) -> &Reader {
        &self.reader
    }

    /// Writes all of it or nothing, with an entry of the audit log for each record that it changes
    /// (I9). When this returns, it is on disk (I3) and in force in this process (I2).
    ///
    /// # Errors
    /// When a condition among the writes does not hold, the actor may not write a record (I10) or can
    /// no longer act, a file manages a record, or the store is unavailable.
    pub(crate) async fn commit(
        &self,
        change: &Change,
        writes: Vec<Write>,
    ) -> Result<Committed, CommitError> {
        self.commit_noting(change, writes, None).await
    }

    /// The same, with an entry about something that the writes do not show.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub(crate) async fn commit_noting(
        &self,
        change: &Change,
        writes: Vec<Write>,
        occurrence: impl Into<Option<Occurrence>>,
    ) -> Result<Committed, CommitError> {
        self.commit_noting_all(change, writes, Vec::from_iter(occurrence.into())).await
    }

    /// The same, with any number of such entries.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub(crate) async fn commit_noting_all(
        &self,
        change: &Change,
        mut writes: Vec<Write>,
        occurrences: Vec<Occurrence>,
    ) -> Result<Committed, CommitError> {
        let (change, conditions) = current(self.reader.whole(), change, &writes).await?;
        let change = &*change;
        let replaced = self.replaced(&writes).await?;
        permitted::check(self.reader.whole(), &change.actor, &writes, &replaced).await?;
        managed::check(&change.marks, &writes, &replaced)?;
        let logged = change_log::of(change, &writes, &replaced);
        let entries = self.entries(change, &writes, &replaced).await?;
        writes.extend(entries);
        writes.extend(conditions);
        writes.extend(occurrences.into_iter().map(|occurrence| occurrence.entry(change, salt())));
        let committed = self.apply(writes).await?;
        for line in &logged {
            line.log(&change.actor);
        }
        tracing::debug!(
            actor = %change.actor,
            at = %change.at,
            sequence = committed.sequence,
            "change committed"
        );
        Ok(committed)
    }
}

impl Records {
    /// Commits what a batch of operations has collected, under the conditions of each, and `own`: the
    /// records in which the caller keeps what the batch is a part of. No role may write those by
    /// itself, so they are not checked against the actor's. Whether a file manages a record was checked
    /// for each operation, by the marks of its own change.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub(crate) async fn commit_collected(
        &self,
        change: &Change,
        mut writes: Vec<Write>,
        own: Vec<Write>,
        occurrences: Vec<Occurrence>,
    ) -> Result<Committed, CommitError> {
        let (change, conditions) = current(self.reader.whole(), change, &writes).await?;
        let change = &*change;
        let replaced = self.replaced(&writes).await?;
        permitted::check(self.reader.whole(), &change.actor, &writes, &replaced).await?;
        let logged = change_log::of(change, &writes, &replaced);
        writes.extend(own);
        writes.extend(conditions);
        writes.extend(occurrences.into_iter().map(|occurrence| occurrence.entry(change, salt())));
        let committed = self.apply(writes).await?;
        for line in &logged {
            line.log(&change.actor);
        }
        Ok(committed)
    }

    /// The actor of a change with the rights of now.
    ///
    /// # Errors
    /// When what the actor was authenticated with is no longer valid, or the store is unavailable.
    pub(in crate::directory) async fn current_actor(
        &self,
        change: &Change,
    ) -> Result<Actor, CommitError> {
        Ok(current(self.reader.whole(), change, &[]).await?.0.actor.clone())
    }

    /// Writes records whose documents stay the same: that is not a change, so the audit log gets no
    /// entries.
    pub(super) async fn commit_unchanged(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.writes_to.commit(writes).await.map(drop)
    }
}

impl Target {
    async fn commit(&self, writes: Vec<Write>) -> Result<Committed, CommitError> {
        let (overlay, followers) = match self {
            Self::Store(feed) => return feed.commit(writes).await,
            Self::Batch(collected) => return collected.add(writes).await,
            Self::Overlay(overlay, followers) => (overlay, followers),
        };
        let before = overlay.head().await?;
        let committed = overlay.commit(writes).await?;
        if let Changes::List(changes) = overlay.changes(before, Duration::ZERO).await? {
            for follower in followers {
                follower.apply(&changes).await?;
            }
        }
        Ok(committed)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store(_) => "Store",
            Self::Overlay(..) => "Overlay",
            Self::Batch(_) => "Batch",
        })
    }
}

impl Records {
    /// Appends entries about what changed no record, each with its own actor, time and client.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(crate) async fn append(
        &self,
        entries: Vec<(Change, Occurrence)>,
    ) -> Result<(), StoreError> {
        let entry = |(change, occurrence): (Change, Occurrence)| occurrence.entry(&change, salt());
        match self.apply(entries.into_iter().map(entry).collect()).await {
            Ok(_) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
            // An appended record has no condition.
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        }
    }

    /// The one call that writes.
    async fn apply(&self, writes: Vec<Write>) -> Result<Committed, CommitError> {
        self.writes_to.commit(writes).await
    }

    /// The documents that these writes replace or remove, one for each write. If another commit
    /// changes one now, the condition on the record's version refuses this commit.
    async fn replaced(&self, writes: &[Write]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut replaced = Vec::with_capacity(writes.len());
        for write in writes {
            replaced.push(match write {
                Write::Put { kind, id, .. } | Write::Delete { kind, id, .. } => {
                    self.reader.whole().get(*kind, id).await?.map(|record| record.doc)
                }
                Write::Append { .. } | Write::Require { .. } | Write::RequireNone { .. } => None,
            });
        }
        Ok(replaced)
    }

    /// The writes that append the entries about these writes, which replace these documents.
    async fn entries(
        &self,
        change: &Change,
        writes: &[Write],
        replaced: &[Option<Bytes>],
    ) -> Result<Vec<Write>, StoreError> {
        let mut entries = Vec::new();
        for (write, before) in writes.iter().zip(replaced) {
            let (record, after) = match write {
                Write::Put { kind, id, doc, .. } => ((*kind, id.as_str()), Some(&**doc)),
                Write::Delete { kind, id, .. } => ((*kind, id.as_str()), None),
                Write::Append { .. } | Write::Require { .. } | Write::RequireNone { .. } => {
                    continue;
                }
            };
            if !is_audited(record.0) {
                continue;
            }
            let before = before.as_deref();
            let organization = self.organization_of(record, after.or(before)).await?;
            let changed = RecordChange { record, before, after, organization };
            entries.extend(changed.entry(change, salt())?);
        }
        Ok(entries)
    }

    /// The organization that an entry about a record belongs to, if its document does not name it:
    /// of a token that of its user, and an organization itself.
    async fn organization_of(
        &self,
        (kind, id): (Kind, &str),
        doc: Option<&[u8]>,
    ) -> Result<Option<String>, StoreError> {
        if kind == kind::ORGANIZATION {
            return Ok(Some(id.to_owned()));
        }
        if kind != kind::USER_TOKEN {
            return Ok(None);
        }
        let token = doc.and_then(|doc| serde_json::from_slice::<UserToken>(doc).ok());
        let Some(token) = token else { return Ok(None) };
        let user = self.reader.get::<User>(&token.user).await?;
        Ok(user.map(|user| user.doc.organization.to_string()))
    }
}

/// Runs an operation until no other commit comes in between, at most [`ATTEMPTS`] times. After the
/// first run it waits for its turn among the operations that run again, so it must not run another
/// operation.
///
/// # Errors
/// Those of the operation; [`DirectoryError::Contended`] after the last attempt.
pub(crate) async fn retry<R, F>(operation: impl Fn() -> F) -> Result<R, DirectoryError>
where
    F: Future<Output = Result<R, AttemptError>>,
{
    let mut turn = None;
    for _ in 0..ATTEMPTS {
        match operation().await {
            Ok(done) => return Ok(done),
            Err(AttemptError::Failed(error)) => return Err(error),
            Err(AttemptError::Conflict) if turn.is_none() => turn = Some(AGAIN.lock().await),
            Err(AttemptError::Conflict) => {}
        }
    }
    Err(DirectoryError::Contended)
}

#[cfg(any(test, feature = "fuzzing"))]
pub mod cost;
