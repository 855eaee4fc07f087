use std::collections::BTreeSet;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use serde_json::Value;

use super::key::Pair;
use super::{Algorithm, SigningKey, SigningKeys};
use crate::credential::key::SecretKey;
use crate::credential::secret::Secret;

const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);
/// The beginning of a day.
const MIDNIGHT: i64 = 1_800_057_600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(MIDNIGHT + second).unwrap()
}

fn keys(key: &SecretKey, algorithm: Algorithm) -> SigningKeys {
    SigningKeys::new(key, algorithm, DAY, MINUTE)
}

fn published(keys: &SigningKeys, second: i64) -> Vec<Value> {
    keys.published(at(second)).unwrap()["keys"].as_array().unwrap().clone()
}

fn ids(keys: &SigningKeys, second: i64) -> BTreeSet<String> {
    published(keys, second).iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn signer(keys: &SigningKeys, second: i64) -> String {
    let token = keys.at(at(second)).unwrap().signer().sign(b"{}").unwrap();
    let head = BASE64URL_NOPAD.decode(token.split('.').next().unwrap().as_bytes()).unwrap();
    serde_json::from_slice::<Value>(&head).unwrap()["kid"].as_str().unwrap().to_owned()
}

fn decoded(text: &Value) -> Vec<u8> {
    BASE64URL_NOPAD.decode(text.as_str().unwrap().as_bytes()).unwrap()
}

/// Whether one of the published keys has signed the token.
fn verifies(published: &[Value], token: &str) -> bool {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    published.iter().any(|key| {
        let public = match key["kty"].as_str().unwrap() {
            "OKP" => UnparsedPublicKey::new(&ED25519, decoded(&key["x"])),
            _ => {
                let point = [vec![4], decoded(&key["x"]), decoded(&key["y"])].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            }
        };
        public.verify(signed.as_bytes(), &signature).is_ok()
    })
}

#[test]
fn signature_verifies_with_a_published_key_only() {
    for algorithm in Algorithm::NAMES.map(|(_, algorithm)| algorithm) {
        let keys = keys(&SecretKey::generate(), algorithm);
        let token = keys.at(at(0)).unwrap().signer().sign(br#"{"sub":"ann"}"#).unwrap();
        let parts: Vec<_> = token.split('.').collect();
        assert_eq!(parts.len(), 3, "{token}");
        assert_eq!(BASE64URL_NOPAD.decode(parts[1].as_bytes()).unwrap(), br#"{"sub":"ann"}"#);
        assert!(verifies(&published(&keys, 0), &token), "{algorithm:?}");
        let forged = BASE64URL_NOPAD.encode(br#"{"sub":"bob"}"#);
        assert!(!verifies(&published(&keys, 0), &token.replace(parts[1], &forged)));
        let others = self::keys(&SecretKey::generate(), algorithm);
        assert!(!verifies(&published(&others, 0), &token), "{algorithm:?}");
    }
}

#[test]
fn gateways_with_one_secret_key_have_the_same_keys() {
    let key = SecretKey::generate();
    for algorithm in Algorithm::NAMES.map(|(_, algorithm)| algorithm) {
        let [one, other] = [(); 2].map(|()| keys(&key, algorithm));
        assert_eq!(published(&one, 7), published(&other, 7));
        assert_eq!(published(&one, 7).len(), 2 + 1);
    }
    let [eddsa, es256] = Algorithm::NAMES.map(|(_, algorithm)| ids(&keys(&key, algorithm), 0));
    assert!(eddsa.is_disjoint(&es256));
}

#[test]
fn rotation_has_no_gap() {
    let keys = keys(&SecretKey::generate(), Algorithm::EdDsa);
    let day = 86_400;
    let (first, second) = (signer(&keys, 0), signer(&keys, day));
    assert_ne!(first, second);
    assert_eq!(signer(&keys, day - 1), first, "one key a day");
    assert!(ids(&keys, 0).contains(&second), "published a day before it signs");
    assert!(!ids(&keys, -1).contains(&second));
    // What the first key signed last expires a minute after, by a clock that is late.
    assert!(ids(&keys, day + 60 + 299).contains(&first));
    assert!(!ids(&keys, day + 60 + 300).contains(&first));
    assert_eq!(signer(&keys, 1), first, "a clock that is set back signs as it did");
}

/// The example of RFC 8037, appendix A.
#[test]
fn key_id_is_the_thumbprint_of_rfc_7638() {
    let seed = BASE64URL_NOPAD.decode(b"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let seed = Secret::new(seed.try_into().unwrap());
    let pair = Pair::of(Algorithm::EdDsa, &seed).unwrap();
    let key = SigningKey::new(Algorithm::EdDsa, pair);
    assert_eq!(key.public()["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    assert_eq!(key.public()["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn number_beyond_the_order_of_the_curve_is_no_key() {
    assert!(Pair::of(Algorithm::Es256, &Secret::new([0xff; 32])).is_none());
    assert!(Pair::of(Algorithm::Es256, &Secret::new([0; 32])).is_none());
    assert!(Pair::of(Algorithm::Es256, &Secret::new([1; 32])).is_some());
}

#[test]
fn debug_shows_no_private_key() {
    let keys = keys(&SecretKey::generate(), Algorithm::Es256);
    let secret = format!("{:?}", keys.secret.expose());
    for shown in [format!("{keys:?}"), format!("{:?}", keys.at(at(0)).unwrap())] {
        assert!(!shown.contains(&secret) && !shown.contains("pair"), "{shown}");
    }
}
