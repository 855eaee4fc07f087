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

pub mod cookie;
mod record;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use self::record::{SessionRecord, Standing};
use crate::config::SessionLimits;
use crate::credential::token::{PlainToken, TokenHash};
use crate::directory::links::link_honoured;
use crate::directory::{Directory, Snapshot};
use crate::policy::{SessionKind, Subject, built_in};
use crate::store::cache::FreshCache;
use crate::store::feed::{Feed, Follower};
use crate::store::{Change, CommitError, Expect, Key, Kind, StoreError, Write};

/// Sessions in memory at most; others are read again when they are used.
const CACHED: usize = 250_000;
/// The last use is written once for each such part of the idle limit.
const TOUCHES_PER_IDLE: i64 = 10;
/// How many records a sweep or a list reads at a time.
const PAGE: usize = 500;

/// The copies of session records in memory, kept fresh by the change feed.
#[derive(Debug)]
pub struct SessionCache(FreshCache<TokenHash, Arc<Cached>>);

/// What a request needs to know of a session; the rest stays on disk, because there may be a
/// hundred thousand of them.
#[derive(Debug)]
struct Cached {
    standing: Standing,
    organization: Arc<str>,
    user: Option<Box<str>>,
    generation: u64,
    /// Milliseconds since the epoch.
    last_seen: AtomicI64,
    last_saved: AtomicI64,
}

/// All sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sessions {
    feed: Feed,
    directory: Directory,
    cache: Arc<SessionCache>,
    limits: SessionLimits,
}

/// What is known of a person who has just been let in.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// How the person came in.
    pub kind: SessionKind,
    /// The organization whose portal it is.
    pub organization: String,
    /// The portal user, unless a link was opened.
    pub user: Option<String>,
    /// The generation of the user's credentials, or of the organization's link.
    pub generation: u64,
    /// Where the person came from.
    pub address: IpAddr,
    /// The browser, as it calls itself.
    pub agent: String,
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
    /// No session cookie, or one that cannot be a token, or more than one.
    NoCookie,
    /// The session has ended, or never was.
    Ended,
    /// The link's session is not honoured any more: the organization's people sign in now (R14).
    LinkNotEnough {
        /// The organization whose link it was.
        organization: Arc<str>,
    },
}

/// A session as an administrator sees it.
#[derive(Debug, Clone, Serialize)]
pub struct SessionView {
    /// Names the session; it does not open it.
    pub id: String,
    /// `user`, `link`, `staff` or `impersonation`.
    pub kind: &'static str,
    /// The organization's id.
    pub organization: String,
    /// The portal user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used, to the nearest write.
    pub last_seen: Timestamp,
    /// When it ends if it is not used again.
    pub valid_until: Timestamp,
    /// Where it began.
    pub address: IpAddr,
    /// The browser, as it calls itself.
    pub agent: String,
}

