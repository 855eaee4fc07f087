//! The parts of a token's record that requests need, and its last use.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::credential::token::TokenHash;
use crate::directory::records::{Stored, UserId, UserToken};

/// The last use of a token is saved at most this often.
const SAVED_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// The parts of a token's record that requests need.
#[derive(Debug)]
pub struct UserTokenFacts {
    /// The hash of the token.
    pub key: TokenHash,
    /// The id of the user.
    pub user: UserId,
    /// Whether the user created it, and not an operator.
    pub by_user: bool,
    /// The password's generation when it was created.
    pub password_generation: u64,
    /// When it expires; `None` for never.
    pub expires: Option<Timestamp>,
    /// Milliseconds since the epoch; 0 if it has not been used. Like the time that follows.
    last_used: AtomicI64,
    last_saved: AtomicI64,
}

impl UserTokenFacts {
    /// `None` if the record's id is not a hash.
    pub(in crate::directory) fn new(token: &Stored<UserToken>) -> Option<Self> {
        let UserToken { user, by_user, password_generation, expires, last_used, .. } = &token.doc;
        let used = last_used.map_or(0, Timestamp::as_millisecond);
        Some(Self {
            key: TokenHash::parse(token.id.as_str())?,
            user: user.clone(),
            by_user: *by_user,
            password_generation: *password_generation,
            expires: *expires,
            last_used: AtomicI64::new(used),
            last_saved: AtomicI64::new(used),
        })
    }

    /// Whether it has expired.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// The last use.
    #[must_use]
    pub fn last_used(&self) -> Option<Timestamp> {
        match self.last_used.load(Ordering::Relaxed) {
            0 => None,
            used => Timestamp::from_millisecond(used).ok(),
        }
    }

    /// Notes a use. Returns whether it is time to save it.
    pub(in crate::directory) fn note_use(&self, now: Timestamp) -> bool {
        let now = now.as_millisecond();
        self.last_used.fetch_max(now, Ordering::Relaxed);
        let saved = self.last_saved.load(Ordering::Relaxed);
        // A time in the future was saved before the clock was set back.
        let lately = saved <= now && i128::from(now - saved) < SAVED_EVERY.as_millis();
        !lately
            && self
                .last_saved
                .compare_exchange(saved, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}
