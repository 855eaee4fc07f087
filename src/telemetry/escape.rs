//! Characters that make text read as something else than it is: invisible ones, marks of text
//! direction, control characters beyond ASCII, and separators of lines. One list for the log, the
//! audit log and what commands print.
//!
//! Neither format of the log escapes all of them, and a terminal or a page that shows the log might
//! obey them. The escape sequences of terminals in the text format are ours and stay.

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;

/// The line with deceptive characters as `\u` and four hexadecimal digits, which JSON reads as the
/// same characters.
pub(super) fn deceptive(line: &[u8]) -> Cow<'_, [u8]> {
    if line.is_ascii() && !line.contains(&0x7f) {
        return line.into();
    }
    let text = String::from_utf8_lossy(line);
    if !text.contains(is_deceptive) {
        return line.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_deceptive(c) {
            // Writing to a string cannot fail.
            true => drop(write!(escaped, "{}", Escaped(c))),
            false => escaped.push(c),
        }
    }
    escaped.into_bytes().into()
}

/// Whether a character is invisible, changes the direction of text or separates lines: DEL, C1, those
/// with the property `Default_Ignorable_Code_Point` of Unicode, and the format characters (Cf) beyond
/// it that show nothing. Those below U+0020 are not in it.
#[must_use]
pub const fn is_deceptive(c: char) -> bool {
    matches!(
        c,
        '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// A character as JSON escapes it: `\u` and four hexadecimal digits, or two of them beyond U+FFFF.
#[derive(Debug, Clone, Copy)]
pub struct Escaped(pub char);

impl fmt::Display for Escaped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(f, "\\u{unit:04x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::deceptive;

    #[test]
    fn invisible_characters_and_controls_are_escaped() {
        for (line, escaped) in [
            ("{\"login\":\"a\u{202e}b\"}\n", "{\"login\":\"a\\u202eb\"}\n"),
            ("a\u{ad}\u{200b}\u{feff}\u{3164}", "a\\u00ad\\u200b\\ufeff\\u3164"),
            ("\u{e0041}\u{fe0f}", "\\udb40\\udc41\\ufe0f"),
            ("\u{7f}\u{85}\u{2028}\u{2066}\u{61c}", "\\u007f\\u0085\\u2028\\u2066\\u061c"),
        ] {
            assert_eq!(String::from_utf8_lossy(&deceptive(line.as_bytes())), escaped);
        }
    }

    #[test]
    fn other_text_and_escape_sequences_stay() {
        for line in ["", "ASCII\n", "Grüße, 日本\n", "\u{1b}[3mlogin\u{1b}[0m\n"] {
            assert_eq!(&*deceptive(line.as_bytes()), line.as_bytes(), "{line}");
        }
    }
}
