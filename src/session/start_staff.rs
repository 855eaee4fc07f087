//! Starting and stopping a session of the operator's staff in the portal.
//!
//! The commit that starts it removes the one-time link, so that of two who open it one gets the
//! session, and none after a crash in between. Nothing about a portal user changes: neither the own
//! sessions, nor the last sign-in, nor the lockout.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Map;

use super::new_session::{NewSession, SignInWay};
use super::record::SessionRecord;
use super::sessions::{Sessions, TRIES, busy, store_fault};
use super::staff::OfStaff;
use super::start::StartedSession;
use crate::credential::token::{PlainToken, TokenHash};
use crate::directory::records::audit::{Occurrence, Subject};
use crate::directory::records::{StaffMember, Stored, ViewLink};
use crate::directory::{Actor, Change, DirectoryError};
use portcullis_policy::SessionKind;
use portcullis_store::{CommitError, Expect, StoreError};

/// What a link of staff would open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewOpening {
    /// Who asked for it.
    pub staff: StaffMember,
    /// The name of the organization.
    pub organization: String,
    /// The login of the portal user to act as.
    pub login: Option<String>,
}

/// The browser that opens a link of staff.
#[derive(Debug, Clone)]
pub struct OpenedView {
    /// The session that the new one replaces.
    pub replaces: Option<TokenHash>,
    /// The client's address.
    pub address: IpAddr,
    /// The browser's `User-Agent`; the record keeps the first 160 characters.
    pub agent: String,
}

/// What happens to a session of staff, in the audit log.
#[derive(Debug, Clone, Copy)]
pub(super) enum StaffEvent {
    Opened,
    Stopped,
    Expired,
}

impl StaffEvent {
    const fn name(self, kind: SessionKind) -> &'static str {
        match (self, kind) {
            (Self::Opened, SessionKind::Impersonation) => "impersonation.opened",
            (Self::Stopped, SessionKind::Impersonation) => "impersonation.stopped",
            (Self::Expired, SessionKind::Impersonation) => "impersonation.expired",
            (Self::Opened, SessionKind::Trial) => "trial.opened",
            (Self::Stopped, SessionKind::Trial) => "trial.stopped",
            (Self::Expired, SessionKind::Trial) => "trial.expired",
            (Self::Opened, _) => "view.opened",
            (Self::Stopped, _) => "view.stopped",
            (Self::Expired, _) => "view.expired",
        }
    }
}

impl Sessions {
    /// What the link with this token would open. `None` if it was opened, has expired or never
    /// existed, or the member of staff may no longer open it.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn view_opening(
        &self,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<ViewOpening>, StoreError> {
        let Some((link, _)) = self.directory.views().find(token, now).await? else {
            return Ok(None);
        };
        let ViewLink { staff, organization, user, .. } = link.doc;
        let Some(organization) = self.directory.organization(&organization).await? else {
            return Ok(None);
        };
        let login = match user {
            Some(user) => match self.directory.user(&user).await? {
                Some(user) => Some(user.login.to_string()),
                None => return Ok(None),
            },
            None => None,
        };
        Ok(Some(ViewOpening { staff, organization: organization.name.to_string(), login }))
    }

    /// Opens the link with this token: starts the session, ends the one that it replaces, and removes
    /// the link, in one commit. The token of the session must be sent to the browser and kept
    /// nowhere. `None` if the link cannot be opened.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn open_view(
        &self,
        token: &TokenHash,
        browser: &OpenedView,
        now: Timestamp,
    ) -> Result<Option<StartedSession>, StoreError> {
        for _ in 0..TRIES {
            let Some((link, mut commit)) = self.directory.views().find(token, now).await? else {
                return Ok(None);
            };
            let Some(mut record) = self.of_link(&link, browser, now).await? else {
                return Ok(None);
            };
            if let Some(id) = &link.doc.trial {
                let opening = self.directory.trials().opening(id, now).await?;
                let Some((trial, opened)) = opening else { return Ok(None) };
                record.trial = Some(trial);
                commit.push(opened);
            }
            let replaced = match browser.replaces {
                Some(old) => self.replaced(&old, Some(&mut record)).await?,
                None => None,
            };
            let stopped = self.replaced_entry(replaced.as_ref(), now).await?;
            let (cookies, end) = replaced.map(|it| (it.cookies, it.end)).unzip();
            let session = PlainToken::generate();
            commit.push(record.put(&session.hash(), Expect::Absent)?);
            commit.extend(end);
            if let Some(user) = &record.user {
                let notice = self.directory.views().notice(user, now).await;
                commit.extend(notice.or_else(store_only)?);
            }
            let mut entry =
                self.staff_entry(StaffEvent::Opened, OfStaff::of_record(&record)).await?;
            entry.reason = Some(link.doc.reason);
            entry.after.insert("agent".to_owned(), record.agent.as_str().into());
            let change = Change::new(Actor::Staff(link.doc.staff), now);
            let entries = stopped.into_iter().chain([entry]).collect();
            match self.records().commit_noting_all(&change, commit, entries).await {
                Ok(_) => {
                    let expired = cookies.flatten().unwrap_or_default();
                    return Ok(Some(StartedSession { token: session, expired }));
                }
                // The link was opened, or the account, the user or the replaced session has changed.
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(store_fault(error)),
            }
        }
        Err(busy())
    }

    /// The record of the session that a link starts. `None` if what it is about no longer exists.
    async fn of_link(
        &self,
        link: &Stored<ViewLink>,
        browser: &OpenedView,
        now: Timestamp,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let ViewLink { organization, user, staff, .. } = &link.doc;
        if self.directory.organization(organization).await?.is_none() {
            return Ok(None);
        }
        let generation = match user {
            None => 0,
            Some(user) => match self.directory.user(user).await? {
                Some(user) => user.password_generation,
                None => return Ok(None),
            },
        };
        let new = NewSession {
            kind: link.doc.session(),
            organization: organization.clone(),
            user: user.clone(),
            generation,
            way: SignInWay::Staff,
            address: browser.address,
            agent: browser.agent.clone(),
        };
        let mut record = SessionRecord::new(new, now);
        record.staff = Some(staff.clone());
        Ok(Some(record))
    }

    /// The entry of the audit log about a session of staff.
    pub(super) async fn staff_entry(
        &self,
        event: StaffEvent,
        session: OfStaff<'_>,
    ) -> Result<Occurrence, StoreError> {
        let OfStaff { kind, organization, user, staff, trial, .. } = session;
        let kind = event.name(kind);
        let of = self.directory.organization(organization).await?;
        let name = of.as_ref().map_or(organization.as_str(), |of| &of.name);
        let after = staff.map(|staff| ("staff".to_owned(), staff.name().into()));
        let trial = trial.map(|trial| ("trial".to_owned(), trial.id.as_str().into()));
        let after = Map::from_iter(after.into_iter().chain(trial));
        let entry = Occurrence::of_organization(kind, organization, name, after);
        let Some(id) = user else { return Ok(entry) };
        let facts = self.directory.user(id).await?;
        let login = facts.as_ref().map_or(id.as_str(), |facts| &facts.login);
        let subject = Subject::new("user", id.as_str(), login);
        Ok(Occurrence { subject, user: Some(id.to_string()), ..entry })
    }
}

/// Only an unavailable store is an error: any other only means that there is no mail.
fn store_only<T>(error: DirectoryError) -> Result<Option<T>, StoreError> {
    match error {
        DirectoryError::Store(error) => Err(error),
        _ => Ok(None),
    }
}
