//! A sign-in between the right password and the second factor.

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::directory::records::{Stored, User, UserId};

/// How long after the password a code can be entered, or a proposed secret confirmed.
pub const PENDING_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// How far the clock of the replica that checked the password may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// A sign-in whose password was right, and which needs a second factor. The browser keeps it,
/// sealed, between two requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingSignIn {
    /// Identifies it, so that it is used only once.
    pub(super) id: String,
    pub(super) user: UserId,
    pub(super) password_generation: u64,
    #[serde(rename = "began")]
    pub(super) created: Timestamp,
    /// Whether it is for setting up a second factor, even if the user has one. It admits no code
    /// then.
    #[serde(default)]
    pub(super) sets_up: bool,
    /// When the second factor was set up that a new one may replace; `None` if there must be none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replaces: Option<Timestamp>,
}

impl PendingSignIn {
    pub(super) fn new(user: &Stored<User>, now: Timestamp) -> Self {
        Self {
            id: BASE64URL_NOPAD.encode(&crate::random::bytes::<16>()),
            user: user.id.clone(),
            password_generation: user.doc.password_generation,
            created: now,
            sets_up: false,
            replaces: None,
        }
    }

    /// For a user who has entered the password, and a code if sign-in asks for one, to set up a
    /// second factor.
    pub(super) fn for_set_up(user: &Stored<User>, now: Timestamp) -> Self {
        let replaces = user.doc.second_factor.as_ref().map(|factor| factor.created);
        Self { sets_up: true, replaces, ..Self::new(user, now) }
    }

    /// Whether the user has asked to set up a second factor while signed in.
    #[must_use]
    pub const fn sets_up(&self) -> bool {
        self.sets_up
    }

    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.created);
        -CLOCK_SKEW <= age && age < PENDING_LIFETIME
    }

    /// What a proposed secret is sealed for.
    pub(super) fn context(&self) -> String {
        format!("{} {} {}", self.id, self.password_generation, self.user)
    }
}
