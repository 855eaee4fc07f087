//! Where a person goes after signing in.
//!
//! The address travels through the browser, so on its way back it is anybody's. What counts is
//! taken only as a target of the portal in its one spelling, and a path however it is read: a path
//! that begins with one slash,
//! nothing another program could read as a host, and none of our own pages but the one that only
//! shows something: another would make a sign-in lead to a sign-out. Everything else is the portal's start page.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::sessions;
use crate::web::paths::RESERVED;
use portcullis_policy::RequestTarget;

/// What stands for itself in the value of a query parameter.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A place in the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// Reads an address from a form or a query; the start page if it is none of the portal.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match RequestTarget::parse(text) {
            Ok(target) if target.is_path_in_every_reading() => Self::of(&target),
            Ok(_) | Err(_) => Self::default(),
        }
    }

    /// The place a request was going to.
    #[must_use]
    pub fn of(target: &RequestTarget) -> Self {
        if target.as_str() == sessions::ADDRESS {
            return Self(sessions::ADDRESS.to_owned());
        }
        if target.path().starts_with(RESERVED) || target.path() == RESERVED.trim_end_matches('/') {
            return Self::default();
        }
        Self(target.as_str().to_owned())
    }

    /// Path and query, for a `Location` or a form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ReturnTo {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

/// A value as it stands in a query.
pub(super) fn in_query(value: &str) -> impl std::fmt::Display {
    utf8_percent_encode(value, IN_QUERY)
}

#[cfg(test)]
mod tests {
    use super::ReturnTo;

    #[test]
    fn r61_a_place_in_the_portal_is_kept() {
        for place in [
            "/",
            "/invoices/7",
            "/invoices/",
            "/search?q=a//b&next=https://example.com",
            "/caf%C3%A9?x=%2F%2F",
            "/.portcullis-notes/1",
            "/.portcullis/sessions",
            "/.well-known/x",
            "/a@b.example/",
            "/http:/evil.example",
        ] {
            assert_eq!(ReturnTo::parse(place).as_str(), place);
        }
    }

    #[test]
    fn r61_a_place_is_kept_in_its_one_spelling() {
        assert_eq!(ReturnTo::parse("/caf%c3%a9").as_str(), "/caf%C3%A9");
        assert_eq!(ReturnTo::parse("/%61").as_str(), "/a");
    }

    #[test]
    fn no_address_of_another_site_is_followed() {
        for payload in [
            "",
            " ",
            "//evil.example",
            "///evil.example",
            "////evil.example/%2e%2e",
            "/\\evil.example",
            "\\/evil.example",
            "\\\\evil.example",
            "/\\/evil.example",
            "/%5cevil.example",
            "/%5C%5Cevil.example",
            "/%2fevil.example",
            "/%2F/evil.example",
            "//%2fevil.example",
            "/%252fevil.example",
            "/%09/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\r\nSet-Cookie:a=b",
            "/%0d%0aSet-Cookie:a=b",
            "/%0a/evil.example",
            "/\u{0}/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/ /evil.example",
            "/./evil.example",
            "/.//evil.example",
            "/..//evil.example",
            "/a/..//evil.example",
            "/%2e%2e//evil.example",
            "/;//evil.example",
            "/;@evil.example",
            "http://evil.example",
            "https://evil.example/",
            "HTTPS://EVIL.EXAMPLE",
            "http:evil.example",
            "https:/evil.example",
            "http:\\\\evil.example",
            "javascript:alert(1)",
            "JavaScript://%0aalert(1)",
            "data:text/html,x",
            "evil.example",
            "@evil.example",
            ".evil.example",
            ":80",
            "?next=//evil.example",
            "#//evil.example",
            "/#//evil.example",
            "*",
            "/?a b",
            "/?a\r\nb",
            "/\u{3000}/evil.example?\u{2028}",
            "\u{ff0f}/evil.example",
            "/%ff",
            "/%zz",
            "/%u002f",
        ] {
            assert_eq!(ReturnTo::parse(payload), ReturnTo::default(), "{payload:?}");
        }
    }

    #[test]
    fn nobody_is_led_to_our_own_pages() {
        for ours in [
            "/.portcullis",
            "/.portcullis/",
            "/.portcullis/sign-out",
            "/.portcullis/link/abc",
            "/%2eportcullis/sign-out",
            "/.%70ortcullis/sign-out",
            "/.portcullis/sign-in?return_to=/.portcullis/sign-in",
        ] {
            assert_eq!(ReturnTo::parse(ours), ReturnTo::default(), "{ours}");
        }
    }

    #[test]
    fn an_overlong_place_is_forgotten() {
        assert_eq!(ReturnTo::parse(&format!("/{}", "a".repeat(70_000))), ReturnTo::default());
    }
}
