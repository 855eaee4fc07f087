//! `session.portal_cookies`: which cookies of the portal end with our sessions.

use std::str::FromStr;

/// A set of cookie names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CookieNames(Vec<CookieName>);

/// A name, or a prefix of names, which is written with a trailing `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CookieName {
    text: String,
    is_prefix: bool,
}

impl CookieNames {
    pub(super) fn new(names: Vec<CookieName>) -> Self {
        Self(names)
    }

    /// Whether no name can match.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the set contains this name. Case-sensitive, as browsers are.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|CookieName { text, is_prefix }| {
            name.strip_prefix(text.as_str()).is_some_and(|rest| *is_prefix || rest.is_empty())
        })
    }
}

impl FromStr for CookieName {
    type Err = &'static str;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let (text, is_prefix) = match given.strip_suffix('*') {
            Some(text) => (text, true),
            None => (given, false),
        };
        // A token (RFC 6265, 4.1.1), except `*`.
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&b);
        if (text.is_empty() && !is_prefix) || !text.bytes().all(is_name) {
            return Err(
                "is not a cookie name (e.g. `PHPSESSID`) or a prefix of names (e.g. `wordpress_*`)",
            );
        }
        Ok(Self { text: text.to_owned(), is_prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(given: &[&str]) -> CookieNames {
        CookieNames::new(given.iter().map(|name| name.parse().unwrap()).collect())
    }

    #[test]
    fn a_name_matches_exactly_or_by_prefix() {
        let names = names(&["wordpress_*", "PHPSESSID"]);
        for matching in ["wordpress_", "wordpress_logged_in_1a2b", "PHPSESSID"] {
            assert!(names.contains(matching), "{matching}");
        }
        for other in ["wordpress", "Wordpress_x", "PHPSESSID2", "phpsessid", "", "x"] {
            assert!(!names.contains(other), "{other}");
        }
    }

    #[test]
    fn an_invalid_cookie_name_is_refused() {
        for bad in ["", "a b", "a=b", "a*b", "**", "a;", "ü"] {
            assert!(bad.parse::<CookieName>().is_err(), "{bad}");
        }
        assert!(names(&["*"]).contains("anything"));
    }
}
