//! Bearer tokens: 256 random bits, shown once, stored only as a hash (I4).
//!
//! A token carries no information: its record is looked up by [`TokenHash`]. A plain SHA-256 is
//! enough, because 256 random bits cannot be guessed. Tokens of the admin API begin with
//! [`API_PREFIX`], so that scanners for leaked secrets recognize them.

use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};

use super::secret::Secret;

/// The prefix of every token of the admin API.
pub const API_PREFIX: &str = "portcullis_";
/// The prefix of every token of a portal user.
pub const USER_PREFIX: &str = "portcullis_user_";

/// A token itself, just created or just presented.
#[derive(Debug, Clone)]
pub struct PlainToken(Secret<String>);

impl PlainToken {
    /// A new token for a cookie or a one-time link.
    #[must_use]
    pub fn generate() -> Self {
        Self(Secret::new(random_text()))
    }

    /// A new token for the admin API.
    #[must_use]
    pub fn generate_api() -> Self {
        Self(Secret::new(format!("{API_PREFIX}{}", random_text())))
    }

    /// A new token of a portal user.
    #[must_use]
    pub fn generate_user() -> Self {
        Self(Secret::new(format!("{USER_PREFIX}{}", random_text())))
    }

    /// A presented token, if it has exactly the form of those from [`PlainToken::generate`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_random_text(text).then(|| Self(Secret::from(text)))
    }

    /// A presented token of the admin API, if it has exactly that form.
    #[must_use]
    pub fn parse_api(text: &str) -> Option<Self> {
        is_random_text(text.strip_prefix(API_PREFIX)?).then(|| Self(Secret::from(text)))
    }

    /// The text of the token: for a `Set-Cookie`, a mailed link, or the response that shows it once.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The hash, which is what is stored.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.expose()).into())
    }
}

/// The SHA-256 of a token, which is stored, logged and looked up. Displayed as 64 hexadecimal digits.
/// It need not be compared in constant time, because an attacker cannot choose the hash of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a presented token, if it has exactly the form of those from
    /// [`PlainToken::generate`]. The token itself is not copied.
    #[must_use]
    pub fn of_presented(text: &str) -> Option<Self> {
        is_random_text(text).then(|| Self(Sha256::digest(text).into()))
    }

    /// The hash of a presented token of a portal user, if it has exactly the form of those from
    /// [`PlainToken::generate_user`]. The token itself is not copied.
    #[must_use]
    pub fn of_user_token(text: &str) -> Option<Self> {
        is_random_text(text.strip_prefix(USER_PREFIX)?).then(|| Self(Sha256::digest(text).into()))
    }

    /// Parses a hash as it is displayed, such as a record's id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({self})")
    }
}

fn random_text() -> String {
    BASE64URL_NOPAD.encode(&crate::random::bytes::<32>())
}

/// The number of characters of 32 bytes in base64url without padding (RFC 4648, section 5).
const RANDOM_TEXT: usize = 43;
/// The possible last characters: the two lowest bits are unused and must be zero.
const LAST: &[u8] = b"AEIMQUYcgkosw048";

/// Whether a strict decoder would accept the text, so that each token has one spelling.
fn is_random_text(text: &str) -> bool {
    text.len() == RANDOM_TEXT
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && text.bytes().next_back().is_some_and(|last| LAST.contains(&last))
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64URL_NOPAD;
    use proptest::prelude::*;

    use super::{PlainToken, TokenHash};

    #[test]
    fn i4_each_token_is_different_and_has_256_bits() {
        let [one, other] = [PlainToken::generate(), PlainToken::generate()];
        assert_eq!(one.expose().len(), 43);
        assert_ne!(one.hash(), other.hash());
    }

    #[test]
    fn a_presented_token_has_the_hash_of_the_one_that_was_issued() {
        let issued = PlainToken::generate();
        assert_eq!(PlainToken::parse(issued.expose()).unwrap().hash(), issued.hash());
        let issued = PlainToken::generate_api();
        assert!(issued.expose().starts_with("portcullis_"));
        assert_eq!(PlainToken::parse_api(issued.expose()).unwrap().hash(), issued.hash());
    }

    #[test]
    fn a_malformed_token_is_refused() {
        let zeros = "A".repeat(43);
        assert!(PlainToken::parse(&zeros).is_some());
        let replaced = |last: &str| format!("{}{last}", &zeros[1..]);
        for text in [
            String::new(),
            "A".repeat(42),
            "A".repeat(44),
            format!("{zeros}="),
            format!(" {zeros}"),
            format!("{zeros}\n"),
            replaced("+"),
            replaced("="),
            replaced(" "),
            // The last character carries four bits; the rest must be zero.
            replaced("B"),
            format!("portcullis_{zeros}"),
        ] {
            assert!(PlainToken::parse(&text).is_none(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn only_what_a_strict_decoder_accepts_is_a_token(
            text in "[A-Za-z0-9_=+/ -]{42,44}|[A-Za-z0-9_-]{43}",
        ) {
            let decoded = BASE64URL_NOPAD.decode(text.as_bytes()).is_ok_and(|b| b.len() == 32);
            prop_assert_eq!(TokenHash::of_presented(&text).is_some(), decoded, "{}", text);
        }
    }

    #[test]
    fn an_api_token_is_not_a_session_token_and_vice_versa() {
        assert!(PlainToken::parse_api(PlainToken::generate().expose()).is_none());
        assert!(PlainToken::parse(PlainToken::generate_api().expose()).is_none());
    }

    #[test]
    fn i4_debug_shows_nothing_of_a_token() {
        let token = PlainToken::generate();
        assert!(!format!("{token:?}").contains(token.expose()));
    }

    #[test]
    fn a_hash_is_displayed_in_hexadecimal_and_parsed() {
        let hash = PlainToken::parse(&"A".repeat(43)).unwrap().hash();
        let text = hash.to_string();
        assert_eq!(text, "0f007385b6f9d4b7eeb2748605afe1a984a0a3bfa3f014d09e2a784ce9e5cd1a");
        assert_eq!(TokenHash::parse(&text), Some(hash));
        assert_eq!(TokenHash::parse(&text.to_uppercase()), None);
        assert_eq!(TokenHash::parse(&text[2..]), None);
    }

    proptest! {
        #[test]
        fn a_parsed_token_is_the_one_spelling_of_32_bytes(text in "[A-Za-z0-9_=+/-]{40,46}") {
            if let Some(token) = PlainToken::parse(&text) {
                let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
                prop_assert_eq!(bytes.len(), 32);
                prop_assert_eq!(token.expose(), BASE64URL_NOPAD.encode(&bytes));
            }
        }
    }
}
