//! The record of a session in the store, and how long a session lasts.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::new_session::NewSession;
use super::portal_cookie::PortalCookie;
use crate::config::SessionLimits;
use crate::credential::token::TokenHash;
use crate::directory::access::trials::MOST_MINUTES;
use crate::directory::records::{StaffMember, Trial, TrialSession, kind};
use crate::directory::{OrganizationId, UserId};
use portcullis_policy::SessionKind;
use portcullis_store::{Expect, Key, Kind, Record, StoreError, Write};

/// A portal session, by the hash of its token.
pub(crate) const SESSION: Kind = kind::SESSION;
/// The index of sessions by portal user.
pub(super) const BY_USER: &str = kind::SESSION_USER;
/// The index of sessions by organization.
pub(super) const BY_ORGANIZATION: &str = "organization";
/// The index of sessions by kind, for those of the operator's staff.
pub(super) const BY_KIND: &str = "kind";
/// How long a trial lasts at most, whatever its record says.
const LONGEST_TRIAL: Duration = Duration::from_mins(MOST_MINUTES as u64);
/// How many characters of a `User-Agent` are kept.
const AGENT_LENGTH: usize = 160;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SessionRecord {
    kind: StoredKind,
    pub(super) organization: OrganizationId,
    pub(super) user: Option<UserId>,
    pub(super) generation: u64,
    pub(super) created: Timestamp,
    pub(super) last_seen: Timestamp,
    pub(super) address: IpAddr,
    pub(super) agent: String,
    /// Who of the operator's staff started it; `None` for kinds that are not of staff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) staff: Option<StaffMember>,
    /// The trial that it is of; `None` for all other kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trial: Option<TrialSession>,
    /// The cookies that the portal has set in the session.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) portal_cookies: Vec<PortalCookie>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredKind {
    User,
    Link,
    Staff,
    Impersonation,
    Token,
    Trial,
}

impl From<SessionKind> for StoredKind {
    fn from(kind: SessionKind) -> Self {
        match kind {
            SessionKind::User => Self::User,
            SessionKind::Link => Self::Link,
            SessionKind::Staff => Self::Staff,
            SessionKind::Impersonation => Self::Impersonation,
            SessionKind::Token => Self::Token,
            SessionKind::Trial => Self::Trial,
        }
    }
}

impl SessionRecord {
    pub(super) fn new(new: NewSession, now: Timestamp) -> Self {
        Self {
            kind: new.kind.into(),
            organization: new.organization,
            user: new.user,
            generation: new.generation,
            created: now,
            last_seen: now,
            address: new.address,
            agent: new.agent.chars().take(AGENT_LENGTH).collect(),
            staff: None,
            trial: None,
            portal_cookies: Vec::new(),
        }
    }

    pub(super) fn read(record: &Record) -> Result<Self, StoreError> {
        serde_json::from_slice(&record.doc).map_err(|error| StoreError::Damaged {
            kind: SESSION,
            id: record.id.clone(),
            cause: error.to_string(),
        })
    }

    pub(super) fn put(&self, key: &TokenHash, expect: Expect) -> Result<Write, StoreError> {
        let doc = serde_json::to_vec(self).map_err(|error| {
            StoreError::Unavailable(format!("a session cannot be written as JSON: {error}"))
        })?;
        let user = self.user.as_ref().map(|user| Key::new(BY_USER, user.as_str()));
        let staff = self.staff.iter().flat_map(|staff| {
            let kind = self.lifetime().kind();
            staff.keys().into_iter().chain([Key::new(BY_KIND, kind.name())])
        });
        Ok(Write::Put {
            kind: SESSION,
            id: key.to_string(),
            expect,
            doc: doc.into(),
            unique: Vec::new(),
            index: user
                .into_iter()
                .chain([Key::new(BY_ORGANIZATION, self.organization.as_str())])
                .chain(staff)
                .chain(self.trial.as_ref().map(|trial| Trial::key(&trial.id)))
                .collect(),
            ordered: Vec::new(),
        })
    }

    /// Whether the portal may take both for the same visitor: they are sessions of the same user, or
    /// of the same organization's link. A session of staff is of another visitor than the user's own.
    pub(super) fn is_same_person_as(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.user == other.user
            && self.organization == other.organization
    }

    pub(super) fn lifetime(&self) -> Lifetime {
        let until = self.trial.as_ref().map(|trial| trial.ends);
        Lifetime { kind: self.kind, created: self.created, until }
    }

    /// As [`Lifetime::valid_until`].
    pub(super) fn valid_until(&self, last_seen: Timestamp, limits: &SessionLimits) -> Timestamp {
        self.lifetime().valid_until(last_seen, limits)
    }
}

/// What decides how long a session lasts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lifetime {
    kind: StoredKind,
    created: Timestamp,
    /// When the trial ends that it is of.
    until: Option<Timestamp>,
}

impl Lifetime {
    pub(super) fn new(kind: SessionKind, created: Timestamp, until: Option<Timestamp>) -> Self {
        Self { kind: kind.into(), created, until }
    }

    pub(super) fn kind(self) -> SessionKind {
        match self.kind {
            StoredKind::User => SessionKind::User,
            StoredKind::Link => SessionKind::Link,
            StoredKind::Staff => SessionKind::Staff,
            StoredKind::Impersonation => SessionKind::Impersonation,
            StoredKind::Token => SessionKind::Token,
            StoredKind::Trial => SessionKind::Trial,
        }
    }

    /// How long the session may go unused before it ends.
    pub(super) fn idle(self, limits: &SessionLimits) -> Duration {
        if self.is_staff() { limits.staff_idle } else { limits.idle }
    }

    /// The first moment at which the session has ended, if it is not used after `last_seen`.
    pub(super) fn valid_until(self, last_seen: Timestamp, limits: &SessionLimits) -> Timestamp {
        self.ends(limits).min(later(last_seen, self.idle(limits)))
    }

    /// The first moment at which the session has ended, however often it is used.
    pub(super) fn ends(self, limits: &SessionLimits) -> Timestamp {
        let longest = match self.kind {
            StoredKind::User | StoredKind::Link | StoredKind::Token => limits.absolute,
            StoredKind::Staff => limits.staff_absolute,
            StoredKind::Impersonation => limits.staff_absolute.min(limits.impersonation),
            StoredKind::Trial => limits.staff_absolute.min(LONGEST_TRIAL),
        };
        let end = later(self.created, longest);
        match self.kind {
            // Without its trial it has no time at all.
            StoredKind::Trial => end.min(self.until.unwrap_or(self.created)),
            _ => end,
        }
    }

    fn is_staff(self) -> bool {
        self.kind().is_staff()
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
