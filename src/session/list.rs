//! Lists of open sessions.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use super::filter::SessionFilter;
use super::portal_cookie::PortalCookie;
use super::record::{SESSION, SessionRecord};
use super::sessions::{PAGE, Sessions};
use super::staff::OfStaff;
use super::subject;
use crate::credential::token::TokenHash;
use crate::directory::records::StaffMember;
use crate::directory::{OrganizationId, Snapshot, UserId};
use portcullis_policy::{SessionKind, Subject};
use portcullis_store::StoreError;

/// A session as the admin API and the page of sessions show it.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Session")]
pub struct SessionView {
    /// The hash of the token. It identifies the session, but does not open it.
    pub id: String,
    /// `user`, `link`, `staff` or `impersonation`.
    pub kind: &'static str,
    /// The organization's id.
    pub organization: OrganizationId,
    /// The portal user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// When it started.
    pub created: Timestamp,
    /// When it was last used. If it is not in memory, the time may be too early by a tenth of the
    /// idle limit.
    pub last_seen: Timestamp,
    /// When it ends if it is not used again.
    pub valid_until: Timestamp,
    /// The client's address when it started.
    pub address: IpAddr,
    /// The browser's `User-Agent`, abbreviated.
    pub agent: String,
    /// Who of the operator's staff started it: a login, `token:NAME` or `socket`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

/// What is stored about a session of a portal user.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct SessionData {
    /// The hash of the token.
    pub id: String,
    /// When it started.
    pub created: Timestamp,
    /// The last use that was saved.
    pub last_seen: Timestamp,
    /// The client's address when it started.
    pub address: IpAddr,
    /// The browser's `User-Agent`, abbreviated.
    pub agent: String,
    /// The cookies that the portal has set in it, without their values.
    pub portal_cookies: Vec<PortalCookie>,
}

impl Sessions {
    /// How many sessions are in the store: open ones, and ended ones that are not removed yet.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn count(&self) -> Result<u64, StoreError> {
        self.records().read().count_records(SESSION, None).await
    }

    /// Up to `limit` open sessions after a cursor, and the cursor of the next page: `None` after the
    /// last one.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn list(
        &self,
        filter: &SessionFilter,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<SessionView>, Option<String>), StoreError> {
        self.list_of_kind(filter, None, after, limit, now).await
    }

    /// The same, of one kind if it is given.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn list_of_kind(
        &self,
        filter: &SessionFilter,
        kind: Option<SessionKind>,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<SessionView>, Option<String>), StoreError> {
        let snapshot = self.directory.snapshot();
        let key = filter.key_of_kind(kind);
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
                    // It admits no request, and must not hide the others.
                    Err(error) => {
                        tracing::error!(%error, "a session cannot be read");
                        continue;
                    }
                };
                if kind.is_some_and(|kind| session.lifetime().kind() != kind) {
                    continue;
                }
                let Some(hash) = TokenHash::parse(&record.id) else { continue };
                if let Some(view) = self.view(hash, session, &snapshot, now).await? {
                    views.push(view);
                }
            }
        }
        Ok((views, after))
    }

    /// Up to `limit` open sessions of a portal user, the last used first. Those in which staff acts as
    /// the user are not among them.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn of_user(
        &self,
        user: &UserId,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<SessionView>, StoreError> {
        let filter = SessionFilter::User(user.clone());
        let (mut views, _) = self.list(&filter, None, limit, now).await?;
        views.retain(|view| view.kind == SessionKind::User.name());
        views.sort_by_key(|view| std::cmp::Reverse((view.last_seen, view.created)));
        Ok(views)
    }

    /// What is stored about a portal user's own sessions, ended ones included.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn data_of_user(&self, user: &UserId) -> Result<Vec<SessionData>, StoreError> {
        let key = SessionFilter::User(user.clone()).key();
        let (mut data, mut after) = (Vec::new(), None::<String>);
        loop {
            let reader = self.records().read();
            let records = reader.list(SESSION, key.as_ref(), after.as_deref(), PAGE).await?;
            let Some(last) = records.last() else { return Ok(data) };
            after = Some(last.id.clone());
            for record in records {
                let Some((session, _)) = self.end_of(&record) else { continue };
                // Address and browser of a session of staff are not the user's.
                if session.staff.is_some() {
                    continue;
                }
                data.push(SessionData {
                    id: record.id,
                    created: session.created,
                    last_seen: session.last_seen,
                    address: session.address,
                    agent: session.agent,
                    portal_cookies: session.portal_cookies,
                });
            }
        }
    }

    /// A session as it is shown, if it is open.
    pub(super) async fn open(
        &self,
        hash: TokenHash,
        session: SessionRecord,
        now: Timestamp,
    ) -> Result<Option<SessionView>, StoreError> {
        self.view(hash, session, &self.directory.snapshot(), now).await
    }

    /// The subject of a session by the same rules as for requests. No other kind of session is
    /// valid, and none in a parked organization: its requests are denied with the reason, and its record
    /// is removed when the organization is no longer parked.
    pub(super) async fn subject(
        &self,
        session: &SessionRecord,
        snapshot: &Snapshot,
        valid_until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Subject>, StoreError> {
        if snapshot.parked(session.organization.as_str()).is_some() {
            return Ok(None);
        }
        let (generation, user) = (session.generation, session.user.as_ref());
        Ok(match (session.lifetime().kind(), user) {
            (SessionKind::User, Some(user)) => {
                let facts = self.directory.user(user).await?;
                facts.and_then(|facts| subject::of_user(&facts, generation, snapshot, valid_until))
            }
            (SessionKind::Link, None) => {
                let facts = self.directory.organization(&session.organization).await?;
                facts.and_then(|facts| subject::of_link(&facts, generation, snapshot, valid_until))
            }
            (SessionKind::Staff | SessionKind::Impersonation | SessionKind::Trial, _) => {
                let of_staff = OfStaff::of_record(session);
                let found = self.staff_subject(of_staff, snapshot, valid_until, now).await?;
                found.map(|(subject, ..)| subject)
            }
            (_, _) => None,
        })
    }

    async fn view(
        &self,
        hash: TokenHash,
        session: SessionRecord,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Option<SessionView>, StoreError> {
        let last_seen = self.last_seen(&hash, &session);
        let valid_until = session.valid_until(last_seen, &self.limits.load());
        let is_valid = self.subject(&session, snapshot, valid_until, now).await?.is_some();
        Ok((is_valid && valid_until > now).then(|| SessionView {
            id: hash.to_string(),
            kind: session.lifetime().kind().name(),
            actor: session.staff.as_ref().map(StaffMember::name),
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
