//! Where an attempt to sign in comes from.

use std::net::IpAddr;

use crate::directory::records::{Stored, User};

/// The address and browser that an attempt comes from.
#[derive(Debug, Clone, Copy)]
pub struct AttemptSource<'a> {
    /// The client's address.
    pub address: IpAddr,
    /// The browser, if it has signed in before, as any user.
    pub browser: Option<KnownBrowser<'a>>,
}

/// A browser that has signed in as a user before. The caller has verified that.
#[derive(Debug, Clone, Copy)]
pub struct KnownBrowser<'a> {
    /// The browser's name.
    pub name: &'a str,
    /// The user's id, not the login, which can be given to another user later.
    pub user: &'a str,
    /// The generation of the password, as in [`crate::directory::UserFacts::password_generation`].
    pub password_generation: u64,
}

impl<'a> KnownBrowser<'a> {
    /// The browser's name, if it signed in as this user with the current password. With an earlier
    /// password it does not count as known.
    pub(super) fn name_with(self, user: &Stored<User>) -> Option<&'a str> {
        let known =
            user.id == *self.user && self.password_generation == user.doc.password_generation;
        known.then_some(self.name)
    }
}
