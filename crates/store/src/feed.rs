//! Commits that return only when this process's caches have applied them (I2).
//!
//! One task reads changes from the store and passes them to every follower, in the order of the
//! commits. These include commits of other processes and those whose caller has gone away;
//! [`Feed::commit`] only waits until the task has passed its own.
//!
//! If the store or a follower fails, the task tries again, and [`Freshness::staleness`] grows. Once it
//! exceeds the configured limit, requests must be refused.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{self, Instant};
use tokio_util::task::AbortOnDropHandle;

use crate::{Change, Changes, Commit, CommitError, Committed, Store, StoreError};

/// How long a call to [`Store::changes`] waits for changes. Without any, this is how often the
/// store confirms that there are none.
const CONFIRM_EVERY: Duration = Duration::from_millis(250);

/// The smallest `max_staleness` that can be configured. With a smaller one, a busy machine would
/// look like a store that does not answer.
pub const MIN_STALENESS: Duration = CONFIRM_EVERY.saturating_mul(4);

/// The pause before the first retry. It doubles up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// How long [`Feed::commit`] waits for the followers.
const APPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// A copy of records that must follow changes: a cache or a snapshot.
#[async_trait]
pub trait Follower: Send + Sync + 'static {
    /// Applies changes. When this returns `Ok`, nothing is decided by the state before them. After
    /// an error the same changes are passed again, so a change may come twice.
    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError>;

    /// Discards the copy and reads again what is needed. Called at the start, and when changes were
    /// missed.
    async fn start_over(&self) -> Result<(), StoreError>;
}

/// The store, as this process writes to it. Clones share one task, which ends with the last clone.
#[derive(Clone)]
pub struct Feed(Arc<Inner>);

/// How current the followers of a [`Feed`] are, for code that must not write. It does not keep the
/// feed alive: without one, nothing is confirmed again.
#[derive(Clone)]
pub struct Freshness(Arc<Confirmed>);

/// The commits that were made through a [`Feed`] since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Those that are on disk and in force.
    pub made: u64,
    /// Those of which a condition did not hold.
    pub refused: u64,
    /// Those that failed, or are not in force yet.
    pub failed: u64,
    /// Microseconds that all of them took.
    pub micros: u64,
    /// The newest sequence number that every follower has applied.
    pub sequence: u64,
}

#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    micros: AtomicU64,
}

impl Counts {
    fn add(&self, result: &Result<Committed, CommitError>, took: Duration) {
        let count = match result {
            Ok(_) => &self.made,
            Err(CommitError::Store(_)) => &self.failed,
            Err(_) => &self.refused,
        };
        count.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

struct Inner {
    store: Arc<dyn Store>,
    /// The newest sequence number that every follower has applied.
    applied: watch::Receiver<u64>,
    confirmed: Arc<Confirmed>,
    counts: Counts,
    _task: AbortOnDropHandle<()>,
}

impl Feed {
    /// Has every follower read the store, then starts the task that follows it.
    ///
    /// # Errors
    /// When the store does not answer, or a follower cannot read what it needs.
    pub async fn start(
        store: Arc<dyn Store>,
        followers: Vec<Arc<dyn Follower>>,
    ) -> Result<Self, StoreError> {
        // Commits that happen while the followers read are passed to them afterwards.
        let head = store.head().await?;
        let confirmed = Arc::new(Confirmed::new());
        for follower in &followers {
            follower.start_over().await?;
        }
        let (applied, applied_here) = watch::channel(head);
        let task = FollowTask {
            store: Arc::clone(&store),
            followers,
            applied,
            confirmed: Arc::clone(&confirmed),
        };
        let task = AbortOnDropHandle::new(tokio::spawn(task.run()));
        Ok(Self(Arc::new(Inner {
            store,
            applied: applied_here,
            confirmed,
            counts: Counts::default(),
            _task: task,
        })))
    }

    /// The store, for reading. Commits that are made there directly are followed, too, but return
    /// before the followers have applied them.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// Commits, and returns when every follower in this process has applied it.
    ///
    /// # Errors
    /// Those of [`Store::commit`]. Also [`StoreError::Unavailable`] if the commit was made but the
    /// followers did not apply it within ten seconds; they keep trying.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let began = Instant::now();
        let result = self.commit_and_apply(commit).await;
        self.0.counts.add(&result, began.elapsed());
        result
    }

    async fn commit_and_apply(&self, commit: Commit) -> Result<Committed, CommitError> {
        let committed = self.0.store.commit(commit).await?;
        let mut applied = self.0.applied.clone();
        let in_force = applied.wait_for(|applied| *applied >= committed.sequence);
        match time::timeout(APPLY_TIMEOUT, in_force).await {
            Ok(Ok(_)) => Ok(committed),
            Ok(Err(_)) | Err(_) => {
                let message = "the change is stored but not in force yet";
                Err(StoreError::Unavailable(message.to_owned()).into())
            }
        }
    }

    /// Returns when the task has ended, which only happens if a follower panics.
    pub async fn ended(&self) {
        // An error, because the task has dropped the sender.
        let _ = self.0.applied.clone().wait_for(|_| false).await;
    }

    /// How many commits were made through this feed, and how far its followers are.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let Counts { made, refused, failed, micros } = &self.0.counts;
        let [made, refused, failed, micros] =
            [made, refused, failed, micros].map(|count| count.load(Ordering::Relaxed));
        Statistics { made, refused, failed, micros, sequence: *self.0.applied.borrow() }
    }

