//! Mails to portal users.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::document::Document;
use super::id::{MailId, UserId};
use super::kind;
use crate::telemetry::events::OneTime;
use portcullis_store::{Key, Kind};

/// A mail to a portal user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// What it is for.
    pub occasion: MailKind,
    /// For a mail about a change: what has changed, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
    /// The portal user it is for.
    pub user: UserId,
    /// The user's login when the mail was created.
    pub login: String,
    /// The name of the user's organization when the mail was created.
    #[serde(rename = "organization")]
    pub organization_name: String,
    /// The address it is sent to.
    pub to: String,
    /// Who gets a blind copy (R41).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind_copy: Option<String>,
    /// The languages that the reader prefers, as an `Accept-Language`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The token of the link in it, sealed for the mail's id; removed when the mail has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When the link expires; the mail is not sent after that. A mail about a change has no link.
    pub expires: Timestamp,
    /// When it was created.
    #[serde(rename = "written")]
    pub created: Timestamp,
    /// Whether it waits, or how it ended.
    pub state: MailState,
    /// How often it was handed to the transport.
    pub attempts: u32,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// What a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    /// To choose a first password (R40).
    Invitation,
    /// To replace a forgotten password (R33).
    Reset,
    /// To report that the password or the second factor has changed.
    AccountChanged,
    /// To report that staff acted as the user in the portal (R18).
    Impersonation,
}

/// What has changed in an account, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Notice {
    /// What has changed.
    pub changed: AccountChange,
    /// Who has changed it.
    pub by: ChangedBy,
}

/// A change that a portal user gets a mail about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountChange {
    /// The password has another value.
    Password,
    /// A second factor was set up, perhaps in place of another.
    SecondFactorSetUp,
    /// The second factor was removed.
    SecondFactorRemoved,
    /// There are new recovery codes.
    RecoveryCodes,
}

/// Who has changed an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangedBy {
    /// The portal user, while signed in or at sign-in.
    User,
    /// Anyone with a mailed link.
    Link,
    /// An operator.
    Administrator,
}

/// The kind of a one-time link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// To choose a first password (R40).
    Invitation,
    /// To replace a forgotten password (R33).
    Reset,
}

/// Whether a mail waits, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum MailState {
    /// It waits for its next attempt.
    Waiting {
        /// When that is due.
        next: Timestamp,
    },
    /// The transport has accepted it.
    Sent {
        /// When.
        at: Timestamp,
    },
    /// It was not sent, and there will be no further attempt.
    Failed {
        /// When.
        at: Timestamp,
    },
    /// The mail server may have accepted it. It is tried again only by an operator.
    Unconfirmed {
        /// When.
        at: Timestamp,
    },
    /// It was not sent, because its link was no longer the user's.
    NotNeeded {
        /// When that was noticed.
        at: Timestamp,
    },
}

impl Occasion {
    /// The kind of its link, in events.
    pub(in crate::directory) const fn one_time(self) -> OneTime {
        match self {
            Self::Invitation => OneTime::Invitation,
            Self::Reset => OneTime::Reset,
        }
    }
}

impl From<Occasion> for MailKind {
    fn from(occasion: Occasion) -> Self {
        match occasion {
            Occasion::Invitation => Self::Invitation,
            Occasion::Reset => Self::Reset,
        }
    }
}

impl MailKind {
    /// The kind of the link in it; `None` for a mail without one.
    pub(crate) const fn link(self) -> Option<Occasion> {
        match self {
            Self::Invitation => Some(Occasion::Invitation),
            Self::Reset => Some(Occasion::Reset),
            Self::AccountChanged | Self::Impersonation => None,
        }
    }

    /// How long the record is kept after the mail has ended. Short for resets, because anyone can
    /// request one.
    pub(crate) const fn retention(self) -> SignedDuration {
        match self {
            Self::Invitation | Self::AccountChanged | Self::Impersonation => {
                SignedDuration::from_hours(30 * 24)
            }
            Self::Reset => SignedDuration::from_hours(24),
        }
    }
}

impl MailState {
    /// The name of [`MailState::Waiting`].
    pub const WAITING: &str = "waiting";
    /// The names of all states.
    pub const NAMES: [&str; 5] = [Self::WAITING, "sent", "failed", "unconfirmed", "not_needed"];

    /// The name of the state.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting { .. } => Self::WAITING,
            Self::Sent { .. } => "sent",
            Self::Failed { .. } => "failed",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::NotNeeded { .. } => "not_needed",
        }
    }

    /// Whether an operator may have it tried again now.
    pub(crate) const fn can_be_retried(self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::Unconfirmed { .. })
    }

    /// When the mail ended; `None` while it waits.
    pub(crate) const fn ended_at(self) -> Option<Timestamp> {
        match self {
            Self::Waiting { .. } => None,
            Self::Sent { at }
            | Self::Failed { at }
            | Self::Unconfirmed { at }
            | Self::NotNeeded { at } => Some(at),
        }
    }
}

impl Mail {
    /// The index key of the mails for a user.
    pub(crate) fn of_user(user: &UserId) -> Key {
        Key::new("user", user.as_str())
    }

    /// The mail once it has ended, without its token.
    pub(crate) fn completed(&self, state: MailState) -> Self {
        Self { state, token: None, ..self.clone() }
    }
}

impl Document for Mail {
    type Id = MailId;

    const KIND: Kind = kind::MAIL;

    fn index(&self) -> Vec<Key> {
        vec![Key::new("state", self.state.name()), Self::of_user(&self.user)]
    }
}
