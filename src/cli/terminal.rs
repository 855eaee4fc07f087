//! Text that is safe to show in a terminal. Names and messages come from records and from other
//! programs; a control sequence in them could rewrite what was printed before, and an invisible or a
//! bidirectional character could make a line read differently from its content.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::telemetry::escape::{Escaped, is_deceptive};

/// The text with control characters escaped as JSON does (`\u202e`), except line feeds and tabs.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    escape(text, |c| is_control(c) && !matches!(c, '\n' | '\t'))
}

/// The same for text that must stay on one line: line feeds and tabs are escaped too.
pub(super) fn escaped_line(text: &str) -> Cow<'_, str> {
    escape(text, is_control)
}

/// A word of a command to copy, quoted for a POSIX shell if it must be.
pub(super) fn shell_word(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "@%+=:,./_-".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("'{}'", text.replace('\'', r"'\''"))),
    }
}

fn escape(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "{}", Escaped(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Control characters (C0, DEL, C1) and deceptive ones.
fn is_control(c: char) -> bool {
    c.is_control() || is_deceptive(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_one_line_stays_on_it() {
        assert_eq!(escaped("a\tb\nc\r"), "a\tb\nc\\u000d");
        assert_eq!(escaped_line("a\tb\nc\r"), "a\\u0009b\\u000ac\\u000d");
    }

    #[test]
    fn a_word_of_a_command_is_quoted_if_it_must_be() {
        for (word, expected) in [
            ("bob@acme.example", "bob@acme.example"),
            ("not valid", "'not valid'"),
            ("o'neil", r"'o'\''neil'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(word), expected);
        }
    }
}