    /// How current the followers are.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        Freshness(Arc::clone(&self.0.confirmed))
    }
}

impl Freshness {
    /// The time since the followers were last known to be up to date.
    #[must_use]
    pub fn staleness(&self) -> Duration {
        self.0.elapsed()
    }

    /// Whether [`Self::staleness`] is at most `max_staleness`. If not, requests must be refused.
    #[must_use]
    pub fn fresh(&self, max_staleness: Duration) -> bool {
        self.staleness() <= max_staleness
    }
}

impl fmt::Debug for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Freshness").field(&self.staleness()).finish()
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("store", &self.0.store).finish_non_exhaustive()
    }
}

/// The task that follows the store.
struct FollowTask {
    store: Arc<dyn Store>,
    followers: Vec<Arc<dyn Follower>>,
    applied: watch::Sender<u64>,
    confirmed: Arc<Confirmed>,
}

impl FollowTask {
    async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.step().await {
                Ok(()) => pause = FIRST_PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "cannot follow changes in the store; trying again");
                    time::sleep(pause).await;
                    pause = MAX_PAUSE.min(pause * 2);
                }
            }
        }
    }

    /// Reads the next changes and applies them.
    async fn step(&self) -> Result<(), StoreError> {
        let applied = *self.applied.borrow();
        let changes = self.store.changes(applied, CONFIRM_EVERY).await?;
        let received = Instant::now();
        match changes {
            Changes::List(changes) => {
                if let Some(last) = changes.last() {
                    for follower in &self.followers {
                        follower.apply(&changes).await?;
                    }
                    self.applied.send_replace(last.sequence);
                }
            }
            Changes::StartOver { head } => {
                tracing::info!(applied, head, "missed changes in the store; reading it again");
                for follower in &self.followers {
                    follower.start_over().await?;
                }
                self.applied.send_replace(head);
            }
        }
        self.confirmed.set(received);
        Ok(())
    }
}

/// When the followers were last known to be up to date. Read for every request, so without a lock.
struct Confirmed {
    origin: Instant,
    /// Microseconds after `origin`.
    latest: AtomicU64,
}

impl Confirmed {
    fn new() -> Self {
        Self { origin: Instant::now(), latest: AtomicU64::new(0) }
    }

    fn set(&self, instant: Instant) {
        let micros = instant.duration_since(self.origin).as_micros();
        self.latest.store(u64::try_from(micros).unwrap_or(u64::MAX), Ordering::Release);
    }

    fn elapsed(&self) -> Duration {
        let latest = Duration::from_micros(self.latest.load(Ordering::Acquire));
        self.origin.elapsed().saturating_sub(latest)
    }
}

#[cfg(test)]
#[cfg(feature = "sled")]
mod tests;
