//! Folding, for texts that are compared without case and white space at their ends (R4, R15, R31):
//! logins and the names of groups.
//!
//! Folded text is for comparisons and keys, and is never shown. Letter case, composed and
//! decomposed accents, full-width and other compatibility forms make no difference.

use unicode_normalization::UnicodeNormalization;

/// The folded text. Idempotent.
#[must_use]
pub fn fold(text: &str) -> String {
    // First, because compatibility forms may have a case or be spaces. Again at the end, because a
    // change of case may decompose.
    let cased: String = text.nfkc().flat_map(caseless).collect();
    cased.nfkc().collect::<String>().trim().to_owned()
}

/// An approximation of Unicode case folding: `ß`, `ẞ` and `SS` fold to the same text, and so do
/// `ς` and `σ`.
pub(super) fn caseless(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fold;

    #[test]
    fn case_spaces_and_forms_are_ignored() {
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
    fn different_texts_do_not_fold_together() {
        for (left, right) in [("ada", "adam"), ("a da", "ada"), ("e", "é"), ("ada", "аda")] {
            assert_ne!(fold(left), fold(right), "{left:?} and {right:?}");
        }
    }

    #[test]
    fn folding_is_idempotent_for_every_character() {
        // No character beyond these planes has a case.
        for c in '\0'..='\u{1ffff}' {
            let once = fold(&c.to_string());
            assert_eq!(fold(&once), once, "U+{:04X}", u32::from(c));
        }
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(text in any::<String>()) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
