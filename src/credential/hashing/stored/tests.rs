use super::{ForeignHashError, PasswordHash};
use crate::credential::hashing::{Hasher, HashingSettings, Verdict};
use crate::credential::password::NewPassword;
use crate::credential::secret::Secret;

const PASSWORD: &str = "Correct-Horse-7";
const OLD: Verdict = Verdict { matches: true, needs_rehash: true };
const NO: Verdict = Verdict { matches: false, needs_rehash: false };

/// Hashes of [`PASSWORD`], made by PHP's `password_hash` and by libxcrypt.
const HASHES: [&str; 6] = [
    "$2y$04$pHd/d..F/BcmsDc6S0u6EOLniKGIzLXorDBRNxkv8aLljNI7Hnyy2",
    "$2a$04$LnlqSxg3kwt0ceM8BHwdOeECAOrBWAhHH.NR/vLd1D.rO6QfWEFbS",
    "$2b$04$CtyC4c9juZmcPQBvdDjDSuqHJvpV/JrAHgWes8C0r8KppvWeuEau2",
    "$2y$04$OZ4.JLRGih0hCvM/Bs5Un.UzhAnCedrrAAtl8nIuGisOGSOXgik82",
    "$argon2i$v=19$m=64,t=2,p=1$N08vZjEwcVg2WkcubC9INw$hCIMNWu/LfQAwj5OrMxo7Sjz5d7PXJNWTTyq2KjXKLs",
    "$argon2id$v=19$m=64,t=2,p=1$TVNFSzk3OWV1TVZralhyUg$SjKyKA6dBNliPbTddhOqmiATmhZOBFj3of7JnDQzdpo",
];
/// The hash of 80 digits, 0 to 9 repeated, made by PHP.
const LONG: &str = "$2y$04$hXG4sfi7QjEN9UYnvLVNH.l73uny1mW5RJunAGaA0CghAC6BxR.nm";
/// The hash of `Correct-Cafe\u{301}-7`, with the accent as a character of its own, made by PHP.
const DECOMPOSED: &str = "$2y$04$rdeO9kwtvokLGa3V9kxox.gHCN7ivqSKY5x8KDtNyLlNvQfxZ8z5m";

fn hasher() -> Hasher {
    let cheap = HashingSettings { memory_kib: 64, passes: 1, ..HashingSettings::default() };
    Hasher::new(cheap).unwrap()
}

fn imported(hash: &str) -> Result<PasswordHash, ForeignHashError> {
    PasswordHash::import(&Secret::from(hash))
}

async fn verify(hash: &str, password: &str) -> Verdict {
    hasher().verify(hash, &Secret::from(password)).await.unwrap()
}

#[tokio::test]
async fn imported_hashes_match_their_password_and_need_rehash() {
    for hash in HASHES {
        assert_eq!(imported(hash).unwrap().as_str(), hash);
        assert_eq!(verify(hash, PASSWORD).await, OLD, "{hash}");
        for wrong in ["", "correct-horse-7", "Correct-Horse-7 ", "Correct-Horse-77"] {
            assert_eq!(verify(hash, wrong).await, NO, "{hash} {wrong}");
        }
    }
}

/// Made by the `argon2` crate's own interface, because PHP does not make this kind.
#[tokio::test]
async fn an_argon2d_hash_can_be_imported() {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let params = Params::new(64, 2, 2, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2d, Version::V0x13, params);
    let hash = argon2.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    assert!(hash.starts_with("$argon2d$"), "{hash}");
    assert_eq!(imported(&hash).unwrap().as_str(), hash);
    assert_eq!(verify(&hash, PASSWORD).await, OLD);
    assert_eq!(verify(&hash, "wrong").await, NO);
}

