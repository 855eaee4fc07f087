//! The address to continue at after signing in.
//!
//! The address travels through the browser, so anyone can change it. It is accepted only as a
//! canonical target of the portal that is a path in every reading: it begins with one slash, and
//! contains nothing that another program could read as a host. Of our own pages, only those of the
//! visitor's account are accepted: others would let a sign-in lead to a sign-out. Anything else
//! becomes the portal's start page.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::paths::{self, RESERVED};
use portcullis_policy::RequestTarget;

/// Unreserved characters (RFC 3986, 2.3) are not encoded in the value of a query parameter.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An address in the portal, or a page of the visitor's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReturnTo(String);

impl ReturnTo {
    /// Reads an address from a form or a query; the start page if it is not accepted.
    pub(crate) fn parse(text: &str) -> Self {
        match RequestTarget::parse(text) {
            Ok(target) if target.is_path_in_every_reading() => Self::of(&target),
            Ok(_) | Err(_) => Self::default(),
        }
    }

    /// The address of a request.
    pub(crate) fn of(target: &RequestTarget) -> Self {
        if let Some(own) = paths::OF_ACCOUNT.iter().find(|path| **path == target.as_str()) {
            return Self((*own).to_owned());
        }
        if target.path().starts_with(RESERVED) || target.path() == RESERVED.trim_end_matches('/') {
            return Self::default();
        }
        Self(target.as_str().to_owned())
    }

    /// The page that shows how many recovery codes are left and leads on to this address; this
    /// address itself if that of the page would be longer than `max` bytes.
    pub(crate) fn after_recovery_codes(&self, max: usize) -> Self {
        let address = format!("{}?return_to={}", paths::RECOVERY_CODES, in_query(&self.0));
        if address.len() <= max { Self(address) } else { self.clone() }
    }

    /// The account page after the password was changed, which the signed `hint` states.
    pub(crate) fn account_after_password(hint: &str) -> Self {
        Self(format!("{}?changed={hint}", paths::ACCOUNT))
    }

    /// Path and query.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ReturnTo {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

/// A value, encoded for a query.
pub(crate) fn in_query(value: &str) -> impl std::fmt::Display {
    utf8_percent_encode(value, IN_QUERY)
}

#[cfg(test)]
mod tests {
    use super::ReturnTo;

    #[test]
    fn r61_an_address_in_the_portal_is_kept() {
        for address in [
            "/",
            "/invoices/7",
            "/invoices/",
            "/search?q=a//b&next=https://example.com",
            "/caf%C3%A9?x=%2F%2F",
            "/.portcullis-notes/1",
            "/.portcullis/sessions",
            "/.portcullis/account",
            "/.portcullis/account/password",
            "/.well-known/x",
            "/a@b.example/",
            "/http:/evil.example",
        ] {
            assert_eq!(ReturnTo::parse(address).as_str(), address);
        }
    }

    #[test]
    fn r61_an_address_is_made_canonical() {
        assert_eq!(ReturnTo::parse("/caf%c3%a9").as_str(), "/caf%C3%A9");
        assert_eq!(ReturnTo::parse("/%61").as_str(), "/a");
    }

    #[test]
    fn r61_addresses_of_other_sites_become_the_start_page() {
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
    fn r61_our_own_pages_become_the_start_page() {
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
    fn r61_a_too_long_address_becomes_the_start_page() {
        assert_eq!(ReturnTo::parse(&format!("/{}", "a".repeat(70_000))), ReturnTo::default());
    }
}
