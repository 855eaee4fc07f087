//! Sessions as people look at them: lists, and the end of one or many.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use serde::Serialize;

use super::cache::millis;
use super::record::{self, SessionRecord};
use super::{NewSession, PAGE, Sessions, store_fault, subject};
use crate::credential::token::TokenHash;
use crate::directory::{Change, OrganizationId, Snapshot, UserId};
use crate::session::record::SESSION;
use portcullis_policy::SessionKind;
use portcullis_store::{Expect, Key, Record, StoreError, Write};

/// A session as an administrator sees it.
#[derive(Debug, Clone, Serialize)]
pub struct SessionView {
    /// Names the session; it does not open it.
    pub id: String,
    /// `user`, `link`, `staff` or `impersonation`.
    pub kind: &'static str,
    /// The organization's id.
    pub organization: OrganizationId,
    /// The portal user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
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
    User(UserId),
    /// An organization's, its link's included.
    Organization(OrganizationId),
}

impl Sessions {
    /// Ends all of them; answers how many there were.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_all(&self, whose: &Whose, change: &Change) -> Result<usize, StoreError> {
        self.delete(whose, |_| true, change).await
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
                .records()
                .read()
                .list(SESSION, key.as_ref(), after.as_deref(), limit - views.len())
                .await?;
            let Some(last) = records.last() else { return Ok((views, None)) };
            after = Some(last.id.clone());
            for record in records {
                let session = match SessionRecord::read(&record) {
                    Ok(session) => session,
                    // Nobody is signed in with it, and it must not hide the others.
                    Err(error) => {
                        tracing::error!(%error, "a session's record is damaged");
                        continue;
                    }
                };
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
        user: &UserId,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<SessionView>, StoreError> {
        let whose = Whose::User(user.clone());
        let (mut views, _) = self.list(&whose, None, limit, now).await?;
        views.sort_by_key(|view| std::cmp::Reverse((view.last_seen, view.created)));
        Ok(views)
    }

    /// How many sessions this generation of an organization's link has open.
    pub(super) async fn count_by_link(
        &self,
        new: &NewSession,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let key = Whose::Organization(new.organization.clone()).key();
        let (mut open, mut after) = (0, None::<String>);
        loop {
            let records =
                self.records().read().list(SESSION, key.as_ref(), after.as_deref(), PAGE).await?;
            let Some(last) = records.last() else { return Ok(open) };
            after = Some(last.id.clone());
            let counts = |record: &&Record| {
                let session = SessionRecord::read(record);
                let by_link = session.is_ok_and(|session| {
                    session.lifetime().kind() == SessionKind::Link
                        && session.generation == new.generation
                });
                by_link && !self.is_over(record, now)
            };
            open += records.iter().filter(counts).count();
        }
    }

    /// Ends a session if it is this portal user's; `false` when it is not, or not there.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_of_user(
        &self,
        user: &UserId,
        key: &TokenHash,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let Some(record) = self.records().read().record(SESSION, &key.to_string()).await? else {
            return Ok(false);
        };
        // Whose a session is never changes.
        if SessionRecord::read(&record)?.user.as_ref() != Some(user) {
            return Ok(false);
        }
        self.end(key, change).await
    }

    /// Ends all sessions of a portal user but one; answers how many there were.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_others(
        &self,
        user: &UserId,
        keep: &TokenHash,
        change: &Change,
    ) -> Result<usize, StoreError> {
        let keep = keep.to_string();
        self.delete(&Whose::User(user.clone()), |record| record.id != keep, change).await
    }

    /// Removes the records of somebody's sessions that are meant, a page at a time; answers how
    /// many.
    pub(super) async fn delete(
        &self,
        whose: &Whose,
        meant: impl Fn(&Record) -> bool + Send + Sync,
        change: &Change,
    ) -> Result<usize, StoreError> {
        let key = whose.key();
        let (mut deleted, mut after) = (0, None::<String>);
        loop {
            let records =
                self.records().read().list(SESSION, key.as_ref(), after.as_deref(), PAGE).await?;
            let Some(last) = records.last() else { return Ok(deleted) };
            after = Some(last.id.clone());
            let deletes: Vec<_> = records.into_iter().filter(&meant).map(delete).collect();
            deleted += deletes.len();
            if !deletes.is_empty() {
                self.records().commit(change, deletes).await.map_err(store_fault)?;
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
        // As requests are judged; no other kind is believed.
        let (generation, user) = (session.generation, session.user.as_ref());
        let subject = match (session.lifetime().kind(), user) {
            (SessionKind::User, Some(user)) => {
                let facts = self.directory.user(user).await?;
                facts.and_then(|facts| subject::of_user(&facts, generation, snapshot, valid_until))
            }
            (SessionKind::Link, None) => {
                let facts = self.directory.organization(&session.organization).await?;
                facts.and_then(|facts| subject::of_link(&facts, generation, snapshot, valid_until))
            }
            (_, _) => None,
        };
        let honoured = subject.is_some();
        Ok((honoured && valid_until > now).then(|| SessionView {
            id: hash.to_string(),
            kind: session.lifetime().kind().name(),
            organization: session.organization,
            user: session.user,
            created: session.created,
            last_seen,
            valid_until,
            address: session.address,
            agent: session.agent,
        }))
    }
}

fn delete(record: Record) -> Write {
    Write::Delete { kind: SESSION, id: record.id, expect: Expect::Any }
}

impl Whose {
    fn key(&self) -> Option<Key> {
        match self {
            Self::All => None,
            Self::User(id) => Some(Key::new(record::BY_USER, id.as_str())),
            Self::Organization(id) => Some(Key::new(record::BY_ORGANIZATION, id.as_str())),
        }
    }
}