#[tokio::test]
async fn bcrypt_uses_the_first_72_bytes_only() {
    let digits = "0123456789".repeat(8);
    for same in [&*digits, &digits[..72], &format!("{}anything", &digits[..72])] {
        assert_eq!(verify(LONG, same).await, OLD, "{same}");
    }
    for other in [&digits[..71], &format!("{}9", &digits[..71])] {
        assert_eq!(verify(LONG, other).await, NO, "{other}");
    }
}

#[tokio::test]
async fn a_hash_of_an_unnormalized_password_matches_it_as_typed() {
    let (composed, decomposed) = ("Correct-Caf\u{e9}-7", "Correct-Cafe\u{301}-7");
    assert_eq!(verify(DECOMPOSED, decomposed).await, OLD);
    assert_eq!(
        verify(DECOMPOSED, composed).await,
        NO,
        "it did not match in the other program either"
    );
    // After a rehash, the spelling no longer matters.
    let hasher = hasher();
    let rehashed = hasher.rehash(&Secret::from(decomposed)).await.unwrap();
    for typed in [composed, decomposed] {
        let verdict = hasher.verify(rehashed.as_str(), &Secret::from(typed)).await;
        assert_eq!(verdict, Ok(Verdict { matches: true, needs_rehash: false }), "{typed}");
    }
}

#[tokio::test]
async fn our_own_hashes_can_be_imported() {
    let chosen = NewPassword::parse(Secret::from(PASSWORD), "ada", None).unwrap();
    let hash = hasher().hash(&chosen).await.unwrap();
    assert_eq!(imported(hash.as_str()), Ok(hash));
}

#[test]
fn an_unknown_format_is_not_imported() {
    let [bcrypt, ..] = HASHES;
    for wrong in [
        "",
        "Correct-Horse-7",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        &bcrypt.replace("$2y$", "$2x$"),
        &bcrypt.replace("$2y$", "$2$"),
        &bcrypt.replace("$04$", "$4$"),
        &bcrypt.replace("$04$", "$+4$"),
        &bcrypt[..59],
        &format!("{bcrypt}a"),
        &bcrypt.replace('/', "="),
        &bcrypt.replace("OL", "ä"),
        "$argon2id$v=19$m=64,t=1,p=1",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
        "$argon2id$v=18$m=64,t=1,p=1$c29tZXNhbHQ$c29tZWhhc2hvZnNvbWVraW5k",
        "$argon2id$v=19$m=1,t=0,p=1$c29tZXNhbHQ$c29tZWhhc2hvZnNvbWVraW5k",
        "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
        "$6$rounds=5000$usesomesillystri$D4IrlXatmP7rx3P3InaxBeoomnAihCKRVQAr",
    ] {
        assert_eq!(imported(wrong), Err(ForeignHashError::Shape), "{wrong}");
    }
}

#[test]
fn i6_a_hash_that_costs_too_much_to_check_is_not_imported() {
    let [bcrypt, ..] = HASHES;
    for (cost, fits) in [("03", false), ("04", true), ("14", true), ("15", false), ("31", false)] {
        let hash = bcrypt.replace("$04$", &format!("${cost}$"));
        assert_eq!(imported(&hash).is_ok(), fits, "{cost}");
    }
    for (cost, fits) in [
        ("m=262144,t=4,p=16", true),
        ("m=262145,t=1,p=1", false),
        ("m=262144,t=5,p=1", false),
        ("m=65536,t=16,p=4", true),
        ("m=65536,t=17,p=4", false),
        ("m=1024,t=1,p=17", false),
    ] {
        let hash = format!("$argon2id$v=19${cost}$c29tZXNhbHQ$c29tZWhhc2hvZnNvbWVraW5k");
        assert_eq!(imported(&hash).is_ok(), fits, "{cost}");
    }
    let keyed = "$argon2id$v=19$m=64,t=1,p=1,keyid=QUJD$c29tZXNhbHQ$c29tZWhhc2hvZnNvbWVraW5k";
    assert_eq!(imported(keyed), Err(ForeignHashError::Keyed));
}
