//! The cookie of a visitor whose password was right and whose second factor is still missing.
//!
//! It contains a [`PendingSignIn`] and the address to continue at, sealed: the browser can neither
//! read nor change it. It is not a session, is useless without a code, and is removed when the
//! session starts.

use crate::directory::access::pending_sign_in::{PENDING_LIFETIME, PendingSignIn};
use http::HeaderMap;
use http::header::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::credential::key::{Purpose, SecretKey};
use crate::credential::seal::Sealer;
use crate::web::cookie::{self, OwnCookie};
use crate::web::return_to::ReturnTo;

const COOKIE: OwnCookie = OwnCookie::PendingSignIn;
/// What the content is sealed for, so that no other sealed text can take its place.
const OWNER: &str = "cookie";
/// In bytes. Browsers drop a cookie of more than 4096 bytes, which would end the sign-in.
const MAX_RETURN_TO: usize = 2000;

/// Seals and opens the cookie.
#[derive(Debug)]
pub(super) struct PendingCookie {
    sealer: Sealer,
    https: bool,
}

/// The cookie's content.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) sign_in: PendingSignIn,
    pub(super) return_to: ReturnTo,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    sign_in: PendingSignIn,
    return_to: String,
}

impl PendingCookie {
    pub(super) fn new(key: &SecretKey, https: bool) -> Self {
        Self { sealer: Sealer::new(key, Purpose::PendingSignIn), https }
    }

    /// The line that sets the cookie.
    pub(super) fn set(&self, sign_in: PendingSignIn, return_to: &ReturnTo) -> Option<HeaderValue> {
        let return_to = match return_to.as_str() {
            address if address.len() <= MAX_RETURN_TO => address.to_owned(),
            _ => ReturnTo::default().as_str().to_owned(),
        };
        let content = serde_json::to_vec(&Sealed { sign_in, return_to }).ok()?;
        let seconds = PENDING_LIFETIME.as_secs().unsigned_abs();
        cookie::set_for(COOKIE, &self.sealer.seal(&content, OWNER), seconds, self.https)
    }

    /// The content of the browser's cookie, if we sealed it.
    pub(super) fn read(&self, headers: &HeaderMap) -> Option<Pending> {
        let value = cookie::value(headers, COOKIE.name(self.https))?;
        let opened = self.sealer.open(value, OWNER)?;
        let Sealed { sign_in, return_to } = serde_json::from_slice(opened.expose()).ok()?;
        Some(Pending { sign_in, return_to: ReturnTo::parse(&return_to) })
    }

    /// The line that removes the cookie from a browser that has one.
    pub(super) fn clear(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        cookie::value(headers, COOKIE.name(self.https))?;
        cookie::clear(COOKIE, self.https)
    }
}
