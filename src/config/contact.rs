//! `branding.contact`: where users can ask for help.

use std::str::FromStr;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::page_links::WebUrl;
use super::reader::Reader;
use crate::email;

/// The setting, or the section with `address` and `text`.
const KEY: &str = "branding.contact";
/// The characters of an email address that are encoded in a `mailto:` URL (RFC 6068, 2).
const IN_MAILTO: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'&').add(b'#').add(b'/');
/// The least number of digits in a phone number.
const MIN_DIGITS: usize = 3;

/// Where users can ask for help: an email address, a phone number or a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The target of the link: a `mailto:`, `tel:`, `http:` or `https:` URL.
    pub href: String,
    /// What is shown: `branding.contact.text`, otherwise the address.
    pub text: String,
}

impl Contact {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        if r.is_value(KEY) || !r.has(KEY) {
            return r.parsed(KEY);
        }
        let (address, text) = ("branding.contact.address", "branding.contact.text");
        let contact = r.parsed::<Self>(address);
        if contact.is_none() && !r.has(address) {
            r.problem(address, format!("is required: {}", Wrong::EXPECTED));
        }
        let text = r.text(text);
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            r.problem("branding.contact.text", "must not be empty".to_owned());
        }
        let contact = contact?;
        Some(Self { text: text.unwrap_or(contact.text), ..contact })
    }
}

/// A text that is not an address.
#[derive(Debug, thiserror::Error)]
#[error("is not {}", Self::EXPECTED)]
pub struct Wrong;

impl Wrong {
    const EXPECTED: &str = "an email address, a phone number or the URL of a page (e.g. \
        `help@example.com`, `+49 30 123456` or `https://www.example.com/help`)";
}

impl FromStr for Contact {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        if let Some(page) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
            let WebUrl(href) = text.parse().map_err(|_| Wrong)?;
            return Ok(Self { href, text: page.trim_end_matches('/').to_owned() });
        }
        if let Ok(address) = email::address(text) {
            let address = utf8_percent_encode(address.as_ref(), IN_MAILTO);
            return Ok(Self { href: format!("mailto:{address}"), text: text.to_owned() });
        }
        let shown = text.strip_prefix("tel:").unwrap_or(text).trim();
        let (plus, rest) = match shown.strip_prefix('+') {
            Some(rest) => ("+", rest),
            None => ("", shown),
        };
        let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
        let is_phone = rest.chars().all(|c| c.is_ascii_digit() || " -/.()".contains(c))
            && digits.len() >= MIN_DIGITS;
        if !is_phone {
            return Err(Wrong);
        }
        Ok(Self { href: format!("tel:{plus}{digits}"), text: shown.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_an_address_a_number_or_a_page() {
        for (text, href, shown) in [
            ("help@example.com", "mailto:help@example.com", "help@example.com"),
            ("+49 (30) 123-456", "tel:+4930123456", "+49 (30) 123-456"),
            ("tel:+4930123456", "tel:+4930123456", "+4930123456"),
            ("https://example.com/help/", "https://example.com/help/", "example.com/help"),
        ] {
            let contact: Contact = text.parse().unwrap();
            assert_eq!((&*contact.href, &*contact.text), (href, shown));
        }
        for bad in ["", "the help desk", "help@", "12", "javascript:alert(1)", "https://", "+1; 2"]
        {
            assert!(bad.parse::<Contact>().is_err(), "{bad}");
        }
    }
}
