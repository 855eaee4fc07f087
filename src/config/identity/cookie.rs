//! `[identity.cookie]`: a cookie for portals that take the user from one.

use std::borrow::Cow;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::template::{Placeholder, Template};
use crate::config::reader::Reader;

const SECTION: &str = "identity.cookie";

/// What is percent-encoded in the value of a placeholder. PHP and Rack decode the values of cookies,
/// so a login that was sent as it is could be another one there.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');

/// `[identity.cookie]`
#[derive(Debug, Clone)]
pub struct IdentityCookie {
    /// `identity.cookie.name`
    pub name: String,
    /// `identity.cookie.value`: sessions that differ in a placeholder get different values.
    value: Template,
}

/// The name of a cookie that is not one of ours.
struct Name(String);

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A token (RFC 6265, 4.1.1), and nothing that a portal's language makes another name of.
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
        if text.is_empty() || !text.bytes().all(is_plain) {
            return Err(
                "is not a cookie name: letters, digits, `_`, `-` and `.` (e.g. `PORTAL_USER`)",
            );
        }
        let name = text.strip_prefix("__Host-").unwrap_or(text);
        if name.to_ascii_lowercase().starts_with("portcullis") {
            return Err("begins like a cookie of the gateway; use another name");
        }
        Ok(Self(text.to_owned()))
    }
}

impl IdentityCookie {
    /// `None` if nothing of it is set, or something is invalid.
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let [name, value] = ["name", "value"].map(|key| format!("{SECTION}.{key}"));
        let is_on = r.has(SECTION);
        let cookie = (r.parsed(&name), r.parsed::<Template>(&value));
        if !is_on {
            return None;
        }
        for (key, example) in [(&name, "PORTAL_USER"), (&value, "{login}")] {
            if !r.has(key) {
                r.problem(key, format!("is required (e.g. `{example}`)"));
            }
        }
        let (Some(Name(name)), Some(template)) = cookie else { return None };
        if template.has(|c| !is_value(c)) {
            let message = "must not have spaces, quotes, `,`, `;`, `\\`, `%`, `+`, or characters \
                           beyond ASCII between the placeholders";
            r.problem(&value, message.to_owned());
        } else if template.placeholders().next().is_none() {
            // It would say the same of everyone.
            r.problem(&value, "must have a placeholder (e.g. `{login}`)".to_owned());
        } else if !template.separates(is_kept) {
            let message = "must have one of `:`, `/`, `|`, `&`, `=`, `!` or the like between two \
                           placeholders: without it, different people could get the same value";
            r.problem(&value, message.to_owned());
        }
        Some(Self { name, value: template })
    }

    /// The cookie for a session, as `name=value`. `None` if there is no value for a placeholder.
    pub fn pair<'a>(&self, value: impl Fn(Placeholder) -> Option<&'a str>) -> Option<String> {
        let mut pair = format!("{}=", self.name);
        let encoded = |placeholder| {
            let text = value(placeholder).filter(|text| !text.is_empty())?;
            Some(Cow::from(utf8_percent_encode(text, ENCODED)))
        };
        self.value.render(&mut pair, encoded)?;
        Some(pair)
    }

    /// Whether the value depends on this.
    pub(super) fn uses(&self, placeholder: Placeholder) -> bool {
        self.value.placeholders().any(|used| used == placeholder)
    }
}

/// Whether a character can be in the value and no portal decodes it (RFC 6265, 4.1.1).
fn is_value(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | ',' | ';' | '\\' | '%' | '+')
}

/// Whether a character of a placeholder's value stays as it is.
fn is_kept(c: char) -> bool {
    u8::try_from(c).is_ok_and(|byte| byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cookie for a login and an organization.
    fn pair(value: &str, login: Option<&str>, organization: &str) -> Option<String> {
        let value = value.parse().unwrap();
        let cookie = IdentityCookie { name: "PORTAL_USER".to_owned(), value };
        let text = |placeholder| match placeholder {
            Placeholder::Login => login,
            Placeholder::Organization => Some(organization),
            _ => None,
        };
        cookie.pair(text).map(|pair| pair.strip_prefix("PORTAL_USER=").unwrap().to_owned())
    }

    #[test]
    fn no_login_is_another_one_once_decoded() {
        for (login, expected) in [
            ("anna@acme.test", "anna@acme.test"),
            ("anna%40acme.test", "anna%2540acme.test"),
            ("a+b", "a%2Bb"),
            ("jörg", "j%C3%B6rg"),
            ("a; PORTAL_USER=root", "a%3B%20PORTAL_USER%3Droot"),
            ("\"a\"", "%22a%22"),
        ] {
            let sent = pair("{login}", Some(login), "acme").unwrap();
            assert_eq!(sent, expected, "{login}");
            let decoded = percent_encoding::percent_decode_str(&sent).decode_utf8().unwrap();
            assert_eq!(decoded, login);
        }
    }

    #[test]
    fn cookie_has_all_its_values_or_is_not_sent() {
        assert_eq!(pair("{organization}:{login}", Some("ann"), "acme").unwrap(), "acme:ann");
        assert_eq!(pair("{organization}:{login}", None, "acme"), None);
        assert_eq!(pair("{login}", Some(""), "acme"), None);
        assert_eq!(pair("{email}", Some("ann"), "acme"), None);
        // A value does not have the character that separates two.
        let [one, other] = [("a:b", "c"), ("b", "c:a")];
        let of = |(login, organization)| pair("{organization}:{login}", Some(login), organization);
        assert_ne!(of(one), of(other));
    }
}
