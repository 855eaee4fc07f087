//! Ending sessions, and removing the records of expired ones.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Map;

use super::filter::SessionFilter;
use super::record::{SESSION, SessionRecord};
use super::sessions::{PAGE, Sessions, store_fault};
use super::staff::OfStaff;
use super::start_staff::StaffEvent;
use crate::credential::token::TokenHash;
use crate::directory::records::audit::{Occurrence, Subject};
use crate::directory::{Actor, Change, UserId};
use crate::telemetry::events::Event;
use portcullis_policy::SessionKind;
use portcullis_store::{CommitError, Expect, Record, StoreError, Write};

/// How long a record is kept after the end of its session if the portal has set cookies in it.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The kind of the entries of the audit log about ended sessions.
const ENDED: &str = "session.ended";

impl Sessions {
    /// Ends a session. Returns whether it existed.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn end(&self, key: &TokenHash, change: &Change) -> Result<bool, StoreError> {
        let id = key.to_string();
        let Some(record) = self.records().read().record(SESSION, &id).await? else {
            return Ok(false);
        };
        let delete = Write::Delete { kind: SESSION, id, expect: Expect::Present };
        let reason = self.keep_reason(&record, change).await?;
        let writes = [delete].into_iter().chain(reason).collect();
        let session = SessionRecord::read(&record)?;
        let entries = self.entries([session], change).await?;
        match self.records().commit_noting_all(change, writes, entries).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(error) => Err(store_fault(error)),
        }
    }

    /// Ends a session if it is one of this portal user. Returns `false` if it is another user's, or
    /// does not exist.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn end_of_user(
        &self,
        user: &UserId,
        key: &TokenHash,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let Some(record) = self.records().read().record(SESSION, &key.to_string()).await? else {
            return Ok(false);
        };
        // The user of a session never changes.
        let session = SessionRecord::read(&record)?;
        if session.user.as_ref() != Some(user) || session.staff.is_some() {
            return Ok(false);
        }
        let ended = self.end(key, change).await?;
        if ended {
            Event::SessionsEnded { user: user.as_str(), records: 1 }.log();
        }
        Ok(ended)
    }

    /// Ends these sessions. Returns how many.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn end_all(
        &self,
        filter: &SessionFilter,
        change: &Change,
    ) -> Result<usize, StoreError> {
        self.end_all_of_kind(filter, None, change).await
    }

    /// The same, of one kind if it is given.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn end_all_of_kind(
        &self,
        filter: &SessionFilter,
        kind: Option<SessionKind>,
        change: &Change,
    ) -> Result<usize, StoreError> {
        let is_of_kind = |record: &Record| {
            kind.is_none_or(|kind| {
                SessionRecord::read(record).is_ok_and(|session| session.lifetime().kind() == kind)
            })
        };
        self.delete(filter, is_of_kind, change).await
    }

    /// Ends all of a portal user's own sessions except `keep`. Returns how many.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn end_others(
        &self,
        user: &UserId,
        keep: &TokenHash,
        change: &Change,
    ) -> Result<usize, StoreError> {
        let keep = keep.to_string();
        let filter = SessionFilter::User(user.clone());
        let is_own = |record: &Record| {
            record.id != keep
                && SessionRecord::read(record).map_or(true, |session| session.staff.is_none())
        };
        let ended = self.delete(&filter, is_own, change).await?;
        let records = u64::try_from(ended).unwrap_or(u64::MAX);
        Event::SessionsEnded { user: user.as_str(), records }.log();
        Ok(ended)
    }

    /// Removes the records of expired sessions. Returns how many.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        let change = Change::new(Actor::System("removal of expired sessions"), now);
        let removable = |record: &Record| self.is_removable(record, now);
        let removed = self.delete(&SessionFilter::All, removable, &change).await?;
        self.forget_reasons(&change).await?;
        self.link_quota.outdate(now);
        Ok(removed)
    }

    /// Whether a record can be removed. It is kept while the browser may still hold cookies of the
    /// portal, which the next user must not inherit.
    fn is_removable(&self, record: &Record, now: Timestamp) -> bool {
        self.end_of(record).is_some_and(|(session, end)| {
            let kept = if session.portal_cookies.is_empty() { SignedDuration::ZERO } else { KEPT };
            end.checked_add(kept).is_ok_and(|end| end <= now)
        })
    }

    /// Removes those records that `matches` accepts, a page at a time. Returns how many.
    async fn delete(
        &self,
        filter: &SessionFilter,
        matches: impl Fn(&Record) -> bool + Send + Sync,
        change: &Change,
    ) -> Result<usize, StoreError> {
        let key = filter.key();
        let (mut deleted, mut after) = (0, None::<String>);
        loop {
            let records =
                self.records().read().list(SESSION, key.as_ref(), after.as_deref(), PAGE).await?;
            let Some(last) = records.last() else { return Ok(deleted) };
            after = Some(last.id.clone());
            let (mut writes, mut sessions, mut count) = (Vec::new(), Vec::new(), 0);
            for record in records.into_iter().filter(&matches) {
                writes.extend(self.keep_reason(&record, change).await?);
                // A damaged record names no user.
                sessions.extend(SessionRecord::read(&record));
                writes.push(delete(record));
                count += 1;
            }
            if !writes.is_empty() {
                let entries = self.entries(sessions, change).await?;
                let committed = self.records().commit_noting_all(change, writes, entries).await;
                committed.map_err(store_fault)?;
                deleted += count;
            }
        }
    }

    /// The entries of the audit log about sessions that a person has ended: one for each organization,
    /// about the portal user if they are all of one. If the gateway removes them, one for each of the
    /// operator's staff.
    async fn entries(
        &self,
        sessions: impl IntoIterator<Item = SessionRecord>,
        change: &Change,
    ) -> Result<Vec<Occurrence>, StoreError> {
        let mut entries = Vec::new();
        if matches!(change.actor, Actor::System(_)) {
            for session in sessions.into_iter().filter(|session| session.staff.is_some()) {
                let of_staff = OfStaff::of_record(&session);
                entries.push(self.staff_entry(StaffEvent::Expired, of_staff).await?);
            }
            return Ok(entries);
        }
        let mut ended = BTreeMap::<_, Vec<_>>::new();
        for SessionRecord { organization, user, .. } in sessions {
            ended.entry(organization).or_default().push(user);
        }
        for (organization, users) in ended {
            let after = Map::from_iter([("sessions".to_owned(), users.len().into())]);
            let one = users.first().filter(|one| users.iter().all(|user| user == *one));
            entries.push(match one {
                Some(Some(id)) => {
                    let facts = self.directory.user(id).await?;
                    let login = facts.as_ref().map_or(id.as_str(), |facts| &facts.login);
                    Occurrence {
                        subject: Subject::new("user", id.as_str(), login),
                        user: Some(id.to_string()),
                        ..Occurrence::of_organization(ENDED, &organization, "", after)
                    }
                }
                _ => {
                    let facts = self.directory.organization(&organization).await?;
                    let name = facts.as_ref().map_or(organization.as_str(), |facts| &facts.name);
                    Occurrence::of_organization(ENDED, &organization, name, after)
                }
            });
        }
        Ok(entries)
    }
}

fn delete(record: Record) -> Write {
    Write::Delete { kind: SESSION, id: record.id, expect: Expect::Any }
}
