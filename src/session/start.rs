//! Starting a session, within the limits of secure links (I12).

use std::time::Duration;

use jiff::Timestamp;

use super::filter::SessionFilter;
use super::link_quota::Claim;
use super::new_session::NewSession;
use super::portal_cookie::PortalCookie;
use super::record::{SESSION, SessionRecord};
use super::sessions::{PAGE, Sessions, TRIES, busy, store_fault};
use crate::credential::token::{PlainToken, TokenHash};
use crate::directory::accounts::users::Users;
use crate::directory::{Change, OrganizationId, UserId};
use crate::telemetry::events::{Account, Cause, Event};
use portcullis_policy::SessionKind;
use portcullis_store::{CommitError, Expect, Record, StoreError};

/// Why no session was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secure link has reached a limit. Its open sessions stay open.
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
    /// Starts a session, and ends the one that it replaces in the same commit (R19). For a portal
    /// user, that is the last sign-in. The token must be sent to the browser and kept nowhere.
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
            let admitted = self.admit_by_link(&new, now).await;
            if let Err(StartError::TooMany { .. }) = admitted {
                let organization = Some(new.organization.as_str());
                Event::LinkRefused { cause: Cause::TooManySessions, organization }.log();
            }
            admitted?;
        }
        let (user, organization) = (new.user.clone(), new.organization.clone());
        let token = PlainToken::generate();
        let mut record = SessionRecord::new(new, now);
        for _ in 0..TRIES {
            record.portal_cookies.clear();
            let replaced = match replaces {
                Some(old) => self.replaced(&old, Some(&mut record)).await?,
                None => None,
            };
            let (cookies, end) = replaced.unzip();
            let session = record.put(&token.hash(), Expect::Absent)?;
            let signed_in = record.user.iter().flat_map(|user| Users::signed_in(user, now));
            let commit = [session].into_iter().chain(end).chain(signed_in);
            match self.records().commit(change, commit.collect()).await {
                Ok(_) => {
                    self.log_started(user.as_ref(), &organization).await;
                    let expired = cookies.flatten().unwrap_or_default();
                    return Ok(StartedSession { token, expired });
                }
                // The session to be replaced has changed since it was read, or has ended.
                Err(CommitError::Conflict { .. }) if replaces.is_some() => {}
                Err(error) => return Err(store_fault(error).into()),
            }
        }
        Err(busy().into())
    }

    async fn log_started(&self, user: Option<&UserId>, organization: &OrganizationId) {
        let Some(id) = user else {
            return Event::LinkOpened { organization: organization.as_str() }.log();
        };
        let facts = self.directory.user(id).await.ok().flatten();
        let login = facts.as_ref().map_or("", |facts| &facts.login);
        let (user, organization) = (id.as_str(), organization.as_str());
        Event::SignIn(Account { user, organization, login }).log();
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

    /// How many sessions of this generation of an organization's link are open.
    async fn count_by_link(&self, new: &NewSession, now: Timestamp) -> Result<usize, StoreError> {
        let key = SessionFilter::Organization(new.organization.clone()).key();
        let counts = |record: &&Record| {
            self.end_of(record).is_some_and(|(session, end)| {
                session.lifetime().kind() == SessionKind::Link
                    && session.generation == new.generation
                    && end > now
            })
        };
        let (mut open, mut after) = (0, None::<String>);
        loop {
            let records =
                self.records().read().list(SESSION, key.as_ref(), after.as_deref(), PAGE).await?;
            let Some(last) = records.last() else { return Ok(open) };
            after = Some(last.id.clone());
            open += records.iter().filter(counts).count();
        }
    }
}
