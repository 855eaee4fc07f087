//! One signing key: derived, with its public part as a JWK (RFC 7517, RFC 8037).

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hmac::Mac;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::credential::key;
use crate::credential::secret::Secret;

/// How assertions are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518), for portals without Ed25519.
    Es256,
}

/// The library refused a key, or had no randomness for a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key that signs assertions cannot be used")]
pub struct SigningKeyError;

/// A key that signs.
pub struct SigningKey {
    /// The thumbprint of the public key (RFC 7638).
    id: String,
    public: Value,
    algorithm: Algorithm,
    pair: Pair,
}

/// A private key with its public one.
pub(super) enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair, SystemRandom),
}

impl Algorithm {
    /// The algorithms by their names in JWS.
    pub const NAMES: [(&str, Self); 2] = [("EdDSA", Self::EdDsa), ("ES256", Self::Es256)];

    /// The name in JWS.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }
}

impl SigningKey {
    /// The key of a period.
    pub(super) fn derive(
        algorithm: Algorithm,
        secret: &Secret<[u8; 32]>,
        period: i64,
    ) -> Result<Self, SigningKeyError> {
        // A scalar of P-256 is below the order of the curve, which all but one of 2^32 numbers are.
        (0..=u8::MAX)
            .find_map(|attempt| Pair::of(algorithm, &seed(algorithm, secret, period, attempt)))
            .map(|pair| Self::new(algorithm, pair))
            .ok_or(SigningKeyError)
    }

    pub(super) fn new(algorithm: Algorithm, pair: Pair) -> Self {
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        // In the order of RFC 7638, which is that of `serde_json` too.
        let mut public = match &pair {
            Pair::Ed25519(pair) => {
                let x = encode(pair.public_key().as_ref());
                json!({ "crv": "Ed25519", "kty": "OKP", "x": x })
            }
            Pair::P256(pair, _) => {
                // Uncompressed: a byte 4, then both coordinates.
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at_checked(32).unwrap_or_default();
                json!({ "crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y) })
            }
        };
        let id = encode(&Sha256::digest(public.to_string()));
        if let Some(public) = public.as_object_mut() {
            public.insert("kid".to_owned(), id.as_str().into());
            public.insert("use".to_owned(), "sig".into());
            public.insert("alg".to_owned(), algorithm.name().into());
        }
        Self { id, public, algorithm, pair }
    }

    /// The public key as a JWK.
    pub(super) fn public(&self) -> Value {
        self.public.clone()
    }

    /// Signs a JSON document as a JWT (RFC 7519).
    ///
    /// # Errors
    /// When the operating system has no randomness, for an algorithm that needs it.
    pub fn sign(&self, claims: &[u8]) -> Result<String, SigningKeyError> {
        let head = json!({ "alg": self.algorithm.name(), "kid": self.id, "typ": "JWT" });
        let mut token = BASE64URL_NOPAD.encode(head.to_string().as_bytes());
        token.push('.');
        BASE64URL_NOPAD.encode_append(claims, &mut token);
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.sign(token.as_bytes()),
            Pair::P256(pair, random) => {
                pair.sign(random, token.as_bytes()).map_err(|_| SigningKeyError)?
            }
        };
        token.push('.');
        BASE64URL_NOPAD.encode_append(signature.as_ref(), &mut token);
        Ok(token)
    }
}

impl Pair {
    /// The key with this private part; `None` if it cannot be one.
    pub(super) fn of(algorithm: Algorithm, seed: &Secret<[u8; 32]>) -> Option<Self> {
        match algorithm {
            Algorithm::EdDsa => {
                Ed25519KeyPair::from_seed_unchecked(seed.expose()).ok().map(Self::Ed25519)
            }
            Algorithm::Es256 => {
                let private = p256::SecretKey::from_slice(seed.expose()).ok()?;
                let public = private.public_key().to_sec1_point(false);
                let random = SystemRandom::new();
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    seed.expose(),
                    public.as_bytes(),
                    &random,
                );
                Some(Self::P256(pair.ok()?, random))
            }
        }
    }
}

/// The private part of a period's key.
fn seed(
    algorithm: Algorithm,
    secret: &Secret<[u8; 32]>,
    period: i64,
    attempt: u8,
) -> Secret<[u8; 32]> {
    let mut mac = key::mac(secret);
    mac.update(algorithm.name().as_bytes());
    mac.update(&period.to_be_bytes());
    mac.update(&[attempt]);
    Secret::new(mac.finalize().into_bytes().into())
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}
