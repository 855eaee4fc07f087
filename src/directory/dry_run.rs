//! The directory for a dry run: the same operations, of which nothing is kept.
//!
//! Its records are in an overlay over the store, its memory follows that overlay, and its lockouts
//! can be read but not changed. So no operation has to know about dry runs, and none can forget them.

use std::sync::Arc;

use jiff::Timestamp;
use portcullis_store::StoreError;
use portcullis_store::feed::Follower;
use portcullis_store::overlay::Overlay;

use super::core::Core;
use super::records::Records;
use super::state::Snapshot;
use super::{AuthServices, Directory};

/// A directory that keeps nothing, and what it was made from.
#[derive(Debug)]
pub struct DryRun {
    /// The directory to run an operation with.
    pub directory: Directory,
    /// The policy, groups and preferences before the operation.
    pub before: Arc<Snapshot>,
    /// What the operation has written.
    pub overlay: Arc<Overlay>,
}

impl Directory {
    /// A directory for one dry run. `followers` are further caches of its records.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn dry_run(
        &self,
        mut followers: Vec<Arc<dyn Follower>>,
        now: Timestamp,
    ) -> Result<DryRun, StoreError> {
        let overlay = self.records().read().overlay();
        let memory = Arc::new(self.memory.of_dry_run(Arc::clone(&overlay)));
        memory.renew_snapshot().await?;
        followers.push(Arc::clone(&memory) as Arc<dyn Follower>);
        let auth = &self.operations.core.auth;
        let core = Core {
            records: Records::of_dry_run(Arc::clone(&overlay), followers),
            memory: Arc::clone(&memory),
            auth: AuthServices { lockout: auth.lockout.read_only(), ..auth.clone() },
        };
        let directory = Self::assemble(&core, self.operations.preferences.served.clone(), now);
        let before = Arc::clone(&memory.snapshot());
        Ok(DryRun { directory, before, overlay })
    }
}
