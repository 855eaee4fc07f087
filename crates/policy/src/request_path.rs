//! The target of a request in its one spelling, or the reason why it has none.
//!
//! What is matched against the routes is what is sent to the portal, byte for byte, so a target
//! whose bytes two programs could read in two ways is refused instead of repaired. The canonical
//! path, after exactly one decoding:
//!
//! - The letters, digits and `-._~!$&'()*+,=:@` stand for themselves, and so does a semicolon that
//!   came raw; every other byte is an escape with upper-case digits. Both `/caf%c3%a9` and a raw
//!   `/café` become `/caf%C3%A9`.
//! - Refused, plain or encoded: `.` and `..` as segments, empty segments (`//`), backslashes,
//!   control characters, what is not UTF-8.
//! - A space within a segment is refused raw and allowed as `%20`: documents have such names.
//! - A slash at the end is significant. One that is encoded is data, which only routes that say so
//!   accept.
//!
//! A canonical path can still be read in other ways by careless portals. Which of them count is a
//! setting, and whether they are allowed depends on the routes (`reading`).
//!
//! The query is kept byte for byte. Its escapes, good or bad, are the portal's business, and that of
//! the few routes that look at it (`query_rule`); only what could end the request line or begin
//! something else is refused: control characters, spaces, `#` and raw bytes above ASCII.

use super::reading::{Readings, Spellings};

/// The longest target that is read, and the longest that is sent: 64 KiB. What a gateway accepts is a
/// setting, and less.
pub const MAX_TARGET: usize = 64 * 1024;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// A canonical path and the query that came with it. Parsed once, matched and forwarded as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestTarget {
    text: String,
    path_len: usize,
    /// Whether a careless portal might read the path in another way, whatever the routes are.
    ambiguous: bool,
}

impl RequestTarget {
    /// Reads a target in origin-form (RFC 9112 section 3.2.1): a path and perhaps a query.
    ///
    /// # Errors
    /// The first reason for which it has no single reading.
    pub fn parse(target: &str) -> Result<Self, BadTarget> {
        if target.len() > MAX_TARGET {
            return Err(BadTarget::TooLong);
        }
        if target.contains('#') {
            return Err(BadTarget::Fragment);
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let mut text = String::with_capacity(target.len());
        canonicalize(path, &mut text)?;
        let path_len = text.len();
        if let Some(query) = query {
            if !query.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(BadTarget::Query);
            }
            text.push('?');
            text.push_str(query);
        }
        // Escaping what came raw may have made it longer.
        if text.len() > MAX_TARGET {
            return Err(BadTarget::TooLong);
        }
        let path = text.get(..path_len).unwrap_or_default();
        let ambiguous =
            !path.bytes().all(has_one_reading) || (path.len() > 1 && path.ends_with('/'));
        Ok(Self { text, path_len, ambiguous })
    }

    /// The canonical path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.text.get(..self.path_len).unwrap_or_default()
    }

    /// The query without its question mark, byte for byte as it came.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.text.get(self.path_len + 1..)
    }

    /// Whether a careless portal might read the path in another way, whatever the routes are: it
    /// has capitals, dots, escapes or signs at issue, or ends in a slash.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Whether a slash stands in the path as data.
    pub(super) fn has_encoded_slash(&self) -> bool {
        self.ambiguous && self.path().contains("%2F")
    }

    /// Refuses what two programs could read in two ways even where no portal is asked: in the
    /// gateway's own paths and in the literals of routes.
    ///
    /// # Errors
    /// The first reason.
    pub fn strict(&self) -> Result<(), BadTarget> {
        for segment in self.path().split('/') {
            let text = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
            if text.contains('/') {
                return Err(BadTarget::EncodedSlash);
            }
            if text.contains(';') {
                return Err(BadTarget::Semicolon);
            }
            if text.trim().len() != text.len() {
                return Err(BadTarget::OuterSpace);
            }
            let mut escapes = text.split('%').skip(1);
            if escapes.any(|after| starts_with_hex(after, 2) || starts_with_wide_escape(after)) {
                return Err(BadTarget::DoubleEscape);
            }
        }
        Ok(())
    }

    /// Whether the path is one in every reading that any portal might have.
    #[must_use]
    pub fn is_path_in_every_reading(&self) -> bool {
        Spellings::of(self.path(), |_| false, Readings::all()).is_ok()
    }

    /// Path and query, as they are sent to the portal.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Why a target has no single reading; the answer is 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadTarget {
    /// It is neither a path nor an absolute URL over HTTP: no slash to begin with, `*`.
    #[error("the request target does not begin with a slash")]
    Form,
    /// More than [`MAX_TARGET`] bytes.
    #[error("the request target is too long")]
    TooLong,
    /// A `#`, which no request target has.
    #[error("the request target holds a fragment")]
    Fragment,
    /// A percent sign without two hexadecimal digits after it, `%u` included.
    #[error("the path holds a percent sign that escapes nothing")]
    Escape,
    /// An escape that gives another escape.
    #[error("the path is escaped twice")]
    DoubleEscape,
    /// Bytes that are no text once decoded.
    #[error("the path is not UTF-8")]
    NotUtf8,
    /// A control character, plain or encoded, or a raw space.
    #[error("the path holds a control character or a raw space")]
    Control,
    /// White space at the beginning or the end of a segment, which some programs cut off.
    #[error("a part of the path begins or ends with a space")]
    OuterSpace,
    /// A slash that is data to one program and a separator to the next.
    #[error("the path holds an encoded slash")]
    EncodedSlash,
    /// A backslash, plain or encoded, which some programs take for a slash.
    #[error("the path holds a backslash")]
    Backslash,
    /// A semicolon, plain or encoded, after which some programs read parameters.
    #[error("the path holds a semicolon")]
    Semicolon,
    /// Two slashes without anything between, which some programs take for one.
    #[error("the path holds an empty part")]
    EmptySegment,
    /// `.` or `..`, plain or encoded.
    #[error("the path holds a dot segment")]
    DotSegment,
    /// A control character, a space or a raw byte above ASCII in the query.
    #[error("the query holds a byte that must be escaped")]
    Query,
}

