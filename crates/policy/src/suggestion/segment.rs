//! What may stand for a segment in a pattern.

use crate::path_pattern::RESERVED;
use crate::request_path::RequestTarget;
use crate::segment_type::{extension_of, is_int, is_uuid};

/// The longest segment that is a literal.
const LONGEST_LITERAL: usize = 80;
/// The longest extension that makes a segment a file.
const LONGEST_EXTENSION: usize = 5;
/// A part of letters and digits that is longer may look random.
const LONG: usize = 9;
/// Changes between letters and digits in a part that looks random.
const MANY_CHANGES: usize = 4;
/// The length of a part in hexadecimal that looks random.
const LONG_HEX: usize = 12;

/// The kind of a segment, which depends on nothing but its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A UUID.
    Uuid,
    /// A number.
    Int,
    /// A file with this extension.
    File(&'a str),
    /// Anything else.
    Plain,
}

impl<'a> Kind<'a> {
    /// The kind of a segment that is not empty.
    pub(super) fn of(segment: &'a str) -> Self {
        if is_uuid(segment) {
            return Self::Uuid;
        }
        if is_int(segment) {
            return Self::Int;
        }
        match extension_of(segment) {
            Some(extension) if is_of_files(extension) => Self::File(extension),
            Some(_) | None => Self::Plain,
        }
    }
}

fn is_of_files(extension: &str) -> bool {
    (1..=LONGEST_EXTENSION).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && extension.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Whether a segment may stand for itself: a route can have it as a literal, and it is not a value
/// that looks random.
pub(super) fn may_be_literal(segment: &str) -> bool {
    segment.len() <= LONGEST_LITERAL
        && segment != RESERVED.trim_matches('/')
        && !is_date(segment)
        && !segment.split(|c: char| !c.is_ascii_alphanumeric()).any(looks_random)
        && RequestTarget::parse(&format!("/{segment}")).is_ok_and(|target| target.strict().is_ok())
}

/// Whether a segment is a date such as `2026-01-31` or `2026-01`.
pub(super) fn is_date(segment: &str) -> bool {
    let mut parts = segment.split('-');
    let mut next = |length: usize| parts.next().is_some_and(|p| p.len() == length && is_int(p));
    let (year, month) = (next(4), next(2));
    let day = segment.len() == "2026-01".len() || next(2);
    year && month && day && parts.next().is_none()
}

/// Whether a part of letters and digits looks like an identifier or a token.
fn looks_random(part: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    if part.len() <= LONG || !part.bytes().any(|byte| is_digit(&byte)) {
        return false;
    }
    let changes = part.as_bytes().windows(2).filter(|pair| match pair {
        [a, b] => is_digit(a) != is_digit(b),
        _ => false,
    });
    let is_hex = part.len() >= LONG_HEX && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex || changes.count() >= MANY_CHANGES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_segments() {
        for (segment, kind) in [
            ("0b67a8f2-0000-4000-8000-000000000001", Kind::Uuid),
            ("7", Kind::Int),
            ("a.pdf", Kind::File("pdf")),
            ("a.tar.gz", Kind::File("gz")),
            ("v1.2", Kind::Plain),
            (".env", Kind::Plain),
            ("tickets", Kind::Plain),
        ] {
            assert_eq!(Kind::of(segment), kind, "{segment}");
        }
    }

    #[test]
    fn names_are_literals_and_random_values_are_not() {
        for name in
            ["tickets", "wp-content", "2024-report", "2024-1", "jquery-3.7.1.min.js", "caf%C3%A9"]
        {
            assert!(may_be_literal(name), "{name}");
        }
        for name in ["%7B*rest%7D", "*", "a%5B%5D", "administration", "oauth2callback"] {
            assert!(may_be_literal(name), "{name}");
        }
        for value in [
            "5f3a9c1e7b2d",
            "q7w8e9r0t1y2u3",
            "main.5f3a9c1e7b2d.js",
            ".portcullis",
            "2026-01-31",
            "2026-01",
            "a;b",
            "%20a",
            "a%2Fb",
            "a%2541",
        ] {
            assert!(!may_be_literal(value), "{value}");
        }
    }
}
