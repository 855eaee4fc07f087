//! Proof that a person who is signed in has just entered their password again.

use jiff::Timestamp;

use crate::directory::records::{Stored, User, UserId};

/// Proof that the password of a portal user was entered again, and a code too if sign-in asks for
/// one. It is valid for the password and the second factor that were there: once one of them is
/// replaced, it proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    pub(super) user: UserId,
    pub(super) password_generation: u64,
    /// When the second factor was set up; `None` if there was none.
    pub(super) second_factor: Option<Timestamp>,
}

impl Confirmed {
    /// Whether it proves anything about this user now.
    pub(super) fn holds_for(&self, user: &Stored<User>) -> bool {
        let second_factor = user.doc.second_factor.as_ref().map(|factor| factor.created);
        user.id == self.user
            && user.doc.password_generation == self.password_generation
            && second_factor == self.second_factor
    }
}
