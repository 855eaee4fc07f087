//! What every operation of the directory works with.

use std::sync::Arc;

use crate::directory::records::{Change, Reader, Records, Scope};
use crate::directory::services::AuthServices;
use crate::directory::state::{Memory, Snapshot};
use arc_swap::Guard;
use portcullis_store::{CommitError, Committed, Write};

/// The records, what requests are decided by, and what credentials are checked with.
#[derive(Debug, Clone)]
pub(in crate::directory) struct Core {
    pub(in crate::directory) records: Records,
    pub(in crate::directory) memory: Arc<Memory>,
    pub(in crate::directory) auth: AuthServices,
}

impl Core {
    /// The same with the records that a scope shows.
    pub(in crate::directory) fn within(&self, scope: &Scope) -> Self {
        Self { records: self.records.within(scope), ..self.clone() }
    }

    /// The records, for reading.
    pub(in crate::directory) const fn read(&self) -> &Reader {
        self.records.read()
    }

    /// All records, whatever the scope shows.
    pub(in crate::directory) fn whole(&self) -> Reader {
        self.records.read().unlimited()
    }

    /// As [`Records::commit`].
    pub(in crate::directory) async fn commit(
        &self,
        change: &Change,
        writes: Vec<Write>,
    ) -> Result<Committed, CommitError> {
        self.records.commit(change, writes).await
    }

    /// The policy, groups and preferences in force.
    pub(in crate::directory) fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.memory.snapshot()
    }
}
