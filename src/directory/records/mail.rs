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
    pub occasion: Occasion,
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
    /// When the link expires; the mail is not sent after that.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// To choose a first password (R40).
    Invitation,
    /// To replace a forgotten password (R33).
    Reset,
}

/// Whether a mail waits, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

    /// How long the record is kept after the mail has ended. Short for resets, because anyone can
    /// request one.
    pub(crate) const fn retention(self) -> SignedDuration {
        match self {
            Self::Invitation => SignedDuration::from_hours(30 * 24),
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
