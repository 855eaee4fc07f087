//! Which login a browser has signed in to before.
//!
//! A failed sign-in is counted against the login, so a stranger could keep a person out by failing
//! on purpose. A browser that has signed in to a login is therefore counted by itself (I6). It is
//! known by a cookie that we sign for that one login; it opens nothing.

use data_encoding::BASE64URL_NOPAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::HeaderValue;
use sha2::Sha256;

use crate::credential::folding::fold;
use crate::credential::key::{Purpose, SecretKey};
use crate::credential::secret::Secret;
use crate::session::cookie;

/// How long a browser is remembered after a sign-in: half a year.
const REMEMBERED_SECONDS: u32 = 180 * 24 * 60 * 60;
/// 16 random bytes name a browser.
const NAME_TEXT: usize = 22;

/// Signs and reads the cookie.
#[derive(Debug)]
pub(super) struct KnownBrowsers {
    key: Secret<[u8; 32]>,
    https: bool,
}

impl KnownBrowsers {
    pub(super) fn new(key: &SecretKey, https: bool) -> Self {
        let mut derived = [0; 32];
        #[expect(clippy::expect_used, reason = "32 bytes are fewer than HKDF's limit of 255 * 32")]
        Hkdf::<Sha256>::new(None, key.derive(Purpose::Csrf).expose())
            .expand(b"portcullis v1 known browser", &mut derived)
            .expect("an output of 32 bytes is allowed");
        Self { key: Secret::new(derived), https }
    }

    /// The browser's name, if it has signed in to this login before.
    pub(super) fn name<'a>(&self, headers: &'a HeaderMap, login: &str) -> Option<&'a str> {
        let value = cookie::value(headers, self.cookie())?;
        let (name, mac) = value.split_at_checked(NAME_TEXT)?;
        let mac = BASE64URL_NOPAD.decode(mac.as_bytes()).ok()?;
        self.mac(name, login).verify_slice(&mac).is_ok().then_some(name)
    }

    /// The cookie by which the browser is known from now on; it keeps its name.
    pub(super) fn remember(&self, headers: &HeaderMap, login: &str) -> Option<HeaderValue> {
        let name = match self.name(headers, login) {
            Some(name) => name.to_owned(),
            None => BASE64URL_NOPAD.encode(&crate::random::bytes::<16>()),
        };
        let mac: [u8; 32] = self.mac(&name, login).finalize().into_bytes().into();
        let value = format!("{name}{}", BASE64URL_NOPAD.encode(&mac));
        let line = cookie::set(self.cookie(), &value, self.https)?;
        HeaderValue::from_str(&format!("{}; Max-Age={REMEMBERED_SECONDS}", line.to_str().ok()?))
            .ok()
    }

    /// The name has a fixed width, so no two pairs give the same message.
    fn mac(&self, name: &str, login: &str) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose())
            .expect("HMAC takes a key of any length");
        mac.update(name.as_bytes());
        mac.update(fold(login).as_bytes());
        mac
    }

    const fn cookie(&self) -> &'static str {
        if self.https { "__Host-portcullis-browser" } else { "portcullis-browser" }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header};

    use super::KnownBrowsers;
    use crate::credential::key::SecretKey;

    fn sent_back(set: &http::HeaderValue) -> HeaderMap {
        let pair = set.to_str().unwrap().split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, pair.parse().unwrap())])
    }

    #[test]
    fn i6_a_browser_is_known_for_the_login_it_signed_in_to() {
        let browsers = KnownBrowsers::new(&SecretKey::generate(), true);
        let set = browsers.remember(&HeaderMap::new(), "Ada").unwrap();
        let headers = sent_back(&set);
        let name = browsers.name(&headers, " ada ").unwrap();
        let again = sent_back(&browsers.remember(&headers, "ada").unwrap());
        assert_eq!(browsers.name(&again, "ada"), Some(name));
    }

    #[test]
    fn i6_a_browser_is_not_known_for_another_login_nor_by_its_own_word() {
        let browsers = KnownBrowsers::new(&SecretKey::generate(), true);
        let headers = sent_back(&browsers.remember(&HeaderMap::new(), "ada").unwrap());
        assert_eq!(browsers.name(&headers, "bob"), None);
        let elsewhere = KnownBrowsers::new(&SecretKey::generate(), true);
        assert_eq!(elsewhere.name(&headers, "ada"), None);
        for made_up in ["", "x", &"A".repeat(22), &"A".repeat(65)] {
            let line = format!("__Host-portcullis-browser={made_up}").parse().unwrap();
            let headers = HeaderMap::from_iter([(header::COOKIE, line)]);
            assert_eq!(browsers.name(&headers, "ada"), None, "{made_up}");
        }
    }
}
