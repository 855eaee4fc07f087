//! Sessions of administrators: looked up on each request, listed and ended.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{AdminRules, AdministratorView, Administrators};
use crate::credential::token::TokenHash;
use crate::directory::accounts::portal_sessions;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::audit::{Occurrence, Subject};
use crate::directory::records::{
    Actor, AdminSession, AdminSessionId, Administrator, AdministratorId, Authority, Change, Page,
    PageRequest, StaffMember, Stored, retry,
};
use portcullis_store::{CommitError, StoreError};

/// How long a session lasts however often it is used.
const ABSOLUTE_TIMEOUT: Duration = Duration::from_secs(12 * 60 * 60);
/// How old the saved time of the last use may be.
const SAVED_EVERY: SignedDuration = SignedDuration::from_secs(30);

/// Whose session a request is in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The administrator.
    pub administrator: AdministratorView,
    /// The session's id.
    pub session: AdminSessionId,
}

/// Whether a request is made by a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionUse {
    /// It keeps the session alive.
    Attended,
    /// A page makes it by itself. It does not keep the session alive.
    Unattended,
}

/// A session as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "AdministratorSession")]
pub struct AdminSessionView {
    /// The token's hash.
    pub id: AdminSessionId,
    /// The administrator's id.
    pub administrator: AdministratorId,
    /// When it started.
    pub created: Timestamp,
    /// When it was last used, to half a minute.
    pub last_seen: Timestamp,
    /// The address that it started from.
    pub address: IpAddr,
}

