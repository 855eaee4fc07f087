//! The target of a request in its one spelling, or the reason why it has none.
//!
//! What is matched against the routes is what is sent to the portal, byte for byte, so a target
//! whose bytes two programs could read in two ways is refused instead of repaired. The canonical
//! path, after exactly one decoding:
//!
//! - The letters, digits and `-._~!$&'()*+,=:@` stand for themselves; every other byte is an
//!   escape with upper-case digits. Both `/caf%c3%a9` and a raw `/café` become `/caf%C3%A9`.
//! - Refused, plain or encoded: `.` and `..` as segments, empty segments (`//`), backslashes,
//!   semicolons, control characters, white space at either end of a segment, what is not UTF-8.
//!   Encoded slashes are refused too, and so is what would decode a second time.
//! - A space within a segment is refused raw and allowed as `%20`: documents have such names.
//! - A slash at the end is significant.
//!
//! The query is kept byte for byte. Its escapes, good or bad, are the portal's business, and that of
//! the few routes that look at it (`query_rule`); only what could end the request line or begin
//! something else is refused: control characters, spaces, `#` and raw bytes above ASCII.

/// The longest target that is read, and the longest that is sent: 8 KiB.
pub const MAX_TARGET: usize = 8 * 1024;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// A canonical path and the query that came with it. Parsed once, matched and forwarded as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestTarget {
    text: String,
    path_len: usize,
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
        Ok(Self { text, path_len })
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

    /// What a careless portal might read instead of the path: it takes an encoded `?` or `#` for
    /// the end of the path, or a plus for a space, and then cuts off outer spaces. Such paths are
    /// legitimate ("Ticket #7.txt", "C++"), so they are not refused here; but all their readings
    /// must fall on one route. None for nearly all paths, and then nothing is allocated.
    pub(super) fn careless_readings(&self) -> impl Iterator<Item = Result<Self, BadTarget>> {
        let path = self.path();
        let careful = !path.contains('+') && !self.may_end_early();
        let readings: &[_] =
            if careful { &[] } else { &[(true, false), (false, true), (true, true)] };
        readings.iter().map(move |(ends, spaces)| {
            let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
            let end = if *ends { decoded.find(['?', '#']) } else { None };
            let mut read =
                decoded.get(..end.unwrap_or(decoded.len())).unwrap_or_default().to_owned();
            if *spaces {
                read = read.replace('+', " ");
            }
            let mut spelled = String::with_capacity(path.len());
            for segment in read.split('/').skip(1) {
                spelled.push('/');
                segment.trim().bytes().for_each(|byte| push_canonical(byte, &mut spelled));
            }
            Self::parse(&spelled)
        })
    }

    /// Whether a careless portal might take something within the path for the beginning of the
    /// query, or for the end of both.
    pub(super) fn may_end_early(&self) -> bool {
        self.path().contains("%3F") || self.path().contains("%23")
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
    let decoded = decode(segment)?;
    check_decoded(&decoded)?;
    for byte in decoded.bytes() {
        push_canonical(byte, out);
    }
    Ok(())
}

/// Decodes the escapes of a segment, once.
fn decode(segment: &str) -> Result<String, BadTarget> {
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
            raw => raw,
        };
        match byte {
            // Raw ones were separators.
            b'/' => return Err(BadTarget::EncodedSlash),
            b'\\' => return Err(BadTarget::Backslash),
            b';' => return Err(BadTarget::Semicolon),
            _ => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).map_err(|_| BadTarget::NotUtf8)
}

/// Refuses what a decoded segment must not be.
fn check_decoded(decoded: &str) -> Result<(), BadTarget> {
    if decoded.chars().any(char::is_control) {
        return Err(BadTarget::Control);
    }
    if decoded.trim().len() != decoded.len() {
        return Err(BadTarget::OuterSpace);
    }
    if is_dots(decoded) {
        return Err(BadTarget::DotSegment);
    }
    let mut escapes = decoded.split('%').skip(1);
    if escapes.any(|after| starts_with_hex(after, 2) || starts_with_wide_escape(after)) {
        return Err(BadTarget::DoubleEscape);
    }
    Ok(())
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
