//! Names of groups, organizations and people: which texts are valid.

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;

use super::folding::fold;

/// The longest name, in characters.
pub const MAX_NAME: usize = 200;

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It is empty, or white space only.
    #[error("must not be empty")]
    Empty,
    /// It is too long.
    #[error("must have at most {MAX_NAME} characters")]
    TooLong,
    /// It contains a character that ends a line, or a control character.
    #[error("must not have control characters or line ends")]
    Control,
    /// It contains an invisible character, so that two names could look the same (R4, R15).
    #[error("must not have invisible characters such as U+{:04X}; type it again", u32::from(*.0))]
    Invisible(char),
}

/// A valid name, without white space at its ends.
///
/// # Errors
/// Why the text is not a valid name.
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

/// Whether a character ends a line or is a control character.
#[must_use]
pub fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether a character is invisible: joiners, direction marks, variation selectors, fillers.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}
