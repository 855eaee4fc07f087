//! The operator's staff: accounts, sign-in and sessions at the admin listener.
//!
//! An administrator has a password as portal users have (R30, R31) and a code generator. That is issued
//! together with the account, its secret and its recovery codes shown once to the owner who creates
//! the account or resets it; or its person sets it up. Failed attempts count in the same lockout as those of
//! portal users (I6), by login and by address.
//!
//! | module | holds |
//! |---|---|
//! | `accounts` | creating, changing and deleting accounts |
//! | `sign_in` | checking login, password and code; the session that follows |
//! | `code_step`, `pending_code` | the code on its own, after the right password; what the client has in between |
//! | `own_account` | proof that a person who is signed in is the one whose account it is |
//! | `own_password` | changing the password of the own account |
//! | `own_factor` | setting up the second factor of the own account |
//! | `proposed_factor` | secrets that are proposed for it, and not stored yet |
//! | `sessions` | looking up, listing and ending sessions |

mod accounts;
mod code_step;
mod own_account;
mod own_factor;
mod own_password;
mod pending_code;
mod proposed_factor;
mod sessions;
mod sign_in;

use std::time::Duration;

use crate::config::Admin;
use crate::directory::core::Core;

pub use self::accounts::{
    AdministratorPatch, AdministratorView, IssuedAdministrator, NewAdministrator,
};
pub use self::code_step::AdminCode;
pub use self::own_account::{OwnChange, OwnProof};
pub use self::own_factor::{AdminSetUp, NewRecoveryCodes, OwnFactorView};
pub use self::pending_code::{PENDING_CODE_LIFETIME, PendingCode};
pub use self::proposed_factor::ProposedFactor;
pub(in crate::directory) use self::sessions::is_open;
pub use self::sessions::{AdminSessionView, SessionUse};
pub use self::sign_in::{AdminSignIn, AdminSignInRequest};

/// The accounts of the operator's staff.
#[derive(Debug, Clone)]
pub struct Administrators {
    pub(in crate::directory) core: Core,
}

/// How long sessions of administrators last, and what their sign-in requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminRules {
    /// A session ends after this long without a request.
    pub idle_timeout: Duration,
    /// Whether sign-in requires a second factor, also of accounts that have none.
    pub require_mfa: bool,
}

impl AdminRules {
    /// The rules of these settings.
    #[must_use]
    pub const fn new(admin: &Admin) -> Self {
        Self { idle_timeout: admin.idle_timeout, require_mfa: admin.require_mfa }
    }
}

#[cfg(test)]
mod tests;
