//! Where commands print: escaped text, with styles and a width if it is a terminal.

use std::borrow::Cow;
use std::io::{self, Write};

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use rustix::fd::AsFd;
use rustix::termios::tcgetwinsize;

use super::terminal::escaped;

/// What a stream can show.
#[derive(Debug, Default, Clone, Copy)]
pub struct Look {
    /// Whether it is a terminal.
    is_terminal: bool,
    /// Whether styles are shown.
    colour: bool,
    /// The columns of the terminal; `None` if it is not one, so that lines are as long as they need.
    width: Option<usize>,
}

/// How a part of the output stands out.
#[derive(Debug, Clone, Copy)]
pub enum Style {
    /// The header of a table, the label of a field.
    Heading,
    /// A warning.
    Warning,
    /// An error.
    Error,
}

/// The output of commands. What is written to it is escaped.
pub trait Screen: Write {
    /// What it can show.
    fn look(&self) -> Look;

    /// Writes text in a style, if it shows styles.
    ///
    /// # Errors
    /// Those of [`Write`].
    fn styled(&mut self, style: Style, text: &str) -> io::Result<()>;

    /// Writes a part of a file for other programs: unchanged, unless this is a terminal.
    ///
    /// # Errors
    /// Those of [`Write`].
    fn write_file(&mut self, part: &[u8]) -> io::Result<()>;

    /// Clears a terminal; does nothing elsewhere.
    ///
    /// # Errors
    /// Those of [`Write`].
    fn clear(&mut self) -> io::Result<()>;
}

/// A [`Screen`] over a writer.
#[derive(Debug)]
pub struct Printer<W> {
    out: W,
    look: Look,
}

/// Decides for the whole process whether styles are shown. `Auto` is on a terminal, and as `NO_COLOR`,
/// `CLICOLOR` and `CLICOLOR_FORCE` ask for.
pub fn choose_colour(choice: clap::ColorChoice) {
    let choice = match choice {
        clap::ColorChoice::Auto => ColorChoice::Auto,
        clap::ColorChoice::Always => ColorChoice::Always,
        clap::ColorChoice::Never => ColorChoice::Never,
    };
    choice.write_global();
}

impl Look {
    /// That of a standard stream.
    #[must_use]
    pub fn of(stream: &(impl RawStream + AsFd)) -> Self {
        let colour = AutoStream::choice(stream) != ColorChoice::Never;
        let is_terminal = stream.is_terminal();
        let size = if is_terminal { tcgetwinsize(stream).ok() } else { None };
        // Terminals that do not know their size report none.
        let width = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
        Self { is_terminal, colour, width }
    }

    /// The columns of the terminal.
    pub(super) fn width(self) -> Option<usize> {
        self.width
    }

    /// Whether styles are shown.
    #[must_use]
    pub fn colour(self) -> bool {
        self.colour
    }

    /// The text in a style. It must be escaped.
    #[must_use]
    pub fn painted(self, style: Style, text: &str) -> Cow<'_, str> {
        if !self.colour || text.is_empty() {
            return Cow::Owned(text.to_owned());
        }
        // ECMA-48, 8.3.117.
        let code = match style {
            Style::Heading => "1",
            Style::Warning => "33",
            Style::Error => "1;31",
        };
        Cow::Owned(format!("\x1b[{code}m{text}\x1b[0m"))
    }
}

impl<W: Write> Printer<W> {
    /// Prints to a writer that shows this.
    pub const fn new(out: W, look: Look) -> Self {
        Self { out, look }
    }
}

impl<W: Write> Write for Printer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for chunk in bytes.utf8_chunks() {
            self.out.write_all(escaped(chunk.valid()).as_bytes())?;
            if !chunk.invalid().is_empty() {
                self.out.write_all(b"?")?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> Screen for Printer<W> {
    fn look(&self) -> Look {
        self.look
    }

    fn styled(&mut self, style: Style, text: &str) -> io::Result<()> {
        self.out.write_all(self.look.painted(style, &escaped(text)).as_bytes())
    }

    fn write_file(&mut self, part: &[u8]) -> io::Result<()> {
        match self.look.is_terminal {
            true => self.write_all(part),
            false => self.out.write_all(part),
        }
    }

    fn clear(&mut self) -> io::Result<()> {
        match self.look.is_terminal {
            // ECMA-48, 8.3.21 and 8.3.39: to the first column of the first line, and erase the page.
            true => self.out.write_all(b"\x1b[H\x1b[2J"),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
impl Screen for Vec<u8> {
    fn look(&self) -> Look {
        Look::default()
    }

    fn styled(&mut self, _style: Style, text: &str) -> io::Result<()> {
        self.write_all(text.as_bytes())
    }

    fn write_file(&mut self, part: &[u8]) -> io::Result<()> {
        self.write_all(part)
    }

    fn clear(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
impl Look {
    /// A terminal of this many columns without styles.
    pub(super) const fn narrow(width: usize) -> Self {
        Self { is_terminal: true, colour: false, width: Some(width) }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What is printed with this look.
    pub(in crate::cli) fn printed(
        look: Look,
        print: impl FnOnce(&mut dyn Screen) -> io::Result<()>,
    ) -> String {
        let mut printer = Printer::new(Vec::new(), look);
        print(&mut printer).unwrap();
        String::from_utf8(printer.out).unwrap()
    }

    fn shown(bytes: &[u8]) -> String {
        printed(Look::default(), |out| out.write_all(bytes))
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
    }

    #[test]
    fn ordinary_text_is_not_changed() {
        for text in ["Zo\u{eb}\tM\u{fc}ller\n", "\u{0628}\u{0648}\u{0628}", "\u{1f469}\u{1f52c}"] {
            assert_eq!(shown(text.as_bytes()), text);
        }
    }

    #[test]
    fn a_json_document_stays_valid() {
        let document = serde_json::json!({ "name": "a\u{202e}b\u{9b}c\u{e0041}\n\"" });
        let read: serde_json::Value =
            serde_json::from_str(&shown(document.to_string().as_bytes())).unwrap();
        assert_eq!(read, document);
    }

    #[test]
    fn styles_are_ours_only_and_only_if_they_are_shown() {
        let print = |out: &mut dyn Screen| out.styled(Style::Heading, "a\x1b[31mb");
        assert_eq!(printed(Look::default(), print), "a\\u001b[31mb");
        let coloured = Look { colour: true, ..Look::default() };
        assert_eq!(printed(coloured, print), "\x1b[1ma\\u001b[31mb\x1b[0m");
    }
}
