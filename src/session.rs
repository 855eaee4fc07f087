//! Portal sessions: started at sign-in or with a secure link, looked up on each request, listed and
//! ended.
//!
//! A session is a record under the hash of its token; only the browser holds the token itself (I4).
//! On each request the record, read through a cache that the change feed invalidates (I2), is
//! compared with what holds *now*: the user's group and password, or the state of the organization's
//! secure link (R14). So a change to a group, a password or a preference never has to search for
//! sessions.

mod cache;
mod link_quota;
mod list;
mod lookup;
mod portal_cookies;
mod record;
pub mod subject;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use self::cache::SessionCache;
pub use self::list::{SessionView, Whose};
pub use self::lookup::{Absence, SessionLookup};
pub use self::portal_cookies::PortalCookie;

use self::cache::millis;
use self::link_quota::{Claim, LinkQuota};
use self::record::{SESSION, SessionRecord};
use crate::config::{LinkLimits, SessionLimits};
use crate::credential::token::{PlainToken, TokenHash};
use crate::directory::records::Records;
use crate::directory::{Actor, Change, Directory, OrganizationId, UserId};
use portcullis_policy::SessionKind;
use portcullis_store::{CommitError, Expect, Record, StoreError, Write};

/// How long a record is kept after the end of its session if the portal has set cookies in it.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many records a sweep or a list reads at once.
const PAGE: usize = 500;

/// The sessions of the installation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sessions {
    directory: Directory,
    cache: Arc<SessionCache>,
    limits: SessionLimits,
    link_quota: Arc<LinkQuota>,
}

/// What a new session records of its sign-in.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// A portal user's session or one of a secure link.
    pub kind: SessionKind,
    /// The organization of the user or of the link.
    pub organization: OrganizationId,
    /// The portal user; none for a secure link.
    pub user: Option<UserId>,
    /// The generation of the user's credentials, or of the organization's link.
    pub generation: u64,
    /// The client's address.
    pub address: IpAddr,
    /// The browser's `User-Agent`, abbreviated.
    pub agent: String,
}

/// Why no session was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secure link has as many sessions as it may; they stay open.
    #[error("the secure link has too many sessions")]
    TooMany {
        /// How long to wait before trying again.
        retry_after: Duration,
    },
}

/// A session that has just been started.
#[derive(Debug)]
pub struct StartedSession {
    /// The value of the browser's cookie.
    pub token: PlainToken,
    /// Cookies of the portal to expire: an earlier user's session left them in the browser.
    pub expired: Vec<PortalCookie>,
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
        Self { directory, cache, limits, link_quota: Arc::new(LinkQuota::new(links)) }
    }

    /// Starts a session, and ends the one that it replaces in the same commit (R19). The token must
    /// be sent to the browser and kept nowhere.
    ///
    /// # Errors
    /// If the store does not answer, or the secure link has too many sessions.
    pub async fn start(
        &self,
        new: NewSession,
        replaces: Option<TokenHash>,
        change: &Change,
    ) -> Result<StartedSession, StartError> {
        let now = change.at;
        if new.kind == SessionKind::Link {
            self.admit_by_link(&new, now).await?;
        }
        let token = PlainToken::generate();
        let mut record = SessionRecord::new(new, now);
        for _ in 0..portal_cookies::TRIES {
            record.portal_cookies.clear();
            let replaced = match replaces {
                Some(old) => self.replaced(&old, Some(&mut record)).await?,
                None => None,
            };
            let (left, end) = replaced.unzip();
            let commit = [record.put(&token.hash(), Expect::Absent)?].into_iter().chain(end);
            match self.records().commit(change, commit.collect()).await {
                Ok(_) => {
                    let expired = left.flatten().unwrap_or_default();
                    return Ok(StartedSession { token, expired });
                }
                // The session to be replaced has changed since it was read, or has ended.
                Err(CommitError::Conflict { .. }) if replaces.is_some() => {}
                Err(error) => return Err(store_fault(error).into()),
            }
        }
        Err(portal_cookies::busy().into())
    }

    /// Claims a place for a new session of a secure link.
    async fn admit_by_link(&self, new: &NewSession, now: Timestamp) -> Result<(), StartError> {
        match self.link_quota.claim(new, now) {
            Claim::Granted => return Ok(()),
            Claim::Refused(retry_after) => return Err(StartError::TooMany { retry_after }),
            Claim::Uncounted => {}
        }
        let _one_at_a_time = self.link_quota.counting.lock().await;
        // Another request may have counted while this one waited for the lock.
        if self.link_quota.claim(new, now) == Claim::Granted {
            return Ok(());
        }
        let open = self.count_by_link(new, now).await?;
        self.link_quota.counted(new, open, now);
        match self.link_quota.claim(new, now) {
            Claim::Granted => Ok(()),
            Claim::Refused(retry_after) => Err(StartError::TooMany { retry_after }),
            Claim::Uncounted => Err(StartError::TooMany { retry_after: Duration::ZERO }),
        }
    }

    /// Ends a session. Returns whether it existed.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn end(&self, key: &TokenHash, change: &Change) -> Result<bool, StoreError> {
        let delete = Write::Delete { kind: SESSION, id: key.to_string(), expect: Expect::Present };
        match self.records().commit(change, vec![delete]).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(error) => Err(store_fault(error)),
        }
    }

    /// Removes the records of expired sessions. Returns how many.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        let change = Change::new(Actor::System("removal of expired sessions"), now);
        let expired = |record: &Record| self.is_done_with(record, now);
        let ended = self.delete(&Whose::All, expired, &change).await?;
        self.link_quota.outdate(now);
        Ok(ended)
    }

    fn records(&self) -> &Records {
        self.directory.records()
    }

    /// Whether a record's session has expired. An unreadable record, which no request is let in by,
    /// is kept for examination.
    fn is_over(&self, record: &Record, now: Timestamp) -> bool {
        Self::read(record).is_some_and(|session| self.end_of(record, &session) <= now)
    }

    /// Whether a record can be removed. It is kept while the browser may still hold cookies of the
    /// portal, which the next user must not inherit.
    fn is_done_with(&self, record: &Record, now: Timestamp) -> bool {
        Self::read(record).is_some_and(|session| {
            let kept = if session.portal_cookies.is_empty() { SignedDuration::ZERO } else { KEPT };
            self.end_of(record, &session).checked_add(kept).is_ok_and(|end| end <= now)
        })
    }

    fn read(record: &Record) -> Option<SessionRecord> {
        SessionRecord::read(record)
            .inspect_err(|error| tracing::error!(%error, "a session cannot be read"))
            .ok()
    }

    fn end_of(&self, record: &Record, session: &SessionRecord) -> Timestamp {
        let live = TokenHash::parse(&record.id).and_then(|hash| self.cache.0.get(&hash));
        let seen =
            live.map_or(session.last_seen, |live| millis(live.last_seen.load(Ordering::Relaxed)));
        session.valid_until(seen, &self.limits)
    }
}

/// The error of a commit without conditions: only the store can be the cause.
fn store_fault(error: CommitError) -> StoreError {
    match error {
        CommitError::Store(error) => error,
        CommitError::Conflict { .. } | CommitError::Taken { .. } | CommitError::InUse { .. } => {
            StoreError::Unavailable(error.to_string())
        }
    }
}

#[cfg(test)]
mod tests;
