//! The one way to write.
//!
//! An operation reads, applies its rules, and commits on condition that the records it read have
//! not changed. If they have, the operation runs again on the current ones ([`retry`]), so that its
//! rules are applied to the state that it writes to. The version that a caller expects is part of what is
//! read: the operation fails as soon as the record is at another one. What takes long, such as
//! hashing a password, is done in the first run and kept for the others.

use portcullis_store::feed::Feed;
use portcullis_store::{CommitError, Committed, Write};
use tokio::sync::Mutex;

use super::change::Change;
use super::read::Reader;
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
    feed: Feed,
}

impl Records {
    pub(in crate::directory) fn new(feed: Feed) -> Self {
        Self { reader: Reader::new(feed.store().clone()), feed }
    }

    /// For reading.
    pub(crate) const fn read(&self) -> &Reader {
        &self.reader
    }

    /// Writes all of it or nothing. When this returns, it is on disk (I3) and in force in this
    /// process (I2).
    ///
    /// # Errors
    /// When a condition among the writes does not hold, or the store is unavailable.
    pub(crate) async fn commit(
        &self,
        change: &Change,
        writes: Vec<Write>,
    ) -> Result<Committed, CommitError> {
        let committed = self.feed.commit(writes).await?;
        tracing::debug!(
            actor = %change.actor,
            at = %change.at,
            sequence = committed.sequence,
            "change committed"
        );
        Ok(committed)
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
