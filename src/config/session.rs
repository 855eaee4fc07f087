//! `[session]`: how long sessions last, and which cookies of the portal end with them.

use std::time::Duration;

use super::cookie_names::CookieNames;
use super::reader::Reader;
use super::value::{hours, minutes};

/// `[session]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// `session.idle_timeout`: a session ends after this long without a request.
    pub idle: Duration,
    /// `session.absolute_timeout`: a session ends this long after it started.
    pub absolute: Duration,
    /// `session.staff_idle_timeout`: the idle timeout of staff sessions (R20).
    pub staff_idle: Duration,
    /// `session.staff_absolute_timeout`: the absolute timeout of staff sessions (R20).
    pub staff_absolute: Duration,
    /// `session.impersonation_timeout`: the longest time for which staff acts as a portal user (R18).
    pub impersonation: Duration,
}

impl SessionLimits {
    pub(super) fn read(r: &mut Reader) -> Self {
        let limits = Self {
            idle: r.duration("session.idle_timeout", minutes(30)),
            absolute: r.duration("session.absolute_timeout", hours(12)),
            staff_idle: r.duration("session.staff_idle_timeout", hours(4)),
            staff_absolute: r.duration("session.staff_absolute_timeout", hours(24)),
            impersonation: r.duration("session.impersonation_timeout", minutes(30)),
        };
        for (key, idle, absolute) in [
            ("session.idle_timeout", limits.idle, limits.absolute),
            ("session.staff_idle_timeout", limits.staff_idle, limits.staff_absolute),
        ] {
            let longest = key.replace("idle", "absolute");
            // A default in place of an invalid value contradicts nothing.
            if idle > absolute && r.is_valid(key) && r.is_valid(&longest) {
                r.problem(key, format!("must not be longer than `{longest}`"));
            }
        }
        limits
    }
}

/// `session.impersonation_read_only`: whether staff that acts as a portal user may only read (R18).
pub(super) fn impersonation_read_only(r: &mut Reader) -> bool {
    r.boolean("session.impersonation_read_only", false)
}

/// `session.tokens`: whether portal users can create tokens for programs themselves.
pub(super) fn tokens(r: &mut Reader) -> bool {
    r.boolean("session.tokens", false)
}

pub(super) fn portal_cookies(r: &mut Reader) -> CookieNames {
    CookieNames::new(r.list("session.portal_cookies").unwrap_or_default())
}
