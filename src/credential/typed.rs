//! Codes as people type them.
//!
//! Keyboards and apps insert full-width or national digits, hyphens of all kinds, spaces and
//! invisible characters. Digits are converted to ASCII, the others are removed.

use unicode_normalization::UnicodeNormalization as _;

use super::secret::Secret;

/// The zeros of the decimal digits of other scripts (Unicode, general category Nd) that the
/// compatibility form does not convert to ASCII. Each is followed by its other nine digits.
const ZEROS: [u32; 35] = [
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66,
    0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0,
];

/// The code with ASCII digits, without spaces, hyphens and invisible characters.
pub(super) fn plain(typed: &str) -> Secret<String> {
    Secret::new(typed.nfkc().filter(|c| !is_decoration(*c)).map(in_ascii).collect())
}

fn in_ascii(c: char) -> char {
    let value = |zero: &u32| u32::from(c).checked_sub(*zero).filter(|value| *value < 10);
    ZEROS.iter().find_map(value).and_then(|value| char::from_digit(value, 10)).unwrap_or(c)
}

/// Spaces, dashes, zero-width characters and direction marks.
const fn is_decoration(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '-' | '\u{2010}'..='\u{2015}'
                | '\u{2212}'
                | '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::{ZEROS, plain};

    #[test]
    fn r51_digits_of_every_script_are_converted() {
        for zero in ZEROS.into_iter().chain([0x30, 0xff10]) {
            let typed: String = (0..10).filter_map(|value| char::from_u32(zero + value)).collect();
            assert_eq!(plain(&typed).expose(), "0123456789", "{zero:x}");
        }
    }

    #[test]
    fn r51_other_characters_are_kept() {
        assert_eq!(plain("1.2_3+4/5").expose(), "1.2_3+4/5");
        assert_eq!(plain("\u{665}\u{66a}").expose(), "5\u{66a}");
    }
}
