//! What people call a thing: which texts can be a name.

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;

use super::folding::fold;

/// More than any name a person writes, less than what breaks a page or a header.
pub const MAX_NAME: usize = 200;

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// There is nothing to read.
    #[error("must not be empty")]
    Empty,
    /// It is too long.
    #[error("must have at most {MAX_NAME} characters")]
    TooLong,
    /// It would not stay on a line.
    #[error("must not have control characters or line ends")]
    Control,
    /// It could be the twin of another (R4, R15).
    #[error("must not have invisible characters, as U+{:04X}; type it anew", u32::from(*.0))]
    Invisible(char),
}

/// A name without surrounding space, if it can be shown on a line: neither empty, nor too long, nor
/// with what ends a line, nor with invisible characters.
///
/// # Errors
/// What keeps it from being one.
pub fn name(given: &str) -> Result<&str, BadName> {
    let name = given.trim();
    if fold(name).is_empty() {
        return Err(BadName::Empty);
    }
    if name.chars().count() > MAX_NAME {
        return Err(BadName::TooLong);
    }
    if name.chars().any(breaks_line) {
        return Err(BadName::Control);
    }
    if let Some(invisible) = name.chars().find(|c| is_invisible(*c)) {
        return Err(BadName::Invisible(invisible));
    }
    Ok(name)
}

/// Whether text with the character would not stay on a line: control characters, and the
/// separators of lines and paragraphs.
#[must_use]
pub fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether the character shows nothing by itself: joiners, marks of direction, selectors, fillers.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}
