//! Why sessions have ended, for the sign-in page.
//!
//! A reason is kept for a day under the hash of the session's token, so that only the browser that
//! had the session learns it. It names nobody.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::record::{SESSION, SessionRecord};
use super::sessions::{PAGE, Sessions, store_fault};
use crate::credential::token::TokenHash;
use crate::directory::records::kind;
use crate::directory::{Actor, Change};
use portcullis_store::{Expect, Kind, Record, StoreError, Write};

/// The reason why a session has ended, by the hash of its token.
const ENDED: Kind = kind::ENDED_SESSION;
/// How long a reason is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Why a portal user's session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// It was not used for the idle limit.
    Idle,
    /// It has lasted for the absolute limit.
    Absolute,
    /// The user's password has changed (R34).
    PasswordChanged,
    /// The user ended it in another browser.
    ByUser,
    /// An operator ended it.
    ByOperator,
}

#[derive(Serialize, Deserialize)]
struct EndRecord {
    reason: EndReason,
    at: Timestamp,
}

impl Sessions {
    /// Why the session with this key has ended. `None` if that is not known, or if it was not a
    /// portal user's own session.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn end_reason(
        &self,
        key: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<EndReason>, StoreError> {
        let (reader, id) = (self.records().read(), key.to_string());
        if let Some(record) = reader.record(ENDED, &id).await? {
            let ended = serde_json::from_slice::<EndRecord>(&record.doc).ok();
            return Ok(ended.map(|ended| ended.reason));
        }
        match reader.record(SESSION, &id).await? {
            Some(record) => self.reason(&record, None, now).await,
            None => Ok(None),
        }
    }

    /// The write that keeps the reason why this session ends with the change, if there is one to
    /// keep.
    pub(super) async fn keep_reason(
        &self,
        record: &Record,
        change: &Change,
    ) -> Result<Option<Write>, StoreError> {
        let Some(reason) = self.reason(record, Some(&change.actor), change.at).await? else {
            return Ok(None);
        };
        let doc = serde_json::to_vec(&EndRecord { reason, at: change.at }).map_err(|error| {
            StoreError::Unavailable(format!("a reason cannot be written as JSON: {error}"))
        })?;
        Ok(Some(Write::Put {
            kind: ENDED,
            id: record.id.clone(),
            expect: Expect::Any,
            doc: doc.into(),
            unique: Vec::new(),
            index: Vec::new(),
            ordered: Vec::new(),
        }))
    }

    /// Removes the reasons that were kept long enough.
    pub(super) async fn forget_reasons(&self, change: &Change) -> Result<(), StoreError> {
        let mut after = None::<String>;
        loop {
            let records = self.records().read().list(ENDED, None, after.as_deref(), PAGE).await?;
            let Some(last) = records.last() else { return Ok(()) };
            after = Some(last.id.clone());
            let is_over = |record: &Record| {
                let ended = serde_json::from_slice::<EndRecord>(&record.doc);
                ended.map_or(true, |ended| change.at.duration_since(ended.at) > KEPT)
            };
            let deletes: Vec<_> = records
                .into_iter()
                .filter(is_over)
                .map(|record| Write::Delete { kind: ENDED, id: record.id, expect: Expect::Any })
                .collect();
            if !deletes.is_empty() {
                self.records().commit(change, deletes).await.map_err(store_fault)?;
            }
        }
    }

    /// Why the session of a record ends or has ended. `actor` ends it, unless it has ended before.
    async fn reason(
        &self,
        record: &Record,
        actor: Option<&Actor>,
        now: Timestamp,
    ) -> Result<Option<EndReason>, StoreError> {
        let Some((session, end)) = self.end_of(record) else { return Ok(None) };
        let user = session.user.as_ref().filter(|_| session.staff.is_none());
        let Some(user) = user else { return Ok(None) };
        if end <= now {
            return Ok(Some(self.expired_by(&session, end)));
        }
        let facts = self.directory.user(user).await?;
        if facts.is_some_and(|facts| !facts.honours_session(session.generation)) {
            return Ok(Some(EndReason::PasswordChanged));
        }
        Ok(actor.and_then(|actor| match actor {
            Actor::PortalUser { .. } => Some(EndReason::ByUser),
            Actor::SocketOwner | Actor::Token { .. } | Actor::Administrator { .. } => {
                Some(EndReason::ByOperator)
            }
            Actor::Staff(_) | Actor::System(_) => None,
        }))
    }

    /// The limit that ended a session.
    fn expired_by(&self, session: &SessionRecord, end: Timestamp) -> EndReason {
        // As if it had been in use all the time.
        match session.valid_until(Timestamp::MAX, &self.limits.load()) == end {
            true => EndReason::Absolute,
            false => EndReason::Idle,
        }
    }
}
