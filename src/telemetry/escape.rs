//! Marks of text direction, and control characters beyond ASCII, in a line of the log.
//!
//! Neither of the formats escapes all of them, and a terminal or a page that shows the log might obey
//! them. The escape sequences of terminals in the text format are ours and stay.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The line with such characters as `\uXXXX`, which JSON reads as the same characters.
pub(super) fn marks(line: &[u8]) -> Cow<'_, [u8]> {
    if line.is_ascii() && !line.contains(&0x7f) {
        return line.into();
    }
    let text = String::from_utf8_lossy(line);
    if !text.contains(is_mark) {
        return line.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_mark(c) {
            // Writing to a string cannot fail.
            true => drop(write!(escaped, "\\u{:04x}", u32::from(c))),
            false => escaped.push(c),
        }
    }
    escaped.into_bytes().into()
}

const fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::marks;

    #[test]
    fn marks_of_direction_and_controls_are_escaped() {
        for (line, escaped) in [
            ("{\"login\":\"a\u{202e}b\"}\n", "{\"login\":\"a\\u202eb\"}\n"),
            ("\u{7f}\u{85}\u{2028}\u{2066}\u{61c}", "\\u007f\\u0085\\u2028\\u2066\\u061c"),
        ] {
            assert_eq!(String::from_utf8_lossy(&marks(line.as_bytes())), escaped);
        }
    }

    #[test]
    fn other_text_and_escape_sequences_stay() {
        for line in ["", "ASCII\n", "Grüße, 日本\n", "\u{1b}[3mlogin\u{1b}[0m\n"] {
            assert_eq!(&*marks(line.as_bytes()), line.as_bytes(), "{line}");
        }
    }
}
