//! Encryption of stored secrets that must be read again, and so cannot be hashed.
//!
//! A sealed text is XChaCha20-Poly1305 (RFC 8439 with the extended nonce of
//! draft-irtf-cfrg-xchacha) under a key of its purpose: nonce, ciphertext and tag in base64url. The
//! record that it belongs to is authenticated with it: it cannot be opened for another record or
//! purpose.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::BASE64URL_NOPAD;

use super::key::{Purpose, SecretKey};
use super::secret::Secret;

const NONCE: usize = 24;

/// Seals and opens the secrets of one purpose.
#[derive(Clone)]
pub struct Sealer {
    key: Secret<[u8; 32]>,
}

impl Sealer {
    /// A sealer with the key for this purpose.
    #[must_use]
    pub fn new(key: &SecretKey, purpose: Purpose) -> Self {
        Self { key: key.derive(purpose) }
    }

    /// Encrypts a secret for the record named by `owner`.
    #[must_use]
    pub fn seal(&self, secret: &[u8], owner: &str) -> String {
        let nonce: [u8; NONCE] = crate::random::bytes();
        let payload = Payload { msg: secret, aad: owner.as_bytes() };
        #[expect(clippy::expect_used, reason = "it fails only beyond 256 GiB")]
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a short secret can be encrypted");
        BASE64URL_NOPAD.encode(&[&nonce[..], &sealed].concat())
    }

    /// The secret that was sealed for `owner`; `None` for anything else.
    #[must_use]
    pub fn open(&self, sealed: &str, owner: &str) -> Option<Secret<Vec<u8>>> {
        let bytes = BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?;
        let (nonce, msg) = bytes.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg, aad: owner.as_bytes() };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).ok().map(Secret::new)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.key.expose().into())
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::Sealer;
    use crate::credential::key::{Purpose, SecretKey};

    #[test]
    fn a_secret_is_opened_for_its_owner_and_purpose_only() {
        let key = SecretKey::generate();
        let sealer = Sealer::new(&key, Purpose::SecondFactor);
        let sealed = sealer.seal(b"secret", "ann");
        assert_eq!(sealer.open(&sealed, "ann").unwrap().expose(), b"secret");
        assert!(sealer.open(&sealed, "bob").is_none());
        assert!(Sealer::new(&key, Purpose::Mail).open(&sealed, "ann").is_none());
        let other = Sealer::new(&SecretKey::generate(), Purpose::SecondFactor);
        assert!(other.open(&sealed, "ann").is_none());
    }

    #[test]
    fn each_sealed_text_is_different() {
        let sealer = Sealer::new(&SecretKey::generate(), Purpose::SecondFactor);
        assert_ne!(sealer.seal(b"secret", "ann"), sealer.seal(b"secret", "ann"));
    }

    #[test]
    fn a_changed_or_truncated_text_is_not_opened() {
        let sealer = Sealer::new(&SecretKey::generate(), Purpose::SecondFactor);
        let sealed = sealer.seal(b"secret", "ann");
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(sealer.open(&String::from_utf8(bytes).unwrap(), "ann").is_none(), "{at}");
            assert!(sealer.open(&sealed[..at], "ann").is_none(), "{at}");
        }
        assert!(sealer.open("", "ann").is_none() && sealer.open("é", "ann").is_none());
    }
}
