//! The cookie of a browser that has signed in before.
//!
//! A failed sign-in is counted against the login, so a stranger could lock a user out by failing on
//! purpose. Therefore a browser that has signed in has a count of its own (I6). It has a cookie that
//! we sign for one user and one password, and that signs nobody in. The cookie names the user's id,
//! not the login, which can be given to another user. Whether login and password are still the same,
//! the directory compares.

use crate::directory::access::attempt_source::KnownBrowser;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use http::header::HeaderValue;
use sha2::Sha256;

use crate::credential::key::{self, Purpose, SecretKey};
use crate::credential::secret::Secret;
use crate::web::cookie::{self, OwnCookie};

const COOKIE: OwnCookie = OwnCookie::KnownBrowser;
/// How long a browser is remembered after a sign-in: half a year.
const REMEMBERED_SECONDS: u64 = 180 * 24 * 60 * 60;
/// Characters of a browser's name: 16 random bytes in base64url.
const NAME_LENGTH: usize = 22;
/// Characters of the MAC: 32 bytes in base64url.
const MAC_LENGTH: usize = 43;

/// Signs and reads the cookie.
#[derive(Debug)]
pub(super) struct KnownBrowsers {
    key: Secret<[u8; 32]>,
    https: bool,
}

impl KnownBrowsers {
    pub(super) fn new(key: &SecretKey, https: bool) -> Self {
        Self { key: key.derive(Purpose::KnownBrowser), https }
    }

    /// The browser, if its cookie is one of ours.
    pub(super) fn read<'a>(&self, headers: &'a HeaderMap) -> Option<KnownBrowser<'a>> {
        let value = cookie::value(headers, COOKIE.name(self.https))?;
        let (name, rest) = value.split_at_checked(NAME_LENGTH)?;
        let (mac, rest) = rest.split_at_checked(MAC_LENGTH)?;
        let (generation, user) = rest.split_once('.')?;
        let mac = BASE64URL_NOPAD.decode(mac.as_bytes()).ok()?;
        let browser = KnownBrowser { name, user, password_generation: generation.parse().ok()? };
        self.mac(browser).verify_slice(&mac).is_ok().then_some(browser)
    }

    /// The cookie for a browser that has signed in as this user. A browser known for the same user
    /// keeps its name.
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

    /// Name and generation have a fixed width, so no two browsers or users give the same message.
    fn mac(&self, browser: KnownBrowser<'_>) -> Hmac<Sha256> {
        let mut mac = key::mac(&self.key);
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
    fn i6_a_browser_is_known_for_the_user_who_signed_in() {
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
    fn i6_a_browser_cannot_claim_another_password_or_user() {
        let browsers = KnownBrowsers::new(&SecretKey::generate(), true);
        let set = browsers.remember(&HeaderMap::new(), "ada", 1).unwrap();
        let line = set.to_str().unwrap().split(';').next().unwrap();
        let stem = line.strip_suffix("1.ada").unwrap();
        let known = |claim: &str| {
            let line = format!("{stem}{claim}").parse().unwrap();
            browsers.read(&HeaderMap::from_iter([(header::COOKIE, line)])).is_some()
        };
        assert!(known("1.ada"));
        for forged in [
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
            assert!(!known(forged), "{forged}");
        }
    }

    #[test]
    fn i6_an_unsigned_browser_is_not_known() {
        let browsers = KnownBrowsers::new(&SecretKey::generate(), true);
        let headers = sent_back(&browsers.remember(&HeaderMap::new(), "ada", 1).unwrap());
        let elsewhere = KnownBrowsers::new(&SecretKey::generate(), true);
        assert!(elsewhere.read(&headers).is_none());
        let long = format!("{}1.ada", "A".repeat(65));
        for forged in ["", "x", &"A".repeat(22), &"A".repeat(65), &long] {
            let line = format!("__Host-portcullis-browser={forged}").parse().unwrap();
            let headers = HeaderMap::from_iter([(header::COOKIE, line)]);
            assert!(browsers.read(&headers).is_none(), "{forged}");
        }
    }
}
