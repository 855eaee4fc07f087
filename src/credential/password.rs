//! The rules for new passwords (R30, R31).
//!
//! A new password is checked once, here, and passed on as a [`NewPassword`]; only that can be hashed.
//! All broken rules are reported together. Passwords are compared and hashed in Unicode normal form
//! C, so that a letter and its accent are the same password however the keyboard encodes them.

use std::fmt;

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use zeroize::Zeroizing;

use super::folding::fold;
use super::secret::Secret;

/// The length of a password in Unicode characters.
pub const LENGTH: std::ops::RangeInclusive<usize> = 12..=128;

/// A rule for new passwords. The order is the one in which they are shown (R32).
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
    /// All rules, in their order.
    pub const ALL: [Self; 7] = [
        Self::Length,
        Self::Uppercase,
        Self::Lowercase,
        Self::Digit,
        Self::Symbol,
        Self::NotLogin,
        Self::NotEmail,
    ];

    /// The stable name, for the page's script.
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

    /// The requirement, to follow "the password needs".
    const fn requirement(self) -> &'static str {
        match self {
            Self::Length => "12 to 128 characters",
            Self::Uppercase => "an uppercase letter",
            Self::Lowercase => "a lowercase letter",
            Self::Digit => "a digit",
            Self::Symbol => "a symbol",
            Self::NotLogin => "to differ from the login",
            Self::NotEmail => "to differ from the email address",
        }
    }

    /// Whether the normalized password satisfies the rule.
    fn is_satisfied(self, password: &str, login: &str, email: Option<&str>) -> bool {
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
        f.write_str(self.requirement())
    }
}

/// A login that was typed, for the log: `?` if it satisfies the rules for passwords and does not look
/// like an email address, because people type passwords into the wrong field.
#[must_use]
pub fn loggable_login(login: &str) -> &str {
    let password: String = login.trim().nfc().collect();
    let is_password = PasswordRule::ALL.iter().all(|rule| {
        matches!(rule, PasswordRule::NotLogin) || rule.is_satisfied(&password, "", None)
    });
    let domain = password.rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_domain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
    let is_address = domain.contains('.') && domain.chars().all(is_domain);
    if is_password && !is_address { "?" } else { login }
}

/// A password that satisfies all rules and can be hashed.
#[derive(Debug)]
pub struct NewPassword(Secret<String>);

impl NewPassword {
    /// Checks a new password.
    ///
    /// # Errors
    /// All rules that it breaks, in the order of [`PasswordRule::ALL`].
    #[expect(clippy::needless_pass_by_value, reason = "the unchecked password is not used again")]
    pub fn parse(
        password: Secret<String>,
        login: &str,
        email: Option<&str>,
    ) -> Result<Self, Vec<PasswordRule>> {
        let password = normalized(&password);
        let broken: Vec<_> = PasswordRule::ALL
            .into_iter()
            .filter(|rule| !rule.is_satisfied(password.expose(), login, email))
            .collect();
        if broken.is_empty() { Ok(Self(password)) } else { Err(broken) }
    }

    /// The password itself, to be hashed.
    pub(super) const fn secret(&self) -> &Secret<String> {
        &self.0
    }
}

/// The password in Unicode normal form C, as it is hashed.
pub(super) fn normalized(password: &Secret<String>) -> Secret<String> {
    // Enough for the longest result: a `String` that grows leaves copies in memory.
    let mut text = String::with_capacity(password.expose().len() * 3);
    text.extend(password.expose().nfc());
    Secret::new(text)
}

/// A decimal digit of any script; not a fraction, superscript or Roman numeral.
fn is_digit(c: char) -> bool {
    CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::DecimalNumber
}

/// Not a letter, digit, accent or space: punctuation, signs, emoji.
fn is_symbol(c: char) -> bool {
    !(c.is_alphanumeric() || c.is_whitespace() || c.is_control() || is_combining_mark(c))
}

fn same(password: &str, name: &str) -> bool {
    *Zeroizing::new(fold(password)) == fold(name)
}

#[cfg(test)]
mod tests {
    use super::{NewPassword, PasswordRule, loggable_login, normalized};
    use crate::credential::secret::Secret;

    const GOOD: &str = "Correct-Horse-7";

    #[test]
    fn a_login_that_may_be_a_password_is_not_logged() {
        for password in [GOOD, " Correct-Horse-7 ", "Correct@Horse-7", "Ann@acme.example#1Y"] {
            assert_eq!(loggable_login(password), "?", "{password}");
        }
        for login in ["ann", "ann@acme.example", "Ann.Smith7@acme.example", "correct horse", ""] {
            assert_eq!(loggable_login(login), login);
        }
    }

    fn broken(password: &str, login: &str, email: Option<&str>) -> Vec<PasswordRule> {
        NewPassword::parse(Secret::from(password), login, email).err().unwrap_or_default()
    }

    #[test]
    fn r30_a_password_that_satisfies_all_rules_is_accepted() {
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
        // A letter and its accent, typed as two characters, count as one.
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
    fn r31_a_password_that_contains_the_login_is_accepted() {
        assert_eq!(broken("Ada.Lovelace-1815!", "Ada.Lovelace-1815", Some("ada@example.com")), []);
    }

    #[test]
    fn a_password_is_normalized_before_it_is_hashed() {
        let [composed, decomposed] = ["caf\u{e9}", "cafe\u{301}"].map(Secret::from);
        assert_eq!(normalized(&composed).expose(), normalized(&decomposed).expose());
    }

    #[test]
    fn debug_shows_nothing_of_a_new_password() {
        let password = NewPassword::parse(Secret::from(GOOD), "ada", None).unwrap();
        assert!(!format!("{password:?}").contains("Horse"));
    }
}
