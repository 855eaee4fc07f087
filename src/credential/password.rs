//! Which passwords may be chosen (R30, R31).
//!
//! A chosen password is judged once, here, and travels as a [`NewPassword`]; only that can be
//! hashed. All broken rules are reported together, so that a person need not find them one by one.
//! Passwords are compared and hashed in Unicode normal form C: the same accent from another
//! keyboard is the same password.

use std::fmt;

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use zeroize::Zeroizing;

use super::folding::fold;
use super::secret::Secret;

/// The fewest and the most Unicode characters of a password.
pub const LENGTH: std::ops::RangeInclusive<usize> = 12..=128;

/// What a password must fulfil, in the order in which it is shown (R32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PasswordRule {
    /// 12 to 128 characters.
    Length,
    /// An uppercase letter.
    Uppercase,
    /// A lowercase letter.
    Lowercase,
    /// A digit.
    Digit,
    /// A symbol.
    Symbol,
    /// Not the login.
    NotLogin,
    /// Not the email address.
    NotEmail,
}

impl PasswordRule {
    /// Every rule.
    pub const ALL: [Self; 7] = [
        Self::Length,
        Self::Uppercase,
        Self::Lowercase,
        Self::Digit,
        Self::Symbol,
        Self::NotLogin,
        Self::NotEmail,
    ];

    /// The stable name, for problem documents and the page's script.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Uppercase => "uppercase",
            Self::Lowercase => "lowercase",
            Self::Digit => "digit",
            Self::Symbol => "symbol",
            Self::NotLogin => "not-login",
            Self::NotEmail => "not-email",
        }
    }

    /// The requirement in plain words.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Length => "Between 12 and 128 characters.",
            Self::Uppercase => "At least one uppercase letter.",
            Self::Lowercase => "At least one lowercase letter.",
            Self::Digit => "At least one digit.",
            Self::Symbol => "At least one symbol.",
            Self::NotLogin => "Not the same as the login.",
            Self::NotEmail => "Not the same as the email address.",
        }
    }

    /// Whether the (normalized) password keeps the rule.
    fn holds(self, password: &str, login: &str, email: Option<&str>) -> bool {
        match self {
            Self::Length => LENGTH.contains(&password.chars().count()),
            Self::Uppercase => password.chars().any(char::is_uppercase),
            Self::Lowercase => password.chars().any(char::is_lowercase),
            Self::Digit => password.chars().any(is_digit),
            Self::Symbol => password.chars().any(is_symbol),
            Self::NotLogin => !same(password, login),
            Self::NotEmail => email.is_none_or(|email| !same(password, email)),
        }
    }
}

impl fmt::Display for PasswordRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// A password that keeps every rule, ready to be hashed.
#[derive(Debug)]
pub struct NewPassword(Secret<String>);

impl NewPassword {
    /// Judges a chosen password.
    ///
    /// # Errors
    /// All the rules it breaks, in the order of [`PasswordRule::ALL`].
    #[expect(clippy::needless_pass_by_value, reason = "the unjudged password ends here")]
    pub fn parse(
        password: Secret<String>,
        login: &str,
        email: Option<&str>,
    ) -> Result<Self, Vec<PasswordRule>> {
        let password = normalized(&password);
        let broken: Vec<_> = PasswordRule::ALL
            .into_iter()
            .filter(|rule| !rule.holds(password.expose(), login, email))
            .collect();
        if broken.is_empty() { Ok(Self(password)) } else { Err(broken) }
    }

    /// The password itself, for the hash.
    pub(super) const fn secret(&self) -> &Secret<String> {
        &self.0
    }
}

/// The one spelling of a password that is hashed.
pub(super) fn normalized(password: &Secret<String>) -> Secret<String> {
    // Room for the longest result at once: a String that grows leaves copies behind.
    let mut text = String::with_capacity(password.expose().len() * 3);
    text.extend(password.expose().nfc());
    Secret::new(text)
}

/// A decimal digit of any script; neither a fraction nor a superscript nor a Roman numeral.
fn is_digit(c: char) -> bool {
    CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::DecimalNumber
}

/// Neither letter, digit, accent nor space: punctuation, signs, pictures.
fn is_symbol(c: char) -> bool {
    !(c.is_alphanumeric() || c.is_whitespace() || c.is_control() || is_combining_mark(c))
}

