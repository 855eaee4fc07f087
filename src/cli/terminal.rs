//! Output that is safe to show in a terminal. Names and messages come from records and from other
//! programs; a control sequence in them could rewrite what was printed before, and an invisible or a
//! bidirectional character could make a line read differently from its content.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use crate::telemetry::escape::{Escaped, is_deceptive};

/// Escapes control characters as JSON does (`\u202e`), so that a JSON document stays valid.
#[derive(Debug)]
pub struct Escaping<W>(pub W);

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for chunk in bytes.utf8_chunks() {
            self.0.write_all(escaped(chunk.valid()).as_bytes())?;
            if !chunk.invalid().is_empty() {
                self.0.write_all(b"?")?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The text with control characters escaped, except line feeds and tabs.
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

    fn shown(bytes: &[u8]) -> String {
        let mut out = Escaping(Vec::new());
        out.write_all(bytes).unwrap();
        String::from_utf8(out.0).unwrap()
    }

    #[test]
    fn control_characters_never_reach_a_terminal() {
        for (text, expected) in [
            ("\x1b[2J", "\\u001b[2J"),
            ("\u{9b}2J\u{7f}", "\\u009b2J\\u007f"),
            ("user\u{202e}nimda", "user\\u202enimda"),
            ("a\u{2066}b\u{2069}\u{61c}", "a\\u2066b\\u2069\\u061c"),
            ("two\u{2028}lines\u{2029}", "two\\u2028lines\\u2029"),
            ("b\u{ad}o\u{200b}b\u{feff}", "b\\u00ado\\u200bb\\ufeff"),
            ("bob\u{e0041}\u{200d}", "bob\\udb40\\udc41\\u200d"),
            ("gone\r", "gone\\u000d"),
        ] {
            assert_eq!(shown(text.as_bytes()), expected);
        }
        assert_eq!(shown(b"latin \x9b1"), "latin ?1");
        assert_eq!(escaped_line("a\nb"), "a\\u000ab");
    }

    #[test]
    fn ordinary_text_is_not_changed() {
        for text in ["Zo\u{eb}\tM\u{fc}ller\n", "\u{0628}\u{0648}\u{0628}", "\u{1f469}\u{1f52c}"] {
            assert_eq!(shown(text.as_bytes()), text);
        }
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

    #[test]
    fn a_json_document_stays_valid() {
        let document = serde_json::json!({ "name": "a\u{202e}b\u{9b}c\u{e0041}\n\"" });
        let read: serde_json::Value =
            serde_json::from_str(&shown(document.to_string().as_bytes())).unwrap();
        assert_eq!(read, document);
    }
}
