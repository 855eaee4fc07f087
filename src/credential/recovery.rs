//! Recovery codes (R51): ten codes that stand in for a lost device, each good once.
//!
//! A code is 80 random bits in base32, shown in groups, and typed back in any case, with or without
//! dashes and spaces. Only keyed hashes are kept, each bound to its user: whoever reads the store
//! can neither guess at codes nor move one to another account.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use hmac::Mac;
use subtle::ConstantTimeEq;

use super::key::{self, Purpose, SecretKey};
use super::secret::Secret;
use super::typed;

/// How many are given out at a time.
pub const COUNT: usize = 10;
/// 80 bits.
const LENGTH: usize = 10;

/// A recovery code in the clear, on its way to the one who may use it.
#[derive(Debug, Clone)]
pub struct RecoveryCode(Secret<String>);

impl RecoveryCode {
    /// The code as a person reads it: `abcd-efgh-ijkl-mnop`.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
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

/// Makes recovery codes and knows them again by their hashes.
#[derive(Debug, Clone)]
pub struct RecoveryCodes {
    key: Secret<[u8; 32]>,
}

impl RecoveryCodes {
    /// The codes of the installation with this key.
    #[must_use]
    pub fn new(key: &SecretKey) -> Self {
        Self { key: key.derive(Purpose::RecoveryCode) }
    }

    /// Ten new codes for a user, and the hashes to keep.
    #[must_use]
    pub fn issue(&self, user: &str) -> (Vec<RecoveryCode>, Vec<String>) {
        (0..COUNT)
            .map(|_| {
                let bytes = Secret::new(crate::random::bytes());
                (RecoveryCode::new(&bytes), self.hash(&bytes, user))
            })
            .unzip()
    }

    /// Which of the user's hashes is the one of the code that was typed. Every hash is looked at.
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

    /// The code has a fixed width, so no two pairs give the same message.
    fn hash(&self, code: &Secret<[u8; LENGTH]>, user: &str) -> String {
        let mut mac = key::mac(&self.key);
        mac.update(code.expose());
        mac.update(user.as_bytes());
        BASE64URL_NOPAD.encode(&mac.finalize().into_bytes())
    }
}

/// A code however it is typed.
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
    fn r51_ten_codes_of_80_bits_are_issued_and_no_two_are_the_same() {
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
    fn r51_a_code_is_known_however_it_is_typed() {
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
    fn r51_a_code_of_somebody_else_or_of_another_installation_is_none() {
        let codes = codes();
        let (issued, hashes) = codes.issue("ann");
        let code = issued[0].expose();
        assert_eq!(codes.find(code, "bob", &hashes), None);
        assert_eq!(codes.find(code, "ann", &hashes[1..]), None);
        assert_eq!(codes.find(code, "ann", &[]), None);
        assert_eq!(self::codes().find(code, "ann", &hashes), None);
    }

    #[test]
    fn what_is_no_code_is_none() {
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
