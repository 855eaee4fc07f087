//! One spelling for texts that are compared without case and surrounding space (R4, R15, R31).
//!
//! The folded text is for comparing and for keys; it is never shown. Two texts are the same when
//! they fold to the same text, whatever the keyboard: letter case, composed or decomposed accents,
//! full-width and other compatibility forms make no difference.

use unicode_normalization::UnicodeNormalization;

/// The text as it is compared. Folding what is folded changes nothing.
#[must_use]
pub fn fold(text: &str) -> String {
    // Compatibility forms can hide a case or a space, so they are resolved first; and once more,
    // because a change of case can leave letters and accents apart.
    let cased: String = text.nfkc().flat_map(caseless).collect();
    cased.nfkc().collect::<String>().trim().to_owned()
}

/// The standard library's nearest thing to Unicode case folding: `ß`, `ẞ` and `SS` meet, as do `ς`
/// and `σ`.
pub(super) fn caseless(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fold;

    #[test]
    fn case_space_and_keyboard_make_no_difference() {
        for (left, right) in [
            ("Ada@Example.COM", "ada@example.com"),
            ("\t ada \u{a0}\n", "ada"),
            ("STRASSE", "straße"),
            ("STRAẞE", "strasse"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("caf\u{e9}", "CAFE\u{301}"),
            ("\u{ff21}\u{ff24}\u{ff21}", "ada"),
        ] {
            assert_eq!(fold(left), fold(right), "{left:?} and {right:?}");
        }
    }

    #[test]
    fn other_texts_stay_apart() {
        for (left, right) in [("ada", "adam"), ("a da", "ada"), ("e", "é"), ("ada", "аda")] {
            assert_ne!(fold(left), fold(right), "{left:?} and {right:?}");
        }
    }

    #[test]
    fn folding_any_folded_character_changes_nothing() {
        // No character beyond these planes has a case.
        for c in '\0'..='\u{1ffff}' {
            let once = fold(&c.to_string());
            assert_eq!(fold(&once), once, "U+{:04X}", u32::from(c));
        }
    }

    proptest! {
        #[test]
        fn folding_any_folded_text_changes_nothing(text in any::<String>()) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
