//! `[hashing]`, `[passwords]` and `[secrets]`: the cost of password hashes, lifetimes of mailed
//! links, and the file of the secret key.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::Reader;
use super::value::hours;
use crate::credential::hashing::HashingSettings;

/// The default of `secrets.key_file`. Outside the folder of the store, so that a copy of the store
/// does not include the key.
pub const KEY_FILE: &str = "secrets/secret.key";

/// The maximum lifetime of a mailed link.
const MAX_LIFETIME: Duration = hours(365 * 24);

/// `[passwords]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passwords {
    /// `passwords.invitation_lifetime`: how long an invitation can be claimed (R40).
    pub invitation_lifetime: Duration,
    /// `passwords.reset_lifetime`: how long the link of a password reset can be used (R33).
    pub reset_lifetime: Duration,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { invitation_lifetime: hours(72), reset_lifetime: hours(1) }
    }
}

impl Passwords {
    pub(super) fn read(r: &mut Reader) -> Self {
        let defaults = Self::default();
        let mut lifetime = |key: &str, default| {
            let lifetime = r.duration(key, default);
            if lifetime > MAX_LIFETIME {
                r.problem(key, "must not be longer than `365days`".to_owned());
            }
            lifetime
        };
        Self {
            invitation_lifetime: lifetime(
                "passwords.invitation_lifetime",
                defaults.invitation_lifetime,
            ),
            reset_lifetime: lifetime("passwords.reset_lifetime", defaults.reset_lifetime),
        }
    }
}

pub(super) fn hashing(r: &mut Reader) -> HashingSettings {
    let defaults = HashingSettings::default();
    HashingSettings {
        memory_kib: r.number("hashing.memory_kib", defaults.memory_kib, 7 * 1024, 1024 * 1024),
        passes: r.number("hashing.passes", defaults.passes, 1, 20),
        lanes: r.number("hashing.lanes", defaults.lanes, 1, 16),
        threads: r.number("hashing.threads", defaults.threads, 1, 64),
        queue: r.number("hashing.queue", defaults.queue, 1, 10_000),
    }
}

pub(super) fn key_file(r: &mut Reader) -> PathBuf {
    r.path("secrets.key_file", KEY_FILE)
}
