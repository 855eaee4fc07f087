//! Which login a browser has signed in to before.
//!
//! A failed sign-in is counted against the login, so a stranger could keep a person out by failing
//! on purpose. A browser that has signed in to a login is therefore counted by itself (I6). It is
//! known by a cookie that we sign for that one login and the password it had; it opens nothing.
//! Whether the password is still that one is the directory's to say, which has the user's record.

use data_encoding::BASE64URL_NOPAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::HeaderValue;
use sha2::Sha256;

use crate::credential::folding::fold;
use crate::credential::key::{Purpose, SecretKey};
use crate::credential::secret::Secret;
use crate::directory::sign_in::KnownBrowser;
use crate::session::cookie;

/// How long a browser is remembered after a sign-in: half a year.
const REMEMBERED_SECONDS: u32 = 180 * 24 * 60 * 60;
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
            .expand(b"portcullis v2 known browser", &mut derived)
            .expect("an output of 32 bytes is allowed");
        Self { key: Secret::new(derived), https }
    }

    /// The browser, if it has signed in to this login before.
    pub(super) fn read<'a>(&self, headers: &'a HeaderMap, login: &str) -> Option<KnownBrowser<'a>> {
        let value = cookie::value(headers, self.cookie())?;
        let (name, rest) = value.split_at_checked(NAME_TEXT)?;
        let (mac, generation) = rest.split_at_checked(MAC_TEXT)?;
        let mac = BASE64URL_NOPAD.decode(mac.as_bytes()).ok()?;
        let browser = KnownBrowser { name, password_generation: generation.parse().ok()? };
        self.mac(browser, login).verify_slice(&mac).is_ok().then_some(browser)
    }

    /// The cookie by which the browser is known from now on; it keeps its name.
    pub(super) fn remember(
        &self,
        headers: &HeaderMap,
        login: &str,
        password_generation: u64,
    ) -> Option<HeaderValue> {
        let name = match self.read(headers, login) {
            Some(browser) => browser.name.to_owned(),
            None => BASE64URL_NOPAD.encode(&crate::random::bytes::<16>()),
        };
        let browser = KnownBrowser { name: &name, password_generation };
        let mac: [u8; 32] = self.mac(browser, login).finalize().into_bytes().into();
        let value = format!("{name}{}{password_generation}", BASE64URL_NOPAD.encode(&mac));
        let line = cookie::set(self.cookie(), &value, self.https)?;
        HeaderValue::from_str(&format!("{}; Max-Age={REMEMBERED_SECONDS}", line.to_str().ok()?))
            .ok()
    }

    /// Name and number have a fixed width, so no two browsers or logins give the same message.
    fn mac(&self, browser: KnownBrowser<'_>, login: &str) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose())
            .expect("HMAC takes a key of any length");
        mac.update(browser.name.as_bytes());
        mac.update(&browser.password_generation.to_be_bytes());
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
        let set = browsers.remember(&HeaderMap::new(), "Ada", 1).unwrap();
        let headers = sent_back(&set);
        let first = browsers.read(&headers, " ada ").unwrap();
        assert_eq!(first.password_generation, 1);
        let again = sent_back(&browsers.remember(&headers, "ada", 12).unwrap());
        let second = browsers.read(&again, "ada").unwrap();
        assert_eq!((second.name, second.password_generation), (first.name, 12));
    }

    #[test]
    fn i6_a_browser_cannot_say_that_it_signed_in_with_another_password() {
        let browsers = KnownBrowsers::new(&SecretKey::generate(), true);
        let set = browsers.remember(&HeaderMap::new(), "ada", 1).unwrap();
        let line = set.to_str().unwrap().split(';').next().unwrap();
        let stem = line.strip_suffix('1').unwrap();
        let told = |generation: &str| {
            let line = format!("{stem}{generation}").parse().unwrap();
            browsers.read(&HeaderMap::from_iter([(header::COOKIE, line)]), "ada").is_some()
        };
        assert!(told("1"));
        for made_up in ["2", "0", "11", "", "-1", "1 x", "18446744073709551617"] {
            assert!(!told(made_up), "{made_up}");
        }
    }

    #[test]
    fn i6_a_browser_is_not_known_for_another_login_nor_by_its_own_word() {
        let browsers = KnownBrowsers::new(&SecretKey::generate(), true);
        let headers = sent_back(&browsers.remember(&HeaderMap::new(), "ada", 1).unwrap());
        assert!(browsers.read(&headers, "bob").is_none());
        let elsewhere = KnownBrowsers::new(&SecretKey::generate(), true);
        assert!(elsewhere.read(&headers, "ada").is_none());
        let long = format!("{}1", "A".repeat(65));
        for made_up in ["", "x", &"A".repeat(22), &"A".repeat(65), &long] {
            let line = format!("__Host-portcullis-browser={made_up}").parse().unwrap();
            let headers = HeaderMap::from_iter([(header::COOKIE, line)]);
            assert!(browsers.read(&headers, "ada").is_none(), "{made_up}");
        }
    }
}
