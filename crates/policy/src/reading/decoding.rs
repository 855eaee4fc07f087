//! Decodes segments: once as RFC 3986 says, and leniently as some portals do.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::request_path::starts_with_hex;

/// Stands for an escaped slash. Decoded segments contain no control characters, so it is
/// unambiguous.
pub(super) const DATA_SLASH: &str = "\0";

/// The text of a canonical segment.
pub(crate) fn decoded(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let text = percent_decode_str(segment).decode_utf8_lossy();
    if text.contains('/') { Cow::Owned(text.replace('/', DATA_SLASH)) } else { text }
}

/// Decodes leniently: invalid escapes are kept. `None` if there is nothing to decode.
pub(super) fn decoded_leniently(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut changed = false;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.extend_from_slice(before.as_bytes());
        let wide = after.strip_prefix(['u', 'U']).and_then(|digits| hex(digits, 4));
        if let Some((code, after)) = hex(after, 2) {
            decoded.extend(u8::try_from(code));
            (rest, changed) = (after, true);
        } else if let Some((code, after)) = wide {
            let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            decoded.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            (rest, changed) = (after, true);
        } else {
            decoded.push(b'%');
            rest = after;
        }
    }
    decoded.extend_from_slice(rest.as_bytes());
    changed.then(|| String::from_utf8_lossy(&decoded).into_owned())
}

/// The hexadecimal number of this many digits at the beginning of a text, and the rest.
fn hex(text: &str, digits: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let number = starts_with_hex(number, digits).then(|| u32::from_str_radix(number, 16))?;
    Some((number.ok()?, rest))
}
