//! Email addresses: whether mail can be sent to a text. Used where an address is entered and where a
//! mail is built, so that both agree.
//!
//! An address is a dot-atom in ASCII, `@`, and a domain name (RFC 5321). Quoted local parts, address
//! literals (`a@[192.0.2.1]`) and local parts beyond ASCII (RFC 6531) are refused, because not every
//! mail server accepts them. A domain beyond ASCII is converted to its ASCII form (IDNA).

use lettre::Address;

/// The longest address in bytes: a path of 256 less its brackets (RFC 5321, 4.5.3.1.3).
const MAX_LENGTH: usize = 254;
/// The longest local part in bytes (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// The longest label of a domain in bytes (RFC 1035, 2.3.4).
const MAX_LABEL: usize = 63;
/// The characters of a local part besides letters, digits and dots (RFC 5322, 3.2.3).
const ATOM: &[u8] = b"!#$%&'*+-/=?^_`{|}~";

/// Why a text is not an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    /// Not `LOCAL@DOMAIN`.
    #[error("it must have one `@` with text before and after it")]
    Shape,
    /// It is too long.
    #[error("it must have at most {MAX_LENGTH} bytes, {MAX_LOCAL} of them before the `@`")]
    TooLong,
    /// The part before the `@` is not a dot-atom.
    #[error(
        "the part before the `@` may have letters a to z, digits and !#$%&'*+-/=?^_`{{|}}~, and \
         single dots between them"
    )]
    Local,
    /// The part after the `@` is not a domain name.
    #[error("the part after the `@` must be a domain name, such as `example.com`")]
    Domain,
}

/// Parses an address; its domain is converted to ASCII.
///
/// # Errors
/// Why the text is not an address.
pub fn address(text: &str) -> Result<Address, NotAnAddress> {
    let (local, domain) = text.split_once('@').ok_or(NotAnAddress::Shape)?;
    if local.is_empty() || domain.is_empty() || domain.contains('@') {
        return Err(NotAnAddress::Shape);
    }
    let is_atom = |atom: &[u8]| {
        !atom.is_empty() && atom.iter().all(|b| b.is_ascii_alphanumeric() || ATOM.contains(b))
    };
    if !local.as_bytes().split(|byte| *byte == b'.').all(is_atom) {
        return Err(NotAnAddress::Local);
    }
    let domain = ascii(domain).ok_or(NotAnAddress::Domain)?;
    if local.len() > MAX_LOCAL || local.len() + 1 + domain.len() > MAX_LENGTH {
        return Err(NotAnAddress::TooLong);
    }
    Address::new(local, domain).map_err(|_| NotAnAddress::Domain)
}

/// A domain name in ASCII; `None` if the text is not one.
fn ascii(domain: &str) -> Option<String> {
    // IDNA would drop invisible characters, which would make it another domain.
    if domain.chars().any(portcullis_policy::is_invisible) {
        return None;
    }
    let ascii = match domain.is_ascii() {
        true => domain.to_owned(),
        false => idna::domain_to_ascii(domain).ok()?,
    };
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    ascii.split('.').all(is_label).then_some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_mail_can_be_sent_to_is_accepted() {
        let longest = format!("{}@example.com", "x".repeat(MAX_LOCAL));
        for good in ["a@b", "ann.smith+x@example.com", "o'neil@x-y.example", &longest] {
            assert_eq!(address(good).unwrap().to_string(), good);
        }
        for (given, sent_to) in [
            ("info@müller.example", "info@xn--mller-kva.example"),
            ("info@MÜLLER.Example", "info@xn--mller-kva.example"),
            ("info@xn--mller-kva.example", "info@xn--mller-kva.example"),
            ("info@例え.テスト", "info@xn--r8jz45g.xn--zckzah"),
        ] {
            assert_eq!(address(given).unwrap().to_string(), sent_to);
        }
    }

    #[test]
    fn an_address_that_servers_may_refuse_is_refused() {
        use NotAnAddress::{Domain, Local, Shape, TooLong};
        let long_local = format!("{}@example.com", "x".repeat(MAX_LOCAL + 1));
        let long_label = format!("a@{}.example", "x".repeat(MAX_LABEL + 1));
        let label = format!("{}.", "x".repeat(MAX_LABEL));
        let long = format!("abc@{}com", label.repeat(4));
        for (bad, why) in [
            ("", Shape),
            ("ann", Shape),
            ("@b", Shape),
            ("a@", Shape),
            ("a@b@c", Shape),
            ("a..b@example.com", Local),
            (".a@example.com", Local),
            ("a.@example.com", Local),
            ("a b@example.com", Local),
            ("\"a b\"@example.com", Local),
            ("<a@b>", Local),
            ("zoë@example.com", Local),
            ("a\u{200b}@example.com", Local),
            ("a@example.com.", Domain),
            ("a@.example.com", Domain),
            ("a@example..com", Domain),
            ("a@-example.com", Domain),
            ("a@ex_ample.com", Domain),
            ("a@example.com\r\nBcc: x", Domain),
            ("a@[192.0.2.1]", Domain),
            ("a@exa\u{ad}mple.com", Domain),
            ("a@xn--\u{fc}", Domain),
            (&long_label, Domain),
            (&long_local, TooLong),
            (&long, TooLong),
        ] {
            assert_eq!(address(bad), Err(why), "{bad:?}");
        }
    }
}
