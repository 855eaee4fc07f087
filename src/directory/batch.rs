//! A batch of operations: each is checked and applied in turn, and one commit writes all of it
//! together with records of the caller.
//!
//! The operations are the ordinary ones, on an overlay that collects what they write. Nothing is
//! written, and nothing is logged as done, before [`Batch::commit`].

use std::sync::Arc;

use portcullis_store::{CommitError, Committed, Write};

use super::Directory;
use super::core::Core;
use super::error::{AttemptError, DirectoryError};
use super::records::audit::Occurrence;
use super::records::{Change, Collected, Records};

/// Operations that are committed together.
#[derive(Debug)]
pub(crate) struct Batch {
    real: Directory,
    change: Change,
    collected: Arc<Collected>,
    directory: Directory,
}

impl Directory {
    /// An empty batch, made by the actor of the change with the rights of now. Its directory shows
    /// what the actor's scope shows.
    ///
    /// # Errors
    /// When what the actor was authenticated with is no longer valid, or the store is unavailable.
    pub(crate) async fn batch(&self, change: &Change) -> Result<Batch, DirectoryError> {
        let actor = self.records().current_actor(change).await.map_err(failed)?;
        let change = Change { actor, ..change.clone() };
        Batch::with(self.clone(), change, Vec::new()).await
    }
}

impl Batch {
    async fn with(
        real: Directory,
        change: Change,
        writes: Vec<Write>,
    ) -> Result<Self, DirectoryError> {
        let overlay = real.records().read().overlay();
        let collected = Arc::new(Collected::new(overlay, writes).await.map_err(failed)?);
        let core = Core {
            records: Records::of_batch(Arc::clone(&collected)),
            ..real.operations.core.clone()
        };
        let served = real.operations.preferences.served.clone();
        let directory = Directory::assemble(&core, served, change.at).within(&change.actor.scope());
        Ok(Self { real, change, collected, directory })
    }

    /// The directory to run the operations with.
    pub(crate) const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The change that the operations are made with.
    pub(crate) const fn change(&self) -> &Change {
        &self.change
    }

    /// How much has been written so far, for [`Self::back_to`].
    pub(crate) fn mark(&self) -> usize {
        self.collected.len()
    }

    /// The batch as it was at a mark: without what an operation wrote before it failed.
    ///
    /// # Errors
    /// When the store is unavailable, or the records that the batch depends on have changed.
    pub(crate) async fn back_to(self, mark: usize) -> Result<Self, DirectoryError> {
        if self.mark() == mark {
            return Ok(self);
        }
        Self::with(self.real, self.change, self.collected.first(mark)).await
    }

    /// Writes all of it, `own` records of the caller, and entries of the audit log.
    ///
    /// # Errors
    /// When a record that the operations depend on has changed since, the actor may no longer write
    /// what they wrote, or the store is unavailable.
    pub(crate) async fn commit(
        &self,
        own: Vec<Write>,
        occurrences: Vec<Occurrence>,
    ) -> Result<Committed, CommitError> {
        let records = self.real.records();
        records.commit_collected(&self.change, self.collected.as_one(), own, occurrences).await
    }
}

/// The error of a commit after which nothing can be tried again at once.
fn failed(error: CommitError) -> DirectoryError {
    match AttemptError::from(error) {
        AttemptError::Failed(error) => error,
        AttemptError::Conflict => DirectoryError::Contended,
    }
}
