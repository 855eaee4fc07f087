//! From a request's cookie to the session and the [`Subject`] behind it, as it is at this moment.

use std::sync::Arc;

use jiff::Timestamp;

use super::banner::{Banner, StaffFacts};
use super::cache::Cached;
use super::last_use::no_later;
use super::sessions::Sessions;
use super::subject;
use crate::credential::token::TokenHash;
use crate::directory::records::TrialId;
use crate::directory::{Disclosed, Snapshot};
use crate::web::cookie;
use portcullis_policy::{SessionKind, Subject};
use portcullis_store::StoreError;

/// The session that a request belongs to, or why it belongs to none.
#[derive(Debug, Clone)]
pub enum SessionLookup {
    /// A live session.
    Found {
        /// The session.
        key: TokenHash,
        /// Its user or link, and what they may do.
        subject: Subject,
        /// Texts about them for the portal, if it gets any.
        disclosed: Option<Box<Disclosed>>,
        /// More about a session of the operator's staff; `None` for all others.
        staff: Option<Box<StaffFacts>>,
    },
    /// No live session.
    Missing(Absence),
}

/// Why a request has no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// No session cookie, or one that cannot be a token.
    NoCookie,
    /// More than one session cookie: another host, or another path, has set one too.
    SeveralCookies,
    /// The session has ended, or never existed.
    Ended,
    /// The session of a secure link is no longer valid: the organization has portal users now, or
    /// the link is disabled or rotated (R14).
    LinkNotEnough {
        /// The organization whose link it was.
        organization: Arc<str>,
    },
}

impl SessionLookup {
    /// The key of the live session.
    #[must_use]
    pub fn key(&self) -> Option<TokenHash> {
        match self {
            Self::Found { key, .. } => Some(*key),
            Self::Missing(_) => None,
        }
    }

    /// Texts about the subject for the portal, if it gets any.
    #[must_use]
    pub fn disclosed(&self) -> Option<&Disclosed> {
        match self {
            Self::Found { disclosed, .. } => disclosed.as_deref(),
            Self::Missing(_) => None,
        }
    }

    /// The trial of the portal that the live session is of.
    #[must_use]
    pub fn trial(&self) -> Option<&TrialId> {
        match self {
            Self::Found { staff: Some(facts), .. } => facts.trial.as_ref(),
            Self::Found { .. } | Self::Missing(_) => None,
        }
    }

    /// The subject of the live session.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Found { subject, .. } => Some(subject),
            Self::Missing(_) => None,
        }
    }
}

impl SessionLookup {
    /// What the banner says. `None` for a session that is not of staff, and without one.
    #[must_use]
    pub fn banner(&self) -> Option<Banner<'_>> {
        let Self::Found { key, subject, staff: Some(facts), .. } = self else { return None };
        Some(Banner {
            kind: subject.kind,
            organization: &subject.organization,
            organization_name: &facts.organization_name,
            login: subject.login.as_deref(),
            actor: subject.actor.as_deref().unwrap_or_default(),
            ends: facts.ends,
            key: *key,
        })
    }
}

impl Sessions {
    /// The session of a request with these headers. This is a use: the idle time starts again.
    ///
    /// # Errors
    /// If what is needed is not in memory and the store does not answer.
    pub async fn resolve(
        &self,
        headers: &http::HeaderMap,
        cookie_name: &str,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<SessionLookup, StoreError> {
        match cookie::token_hash(headers, cookie_name) {
            Some(key) => self.resolve_key(key, snapshot, now).await,
            None if cookie::is_doubled(headers, cookie_name) => {
                Ok(SessionLookup::Missing(Absence::SeveralCookies))
            }
            None => Ok(SessionLookup::Missing(Absence::NoCookie)),
        }
    }

    /// The session with this key. This is a use: the idle time starts again.
    ///
    /// # Errors
    /// If what is needed is not in memory and the store does not answer.
    pub async fn resolve_key(
        &self,
        key: TokenHash,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<SessionLookup, StoreError> {
        let Some(session) = self.cached(&key).await? else {
            return Ok(SessionLookup::Missing(Absence::Ended));
        };
        let presented = self.judge(key, &session, snapshot, now).await?;
        if presented.subject().is_some() {
            self.touch(&key, &session, now);
        }
        Ok(presented)
    }

    /// The session with this key. This is not a use: the idle time goes on.
    ///
    /// # Errors
    /// If what is needed is not in memory and the store does not answer.
    pub async fn look_at(
        &self,
        key: TokenHash,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<SessionLookup, StoreError> {
        match self.cached(&key).await? {
            Some(session) => self.judge(key, &session, snapshot, now).await,
            None => Ok(SessionLookup::Missing(Absence::Ended)),
        }
    }

    async fn judge(
        &self,
        key: TokenHash,
        session: &Cached,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<SessionLookup, StoreError> {
        let created = no_later(&session.created, now);
        let seen = no_later(&session.last_seen, now);
        let valid_until = session.lifetime(created).valid_until(seen, &self.limits.load());
        if valid_until <= now {
            return Ok(SessionLookup::Missing(Absence::Ended));
        }
        let discloses = self.directory.discloses();
        let mut disclosed = None;
        let subject = match (session.kind, &session.user) {
            (SessionKind::User, Some(user)) => {
                let facts = match self.directory.cached_user(user) {
                    Some(facts) => Some(facts),
                    None => Box::pin(self.directory.user(user)).await?,
                };
                if discloses && let Some(facts) = &facts {
                    let texts = Box::pin(self.directory.disclosed_of_user(facts, snapshot)).await?;
                    disclosed = Some(texts);
                }
                facts.and_then(|facts| {
                    subject::of_user(&facts, session.generation, snapshot, valid_until)
                })
            }
            (SessionKind::Link, None) => {
                let facts = match self.directory.cached_organization(&session.organization) {
                    Some(facts) => Some(facts),
                    None => Box::pin(self.directory.organization(&session.organization)).await?,
                };
                let Some(facts) = facts else {
                    return Ok(SessionLookup::Missing(Absence::Ended));
                };
                let subject = subject::of_link(&facts, session.generation, snapshot, valid_until);
                if subject.is_none() {
                    return Ok(SessionLookup::Missing(Absence::LinkNotEnough {
                        organization: session.organization.shared(),
                    }));
                }
                disclosed = discloses.then(|| self.directory.disclosed_of_link(&facts, snapshot));
                subject
            }
            (SessionKind::Staff | SessionKind::Impersonation | SessionKind::Trial, _) => {
                // Boxed because it is rare: otherwise each request's future would have room for it.
                let of_staff = self.judge_staff((key, session), snapshot, valid_until, now);
                return Box::pin(of_staff).await;
            }
            // No other session can be started, so such a record is not valid.
            (SessionKind::User | SessionKind::Link | SessionKind::Token, _) => None,
        };
        Ok(match subject {
            Some(subject) => SessionLookup::Found { key, subject, disclosed, staff: None },
            None => SessionLookup::Missing(Absence::Ended),
        })
    }
}
