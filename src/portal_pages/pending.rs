//! The cookie of somebody whose password was right and who owes a code.
//!
//! It holds a [`PendingSignIn`] and where the person was going, sealed: the browser can neither
//! read nor change it. It is no session, opens nothing without a code, and is removed when the
//! session begins.

use http::HeaderMap;
use http::header::HeaderValue;
use serde::{Deserialize, Serialize};

use super::return_to::ReturnTo;
use crate::credential::key::{Purpose, SecretKey};
use crate::credential::seal::Sealer;
use crate::directory::second_factor::{PENDING_LIFETIME, PendingSignIn};
use crate::web::cookie::{self, OwnCookie};

/// What the cookie is sealed for, so that no other sealed text stands in for it.
const OWNER: &str = "cookie";
const COOKIE: OwnCookie = OwnCookie::PendingSignIn;
/// Browsers drop a cookie of more than 4096 bytes; the person would come back without it.
const LONGEST_PLACE: usize = 2000;

/// Seals and reads the cookie.
#[derive(Debug)]
pub(super) struct PendingCookie {
    sealer: Sealer,
    https: bool,
}

/// What the cookie held.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) sign_in: PendingSignIn,
    /// Where the person was going.
    pub(super) place: ReturnTo,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    sign_in: PendingSignIn,
    return_to: String,
}

impl PendingCookie {
    pub(super) fn new(key: &SecretKey, https: bool) -> Self {
        Self { sealer: Sealer::new(key, Purpose::PendingSignIn), https }
    }

    /// The cookie that keeps a pending sign-in.
    pub(super) fn keep(&self, sign_in: PendingSignIn, place: &ReturnTo) -> Option<HeaderValue> {
        let return_to = match place.as_str() {
            place if place.len() <= LONGEST_PLACE => place.to_owned(),
            _ => ReturnTo::default().as_str().to_owned(),
        };
        let kept = serde_json::to_vec(&Kept { sign_in, return_to }).ok()?;
        let sealed = self.sealer.seal(&kept, OWNER);
        let seconds = PENDING_LIFETIME.as_secs().unsigned_abs();
        cookie::set_for(COOKIE, &sealed, seconds, self.https)
    }

    /// What the browser's cookie holds, if we sealed it.
    pub(super) fn read(&self, headers: &HeaderMap) -> Option<Pending> {
        let opened = self.sealer.open(cookie::value(headers, COOKIE.name(self.https))?, OWNER)?;
        let Kept { sign_in, return_to } = serde_json::from_slice(opened.expose()).ok()?;
        Some(Pending { sign_in, place: ReturnTo::parse(&return_to) })
    }

    /// Removes the cookie from a browser that has one.
    pub(super) fn clear(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        cookie::value(headers, COOKIE.name(self.https))?;
        cookie::clear(COOKIE, self.https)
    }
}
