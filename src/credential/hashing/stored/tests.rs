use super::{ForeignHashError, PasswordHash};
use crate::credential::hashing::{Hasher, HashingSettings, Verdict};
use crate::credential::password::NewPassword;
use crate::credential::secret::Secret;

const PASSWORD: &str = "Correct-Horse-7";
const OLD: Verdict = Verdict { matches: true, needs_rehash: true };
const NO: Verdict = Verdict { matches: false, needs_rehash: false };

/// Of [`PASSWORD`], made by PHP's `password_hash` and by libxcrypt.
const HASHES: [&str; 6] = [
    "$2y$04$pHd/d..F/BcmsDc6S0u6EOLniKGIzLXorDBRNxkv8aLljNI7Hnyy2",
    "$2a$04$LnlqSxg3kwt0ceM8BHwdOeECAOrBWAhHH.NR/vLd1D.rO6QfWEFbS",
    "$2b$04$CtyC4c9juZmcPQBvdDjDSuqHJvpV/JrAHgWes8C0r8KppvWeuEau2",
    "$2y$04$OZ4.JLRGih0hCvM/Bs5Un.UzhAnCedrrAAtl8nIuGisOGSOXgik82",
    "$argon2i$v=19$m=64,t=2,p=1$N08vZjEwcVg2WkcubC9INw$hCIMNWu/LfQAwj5OrMxo7Sjz5d7PXJNWTTyq2KjXKLs",
    "$argon2id$v=19$m=64,t=2,p=1$TVNFSzk3OWV1TVZralhyUg$SjKyKA6dBNliPbTddhOqmiATmhZOBFj3of7JnDQzdpo",
];
/// Of the 80 digits 0 to 9 again and again, made by PHP.
const LONG: &str = "$2y$04$hXG4sfi7QjEN9UYnvLVNH.l73uny1mW5RJunAGaA0CghAC6BxR.nm";
/// Of `Correct-Cafe\u{301}-7`, the accent apart from its letter, made by PHP.
const DECOMPOSED: &str = "$2y$04$rdeO9kwtvokLGa3V9kxox.gHCN7ivqSKY5x8KDtNyLlNvQfxZ8z5m";

fn hasher() -> Hasher {
    let cheap = HashingSettings { memory_kib: 64, passes: 1, ..HashingSettings::default() };
    Hasher::new(cheap).unwrap()
}

fn taken(hash: &str) -> Result<PasswordHash, ForeignHashError> {
    PasswordHash::from_elsewhere(&Secret::from(hash))
}

async fn verify(hash: &str, password: &str) -> Verdict {
    hasher().verify(hash, &Secret::from(password)).await.unwrap()
}

#[tokio::test]
async fn hashes_of_other_programs_match_their_password_and_are_to_be_made_anew() {
    for hash in HASHES {
        assert_eq!(taken(hash).unwrap().as_str(), hash);
        assert_eq!(verify(hash, PASSWORD).await, OLD, "{hash}");
        for wrong in ["", "correct-horse-7", "Correct-Horse-7 ", "Correct-Horse-77"] {
            assert_eq!(verify(hash, wrong).await, NO, "{hash} {wrong}");
        }
    }
}

/// The Argon2 crate's own interface makes it, so that the third kind is checked too.
#[tokio::test]
async fn argon2d_is_taken() {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let params = Params::new(64, 2, 2, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2d, Version::V0x13, params);
    let hash = argon2.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    assert!(hash.starts_with("$argon2d$"), "{hash}");
    assert_eq!(taken(&hash).unwrap().as_str(), hash);
    assert_eq!(verify(&hash, PASSWORD).await, OLD);
    assert_eq!(verify(&hash, "wrong").await, NO);
}

#[tokio::test]
async fn bcrypt_looks_at_72_bytes_only_as_it_always_did() {
    let digits = "0123456789".repeat(8);
    for same in [&*digits, &digits[..72], &format!("{}anything", &digits[..72])] {
        assert_eq!(verify(LONG, same).await, OLD, "{same}");
    }
    for other in [&digits[..71], &format!("{}9", &digits[..71])] {
        assert_eq!(verify(LONG, other).await, NO, "{other}");
    }
}

#[tokio::test]
async fn a_hash_of_a_password_in_another_spelling_matches_what_is_typed() {
    let (composed, decomposed) = ("Correct-Caf\u{e9}-7", "Correct-Cafe\u{301}-7");
    assert_eq!(verify(DECOMPOSED, decomposed).await, OLD);
    assert_eq!(verify(DECOMPOSED, composed).await, NO, "nor did it where it comes from");
    // Once it is made anew, the spelling does not matter any more.
    let hasher = hasher();
    let anew = hasher.rehash(&Secret::from(decomposed)).await.unwrap();
    for typed in [composed, decomposed] {
        let verdict = hasher.verify(anew.as_str(), &Secret::from(typed)).await;
        assert_eq!(verdict, Ok(Verdict { matches: true, needs_rehash: false }), "{typed}");
    }
}

#[tokio::test]
async fn what_is_made_here_can_be_taken_elsewhere() {
    let chosen = NewPassword::parse(Secret::from(PASSWORD), "ada", None).unwrap();
    let hash = hasher().hash(&chosen).await.unwrap();
    assert_eq!(taken(hash.as_str()), Ok(hash));
}

#[test]
fn what_is_no_hash_that_we_know_is_not_taken() {
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
        assert_eq!(taken(wrong), Err(ForeignHashError::Shape), "{wrong}");
    }
}

#[test]
fn i6_a_hash_that_costs_too_much_to_check_is_not_taken() {
    let [bcrypt, ..] = HASHES;
    for (cost, fits) in [("03", false), ("04", true), ("14", true), ("15", false), ("31", false)] {
        let hash = bcrypt.replace("$04$", &format!("${cost}$"));
        assert_eq!(taken(&hash).is_ok(), fits, "{cost}");
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
        assert_eq!(taken(&hash).is_ok(), fits, "{cost}");
    }
    let keyed = "$argon2id$v=19$m=64,t=1,p=1,keyid=QUJD$c29tZXNhbHQ$c29tZWhhc2hvZnNvbWVraW5k";
    assert_eq!(taken(keyed), Err(ForeignHashError::Keyed));
}