/// Whose sessions a list is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's.
    All,
    /// A portal user's.
    User(String),
    /// An organization's, its link's included.
    Organization(String),
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
    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        for change in changes.iter().filter(|change| change.kind == Kind::Session) {
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
    ) -> Self {
        Self { feed, directory, cache, limits }
    }

    /// Begins a session; the token goes to the browser and nowhere else. A session that it
    /// replaces ends in the same step (R19).
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn start(
        &self,
        new: NewSession,
        replaces: Option<TokenHash>,
        now: Timestamp,
    ) -> Result<PlainToken, StoreError> {
        let token = PlainToken::generate();
        let record = SessionRecord::new(new, now);
        let mut commit = vec![record.put(&token.hash(), Expect::Absent)?];
        if let Some(old) = replaces {
            commit.push(Write::Delete {
                kind: Kind::Session,
                id: old.to_string(),
                expect: Expect::Any,
            });
        }
        self.feed.commit(commit).await.map_err(store_fault)?;
        Ok(token)
    }

    /// Who a request with these headers comes from.
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
            None => Ok(Presented::Nobody(Absence::NoCookie)),
        }
    }

    /// Who a session belongs to at this moment.
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
        let seen = session.last_seen.load(Ordering::Relaxed);
        let valid_until = session.standing.valid_until(millis(seen), &self.limits);
        if valid_until <= now {
            return Ok(Presented::Nobody(Absence::Ended));
        }
        let subject = match (session.standing.kind(), &session.user) {
            (SessionKind::User, Some(user)) => {
                let facts = match self.directory.cached_user(user) {
                    Some(facts) => Some(facts),
                    None => self.directory.user(user).await?,
                };
                facts.filter(|facts| facts.honours_session(session.generation)).map(|facts| {
                    Subject {
                        kind: SessionKind::User,
                        organization: Arc::clone(&facts.organization),
                        user: Some(Arc::clone(&facts.id)),
                        login: Some(Arc::clone(&facts.login)),
                        end_user: facts.end_user.clone(),
                        group: Arc::clone(&facts.group),
                        granted: snapshot.granted(&facts.group),
                        valid_until,
                    }
                })
            }
            (SessionKind::Link, None) => {
                let facts = match self.directory.cached_organization(&session.organization) {
                    Some(facts) => Some(facts),
                    None => self.directory.organization(&session.organization).await?,
                };
                let Some(facts) = facts else {
                    return Ok(Presented::Nobody(Absence::Ended));
                };
                if !link_honoured(snapshot, &facts, session.generation) {
                    return Ok(Presented::Nobody(Absence::LinkNotEnough {
                        organization: Arc::clone(&session.organization),
                    }));
                }
                let group = snapshot.group(built_in::NON_PORTAL);
                group.map(|group| Subject {
                    kind: SessionKind::Link,
                    organization: Arc::clone(&session.organization),
                    user: None,
                    login: None,
                    end_user: None,
                    group: Arc::clone(group.id()),
                    granted: group.granted(),
                    valid_until,
                })
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
        let Some(subject) = subject else { return Ok(Presented::Nobody(Absence::Ended)) };
        self.touch(&key, &session, now);
        Ok(Presented::Somebody { key, subject })
    }

    /// Ends a session; `false` when there was none.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end(&self, key: &TokenHash) -> Result<bool, StoreError> {
        let delete =
            Write::Delete { kind: Kind::Session, id: key.to_string(), expect: Expect::Present };
        match self.feed.commit(vec![delete]).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(error) => Err(store_fault(error)),
        }
    }

    /// Ends all of them; answers how many there were.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_all(&self, whose: &Whose) -> Result<usize, StoreError> {
        let mut ended = 0;
        loop {
            let records =
                self.feed.store().list(Kind::Session, whose.key().as_ref(), None, PAGE).await?;
            if records.is_empty() {
                return Ok(ended);
            }
            ended += records.len();
            let deletes = records
                .into_iter()
                .map(|record| Write::Delete {
                    kind: Kind::Session,
                    id: record.id,
                    expect: Expect::Any,
                })
                .collect();
            self.feed.commit(deletes).await.map_err(store_fault)?;
        }
    }

    /// Up to `limit` live sessions after a cursor, and where the next page begins.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list(
        &self,
        whose: &Whose,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<SessionView>, Option<String>), StoreError> {
        let snapshot = self.directory.snapshot();
        let key = whose.key();
        let mut after = after.map(str::to_owned);
        let mut views = Vec::new();
        while views.len() < limit {
            let records = self
                .feed
                .store()
                .list(Kind::Session, key.as_ref(), after.as_deref(), limit - views.len())
                .await?;
            let Some(last) = records.last() else { return Ok((views, None)) };
            after = Some(last.id.clone());
            for record in records {
                let session = SessionRecord::read(&record)?;
                let Some(hash) = TokenHash::parse(&record.id) else { continue };
                if let Some(view) = self.view(hash, session, &snapshot, now).await? {
                    views.push(view);
                }
            }
        }
        Ok((views, after))
    }

    /// Up to so many live sessions of a portal user, the last used first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn of_user(
        &self,
        user: &str,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<SessionView>, StoreError> {
        let whose = Whose::User(user.to_owned());
        let (mut views, _) = self.list(&whose, None, limit, now).await?;
        views.sort_by_key(|view| std::cmp::Reverse((view.last_seen, view.created)));
        Ok(views)
    }

    /// Ends a session if it is this portal user's; `false` when it is not, or not there.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_of_user(&self, user: &str, key: &TokenHash) -> Result<bool, StoreError> {
        let Some(record) = self.feed.store().get(Kind::Session, &key.to_string()).await? else {
            return Ok(false);
        };
        // Whose a session is never changes.
        if SessionRecord::read(&record)?.user.as_deref() != Some(user) {
            return Ok(false);
        }
        self.end(key).await
    }

    /// Ends all sessions of a portal user but one; answers how many there were.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_others(&self, user: &str, keep: &TokenHash) -> Result<usize, StoreError> {
        let key = Whose::User(user.to_owned()).key();
        let keep = keep.to_string();
        let (mut ended, mut after) = (0, None::<String>);
        loop {
            let records =
                self.feed.store().list(Kind::Session, key.as_ref(), after.as_deref(), PAGE).await?;
            let Some(last) = records.last() else { return Ok(ended) };
            after = Some(last.id.clone());
            let deletes: Vec<_> = records
                .into_iter()
                .filter(|record| record.id != keep)
                .map(|record| Write::Delete {
                    kind: Kind::Session,
                    id: record.id,
                    expect: Expect::Any,
                })
                .collect();
            ended += deletes.len();
            if !deletes.is_empty() {
                self.feed.commit(deletes).await.map_err(store_fault)?;
            }
        }
    }

    /// Removes the records of sessions that have ended by themselves; answers how many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut after: Option<String> = None;
        let mut removed = 0;
        loop {
            let records =
                self.feed.store().list(Kind::Session, None, after.as_deref(), PAGE).await?;
            let Some(last) = records.last() else { return Ok(removed) };
            after = Some(last.id.clone());
            let mut deletes = Vec::new();
            for record in records {
                let session = SessionRecord::read(&record)?;
                let seen = TokenHash::parse(&record.id)
                    .and_then(|hash| self.cache.0.get(&hash))
                    .map_or(session.last_seen, |live| {
                        millis(live.last_seen.load(Ordering::Relaxed))
                    });
                if session.valid_until(seen, &self.limits) <= now {
                    deletes.push(Write::Delete {
                        kind: Kind::Session,
                        id: record.id,
                        expect: Expect::Any,
                    });
                }
            }
            removed += deletes.len();
            if !deletes.is_empty() {
                self.feed.commit(deletes).await.map_err(store_fault)?;
            }
        }
    }

    async fn view(
        &self,
        hash: TokenHash,
        session: SessionRecord,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Option<SessionView>, StoreError> {
        let live = self.cache.0.get(&hash);
        let last_seen =
            live.map_or(session.last_seen, |live| millis(live.last_seen.load(Ordering::Relaxed)));
        let valid_until = session.valid_until(last_seen, &self.limits);
        let honoured = match &session.user {
            Some(user) => self
                .directory
                .user(user)
                .await?
                .is_some_and(|facts| facts.honours_session(session.generation)),
            None => self
                .directory
                .organization(&session.organization)
                .await?
                .is_some_and(|facts| link_honoured(snapshot, &facts, session.generation)),
        };
        Ok((honoured && valid_until > now).then(|| SessionView {
            id: hash.to_string(),
            kind: session.standing().kind().name(),
            organization: session.organization,
            user: session.user,
            created: session.created,
            last_seen,
            valid_until,
            address: session.address,
            agent: session.agent,
        }))
    }

    async fn cached(&self, key: &TokenHash) -> Result<Option<Arc<Cached>>, StoreError> {
        if let Some(session) = self.cache.0.get(key) {
            return Ok(Some(session));
        }
        let store = self.feed.store();
        self.cache
            .0
            .get_or_load(*key, || async {
                let Some(record) = store.get(Kind::Session, &key.to_string()).await? else {
                    return Ok(None);
                };
                let session = SessionRecord::read(&record)?;
                let seen = session.last_seen.as_millisecond();
                // Shared by all sessions of the organization, when it is in memory.
                let organization = match self.directory.cached_organization(&session.organization) {
                    Some(facts) => Arc::clone(&facts.id),
                    None => session.organization.as_str().into(),
                };
                Ok(Some(Arc::new(Cached {
                    standing: session.standing(),
                    organization,
                    user: session.user.map(String::into_boxed_str),
                    generation: session.generation,
                    last_seen: AtomicI64::new(seen),
                    last_saved: AtomicI64::new(seen),
                })))
            })
            .await
    }

    /// Notes the use; every so often also on disk, without the request waiting for it.
    fn touch(&self, key: &TokenHash, session: &Arc<Cached>, now: Timestamp) {
        let now = now.as_millisecond();
        session.last_seen.fetch_max(now, Ordering::Relaxed);
        let idle = session.standing.idle(&self.limits).as_millis();
        let idle = i64::try_from(idle).unwrap_or(i64::MAX);
        let saved = session.last_saved.load(Ordering::Relaxed);
        if now - saved < idle / TOUCHES_PER_IDLE
            || session
                .last_saved
                .compare_exchange(saved, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
        {
            return;
        }
        let (feed, key) = (self.feed.clone(), *key);
        tokio::spawn(async move {
            if let Err(error) = save_use(&feed, &key, millis(now)).await {
                tracing::debug!(%error, "the last use of a session was not written");
            }
        });
    }
}

/// Writes when a session was last used, at the version read just before: a session ended meanwhile
/// must not come back.
async fn save_use(feed: &Feed, key: &TokenHash, now: Timestamp) -> Result<(), CommitError> {
    let Some(record) = feed.store().get(Kind::Session, &key.to_string()).await? else {
        return Ok(());
    };
    let mut session = SessionRecord::read(&record)?;
    session.last_seen = now;
    feed.commit(vec![session.put(key, Expect::Version(record.version))?]).await?;
    Ok(())
}

impl Whose {
    fn key(&self) -> Option<Key> {
        match self {
            Self::All => None,
            Self::User(id) => Some(Key::new(record::BY_USER, id)),
            Self::Organization(id) => Some(Key::new(record::BY_ORGANIZATION, id)),
        }
    }
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
