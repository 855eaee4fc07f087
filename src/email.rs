//! Email addresses: the one check that decides whether mail can be sent to one, where an address is
//! given and where a mail is made.
//!
//! An address is a dot-atom of ASCII, `@`, and the name of a domain (RFC 5321). Quoted local parts,
//! addresses of machines (`a@[192.0.2.1]`) and local parts beyond ASCII (RFC 6531) are refused:
//! whether all servers on the way take one cannot be known beforehand. A domain beyond ASCII is
//! written as DNS has it (IDNA).

use lettre::Address;

/// Bytes of an address at most: a path of 256 with its brackets (RFC 5321, 4.5.3.1.3).
const LONGEST: usize = 254;
/// Bytes of a local part at most (RFC 5321, 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;
/// Bytes between two dots of a domain at most (RFC 1035, 2.3.4).
const LONGEST_LABEL: usize = 63;
/// What a local part may have beside letters, digits and dots (RFC 5322, 3.2.3).
const ATOM: &[u8] = b"!#$%&'*+-/=?^_`{|}~";

/// Why a text is not an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    /// Not `LOCAL@DOMAIN`.
    #[error("it must have one `@`, and something before and after it")]
    Shape,
    /// It is too long.
    #[error("it must have at most {LONGEST} bytes, {LONGEST_LOCAL} of them before the `@`")]
    TooLong,
    /// What stands before the `@` is not a dot-atom.
    #[error(
        "before the `@` there may be letters a to z, digits and !#$%&'*+-/=?^_`{{|}}~, and single \
         dots between them"
    )]
    Local,
    /// What stands after the `@` is not a domain.
    #[error("after the `@` there must be the name of a domain, such as `example.com`")]
    Domain,
}

/// The address as it is used on the way: its domain in ASCII.
///
/// # Errors
/// Why it is none.
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
    if local.len() > LONGEST_LOCAL || local.len() + 1 + domain.len() > LONGEST {
        return Err(NotAnAddress::TooLong);
    }
    Address::new(local, domain).map_err(|_| NotAnAddress::Domain)
}

/// A domain as DNS has it, if it can be one.
fn ascii(domain: &str) -> Option<String> {
    // IDNA would pass over characters that show nothing, and make another domain of it.
    if domain.chars().any(portcullis_policy::is_invisible) {
        return None;
    }
    let ascii = match domain.is_ascii() {
        true => domain.to_owned(),
        false => idna::domain_to_ascii(domain).ok()?,
    };
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
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
    fn an_address_that_mail_can_be_sent_to_is_taken() {
        let longest = format!("{}@example.com", "x".repeat(LONGEST_LOCAL));
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
    fn an_address_that_would_be_refused_later_is_refused() {
        use NotAnAddress::{Domain, Local, Shape, TooLong};
        let long_local = format!("{}@example.com", "x".repeat(LONGEST_LOCAL + 1));
        let long_label = format!("a@{}.example", "x".repeat(LONGEST_LABEL + 1));
        let label = format!("{}.", "x".repeat(LONGEST_LABEL));
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