fn same(password: &str, name: &str) -> bool {
    *Zeroizing::new(fold(password)) == fold(name)
}

#[cfg(test)]
mod tests {
    use super::{NewPassword, PasswordRule, normalized};
    use crate::credential::secret::Secret;

    const GOOD: &str = "Correct-Horse-7";

    fn broken(password: &str, login: &str, email: Option<&str>) -> Vec<PasswordRule> {
        NewPassword::parse(Secret::from(password), login, email).err().unwrap_or_default()
    }

    #[test]
    fn r30_a_password_that_keeps_every_rule_is_taken() {
        let longest = format!("Aa1!{}", "x".repeat(124));
        for password in [GOOD, "Aa1!xxxxxxxx", &longest, "Пароль-длинный-7", "Aa1 €xxxxxxx"]
        {
            assert_eq!(broken(password, "ada", Some("ada@example.com")), [], "{password}");
        }
    }

    #[test]
    fn r30_each_broken_rule_is_named() {
        use PasswordRule::{Digit, Length, Lowercase, Symbol, Uppercase};
        let too_long = format!("Aa1!{}", "x".repeat(125));
        for (password, rules) in [
            ("Aa1!xxxxxxx", &[Length][..]),
            (&too_long, &[Length]),
            ("aa1!xxxxxxxx", &[Uppercase]),
            ("AA1!ABCDEFGH", &[Lowercase]),
            ("Aaa!xxxxxxxx", &[Digit]),
            ("Aa11xxxxxxxx", &[Symbol]),
            ("Aa11 xxxxxxxx", &[Symbol]),
            ("short", &[Length, Uppercase, Digit, Symbol]),
            ("", &[Length, Uppercase, Lowercase, Digit, Symbol]),
        ] {
            assert_eq!(broken(password, "ada", None), rules, "{password}");
        }
    }

    #[test]
    fn r30_a_digit_is_a_decimal_digit_of_any_script() {
        for digit in ['0', '9', '\u{0663}', '\u{096f}', '\u{ff17}'] {
            assert_eq!(broken(&format!("Aaa!xxxxxxx{digit}"), "ada", None), [], "{digit}");
        }
        for other in ['½', '²', '₃', 'Ⅷ', '①', '〇', '千', '㉛'] {
            let found = broken(&format!("Aaa!xxxxxxx{other}"), "ada", None);
            assert_eq!(found, [PasswordRule::Digit], "{other}");
        }
    }

    #[test]
    fn r30_length_counts_characters_not_bytes() {
        assert_eq!(broken("Aa1!éééééééé", "ada", None), []);
        assert_eq!(broken("Aa1!ééééééé", "ada", None), [PasswordRule::Length]);
        // The same seven letters typed as letter and accent are not fourteen characters.
        assert_eq!(broken("Aa1!e\u{301}ééééée\u{301}", "ada", None), [PasswordRule::Length]);
    }

    #[test]
    fn r31_the_login_or_email_in_any_case_and_space_is_refused() {
        let (login, email) = ("Ada.Lovelace-1815", "Ada.Lovelace+7@Example.com");
        for password in ["Ada.Lovelace-1815", "aDA.LOVELACE-1815", "  ada.Lovelace-1815\t"] {
            assert_eq!(broken(password, login, None), [PasswordRule::NotLogin], "{password}");
        }
        for password in ["Ada.Lovelace+7@Example.com", " ADA.lovelace+7@example.com "] {
            assert_eq!(broken(password, "x", Some(email)), [PasswordRule::NotEmail], "{password}");
            assert_eq!(
                broken(password, email, Some(email)),
                [PasswordRule::NotLogin, PasswordRule::NotEmail]
            );
        }
    }

    #[test]
    fn r31_a_password_that_only_contains_the_login_is_taken() {
        assert_eq!(broken("Ada.Lovelace-1815!", "Ada.Lovelace-1815", Some("ada@example.com")), []);
    }

    #[test]
    fn a_password_is_hashed_in_one_spelling() {
        let [composed, decomposed] = ["caf\u{e9}", "cafe\u{301}"].map(Secret::from);
        assert_eq!(normalized(&composed).expose(), normalized(&decomposed).expose());
    }

    #[test]
    fn debug_shows_nothing_of_a_new_password() {
        let password = NewPassword::parse(Secret::from(GOOD), "ada", None).unwrap();
        assert!(!format!("{password:?}").contains("Horse"));
    }
}
