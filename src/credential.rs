//! What people prove themselves with: passwords, tokens, secure links, and the lockout that counts
//! every failed try.
//!
//! This room judges secrets and never looks anybody up: it knows no store, no record, no page. Time
//! is an argument everywhere, randomness comes from [`crate::random`], and whatever must not be
//! printed is a [`secret::Secret`] or a type of its own with a redacted `Debug`.
//!
//! | module | answers |
//! |---|---|
//! | [`secret`] | how a value is kept out of logs and wiped after use |
//! | [`folding`] | when two logins, addresses or names are the same one |
//! | [`password`] | may this password be chosen? (R30, R31) |
//! | [`hashing`] | is this the password? without stalling anybody else (I6) |
//! | [`token`] | one-time, session and API tokens, of which only the hash is kept (I4) |
//! | [`key`] | the installation's secret key and the keys derived from it |
//! | [`link`] | secure links (R10) |
//! | [`seal`] | secrets at rest that must be read again |
//! | [`totp`], [`recovery`] | the codes of second factors (R51) |
//! | [`csrf`] | was this form made for this visitor? |
//! | [`lockout`] | may this account be tried from here now? (I6) |

pub mod csrf;
pub mod hashing;
pub mod key;
pub mod link;
pub mod lockout;
pub mod password;
pub mod pem;
pub mod recovery;
pub mod seal;
pub mod secret;
pub mod token;
pub mod totp;
mod typed;

/// [`portcullis_policy`] keeps it, for it compares names too and lies below.
pub use portcullis_policy::folding;
