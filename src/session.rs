//! From sign-in to sign-out: the cookie, the record behind it, and who it makes of a request.
//!
//! A session is a record under the hash of its token; the token itself is only in the browser
//! (invariant I4). On each request the record is read through a cache that changes invalidate (I2)
//! and held against what is true *now*: the person's group, the person's credentials, and for a
//! secure link the organization's link (R14). So nothing needs to hunt for sessions when a group,
//! a password or a preference changes.
//!
//! When a session was last used is kept in memory and written now and then; after a crash an idle
//! session ends a little early, never late.

mod link_quota;
mod list;
mod portal_cookies;
mod record;
pub mod standing;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

pub use self::list::{SessionView, Whose};
pub use self::portal_cookies::PortalCookie;

use self::link_quota::{Claim, LinkQuota};
use self::record::{Lifetime, SESSION, SessionRecord};
use crate::config::{LinkLimits, SessionLimits};
use crate::credential::token::{PlainToken, TokenHash};
use crate::directory::{Actor, Change, Directory, OrganizationId, Snapshot, UserId};
use crate::web::cookie;
use portcullis_policy::{SessionKind, Subject};
use portcullis_store::cache::FreshCache;
use portcullis_store::feed::{Feed, Follower};
use portcullis_store::{CommitError, Expect, Record, StoreError, Write};

/// Sessions in memory at most; others are read again when they are used.
const CACHED: u64 = 250_000;
/// The last use is written once for each such part of the idle limit.
const TOUCHES_PER_IDLE: i64 = 10;
/// How long the record of a session is kept after its end when the portal has set cookies in it.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many records a sweep or a list reads at a time.
const PAGE: usize = 500;

/// The copies of session records in memory, kept fresh by the change feed.
#[derive(Debug)]
pub struct SessionCache(FreshCache<TokenHash, Arc<Cached>>);

/// What a request needs to know of a session; the rest stays on disk, because there may be a
/// hundred thousand of them.
#[derive(Debug)]
struct Cached {
    kind: SessionKind,
    organization: OrganizationId,
    user: Option<UserId>,
    generation: u64,
    /// Milliseconds since the epoch, like those that follow.
    created: AtomicI64,
    last_seen: AtomicI64,
    last_saved: AtomicI64,
    portal_cookies: Box<[PortalCookie]>,
}

impl Cached {
    /// When it began and when it was last used, as far as is known.
    fn times(&self) -> [i64; 2] {
        [&self.created, &self.last_seen].map(|time| time.load(Ordering::Relaxed))
    }
}

/// All sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sessions {
    feed: Feed,
    directory: Directory,
    cache: Arc<SessionCache>,
    limits: SessionLimits,
    link_quota: Arc<LinkQuota>,
}

/// What is known of a person who has just been let in.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// How the person came in.
    pub kind: SessionKind,
    /// The organization whose portal it is.
    pub organization: OrganizationId,
    /// The portal user, unless a link was opened.
    pub user: Option<UserId>,
    /// The generation of the user's credentials, or of the organization's link.
    pub generation: u64,
    /// Where the person came from.
    pub address: IpAddr,
    /// The browser, as it calls itself.
    pub agent: String,
}

/// Why no session was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secure link has too many sessions; those that exist stay.
    #[error("the secure link has too many sessions")]
    TooMany {
        /// When to try again.
        retry_after: Duration,
    },
}

impl From<StartError> for StoreError {
    /// Of sessions that have no limit, only the store can be the reason.
    fn from(error: StartError) -> Self {
        match error {
            StartError::Store(error) => error,
            StartError::TooMany { .. } => Self::Unavailable(error.to_string()),
        }
    }
}

/// A session that has begun.
#[derive(Debug)]
pub struct Begun {
    /// For the browser.
    pub token: PlainToken,
    /// Cookies of the portal that another person has left in the browser.
    pub expired: Vec<PortalCookie>,
}

/// Who a request comes from, and if from nobody, why.
#[derive(Debug, Clone)]
pub enum Presented {
    /// A live session.
    Somebody {
        /// The session.
        key: TokenHash,
        /// Whose it is and what that person may do.
        subject: Subject,
    },
    /// No session that counts.
    Nobody(Absence),
}

/// Why nobody is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// No session cookie, or one that cannot be a token.
    NoCookie,
    /// More than one session cookie: another host, or another path, has set one too.
    SeveralCookies,
    /// The session has ended, or never was.
    Ended,
    /// The link's session is not honoured any more: the organization's people sign in now (R14).
    LinkNotEnough {
        /// The organization whose link it was.
        organization: Arc<str>,
    },
}

impl Presented {
    /// The live session, if there is one.
    #[must_use]
    pub fn key(&self) -> Option<TokenHash> {
        match self {
            Self::Somebody { key, .. } => Some(*key),
            Self::Nobody(_) => None,
        }
    }

