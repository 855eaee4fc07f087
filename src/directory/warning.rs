//! Warnings: what a change does without saying so, and what may not have been meant.

use serde::{Deserialize, Serialize};

/// Something that may not be what was meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Warning {
    /// A stable name.
    pub name: WarningName,
    /// What it is, and what to do about it.
    pub detail: String,
    /// What it is about, by its id, login, name or address; how many are listed is bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<Subject>,
    /// How many more it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<u64>,
    /// How many sessions, tokens, emails or people it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Why a secure link closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<ClosedBecause>,
}

/// One of those that a warning is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "WarningSubject")]
pub struct Subject {
    /// Its id, login, name or address.
    pub name: String,
    /// Of a route: how many people gain or lose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<u64>,
    /// Of a route: its methods and its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<String>,
}

/// Why a secure link closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClosedBecause {
    /// The organization gets its first portal user (R12).
    PortalUsers,
    /// The organization is parked.
    Parked,
    /// The preference changes, and the organization has portal users (R12).
    Preference,
}

/// The name of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "docs/api.md says when each occurs")]
pub enum WarningName {
    OrganizationParked,
    LinkCloses,
    LinkOpens,
    LinkReplaced,
    LinkStaysClosed,
    InvitationEnds,
    ResetEnds,
    TokensRevoked,
    DefaultGroupChanges,
    DefaultGroupWithoutAccess,
    DefaultGroupHasAllPermissions,
    PortalDisabled,
    PortalEnabled,
    PaymentWithoutSignIn,
    OpensWithoutSignIn,
    RoutesOpen,
    RoutesClose,
    RoutesBecomePublic,
    SecondFactorNoLongerAsked,
    InvitationSentElsewhere,
    NameInUse,
    Skipped,
    StoreStale,
    PortalUnreachable,
    PortalDraining,
    ExpectationsNotMet,
    PolicyNotReloaded,
    TokenNeverExpires,
    TokenExpiresSoon,
    MailFailed,
    MailUnconfirmed,
    CertificateExpiresSoon,
    CertificateExpired,
    CertificateNotReloaded,
    BackupFailed,
}

impl Warning {
    /// A warning that is about nothing in particular.
    pub fn new(name: WarningName, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { name, detail, about: Vec::new(), more: None, count: None, cause: None }
    }

    /// The same about these.
    #[must_use]
    pub fn about<S: Into<Subject>>(self, subjects: impl IntoIterator<Item = S>) -> Self {
        Self { about: subjects.into_iter().map(Into::into).collect(), ..self }
    }

    /// The same about so many more; 0 is left out.
    #[must_use]
    pub fn and_more(self, more: usize) -> Self {
        Self { more: u64::try_from(more).ok().filter(|more| *more > 0), ..self }
    }

    /// The same with a number.
    #[must_use]
    pub fn count(self, count: usize) -> Self {
        Self { count: u64::try_from(count).ok(), ..self }
    }
}

impl<T: Into<String>> From<T> for Subject {
    fn from(name: T) -> Self {
        Self { name: name.into(), people: None, requests: None }
    }
}