impl BadTarget {
    /// Every one.
    pub const ALL: [Self; 14] = [
        Self::Form,
        Self::TooLong,
        Self::Fragment,
        Self::Escape,
        Self::DoubleEscape,
        Self::NotUtf8,
        Self::Control,
        Self::OuterSpace,
        Self::EncodedSlash,
        Self::Backslash,
        Self::Semicolon,
        Self::EmptySegment,
        Self::DotSegment,
        Self::Query,
    ];

    /// The stable name, used in the decision record, `explain` and the expectations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "target-form",
            Self::TooLong => "target-too-long",
            Self::Fragment => "fragment",
            Self::Escape => "bad-escape",
            Self::DoubleEscape => "double-escape",
            Self::NotUtf8 => "not-utf8",
            Self::Control => "control-character",
            Self::OuterSpace => "outer-space",
            Self::EncodedSlash => "encoded-slash",
            Self::Backslash => "backslash",
            Self::Semicolon => "semicolon",
            Self::EmptySegment => "empty-segment",
            Self::DotSegment => "dot-segment",
            Self::Query => "bad-query",
        }
    }
}

/// Appends the canonical form of a path.
fn canonicalize(path: &str, out: &mut String) -> Result<(), BadTarget> {
    let mut rest = path.strip_prefix('/').ok_or(BadTarget::Form)?;
    loop {
        out.push('/');
        let Some((segment, tail)) = rest.split_once('/') else {
            return canonicalize_segment(rest, out);
        };
        if segment.is_empty() {
            return Err(BadTarget::EmptySegment);
        }
        canonicalize_segment(segment, out)?;
        rest = tail;
    }
}

/// Appends the canonical form of what stands between two slashes.
fn canonicalize_segment(segment: &str, out: &mut String) -> Result<(), BadTarget> {
    if segment.bytes().all(stands_for_itself) {
        if is_dots(segment) {
            return Err(BadTarget::DotSegment);
        }
        out.push_str(segment);
        return Ok(());
    }
    let decoded = decode(segment, out)?;
    if decoded.chars().any(char::is_control) {
        return Err(BadTarget::Control);
    }
    for piece in decoded.split('/') {
        if is_dots(piece) {
            return Err(BadTarget::DotSegment);
        }
        if piece.is_empty() && piece.len() != decoded.len() {
            return Err(BadTarget::EmptySegment);
        }
    }
    Ok(())
}

/// Decodes the escapes of a segment, once, and appends its canonical form.
fn decode(segment: &str, out: &mut String) -> Result<String, BadTarget> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let escaped =
                    bytes.next().and_then(hex_value).zip(bytes.next().and_then(hex_value));
                let (high, low) = escaped.ok_or(BadTarget::Escape)?;
                high << 4 | low
            }
            b' ' => return Err(BadTarget::Control),
            // A raw one may separate parameters; an escaped one stays escaped.
            b';' => {
                out.push(';');
                decoded.push(b';');
                continue;
            }
            raw => raw,
        };
        if byte == b'\\' {
            return Err(BadTarget::Backslash);
        }
        push_canonical(byte, out);
        decoded.push(byte);
    }
    String::from_utf8(decoded).map_err(|_| BadTarget::NotUtf8)
}

fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

/// Whether a text begins with so many hexadecimal digits.
pub(super) fn starts_with_hex(text: &str, digits: usize) -> bool {
    text.bytes().take(digits).filter(u8::is_ascii_hexdigit).count() == digits
}

/// `u0041` after a percent sign, which some programs take for `A`.
fn starts_with_wide_escape(text: &str) -> bool {
    text.strip_prefix(['u', 'U']).is_some_and(|digits| starts_with_hex(digits, 4))
}

/// Appends a decoded byte in its canonical spelling.
fn push_canonical(byte: u8, out: &mut String) {
    if stands_for_itself(byte) {
        out.push(char::from(byte));
    } else {
        out.push('%');
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from(HEX.get(usize::from(digit)).copied().unwrap_or(b'0')));
        }
    }
}

/// The unreserved characters and the delimiters that mean nothing in a path (RFC 3986 section
/// 3.3), but for the semicolon.
const fn stands_for_itself(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~'
        | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@')
}

/// Whether a byte of a canonical path means the same to every portal.
const fn has_one_reading(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'~'
        | b'!' | b'$' | b'&' | b'\'' | b'*' | b',' | b'=' | b'@')
}

const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
