//! Starting a session, within the limits of secure links (I12).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Map;

use super::filter::SessionFilter;
use super::link_quota::Claim;
use super::new_session::{NewSession, SignInWay};
use super::portal_cookie::PortalCookie;
use super::record::{SESSION, SessionRecord};
use super::sessions::{PAGE, Sessions, TRIES, busy, store_fault};
use crate::credential::token::{PlainToken, TokenHash};
use crate::directory::accounts::users::Users;
use crate::directory::records::audit::{Occurrence, Subject};
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

/// Whose session has started, and how.
struct Started {
    /// `None` for a secure link.
    user: Option<UserId>,
    login: String,
    organization: OrganizationId,
    way: SignInWay,
    agent: String,
}

impl Started {
    fn log(&self) {
        let organization = self.organization.as_str();
        match &self.user {
            Some(user) => {
                let (user, login) = (user.as_str(), &*self.login);
                Event::SignIn(Account { user, organization, login }).log();
            }
            None => Event::LinkOpened { organization }.log(),
        }
    }

    /// The entry of the audit log. `None` for a secure link: the event is counted, and the entry about
    /// all of a minute written later, because anyone with the link can open it often.
    fn entry(&self) -> Option<Occurrence> {
        let user = self.user.as_ref()?;
        let way = ("way".to_owned(), self.way.name().into());
        let agent = ("agent".to_owned(), self.agent.as_str().into());
        Some(Occurrence {
            kind: "user.signed-in",
            subject: Subject::new("user", user.as_str(), &self.login),
            reason: None,
            organization: Some(self.organization.to_string()),
            user: Some(user.to_string()),
            after: Map::from_iter([way, agent]),
        })
    }
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
        let started = self.described(&new).await?;
        let token = PlainToken::generate();
        let mut record = SessionRecord::new(new, now);
        for _ in 0..TRIES {
            record.portal_cookies.clear();
            let replaced = match replaces {
                Some(old) => self.replaced(&old, Some(&mut record)).await?,
                None => None,
            };
            let stopped = self.replaced_entry(replaced.as_ref(), now).await?;
            let (cookies, end) = replaced.map(|it| (it.cookies, it.end)).unzip();
            let session = record.put(&token.hash(), Expect::Absent)?;
            let signed_in = record.user.iter().flat_map(|user| Users::signed_in(user, now));
            let commit = [session].into_iter().chain(end).chain(signed_in);
            let entries = stopped.into_iter().chain(started.entry()).collect();
            match self.records().commit_noting_all(change, commit.collect(), entries).await {
                Ok(_) => {
                    started.log();
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

    /// What the log and the audit log say about a new session.
    async fn described(&self, new: &NewSession) -> Result<Started, StoreError> {
        let login = match &new.user {
            Some(user) => self.directory.user(user).await?.map(|facts| facts.login.to_string()),
            None => None,
        };
        Ok(Started {
            user: new.user.clone(),
            login: login.unwrap_or_default(),
            organization: new.organization.clone(),
            way: new.way,
            agent: new.agent.clone(),
        })
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
