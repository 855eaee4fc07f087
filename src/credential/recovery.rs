//! Recovery codes (R51): ten codes that replace a lost device, each for one use.
//!
//! A code is 80 random bits in base32, shown in groups of four, and may be typed in any case, with or
//! without dashes and spaces. Only keyed hashes are stored, each bound to its user, so that someone
//! who reads the store can neither test guesses nor move a code to another account.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use hmac::Mac;
use subtle::ConstantTimeEq;

use super::key::{self, Purpose, SecretKey};
use super::secret::Secret;
use super::typed;

/// The codes that are issued together.
pub const COUNT: usize = 10;
/// Bytes of a code: 80 bits.
const LENGTH: usize = 10;

/// A recovery code, to be shown to its user.
#[derive(Debug, Clone)]
pub struct RecoveryCode(Secret<String>);

impl RecoveryCode {
    /// The code as it is shown: `abcd-efgh-ijkl-mnop`.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Reads a code as people type it; `None` if it is not the text of one. Whether it is a code of
    /// a user, [`RecoveryCodes::find`] answers.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        parse(typed).map(|bytes| Self::new(&bytes))
    }

    fn new(bytes: &Secret<[u8; LENGTH]>) -> Self {
        let text = Secret::new(BASE32_NOPAD.encode(bytes.expose()));
        let mut grouped = String::with_capacity(text.expose().len() * 5 / 4);
        for (place, c) in text.expose().chars().enumerate() {
            if place > 0 && place % 4 == 0 {
                grouped.push('-');
            }
            grouped.push(c.to_ascii_lowercase());
        }
        Self(Secret::new(grouped))
    }
}

/// Issues recovery codes and finds them by their hashes.
#[derive(Debug, Clone)]
pub struct RecoveryCodes {
    key: Secret<[u8; 32]>,
}

impl RecoveryCodes {
    /// Codes hashed with a key derived from this one.
    #[must_use]
    pub fn new(key: &SecretKey) -> Self {
        Self { key: key.derive(Purpose::RecoveryCode) }
    }

    /// [`COUNT`] new codes for a user, and their hashes to be stored.
    #[must_use]
    pub fn issue(&self, user: &str) -> (Vec<RecoveryCode>, Vec<String>) {
        (0..COUNT)
            .map(|_| {
                let bytes = Secret::new(crate::random::bytes());
                (RecoveryCode::new(&bytes), self.hash(&bytes, user))
            })
            .unzip()
    }

    /// The index of the hash that belongs to the code that was typed. All hashes are compared.
    #[must_use]
    pub fn find(&self, typed: &str, user: &str, hashes: &[String]) -> Option<usize> {
        let hash = self.hash(&parse(typed)?, user);
        let mut found = None;
        for (place, kept) in hashes.iter().enumerate() {
            if bool::from(kept.as_bytes().ct_eq(hash.as_bytes())) {
                found = Some(place);
            }
        }
        found
    }

    /// The code has a fixed length, so different inputs give different messages.
    fn hash(&self, code: &Secret<[u8; LENGTH]>, user: &str) -> String {
        let mut mac = key::mac(&self.key);
        mac.update(code.expose());
        mac.update(user.as_bytes());
        BASE64URL_NOPAD.encode(&mac.finalize().into_bytes())
    }
}

/// Parses a code as people type it.
fn parse(typed: &str) -> Option<Secret<[u8; LENGTH]>> {
    let plain = Secret::new(typed::plain(typed).expose().to_ascii_uppercase());
    let bytes = Secret::new(BASE32_NOPAD.decode(plain.expose().as_bytes()).ok()?);
    bytes.expose().as_slice().try_into().ok().map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::{COUNT, RecoveryCodes};
    use crate::credential::key::SecretKey;

    fn codes() -> RecoveryCodes {
        RecoveryCodes::new(&SecretKey::generate())
    }

    #[test]
    fn r51_ten_different_codes_of_80_bits_are_issued() {
        let (issued, hashes) = codes().issue("ann");
        assert_eq!((issued.len(), hashes.len()), (COUNT, COUNT));
        for (place, code) in issued.iter().enumerate() {
            let groups: Vec<_> = code.expose().split('-').collect();
            assert_eq!(groups.len(), 4);
            let is_group = |group: &&str| {
                group.len() == 4 && group.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
            };
            assert!(groups.iter().all(is_group), "{groups:?}");
            assert!(issued[..place].iter().all(|other| other.expose() != code.expose()));
            assert!(!hashes.iter().any(|hash| hash.contains(groups[0])));
        }
    }

    #[test]
    fn r51_a_code_may_be_typed_in_any_case_and_grouping() {
        let codes = codes();
        let (issued, hashes) = codes.issue("ann");
        let code = issued[3].expose();
        for typed in [
            code.to_owned(),
            code.to_uppercase(),
            code.replace('-', ""),
            code.replace('-', " "),
            format!("  {}\t", code.replace('-', " - ")),
            code.replace('-', "\u{2013}"),
        ] {
            assert_eq!(codes.find(&typed, "ann", &hashes), Some(3), "{typed}");
        }
    }

    #[test]
    fn r51_a_code_of_another_user_or_installation_is_refused() {
        let codes = codes();
        let (issued, hashes) = codes.issue("ann");
        let code = issued[0].expose();
        assert_eq!(codes.find(code, "bob", &hashes), None);
        assert_eq!(codes.find(code, "ann", &hashes[1..]), None);
        assert_eq!(codes.find(code, "ann", &[]), None);
        assert_eq!(self::codes().find(code, "ann", &hashes), None);
    }

    #[test]
    fn a_malformed_code_is_refused() {
        let codes = codes();
        let (issued, hashes) = codes.issue("ann");
        let code = issued[0].expose();
        let (shorter, longer) = (&code[1..], format!("{code}a"));
        for typed in ["", "-", "é", "123456", shorter, &longer, &code.replace('-', "_"), &hashes[0]]
        {
            assert_eq!(codes.find(typed, "ann", &hashes), None, "{typed}");
        }
    }

    #[test]
    fn a_code_is_not_printed() {
        let (issued, _) = codes().issue("ann");
        assert_eq!(format!("{:?}", issued[0]), "RecoveryCode(Secret(..))");
    }
}
