//! Sessions in memory: copies of their records, kept fresh by the change feed (I2), and the time of
//! their last use, which is saved to the store from time to time.
//!
//! After a crash an idle session may end early, by at most a tenth of its idle limit, never late.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;

use super::record::{Lifetime, SESSION, SessionRecord};
use super::{PortalCookie, Sessions};
use crate::credential::token::TokenHash;
use crate::directory::records::Records;
use crate::directory::{Actor, Change, OrganizationId, UserId};
use portcullis_policy::SessionKind;
use portcullis_store::cache::FreshCache;
use portcullis_store::feed::Follower;
use portcullis_store::{CommitError, Expect, StoreError};

/// The most sessions held in memory. The others are read from the store when they are used.
const CACHED: u64 = 250_000;
/// The last use is saved at most this often within the idle limit.
const TOUCHES_PER_IDLE: i64 = 10;

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
}

impl Cached {
    /// The times of its start and of its last known use, in milliseconds since the epoch.
    pub(super) fn times(&self) -> [i64; 2] {
        [&self.created, &self.last_seen].map(|time| time.load(Ordering::Relaxed))
    }
}

impl SessionCache {
    /// An empty cache, to follow the feed before [`Sessions`] reads through it.
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

impl Sessions {
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
                })))
            })
            .await
    }

    /// Records a use: in memory, and from time to time in the store, which the request does not
    /// wait for.
    pub(super) fn touch(&self, key: &TokenHash, session: &Arc<Cached>, now: Timestamp) {
        let now = now.as_millisecond();
        session.last_seen.fetch_max(now, Ordering::Relaxed);
        let created = millis(session.created.load(Ordering::Relaxed));
        let idle = Lifetime::new(session.kind, created).idle(&self.limits).as_millis();
        let idle = i64::try_from(idle).unwrap_or(i64::MAX);
        let saved = session.last_saved.load(Ordering::Relaxed);
        // A time in the future was saved before the clock was set back.
        let lately = saved <= now && now - saved < idle / TOUCHES_PER_IDLE;
        if lately
            || session
                .last_saved
                .compare_exchange(saved, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
        {
            return;
        }
        let (records, key) = (self.records().clone(), *key);
        tokio::spawn(async move {
            if let Err(error) = save_use(&records, &key, (created, millis(now))).await {
                tracing::debug!(%error, "the last use of a session was not saved");
            }
        });
    }
}

/// Saves the time of the last use, on condition that the record is still the one just read: a
/// session that has ended in between must not be written again.
async fn save_use(
    records: &Records,
    key: &TokenHash,
    (created, now): (Timestamp, Timestamp),
) -> Result<(), CommitError> {
    let Some(record) = records.read().record(SESSION, &key.to_string()).await? else {
        return Ok(());
    };
    let mut session = SessionRecord::read(&record)?;
    session.created = session.created.min(created);
    session.last_seen = now;
    let change = Change::new(Actor::System("last use of a session"), now);
    records.commit(&change, vec![session.put(key, Expect::Version(record.version))?]).await?;
    Ok(())
}

/// A time that is not after `now`. A later one was noted before the clock was set back; it is set to
/// `now`, so that the session does not last longer.
pub(super) fn no_later(time: &AtomicI64, now: Timestamp) -> Timestamp {
    let noted = millis(time.load(Ordering::Relaxed));
    if noted > now {
        time.fetch_min(now.as_millisecond(), Ordering::Relaxed);
    }
    noted.min(now)
}

pub(super) fn millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MIN)
}
