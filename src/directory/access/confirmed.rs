//! Proof that a person who is signed in has just entered their password again.

use crate::directory::records::{Stored, User, UserId};

/// Proof that the password of a portal user was entered again, and a code too if the check asked for
/// one. It is valid for the password that was entered: once that is replaced, it proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    pub(super) user: UserId,
    pub(super) password_generation: u64,
}

impl Confirmed {
    /// Whether it proves anything about this user now.
    pub(super) fn holds_for(&self, user: &Stored<User>) -> bool {
        user.id == self.user && user.doc.password_generation == self.password_generation
    }
}