    /// Who is there, if anybody.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Somebody { subject, .. } => Some(subject),
            Self::Nobody(_) => None,
        }
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
    /// Sessions in the store behind `feed`, which `cache` must follow.
    #[must_use]
    pub fn new(
        feed: Feed,
        directory: Directory,
        cache: Arc<SessionCache>,
        limits: SessionLimits,
        links: LinkLimits,
    ) -> Self {
        Self { feed, directory, cache, limits, link_quota: Arc::new(LinkQuota::new(links)) }
    }

    /// Begins a session; the token goes to the browser and nowhere else. A session that it
    /// replaces ends in the same step (R19).
    ///
    /// # Errors
    /// When the store does not answer, or a link has too many sessions.
    pub async fn start(
        &self,
        new: NewSession,
        replaces: Option<TokenHash>,
        now: Timestamp,
    ) -> Result<Begun, StartError> {
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
            match self.feed.commit(commit.collect()).await {
                Ok(_) => {
                    let expired = left.flatten().unwrap_or_default();
                    return Ok(Begun { token, expired });
                }
                // The session that ends has just been changed, or has ended.
                Err(CommitError::Conflict { .. }) if replaces.is_some() => {}
                Err(error) => return Err(store_fault(error).into()),
            }
        }
        Err(portal_cookies::busy().into())
    }

    /// Counts a session that a secure link is about to start.
    async fn admit_by_link(&self, new: &NewSession, now: Timestamp) -> Result<(), StartError> {
        match self.link_quota.claim(new, now) {
            Claim::Granted => return Ok(()),
            Claim::Refused(retry_after) => return Err(StartError::TooMany { retry_after }),
            Claim::Uncounted => {}
        }
        let _one_at_a_time = self.link_quota.counting.lock().await;
        // Somebody else may have counted by now.
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

    /// Who a request with these headers comes from. The session is in use: its idle time begins
    /// anew.
    ///
    /// # Errors
    /// When the store does not answer and memory does not know.
    pub async fn resolve(
        &self,
        headers: &http::HeaderMap,
        cookie_name: &str,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Presented, StoreError> {
        match cookie::token_hash(headers, cookie_name) {
            Some(key) => self.resolve_key(key, snapshot, now).await,
            None if cookie::is_doubled(headers, cookie_name) => {
                Ok(Presented::Nobody(Absence::SeveralCookies))
            }
            None => Ok(Presented::Nobody(Absence::NoCookie)),
        }
    }

    /// Who a session belongs to at this moment, when its person does something in it.
    ///
    /// # Errors
    /// When the store does not answer and memory does not know.
    pub async fn resolve_key(
        &self,
        key: TokenHash,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Presented, StoreError> {
        let Some(session) = self.cached(&key).await? else {
            return Ok(Presented::Nobody(Absence::Ended));
        };
        let presented = self.judge(key, &session, snapshot, now).await?;
        if presented.subject().is_some() {
            self.touch(&key, &session, now);
        }
        Ok(presented)
    }

    /// Who a session belongs to at this moment. To be asked about is no use of it: it ends when it
    /// would have ended.
    ///
    /// # Errors
    /// When the store does not answer and memory does not know.
    pub async fn look_at(
        &self,
        key: TokenHash,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Presented, StoreError> {
        match self.cached(&key).await? {
            Some(session) => self.judge(key, &session, snapshot, now).await,
            None => Ok(Presented::Nobody(Absence::Ended)),
        }
    }

    async fn judge(
        &self,
        key: TokenHash,
        session: &Cached,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Presented, StoreError> {
        let created = no_later(&session.created, now);
        let seen = no_later(&session.last_seen, now);
        let valid_until = Lifetime::new(session.kind, created).valid_until(seen, &self.limits);
        if valid_until <= now {
            return Ok(Presented::Nobody(Absence::Ended));
        }
        let subject = match (session.kind, &session.user) {
            (SessionKind::User, Some(user)) => {
                let facts = match self.directory.cached_user(user) {
                    Some(facts) => Some(facts),
                    None => Box::pin(self.directory.user(user)).await?,
                };
                facts.and_then(|facts| {
                    standing::of_user(&facts, session.generation, snapshot, valid_until)
                })
            }
            (SessionKind::Link, None) => {
                let facts = match self.directory.cached_organization(&session.organization) {
                    Some(facts) => Some(facts),
                    None => Box::pin(self.directory.organization(&session.organization)).await?,
                };
                let Some(facts) = facts else {
                    return Ok(Presented::Nobody(Absence::Ended));
                };
                let subject = standing::of_link(&facts, session.generation, snapshot, valid_until);
                if subject.is_none() {
                    return Ok(Presented::Nobody(Absence::LinkNotEnough {
                        organization: session.organization.shared(),
                    }));
                }
                subject
            }
            // No other kind can be started; a record that says so is not believed.
            (
                SessionKind::User
                | SessionKind::Link
                | SessionKind::Staff
                | SessionKind::Impersonation,
                _,
            ) => None,
        };
        Ok(match subject {
            Some(subject) => Presented::Somebody { key, subject },
            None => Presented::Nobody(Absence::Ended),
        })
    }

    /// Ends a session; `false` when there was none.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end(&self, key: &TokenHash, change: &Change) -> Result<bool, StoreError> {
        let delete = Write::Delete { kind: SESSION, id: key.to_string(), expect: Expect::Present };
        match self.directory.records().commit(change, vec![delete]).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(error) => Err(store_fault(error)),
        }
    }

    /// Removes the records of sessions that have ended by themselves; answers how many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        let change = Change::new(Actor::System("removal of expired sessions"), now);
        let expired = |record: &Record| self.is_done_with(record, now);
        let ended = self.delete(&Whose::All, expired, &change).await?;
        self.link_quota.outdate(now);
        Ok(ended)
    }

    /// Whether a record's session has ended by itself. One that cannot be read opens nothing, and
    /// stays for somebody to look at.
    fn is_over(&self, record: &Record, now: Timestamp) -> bool {
        Self::read(record).is_some_and(|session| self.end_of(record, &session) <= now)
    }

    /// Whether a record is of no use any more. While its browser may still hold a sign-in of the
    /// portal, the record tells of it.
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

    async fn cached(&self, key: &TokenHash) -> Result<Option<Arc<Cached>>, StoreError> {
        if let Some(session) = self.cache.0.get(key) {
            return Ok(Some(session));
        }
        // On the heap: a request seldom comes here, and carries the room for it otherwise.
        Box::pin(self.load(key)).await
    }

    async fn load(&self, key: &TokenHash) -> Result<Option<Arc<Cached>>, StoreError> {
        let store = self.feed.store();
        self.cache
            .0
            .get_or_load(*key, || async {
                let Some(record) = store.get(SESSION, &key.to_string()).await? else {
                    return Ok(None);
                };
                let session = SessionRecord::read(&record)?;
                let seen = session.last_seen.as_millisecond();
                // Shared by all sessions of the organization, when it is in memory.
                let organization = match self.directory.cached_organization(&session.organization) {
                    Some(facts) => facts.id.clone(),
                    None => session.organization.clone(),
                };
                Ok(Some(Arc::new(Cached {
                    kind: session.standing().kind(),
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

    /// Notes the use; every so often also on disk, without the request waiting for it.
    fn touch(&self, key: &TokenHash, session: &Arc<Cached>, now: Timestamp) {
        let now = now.as_millisecond();
        session.last_seen.fetch_max(now, Ordering::Relaxed);
        let created = millis(session.created.load(Ordering::Relaxed));
        let idle = Lifetime::new(session.kind, created).idle(&self.limits).as_millis();
        let idle = i64::try_from(idle).unwrap_or(i64::MAX);
        let saved = session.last_saved.load(Ordering::Relaxed);
        // One from the future was written before the clock was set back.
        let lately = saved <= now && now - saved < idle / TOUCHES_PER_IDLE;
        if lately
            || session
                .last_saved
                .compare_exchange(saved, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
        {
            return;
        }
        let (feed, key) = (self.feed.clone(), *key);
        tokio::spawn(async move {
            if let Err(error) = save_use(&feed, &key, (created, millis(now))).await {
                tracing::debug!(%error, "the last use of a session was not written");
            }
        });
    }
}

/// Writes when a session was last used, at the version read just before: a session ended meanwhile
/// must not come back.
async fn save_use(
    feed: &Feed,
    key: &TokenHash,
    (created, now): (Timestamp, Timestamp),
) -> Result<(), CommitError> {
    let Some(record) = feed.store().get(SESSION, &key.to_string()).await? else {
        return Ok(());
    };
    let mut session = SessionRecord::read(&record)?;
    session.created = session.created.min(created);
    session.last_seen = now;
    feed.commit(vec![session.put(key, Expect::Version(record.version))?]).await?;
    Ok(())
}

/// A time of the past. One that lies ahead was noted before the clock was set back, and becomes now:
/// a session must not last longer for it.
fn no_later(time: &AtomicI64, now: Timestamp) -> Timestamp {
    let noted = millis(time.load(Ordering::Relaxed));
    if noted > now {
        time.fetch_min(now.as_millisecond(), Ordering::Relaxed);
    }
    noted.min(now)
}

fn millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MIN)
}

/// A commit here has no condition that others could break, so what is left is the store's fault.
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
