//! Credentials: passwords, tokens, secure links, codes, and the lockout that counts every failed
//! attempt.
//!
//! This module creates and checks secrets. It does not look up users, and knows no store, record or
//! page. Time is an argument, randomness comes from [`crate::random`], and what must not be printed
//! is a [`secret::Secret`] or a type with a redacted `Debug`.
//!
//! | module | holds |
//! |---|---|
//! | [`secret`] | a value that is kept out of logs and wiped after use |
//! | [`folding`] | when two logins, addresses or names are equal |
//! | [`password`] | the rules for new passwords (R30, R31) |
//! | [`hashing`] | password hashes, computed without stalling requests (I6) |
//! | [`token`] | one-time, session and API tokens, of which only the hash is stored (I4) |
//! | [`key`] | the installation's secret key and the keys derived from it |
//! | [`link`] | the tokens of secure links (R10) |
//! | [`seal`] | encryption of secrets that must be read again |
//! | [`signing`] | the keys that sign assertions for the portal, and their rotation |
//! | [`totp`], [`recovery`] | the codes of second factors (R51) |
//! | [`csrf`] | form tokens |
//! | [`lockout`] | whether an account may be tried from an address now (I6) |
//! | [`pem`], [`certificate`] | certificates and keys in PEM files, and when a certificate expires |
//! | [`authorities`] | the authorities whose certificates are trusted |

pub mod authorities;
pub mod certificate;
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
pub mod signing;
pub mod token;
pub mod totp;
mod typed;

/// Declared in [`portcullis_policy`], which compares names too.
pub use portcullis_policy::folding;