impl Administrators {
    /// The administrator whose session has this token. The store is asked each time, so a session
    /// that was ended is invalid at once.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn session(
        &self,
        token: &TokenHash,
        rules: AdminRules,
        usage: SessionUse,
        now: Timestamp,
    ) -> Result<Option<SignedIn>, StoreError> {
        let id = AdminSessionId::from(token.to_string());
        let Some(session) = self.core.read().get::<AdminSession>(&id).await? else {
            return Ok(None);
        };
        let of = self.core.read().get::<Administrator>(&session.doc.administrator).await?;
        let Some(of) = of.filter(|of| is_open(&session.doc, &of.doc, rules, now)) else {
            return Ok(None);
        };
        let is_due = now.duration_since(session.doc.last_seen) >= SAVED_EVERY;
        if is_due && usage == SessionUse::Attended {
            self.save_use(&session, now).await?;
        }
        Ok(Some(SignedIn { administrator: of.into(), session: id }))
    }

    /// A page of the sessions of an administrator, ended ones included until they are removed.
    ///
    /// # Errors
    /// When there is no such administrator, or the store is unavailable.
    pub async fn sessions(
        &self,
        id: &AdministratorId,
        request: &PageRequest,
    ) -> Result<Page<AdminSessionView>, DirectoryError> {
        self.core.read().existing::<Administrator>(id, None).await?;
        let of = AdminSession::of(id);
        let page = self.core.read().page::<AdminSession>(Some(&of), request).await?;
        Ok(page.map(|Stored { id, doc, .. }| {
            let AdminSession { administrator, created, last_seen, address, .. } = doc;
            AdminSessionView { id, administrator, created, last_seen, address }
        }))
    }

    /// Ends a session, and those in the portal that were started from it.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn end_session(
        &self,
        id: &AdminSessionId,
        change: &Change,
    ) -> Result<bool, DirectoryError> {
        retry(|| async {
            let Some(session) = self.core.read().get::<AdminSession>(id).await? else {
                return Ok(false);
            };
            let (started, in_portal) =
                portal_sessions::ending(&self.core, StaffMember::by_session(&session.id)).await?;
            let id = &session.doc.administrator;
            let of = self.core.read().get::<Administrator>(id).await?;
            let entry = ended(id, of.as_ref(), (1, in_portal));
            let commit = [session.delete()].into_iter().chain(started).collect();
            self.core.records.commit_noting(change, commit, entry).await?;
            Ok::<_, AttemptError>(true)
        })
        .await
    }

    /// Ends a session of the administrator who makes the change, and those in the portal that were
    /// started from it. `false` if the actor has no such session.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn end_own_session(
        &self,
        id: &AdminSessionId,
        change: &Change,
    ) -> Result<bool, DirectoryError> {
        let Actor::Administrator { id: own, .. } = &change.actor else { return Ok(false) };
        let session = self.core.read().get::<AdminSession>(id).await?;
        match session.is_some_and(|session| session.doc.administrator == *own) {
            true => self.end_session(id, change).await,
            false => Ok(false),
        }
    }

    /// Ends all sessions of an administrator, and those in the portal; returns how many it was without
    /// those.
    ///
    /// # Errors
    /// When the actor may not (I10), there is no such administrator, or the store is unavailable.
    pub async fn end_sessions(
        &self,
        id: &AdministratorId,
        change: &Change,
    ) -> Result<usize, DirectoryError> {
        change.requires_over_gateway(Authority::Own)?;
        let administrator = self.core.read().existing::<Administrator>(id, change.expected).await?;
        retry(|| async {
            let of = AdminSession::of(id);
            let sessions = self.core.read().all_intact::<AdminSession>(Some(&of)).await?;
            let by = StaffMember::by_administrator(id);
            let (started, in_portal) = portal_sessions::ending(&self.core, by).await?;
            if sessions.is_empty() && in_portal == 0 {
                return Ok(0);
            }
            let commit = sessions.iter().map(Stored::delete).chain(started).collect();
            let entry = ended(id, Some(&administrator), (sessions.len(), in_portal));
            self.core.records.commit_noting(change, commit, entry).await?;
            Ok::<_, AttemptError>(sessions.len())
        })
        .await
    }

    /// Removes the records of sessions that have ended.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sweep_sessions(
        &self,
        rules: AdminRules,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let change = Change::new(Actor::System("removal of expired sessions"), now);
        let mut removed = 0;
        for session in self.core.read().all_intact::<AdminSession>(None).await? {
            let of = self.core.read().get::<Administrator>(&session.doc.administrator).await?;
            if of.is_some_and(|of| is_open(&session.doc, &of.doc, rules, now)) {
                continue;
            }
            match self.core.commit(&change, vec![session.delete()]).await {
                Ok(_) => removed += 1,
                Err(CommitError::Store(error)) => return Err(error),
                // It was used or ended since it was read.
                Err(_) => {}
            }
        }
        Ok(removed)
    }

    /// Saves the time of a use. If another request saves one at the same time, one of them is enough.
    async fn save_use(
        &self,
        session: &Stored<AdminSession>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = Change::new(Actor::System("last use of a session"), now);
        let doc = AdminSession { last_seen: now, ..session.doc.clone() };
        match self.core.commit(&change, vec![session.replace(doc).0]).await {
            Err(CommitError::Store(error)) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// The entry of the audit log about ended sessions of an administrator; `of` is `None` if the account
/// was deleted.
fn ended(
    id: &AdministratorId,
    of: Option<&Stored<Administrator>>,
    (sessions, in_portal): (usize, usize),
) -> Occurrence {
    let name = of.map_or(id.as_str(), |of| &of.doc.login);
    Occurrence {
        kind: "session.ended",
        subject: Subject::new("administrator", id.as_str(), name),
        reason: None,
        organization: None,
        user: None,
        after: [("sessions", sessions), ("portal_sessions", in_portal)]
            .into_iter()
            .filter(|(name, number)| *name == "sessions" || *number > 0)
            .map(|(name, number)| (name.to_owned(), number.into()))
            .collect(),
    }
}

/// Whether a session may be used: its account has not changed how it signs in, and neither timeout
/// is over.
pub(in crate::directory) fn is_open(
    session: &AdminSession,
    of: &Administrator,
    rules: AdminRules,
    now: Timestamp,
) -> bool {
    let within = |since: Timestamp, timeout: Duration| {
        let age = now.duration_since(since);
        SignedDuration::try_from(timeout).is_ok_and(|timeout| age < timeout)
    };
    session.generation == of.generation
        && (of.second_factor.is_some() || !rules.require_mfa)
        && within(session.last_seen, rules.idle_timeout)
        && within(session.created, ABSOLUTE_TIMEOUT)
}
