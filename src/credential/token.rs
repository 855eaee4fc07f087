//! Bearer tokens: 256 random bits, told once, kept only as a hash (I4).
//!
//! A token carries no meaning: whoever holds it is looked up by [`TokenHash`]. A plain SHA-256 is
//! enough for that, because there is nothing to guess in 256 random bits. Tokens of the admin API
//! begin with [`API_PREFIX`], so that a scanner for leaked secrets recognises them.

use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};

use super::secret::Secret;

/// How every token of the admin API begins.
pub const API_PREFIX: &str = "portcullis_";

/// A token in the clear, on its way to the one who may hold it or just presented.
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

    /// A presented token, if it has exactly the shape of one that [`PlainToken::generate`] makes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_random_text(text).then(|| Self(Secret::from(text)))
    }

    /// A presented token of the admin API, if it has exactly that shape.
    #[must_use]
    pub fn parse_api(text: &str) -> Option<Self> {
        is_random_text(text.strip_prefix(API_PREFIX)?).then(|| Self(Secret::from(text)))
    }

    /// The token itself: for a `Set-Cookie`, a mailed link, or the operator's eyes, once.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What is kept of the token.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.expose()).into())
    }
}

/// The SHA-256 of a token: what is stored, logged and looked up. Displayed as 64 hexadecimal digits.
/// Compared as it comes: nobody can steer a hash towards another one, so its time tells nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a presented token, if it has exactly the shape of one that
    /// [`PlainToken::generate`] makes; the token itself is not copied.
    #[must_use]
    pub fn of_presented(text: &str) -> Option<Self> {
        is_random_text(text).then(|| Self(Sha256::digest(text).into()))
    }

    /// A hash as it is displayed, read back from a record's id.
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

/// The characters of 32 bytes in base64url without padding (RFC 4648, 5), and how the last one may
/// end: its two lowest bits are no part of any byte.
const RANDOM_TEXT: usize = 43;
const LAST: &[u8] = b"AEIMQUYcgkosw048";

/// One spelling only, as a strict decoder would have it.
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
    fn i4_a_token_has_256_bits_and_no_two_are_the_same() {
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
    fn a_token_of_any_other_shape_is_none() {
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
        fn a_token_has_the_one_spelling_that_a_strict_decoder_takes(
            text in "[A-Za-z0-9_=+/ -]{42,44}|[A-Za-z0-9_-]{43}",
        ) {
            let decoded = BASE64URL_NOPAD.decode(text.as_bytes()).is_ok_and(|b| b.len() == 32);
            prop_assert_eq!(TokenHash::of_presented(&text).is_some(), decoded, "{}", text);
        }
    }

    #[test]
    fn an_api_token_and_a_session_token_cannot_stand_in_for_each_other() {
        assert!(PlainToken::parse_api(PlainToken::generate().expose()).is_none());
        assert!(PlainToken::parse(PlainToken::generate_api().expose()).is_none());
    }

    #[test]
    fn i4_debug_shows_nothing_of_a_token() {
        let token = PlainToken::generate();
        assert!(!format!("{token:?}").contains(token.expose()));
    }

    #[test]
    fn a_hash_is_the_sha_256_in_hexadecimal_and_reads_back() {
        let hash = PlainToken::parse(&"A".repeat(43)).unwrap().hash();
        let text = hash.to_string();
        assert_eq!(text, "0f007385b6f9d4b7eeb2748605afe1a984a0a3bfa3f014d09e2a784ce9e5cd1a");
        assert_eq!(TokenHash::parse(&text), Some(hash));
        assert_eq!(TokenHash::parse(&text.to_uppercase()), None);
        assert_eq!(TokenHash::parse(&text[2..]), None);
    }

    proptest! {
        #[test]
        fn what_parses_is_one_spelling_of_32_bytes(text in "[A-Za-z0-9_=+/-]{40,46}") {
            if let Some(token) = PlainToken::parse(&text) {
                let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
                prop_assert_eq!(bytes.len(), 32);
                prop_assert_eq!(token.expose(), BASE64URL_NOPAD.encode(&bytes));
            }
        }
    }
}
