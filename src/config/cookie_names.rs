//! `session.portal_cookies`: which cookies of the portal end with our sessions.

use std::str::FromStr;

/// Names of cookies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CookieNames(Vec<CookieName>);

/// A name, or with a `*` at its end all names that begin so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CookieName {
    text: String,
    begins: bool,
}

impl CookieNames {
    pub(super) fn new(names: Vec<CookieName>) -> Self {
        Self(names)
    }

    /// Whether no name is meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this name is meant. Case counts, as it does for browsers.
    #[must_use]
    pub fn mean(&self, name: &str) -> bool {
        self.0.iter().any(|CookieName { text, begins }| {
            name.strip_prefix(text.as_str()).is_some_and(|rest| *begins || rest.is_empty())
        })
    }
}

impl FromStr for CookieName {
    type Err = &'static str;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let (text, begins) = match given.strip_suffix('*') {
            Some(text) => (text, true),
            None => (given, false),
        };
        // A token (RFC 6265, 4.1.1) without the sign that has a meaning here.
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&b);
        if (text.is_empty() && !begins) || !text.bytes().all(is_name) {
            return Err("is not a cookie name, or the beginning of one and `*`");
        }
        Ok(Self { text: text.to_owned(), begins })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(given: &[&str]) -> CookieNames {
        CookieNames::new(given.iter().map(|name| name.parse().unwrap()).collect())
    }

    #[test]
    fn a_name_is_meant_whole_or_by_its_beginning() {
        let names = names(&["wordpress_*", "PHPSESSID"]);
        for meant in ["wordpress_", "wordpress_logged_in_1a2b", "PHPSESSID"] {
            assert!(names.mean(meant), "{meant}");
        }
        for other in ["wordpress", "Wordpress_x", "PHPSESSID2", "phpsessid", "", "x"] {
            assert!(!names.mean(other), "{other}");
        }
    }

    #[test]
    fn what_is_not_a_cookie_name_is_refused() {
        for bad in ["", "a b", "a=b", "a*b", "**", "a;", "ü"] {
            assert!(bad.parse::<CookieName>().is_err(), "{bad}");
        }
        assert!(names(&["*"]).mean("anything"));
    }
}
