//! The groups and preferences of a new installation (R2).

use crate::directory::core::Core;
use crate::directory::error::DirectoryError;
use crate::directory::records::{Actor, Change};
use crate::directory::records::{Group, Preferences, put};
use jiff::Timestamp;
use portcullis_store::{CommitError, Expect};

/// Writes the policy's groups and the first preferences, unless there are preferences: a group that
/// was deleted is not created again. If two processes start at the same time, one writes.
pub(in crate::directory) async fn write(core: &Core, now: Timestamp) -> Result<(), DirectoryError> {
    if core.read().get::<Preferences>(&Preferences::id()).await?.is_some() {
        return Ok(());
    }
    let policy = core.snapshot().policy().clone();
    let mut preferences = Preferences::default();
    let mut commit = Vec::with_capacity(policy.seeds().len() + 1);
    for seed in policy.seeds() {
        let permissions = policy.catalogue().ids(seed.permissions).map(str::to_owned).collect();
        let group = Group { name: seed.name.clone(), permissions, managed_by: None };
        commit.push(put(&seed.id.as_str().into(), Expect::Absent, &group));
        if seed.default {
            preferences.default_group = seed.id.as_str().into();
        }
    }
    commit.push(put(&Preferences::id(), Expect::Absent, &preferences));
    let change = Change::new(Actor::System("first start"), now);
    match core.commit(&change, commit).await {
        Ok(_) | Err(CommitError::Conflict { .. }) => Ok(()),
        Err(CommitError::Taken { kind, field, value }) => {
            Err(DirectoryError::Taken { what: kind, field, value })
        }
        Err(
            CommitError::InUse { .. }
            | CommitError::Refused { .. }
            | CommitError::Managed { .. }
            | CommitError::ActorEnded { .. },
        ) => Err(DirectoryError::Contended),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}
