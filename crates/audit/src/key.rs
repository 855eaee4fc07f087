//! Keys as texts (C2SP *signed-note*, Ed25519, key type 1).

use std::fmt;

use data_encoding::{BASE64, HEXLOWER};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

/// The type of an Ed25519 key.
const ED25519_TYPE: u8 = 1;
/// The bytes of an Ed25519 public key.
const PUBLIC_BYTES: usize = 32;

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name cannot be in a note.
    #[error("`{0}` is not a key name: it must not be empty or contain `+` or white space")]
    Name(String),
    /// The text is not `name+id+key`.
    #[error("not a public key of the form `name+id+key` (C2SP signed-note)")]
    Form,
    /// The key's id does not match the key.
    #[error("the public key's id does not match the key")]
    Id,
    /// The library refused the seed.
    #[error("the seed is not usable as an Ed25519 key")]
    Seed,
}

/// A key that verifies checkpoints. Displayed as `name+id+key`.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    key: [u8; PUBLIC_BYTES],
}

impl PublicKey {
    /// Reads `name+id+key`.
    ///
    /// # Errors
    /// When the text has another form, or the id is not that of the key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        check_name(name)?;
        let bytes = BASE64.decode(key.as_bytes()).map_err(|_| KeyError::Form)?;
        let key = match bytes.split_first() {
            Some((&ED25519_TYPE, key)) => key.try_into().map_err(|_| KeyError::Form)?,
            _ => return Err(KeyError::Form),
        };
        let this = Self { name: name.to_owned(), key };
        if HEXLOWER.encode(&this.id()) != id {
            return Err(KeyError::Id);
        }
        Ok(this)
    }

    /// The name: the origin of the checkpoints that this key signs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of a hash of name and key. Selects the signature in a note.
    pub(crate) fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519_TYPE])
            .chain_update(self.key)
            .finalize();
        let [a, b, c, d, ..] = hash.0;
        [a, b, c, d]
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.key).verify(message, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed: Vec<u8> = [ED25519_TYPE].into_iter().chain(self.key).collect();
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), BASE64.encode(&typed))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key that signs checkpoints.
pub struct SigningKey {
    name: String,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// The key with this name and 32 random bytes.
    ///
    /// # Errors
    /// When the name is empty or has `+` or white space.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Seed)?;
        Ok(Self { name: name.to_owned(), pair })
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut key = [0; PUBLIC_BYTES];
        key.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey { name: self.name.clone(), key }
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.name)
    }
}

fn check_name(name: &str) -> Result<(), KeyError> {
    if name.is_empty() || name.contains(|c: char| c == '+' || c.is_whitespace()) {
        return Err(KeyError::Name(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of Go's `golang.org/x/mod/sumdb/note`.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn public_keys_are_read_as_they_are_written() {
        let key = PublicKey::parse(PETER).unwrap();
        assert_eq!((key.name(), key.to_string()), ("PeterNeumann", PETER.to_owned()));
        let own = SigningKey::new("portal.example/audit", &[1; 32]).unwrap().public();
        assert_eq!(PublicKey::parse(&own.to_string()), Ok(own));
    }

    #[test]
    fn other_texts_are_not_public_keys() {
        for (text, error) in [
            ("PeterNeumann", KeyError::Form),
            ("PeterNeumann+c74f20a3+AAAA", KeyError::Form),
            (&PETER.replace("c74f", "c74e"), KeyError::Id),
            (&PETER.replace("Peter", "Carl"), KeyError::Id),
            (&PETER.replace("Peter", "P "), KeyError::Name("P Neumann".to_owned())),
        ] {
            assert_eq!(PublicKey::parse(text), Err(error), "{text}");
        }
        assert!(SigningKey::new("a+b", &[1; 32]).is_err());
    }
}
