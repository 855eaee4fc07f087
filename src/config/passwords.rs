//! `[passwords]`: how long a mailed link to choose one is good for.

use std::time::Duration;

use super::reader::Reader;

/// The longest a link may live: beyond a year it is no one-time link but a second password.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// `[passwords]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passwords {
    /// How long an invitation can be claimed (R40).
    pub invitation_lifetime: Duration,
    /// How long the link of a reset can be used (R33).
    pub reset_lifetime: Duration,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            invitation_lifetime: Duration::from_secs(72 * 3600),
            reset_lifetime: Duration::from_secs(3600),
        }
    }
}

pub(super) fn passwords(r: &mut Reader) -> Passwords {
    let defaults = Passwords::default();
    let mut lifetime = |key: &str, default| {
        let lifetime = r.duration(key, default);
        if lifetime > LONGEST {
            r.problem(key, "is longer than a year".to_owned());
        }
        lifetime
    };
    Passwords {
        invitation_lifetime: lifetime(
            "passwords.invitation_lifetime",
            defaults.invitation_lifetime,
        ),
        reset_lifetime: lifetime("passwords.reset_lifetime", defaults.reset_lifetime),
    }
}
