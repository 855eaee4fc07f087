//! A letter, from waiting to done with.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::directory::id::{MailId, UserId};
use crate::directory::kind;
use crate::directory::record::Document;
use portcullis_store::{Key, Kind};

/// A mail to a portal user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Why it is written.
    pub occasion: Occasion,
    /// The id of the portal user it is about.
    pub user: UserId,
    /// The user's login, as it was then.
    pub login: String,
    /// The name of the user's organization, as it was then.
    #[serde(rename = "organization")]
    pub organization_name: String,
    /// The address it goes to.
    pub to: String,
    /// Who gets a blind copy (R41).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind_copy: Option<String>,
    /// The languages that the reader prefers, as an `Accept-Language`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The token of the link in it, sealed for the letter's id; gone when the letter cannot be
    /// sent any longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// From when on the link is worthless, and the letter not worth sending.
    pub expires: Timestamp,
    /// When it was created.
    #[serde(rename = "written")]
    pub created: Timestamp,
    /// How far it has come.
    pub state: LetterState,
    /// How often it has been handed to the transport.
    pub attempts: u32,
    /// What the transport said the last time it did not take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// Why a letter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// To choose a first password (R40).
    Invitation,
    /// To choose another password in place of a forgotten one (R33).
    Reset,
}

/// How far a letter has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LetterState {
    /// To be sent at this time or later.
    Waiting {
        /// When it is tried next.
        next: Timestamp,
    },
    /// Taken by the transport.
    Sent {
        /// When.
        at: Timestamp,
    },
    /// Given up.
    Failed {
        /// When.
        at: Timestamp,
    },
    /// Handed to a mail server that did not say whether it took it; tried again only when
    /// somebody asks for it.
    Unconfirmed {
        /// When.
        at: Timestamp,
    },
    /// Not sent, because its link was not the user's any more.
    NotNeeded {
        /// When that was found.
        at: Timestamp,
    },
}

impl Occasion {
    /// How long a letter that is done with stays to be looked at. Anybody may ask for a reset.
    pub(super) const fn kept(self) -> SignedDuration {
        match self {
            Self::Invitation => SignedDuration::from_hours(30 * 24),
            Self::Reset => SignedDuration::from_hours(24),
        }
    }
}

impl LetterState {
    /// The name of the first state, in which a letter is to be sent.
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

    /// Whether somebody may ask for it to be tried now.
    pub(super) const fn can_be_retried(self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::Unconfirmed { .. })
    }

    pub(super) const fn done_at(self) -> Option<Timestamp> {
        match self {
            Self::Waiting { .. } => None,
            Self::Sent { at }
            | Self::Failed { at }
            | Self::Unconfirmed { at }
            | Self::NotNeeded { at } => Some(at),
        }
    }
}

impl Letter {
    /// The letter when it is done with: nobody can read the token in it any more.
    pub(super) fn done(&self, state: LetterState) -> Self {
        Self { state, token: None, ..self.clone() }
    }
}

impl Document for Letter {
    type Id = MailId;

    const KIND: Kind = kind::LETTER;

    fn index(&self) -> Vec<Key> {
        vec![Key::new("state", self.state.name()), Key::new("user", self.user.as_str())]
    }
}
