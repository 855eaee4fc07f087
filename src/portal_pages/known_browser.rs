//! As which user a browser has signed in before.
//!
//! A failed sign-in is counted against the login, so a stranger could keep a person out by failing
//! on purpose. A browser that has signed in is therefore counted by itself (I6). It is known by a
//! cookie that we sign for that one user and the password the user had; it opens nothing. The
//! cookie is bound to the user's id, not to the login: a login can be given to another person.
//! Whether login and password are still those is the directory's to say, which has the record.

use data_encoding::BASE64URL_NOPAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::HeaderValue;
use sha2::Sha256;

use crate::credential::key::{Purpose, SecretKey};
use crate::credential::secret::Secret;
use crate::directory::sign_in::KnownBrowser;
use crate::web::cookie::{self, OwnCookie};

/// How long a browser is remembered after a sign-in: half a year.
const COOKIE: OwnCookie = OwnCookie::KnownBrowser;
const REMEMBERED_SECONDS: u64 = 180 * 24 * 60 * 60;
/// 16 random bytes name a browser.
const NAME_TEXT: usize = 22;
/// 32 bytes sign it.
const MAC_TEXT: usize = 43;

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
            .expand(b"portcullis v3 known browser", &mut derived)
            .expect("an output of 32 bytes is allowed");
        Self { key: Secret::new(derived), https }
    }

    /// The browser, if it has signed in before. As whom, the directory compares.
    pub(super) fn read<'a>(&self, headers: &'a HeaderMap) -> Option<KnownBrowser<'a>> {
        let value = cookie::value(headers, COOKIE.name(self.https))?;
        let (name, rest) = value.split_at_checked(NAME_TEXT)?;
        let (mac, rest) = rest.split_at_checked(MAC_TEXT)?;
        let (generation, user) = rest.split_once('.')?;
        let mac = BASE64URL_NOPAD.decode(mac.as_bytes()).ok()?;
        let browser = KnownBrowser { name, user, password_generation: generation.parse().ok()? };
        self.mac(browser).verify_slice(&mac).is_ok().then_some(browser)
    }

    /// The cookie by which the browser is known as this user's from now on; it keeps its name.
    pub(super) fn remember(
        &self,
        headers: &HeaderMap,
        user: &str,
        password_generation: u64,
    ) -> Option<HeaderValue> {
        let name = match self.read(headers).filter(|browser| browser.user == user) {
            Some(browser) => browser.name.to_owned(),
            None => BASE64URL_NOPAD.encode(&crate::random::bytes::<16>()),
        };
        let browser = KnownBrowser { name: &name, user, password_generation };
        let mac: [u8; 32] = self.mac(browser).finalize().into_bytes().into();
        let value = format!("{name}{}{password_generation}.{user}", BASE64URL_NOPAD.encode(&mac));
        cookie::set_for(COOKIE, &value, REMEMBERED_SECONDS, self.https)
    }

    /// Name and number have a fixed width, so no two browsers or users give the same message.
    fn mac(&self, browser: KnownBrowser<'_>) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose())
            .expect("HMAC takes a key of any length");
        mac.update(browser.name.as_bytes());
        mac.update(&browser.password_generation.to_be_bytes());
        mac.update(browser.user.as_bytes());
        mac
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
    fn i6_a_browser_is_known_as_the_user_it_signed_in_as() {
        let browsers = KnownBrowsers::new(&SecretKey::generate(), true);
        let set = browsers.remember(&HeaderMap::new(), "ada", 1).unwrap();
        let headers = sent_back(&set);
        let first = browsers.read(&headers).unwrap();
        assert_eq!((first.user, first.password_generation), ("ada", 1));
        let again = sent_back(&browsers.remember(&headers, "ada", 12).unwrap());
        let second = browsers.read(&again).unwrap();
        assert_eq!((second.name, second.password_generation), (first.name, 12));
        let other = sent_back(&browsers.remember(&headers, "bob", 1).unwrap());
        let other = browsers.read(&other).unwrap();
        assert!(other.user == "bob" && other.name != first.name);
    }

    #[test]
    fn i6_a_browser_cannot_say_that_it_signed_in_with_another_password() {
        let browsers = KnownBrowsers::new(&SecretKey::generate(), true);
        let set = browsers.remember(&HeaderMap::new(), "ada", 1).unwrap();
        let line = set.to_str().unwrap().split(';').next().unwrap();
        let stem = line.strip_suffix("1.ada").unwrap();
        let told = |claim: &str| {
            let line = format!("{stem}{claim}").parse().unwrap();
            browsers.read(&HeaderMap::from_iter([(header::COOKIE, line)])).is_some()
        };
        assert!(told("1.ada"));
        for made_up in [
            "2.ada",
            "0.ada",
            "",
            "-1.ada",
            "1",
            "1.",
            "1.bob",
            "1.adam",
            "18446744073709551617.ada",
        ] {
            assert!(!told(made_up), "{made_up}");
        }
    }

    #[test]
    fn i6_a_browser_is_not_known_by_its_own_word() {
        let browsers = KnownBrowsers::new(&SecretKey::generate(), true);
        let headers = sent_back(&browsers.remember(&HeaderMap::new(), "ada", 1).unwrap());
        let elsewhere = KnownBrowsers::new(&SecretKey::generate(), true);
        assert!(elsewhere.read(&headers).is_none());
        let long = format!("{}1.ada", "A".repeat(65));
        for made_up in ["", "x", &"A".repeat(22), &"A".repeat(65), &long] {
            let line = format!("__Host-portcullis-browser={made_up}").parse().unwrap();
            let headers = HeaderMap::from_iter([(header::COOKIE, line)]);
            assert!(browsers.read(&headers).is_none(), "{made_up}");
        }
    }
}
