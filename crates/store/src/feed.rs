//! Commits that return only when this process's caches have followed them (I2).
//!
//! One task asks the store for changes and tells every follower, in the order of the commits. It
//! does so for the commits of other processes too, and for those whose committer has gone away
//! meanwhile; [`Feed::commit`] only waits until the task has come past its own.
//!
//! When the store does not answer, or a follower cannot apply a change, the task tries again, and
//! [`Feed::staleness`] grows: nothing may be decided once it exceeds what the settings allow.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{self, Instant};
use tokio_util::task::AbortOnDropHandle;

use crate::{Change, Changes, Commit, CommitError, Committed, Store, StoreError};

/// How long the store is asked to wait for changes: without any, this often is it confirmed that
/// there are none.
const CONFIRM_EVERY: Duration = Duration::from_millis(250);

/// The least `max_staleness` that can be allowed. Below, a store that answers might be taken for one
/// that does not, only because it was not asked yet or the machine was busy.
pub const LEAST_STALENESS: Duration = CONFIRM_EVERY.saturating_mul(4);

/// The pause before a failed step is tried again: doubled each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long a commit waits to be in force here before it is answered as unknown.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(10);

/// Something that holds a copy of records and must be told when they change: a cache, a snapshot.
#[async_trait]
pub trait Follower: Send + Sync + 'static {
    /// Makes the changes count. When this returns `Ok`, nothing is decided by the state before
    /// them. After an error it is told of them again, so it may hear of a change twice.
    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError>;

    /// Forgets what is held and reads again what is needed: at the start, and when changes were
    /// missed.
    async fn start_over(&self) -> Result<(), StoreError>;
}

/// The store as this process writes to it. Clones share one task, which ends with the last.
#[derive(Clone)]
pub struct Feed(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    /// The commit up to which all followers have applied everything.
    applied: watch::Receiver<u64>,
    confirmed: Arc<Confirmed>,
    _task: AbortOnDropHandle<()>,
}

impl Feed {
    /// Lets every follower read the store, then begins to follow it.
    ///
    /// # Errors
    /// When the store does not answer, or a follower cannot read what it needs.
    pub async fn start(
        store: Arc<dyn Store>,
        followers: Vec<Arc<dyn Follower>>,
    ) -> Result<Self, StoreError> {
        // What is committed while the followers read is told to them afterwards.
        let head = store.head().await?;
        let confirmed = Arc::new(Confirmed::new());
        for follower in &followers {
            follower.start_over().await?;
        }
        let (applied, applied_here) = watch::channel(head);
        let following = Following {
            store: Arc::clone(&store),
            followers,
            applied,
            confirmed: Arc::clone(&confirmed),
        };
        let task = AbortOnDropHandle::new(tokio::spawn(following.run()));
        Ok(Self(Arc::new(Inner { store, applied: applied_here, confirmed, _task: task })))
    }

    /// The store, to read from. What is committed there directly is followed too, but nobody waits
    /// for it to be in force.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// Commits, and returns when every follower in this process has applied it: what is answered
    /// is in force.
    ///
    /// # Errors
    /// Those of [`Store::commit`]. [`StoreError::Unavailable`] also when the commit was made, but
    /// the followers cannot apply it for now; they go on trying.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let committed = self.0.store.commit(commit).await?;
        let mut applied = self.0.applied.clone();
        let in_force = applied.wait_for(|applied| *applied >= committed.sequence);
        match time::timeout(IN_FORCE_WITHIN, in_force).await {
            Ok(Ok(_)) => Ok(committed),
            Ok(Err(_)) | Err(_) => {
                let message = "the change is stored, but not in force here yet";
                Err(StoreError::Unavailable(message.to_owned()).into())
            }
        }
    }

    /// Returns when changes are no longer followed, which is never supposed to happen.
    pub async fn ended(&self) {
        // Only the task's end makes it an error.
        let _ = self.0.applied.clone().wait_for(|_| false).await;
    }

    /// How long ago it was last confirmed that the followers know of every commit.
    #[must_use]
    pub fn staleness(&self) -> Duration {
        self.0.confirmed.ago()
    }

    /// Whether [`Self::staleness`] is at most `max_staleness`; if not, nothing may be decided.
    #[must_use]
    pub fn fresh(&self, max_staleness: Duration) -> bool {
        self.staleness() <= max_staleness
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("store", &self.0.store).finish_non_exhaustive()
    }
}

/// The task's side.
struct Following {
    store: Arc<dyn Store>,
    followers: Vec<Arc<dyn Follower>>,
    applied: watch::Sender<u64>,
    confirmed: Arc<Confirmed>,
}

impl Following {
    async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.step().await {
                Ok(()) => pause = FIRST_PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "changes in the store cannot be followed; trying again");
                    time::sleep(pause).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
    }

    /// Follows the store to the place it is at now.
    async fn step(&self) -> Result<(), StoreError> {
        let applied = *self.applied.borrow();
        let changes = self.store.changes(applied, CONFIRM_EVERY).await?;
        let told = Instant::now();
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
                tracing::info!(applied, head, "changes in the store were missed; reading it again");
                for follower in &self.followers {
                    follower.start_over().await?;
                }
                self.applied.send_replace(head);
            }
        }
        self.confirmed.at(told);
        Ok(())
    }
}

/// When the followers were last known to be up to date. Read for every request, so no lock.
struct Confirmed {
    origin: Instant,
    /// Microseconds after `origin`.
    latest: AtomicU64,
}

impl Confirmed {
    fn new() -> Self {
        Self { origin: Instant::now(), latest: AtomicU64::new(0) }
    }

    fn at(&self, instant: Instant) {
        let micros = instant.duration_since(self.origin).as_micros();
        self.latest.store(u64::try_from(micros).unwrap_or(u64::MAX), Ordering::Release);
    }

    fn ago(&self) -> Duration {
        let latest = Duration::from_micros(self.latest.load(Ordering::Acquire));
        self.origin.elapsed().saturating_sub(latest)
    }
}

#[cfg(test)]
mod tests;
