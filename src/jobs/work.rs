//! What a kind of job is: what it does with one item.

use std::marker::PhantomData;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::line::ReportLine;
use crate::directory::records::Authority;
use crate::directory::{Change, Directory, DirectoryError, OrganizationId};
use portcullis_store::StoreError;

/// What a job does. The value is kept with the job, as JSON.
pub trait Work: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// One entry of the plan, with one line in the report. Kept as JSON until it is done.
    type Item: Serialize + DeserializeOwned + Send + Sync;

    /// What the actor needs, when the job is queued and at each commit.
    const AUTHORITY: Authority;

    /// The name of the kind: stable, and one that `kinds::read` knows.
    fn kind(&self) -> &'static str;

    /// What is done, for lists of jobs.
    fn summary(&self) -> String;

    /// The organization that an item belongs to. `None` if it concerns the gateway as a whole, which
    /// an actor with a limited scope may not change.
    fn organization(item: &Self::Item) -> Option<&OrganizationId>;

    /// Whether doing an item may change something. If not, anyone who may queue the job may have it
    /// in the report.
    fn changes_something(_item: &Self::Item) -> bool {
        true
    }

    /// The line of an item of which nothing is known yet but the item itself.
    fn line(item: &Self::Item) -> ReportLine;

    /// Does one item, by operations of the directory in the context. If the item is as wanted, it
    /// writes nothing.
    ///
    /// # Errors
    /// Why the item cannot be done. What was written for it is taken back, and the item is skipped,
    /// unless the store is unavailable or the actor may no longer do it.
    fn apply(
        &self,
        item: &Self::Item,
        context: &Context<'_>,
    ) -> impl Future<Output = Result<ReportLine, DirectoryError>> + Send;
}

/// A job to be queued.
#[derive(Debug)]
pub struct Plan<W: Work> {
    /// What it does.
    pub work: W,
    /// With what, in this order.
    pub items: Vec<W::Item>,
}

/// What an item is done with.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The directory as the scope of the actor shows it. What is written is committed later, together
    /// with the job's progress.
    pub directory: &'a Directory,
    /// Who makes the changes, and when.
    pub change: &'a Change,
    /// The email address of who queued the job; blind copies of invitations go there (R41).
    pub sender: Option<&'a str>,
}

/// Why an item has no line yet, or what its line is.
#[derive(Debug)]
pub(super) enum ItemError {
    /// It is skipped; this is its line.
    Skipped(ReportLine),
    /// The job cannot go on.
    Failed(DirectoryError),
    /// The item cannot be read.
    Unreadable(String),
}

/// Work of any kind.
pub(super) trait AnyWork: Send + Sync {
    /// What the actor needs.
    fn authority(&self) -> Authority;

    /// Does one item of the plan.
    fn apply<'a>(
        &'a self,
        item: &'a Value,
        context: &'a Context<'a>,
    ) -> BoxFuture<'a, Result<ReportLine, ItemError>>;
}

/// Reads work of one kind.
///
/// # Errors
/// When it is not of that kind.
pub(super) fn read<W: Work>(work: &Value) -> Result<Box<dyn AnyWork>, String> {
    match W::deserialize(work) {
        Ok(work) => Ok(Box::new(Typed(work, PhantomData::<fn() -> W::Item>))),
        Err(error) => Err(error.to_string()),
    }
}

struct Typed<W, I>(W, PhantomData<fn() -> I>);

impl<W: Work> AnyWork for Typed<W, W::Item> {
    fn authority(&self) -> Authority {
        W::AUTHORITY
    }

    fn apply<'a>(
        &'a self,
        item: &'a Value,
        context: &'a Context<'a>,
    ) -> BoxFuture<'a, Result<ReportLine, ItemError>> {
        Box::pin(async move {
            let item = <W::Item as serde::Deserialize>::deserialize(item)
                .map_err(|error| ItemError::Unreadable(error.to_string()))?;
            check_scope::<W>(&item, context.change).map_err(ItemError::Failed)?;
            self.0.apply(&item, context).await.map_err(|error| match error {
                DirectoryError::NotFound { .. }
                | DirectoryError::Invalid { .. }
                | DirectoryError::Refused(_)
                | DirectoryError::Taken { .. }
                | DirectoryError::Changed { .. }
                | DirectoryError::Managed { .. }
                | DirectoryError::Store(StoreError::Damaged { .. }) => {
                    ItemError::Skipped(W::line(&item).failed(&error))
                }
                DirectoryError::Escalation { .. }
                | DirectoryError::OutOfScope { .. }
                | DirectoryError::NoImpersonation
                | DirectoryError::TokenUnknown
                | DirectoryError::SessionEnded
                | DirectoryError::Contended
                | DirectoryError::Busy
                | DirectoryError::Store(_) => ItemError::Failed(error),
            })
        })
    }
}

/// Checks that an item is in the scope of the actor (I10).
///
/// # Errors
/// [`DirectoryError::OutOfScope`].
pub(super) fn check_scope<W: Work>(item: &W::Item, change: &Change) -> Result<(), DirectoryError> {
    let scope = change.actor.scope();
    let is_inside = match W::organization(item) {
        _ if !W::changes_something(item) => true,
        Some(organization) => scope.includes(organization.as_str()),
        None => !scope.is_limited(),
    };
    match is_inside {
        true => Ok(()),
        false => Err(DirectoryError::OutOfScope { role: W::AUTHORITY.least() }),
    }
}
