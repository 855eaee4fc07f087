//! The target of a request in canonical form, or why it has none.
//!
//! The canonical target is matched against the routes and sent to the portal, byte for byte. A
//! target that two programs could read differently is refused, not repaired. The canonical path,
//! after exactly one decoding:
//!
//! - Letters, digits and ``-._~!$&'()*+,=:@`` are unescaped, and so is a semicolon that was. Every
//!   other byte is escaped with upper-case digits: `/caf%c3%a9` and a raw `/café` both become
//!   `/caf%C3%A9`.
//! - Refused, escaped or not: the segments `.` and `..`, empty segments (`//`), backslashes, control
//!   characters, invalid UTF-8.
//! - A space in a segment is refused unescaped and allowed as `%20`, as in names of documents.
//! - A slash at the end is significant. An escaped slash is data, and only routes with
//!   `slash = "data"` accept it.
//!
//! Portals may still read a canonical path in other ways. Which ones count is a setting, and whether
//! they are allowed depends on the routes (`reading`).
//!
//! The query is kept byte for byte. Its escapes concern only the portal and the routes with a query
//! rule (`query_rule`). Refused are bytes that could end the request line: control characters,
//! spaces, `#` and bytes above ASCII.

/// The longest target, as received and in canonical form, in bytes. The gateway's setting is lower.
pub(super) const MAX_TARGET: usize = 64 * 1024;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// A canonical path and a query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestTarget {
    text: String,
    path_len: usize,
    /// Whether the path may have other readings, whatever the routes are.
    ambiguous: bool,
}

impl RequestTarget {
    /// Parses a target in origin-form (RFC 9112, section 3.2.1).
    ///
    /// # Errors
    /// The first problem.
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
        // Escaping may have made it longer.
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

    /// The query without its question mark, byte for byte as received.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.text.get(self.path_len + 1..)
    }

    /// Whether the path may have other readings, whatever the routes are: it has capitals, dots,
    /// escapes, semicolons or the like, or ends in a slash.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Whether the path contains an escaped slash.
    pub(super) fn has_encoded_slash(&self) -> bool {
        self.ambiguous && self.path().contains("%2F")
    }

    /// Refuses semicolons, spaces at the ends of segments, escaped slashes and double escapes. For the
    /// gateway's own paths and for the literals of routes.
    ///
    /// # Errors
    /// The first problem.
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

    /// Path and query, as sent to the portal.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Why a target is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadTarget {
    /// Neither a path nor an absolute HTTP URL.
    #[error("the request target does not begin with a slash")]
    Form,
    /// More than 64 KiB.
    #[error("the request target is too long")]
    TooLong,
    /// A `#`.
    #[error("the request target has a fragment")]
    Fragment,
    /// A percent sign without two hexadecimal digits after it, such as `%u`.
    #[error("the path has a percent sign that is not an escape")]
    Escape,
    /// An escape that decodes to another escape.
    #[error("the path is escaped twice")]
    DoubleEscape,
    /// Bytes that are not UTF-8 once decoded.
    #[error("the path is not UTF-8")]
    NotUtf8,
    /// A control character, or an unescaped space.
    #[error("the path has a control character or an unescaped space")]
    Control,
    /// A space at the beginning or the end of a segment, which some programs remove.
    #[error("a segment of the path begins or ends with a space")]
    OuterSpace,
    /// An escaped slash: data to some programs, a separator to others.
    #[error("the path has an escaped slash")]
    EncodedSlash,
    /// A backslash, which some programs take for a slash.
    #[error("the path has a backslash")]
    Backslash,
    /// A semicolon, after which some programs read parameters.
    #[error("the path has a semicolon")]
    Semicolon,
    /// Two slashes in a row, which some programs take for one.
    #[error("the path has an empty segment")]
    EmptySegment,
    /// The segment `.` or `..`.
    #[error("the path has a dot segment")]
    DotSegment,
    /// A control character, a space or a byte above ASCII in the query.
    #[error("the query has a byte that must be escaped")]
    Query,
}

impl BadTarget {
    /// All of them.
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

/// Appends the canonical form of a segment.
fn canonicalize_segment(segment: &str, out: &mut String) -> Result<(), BadTarget> {
    if segment.bytes().all(is_unescaped) {
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

/// Decodes a segment once, and appends its canonical form.
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
            // Unescaped, it may begin parameters; escaped, it is data.
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

/// Whether a text begins with this many hexadecimal digits.
pub(super) fn starts_with_hex(text: &str, digits: usize) -> bool {
    text.bytes().take(digits).filter(u8::is_ascii_hexdigit).count() == digits
}

/// Whether a text begins like `u0041`, which some programs decode after a percent sign.
fn starts_with_wide_escape(text: &str) -> bool {
    text.strip_prefix(['u', 'U']).is_some_and(|digits| starts_with_hex(digits, 4))
}

/// Appends a decoded byte in canonical form.
fn push_canonical(byte: u8, out: &mut String) {
    if is_unescaped(byte) {
        out.push(char::from(byte));
    } else {
        out.push('%');
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from(HEX.get(usize::from(digit)).copied().unwrap_or(b'0')));
        }
    }
}

/// Unreserved characters and the delimiters without a meaning in a path (RFC 3986, section 3.3),
/// except the semicolon.
const fn is_unescaped(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~'
        | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@')
}

/// Whether a byte of a canonical path has no other reading.
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
