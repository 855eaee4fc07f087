//! Copies of session records in memory, kept fresh by the change feed (I2).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;

use super::portal_cookie::PortalCookie;
use super::record::{Lifetime, SESSION};
use crate::credential::token::TokenHash;
use crate::directory::records::{StaffMember, TrialSession};
use crate::directory::{OrganizationId, UserId};
use portcullis_policy::SessionKind;
use portcullis_store::StoreError;
use portcullis_store::cache::FreshCache;
use portcullis_store::feed::Follower;

/// The most sessions held in memory. The others are read from the store when they are used.
const CACHED: u64 = 250_000;

/// The copies of session records in memory, kept fresh by the change feed.
#[derive(Debug)]
pub struct SessionCache(pub(super) FreshCache<TokenHash, Arc<Cached>>);

/// The part of a session's record that requests need. The rest stays in the store: there may be
/// 100,000 sessions.
#[derive(Debug)]
pub(super) struct Cached {
    pub(super) kind: SessionKind,
    pub(super) organization: OrganizationId,
    pub(super) user: Option<UserId>,
    pub(super) generation: u64,
    /// Milliseconds since the epoch, like those that follow.
    pub(super) created: AtomicI64,
    pub(super) last_seen: AtomicI64,
    pub(super) last_saved: AtomicI64,
    pub(super) portal_cookies: Box<[PortalCookie]>,
    /// More about a session of the operator's staff.
    pub(super) staff: Option<Box<CachedStaff>>,
}

/// Who of the operator's staff started a session, and the trial that it is of.
#[derive(Debug)]
pub(super) struct CachedStaff {
    pub(super) member: StaffMember,
    pub(super) trial: Option<TrialSession>,
}

impl Cached {
    /// What decides how long it lasts, if it was created then.
    pub(super) fn lifetime(&self, created: Timestamp) -> Lifetime {
        let trial = self.staff.as_ref().and_then(|staff| staff.trial.as_ref());
        Lifetime::new(self.kind, created, trial.map(|trial| trial.ends))
    }

    /// When the session started and was last used, in milliseconds since the epoch.
    pub(super) fn times(&self) -> [i64; 2] {
        [&self.created, &self.last_seen].map(|time| time.load(Ordering::Relaxed))
    }
}

impl SessionCache {
    /// An empty cache. It must follow the feed before [`Sessions`](super::Sessions) reads through it.
    #[must_use]
    pub fn new() -> Self {
        Self(FreshCache::new(CACHED))
    }
}

impl Default for SessionCache {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Follower for SessionCache {
    async fn apply(&self, changes: &[portcullis_store::Change]) -> Result<(), StoreError> {
        for change in changes.iter().filter(|change| change.kind == SESSION) {
            if let Some(hash) = TokenHash::parse(&change.id) {
                self.0.invalidate(&hash);
            }
        }
        Ok(())
    }

    async fn start_over(&self) -> Result<(), StoreError> {
        self.0.invalidate_all();
        Ok(())
    }
}
