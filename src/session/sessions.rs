//! The sessions of the installation: where they are stored, and reading one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::cache::{Cached, CachedStaff, SessionCache};
use super::link_quota::LinkQuota;
use super::record::{SESSION, SessionRecord};
use crate::config::{LinkLimits, SessionLimits};
use crate::credential::token::TokenHash;
use crate::directory::Directory;
use crate::directory::records::Records;
use portcullis_store::{CommitError, Record, StoreError};

/// How many records are read from the store at once.
pub(super) const PAGE: usize = 500;
/// How often a write is tried while others change the same record.
pub(super) const TRIES: usize = 16;

/// The sessions of the installation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sessions {
    pub(super) directory: Directory,
    pub(super) cache: Arc<SessionCache>,
    /// Replaced when the settings are reloaded.
    pub(super) limits: Arc<ArcSwap<SessionLimits>>,
    pub(super) link_quota: Arc<LinkQuota>,
}

impl Sessions {
    /// Sessions among the records of `directory`. `cache` must follow the same change feed.
    #[must_use]
    pub fn new(
        directory: Directory,
        cache: Arc<SessionCache>,
        limits: SessionLimits,
        links: LinkLimits,
    ) -> Self {
        let limits = Arc::new(ArcSwap::from_pointee(limits));
        Self { directory, cache, limits, link_quota: Arc::new(LinkQuota::new(links)) }
    }

    /// Ends sessions after these times from now on, those that are open included.
    pub fn set_limits(&self, limits: SessionLimits) {
        self.limits.store(Arc::new(limits));
    }

    /// The sessions of a dry run's directory. `cache` must follow its records.
    #[must_use]
    pub fn of_dry_run(&self, directory: Directory, cache: Arc<SessionCache>) -> Self {
        let link_quota = Arc::new(self.link_quota.emptied());
        Self { directory, cache, limits: Arc::clone(&self.limits), link_quota }
    }

    /// The same sessions, as a directory that is limited to a scope shows them.
    pub(crate) fn within(&self, directory: Directory) -> Self {
        Self { directory, ..self.clone() }
    }

    pub(super) fn records(&self) -> &Records {
        self.directory.records()
    }

    /// The session, from memory or else from the store.
    ///
    /// # Errors
    /// If the store does not answer.
    pub(super) async fn cached(&self, key: &TokenHash) -> Result<Option<Arc<Cached>>, StoreError> {
        if let Some(session) = self.cache.0.get(key) {
            return Ok(Some(session));
        }
        // Boxed because it is rare: otherwise each request's future would have room for it.
        Box::pin(self.load(key)).await
    }

    async fn load(&self, key: &TokenHash) -> Result<Option<Arc<Cached>>, StoreError> {
        let reader = self.records().read();
        self.cache
            .0
            .get_or_load(*key, || async {
                let Some(record) = reader.record(SESSION, &key.to_string()).await? else {
                    return Ok(None);
                };
                let session = SessionRecord::read(&record)?;
                let seen = session.last_seen.as_millisecond();
                // All sessions of an organization share its id if the organization is in memory.
                let organization = match self.directory.cached_organization(&session.organization) {
                    Some(facts) => facts.id.clone(),
                    None => session.organization.clone(),
                };
                Ok(Some(Arc::new(Cached {
                    kind: session.lifetime().kind(),
                    created: AtomicI64::new(session.created.as_millisecond()),
                    organization,
                    user: session.user,
                    generation: session.generation,
                    last_seen: AtomicI64::new(seen),
                    last_saved: AtomicI64::new(seen),
                    portal_cookies: session.portal_cookies.into_boxed_slice(),
                    staff: session.staff.map(|member| {
                        let trial = session.trial;
                        Box::new(CachedStaff { member, trial })
                    }),
                })))
            })
            .await
    }

    /// When a session ends if it is not used again. `None` if the record cannot be read: such a
    /// session admits no request, and its record is kept for examination.
    pub(super) fn end_of(&self, record: &Record) -> Option<(SessionRecord, Timestamp)> {
        let session = SessionRecord::read(record)
            .inspect_err(|error| tracing::error!(%error, "a session cannot be read"))
            .ok()?;
        let hash = TokenHash::parse(&record.id);
        let seen = hash.map_or(session.last_seen, |hash| self.last_seen(&hash, &session));
        let end = session.valid_until(seen, &self.limits.load());
        Some((session, end))
    }

    /// When a session was last used: the time in memory is newer than the one in the record.
    pub(super) fn last_seen(&self, key: &TokenHash, session: &SessionRecord) -> Timestamp {
        let cached = self.cache.0.get(key);
        cached.map_or(session.last_seen, |cached| millis(cached.last_seen.load(Ordering::Relaxed)))
    }
}

/// The error of a commit without conditions: only the store can be the cause.
pub(super) fn store_fault(error: CommitError) -> StoreError {
    match error {
        CommitError::Store(error) => error,
        CommitError::Conflict { .. }
        | CommitError::Taken { .. }
        | CommitError::InUse { .. }
        | CommitError::Refused { .. }
        | CommitError::Managed { .. }
        | CommitError::ActorEnded { .. } => StoreError::Unavailable(error.to_string()),
    }
}

/// The error after [`TRIES`] conflicts.
pub(super) fn busy() -> StoreError {
    StoreError::Unavailable("a session is being changed by too many requests at once".to_owned())
}

pub(super) fn millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MIN)
}
