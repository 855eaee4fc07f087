use std::fs;

use super::{Busy, Hasher, HashingError, HashingSettings, Verdict};
use crate::credential::password::NewPassword;
use crate::credential::secret::Secret;

const GOOD: &str = "Correct-Horse-7";
const YES: Verdict = Verdict { matches: true, needs_rehash: false };
const NO: Verdict = Verdict { matches: false, needs_rehash: false };

/// Cheap enough for many tests.
fn cheap() -> HashingSettings {
    HashingSettings { memory_kib: 64, passes: 1, ..HashingSettings::default() }
}

fn chosen(password: &str) -> NewPassword {
    NewPassword::parse(Secret::from(password), "ada", None).unwrap()
}

#[tokio::test]
async fn the_default_cost_is_19_mib_2_passes_1_lane() {
    let hasher = Hasher::new(HashingSettings::default()).unwrap();
    let hash = hasher.hash(&chosen(GOOD)).await.unwrap();
    assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
    assert_eq!(hasher.verify(hash.as_str(), &Secret::from(GOOD)).await, Ok(YES));
}

#[tokio::test]
async fn a_password_matches_its_own_hash_only() {
    let hasher = Hasher::new(cheap()).unwrap();
    let hash = hasher.hash(&chosen(GOOD)).await.unwrap();
    assert_eq!(hasher.verify(hash.as_str(), &Secret::from(GOOD)).await, Ok(YES));
    for wrong in ["", "correct-horse-7", "Correct-Horse-7 ", "Correct-Horse-77"] {
        assert_eq!(hasher.verify(hash.as_str(), &Secret::from(wrong)).await, Ok(NO), "{wrong}");
    }
}

#[tokio::test]
async fn the_same_password_from_another_keyboard_matches() {
    let hasher = Hasher::new(cheap()).unwrap();
    let hash = hasher.hash(&chosen("Correct-Caf\u{e9}-7")).await.unwrap();
    let typed = Secret::from("Correct-Cafe\u{301}-7");
    assert_eq!(hasher.verify(hash.as_str(), &typed).await, Ok(YES));
}

#[tokio::test]
async fn no_two_hashes_of_a_password_are_the_same() {
    let hasher = Hasher::new(cheap()).unwrap();
    assert_ne!(
        hasher.hash(&chosen(GOOD)).await.unwrap(),
        hasher.hash(&chosen(GOOD)).await.unwrap()
    );
}

#[tokio::test]
async fn a_hash_of_another_cost_matches_and_needs_rehash() {
    let old = Hasher::new(HashingSettings { memory_kib: 128, ..cheap() }).unwrap();
    let hash = old.hash(&chosen(GOOD)).await.unwrap();
    let hasher = Hasher::new(cheap()).unwrap();
    let verdict = hasher.verify(hash.as_str(), &Secret::from(GOOD)).await;
    assert_eq!(verdict, Ok(Verdict { matches: true, needs_rehash: true }));
    assert_eq!(hasher.verify(hash.as_str(), &Secret::from("wrong")).await, Ok(NO));
    let rehashed = hasher.rehash(&Secret::from(GOOD)).await.unwrap();
    assert_eq!(hasher.verify(rehashed.as_str(), &Secret::from(GOOD)).await, Ok(YES));
}

/// Made by the `argon2` crate's own high-level interface, so that the format is the standard one.
#[tokio::test]
async fn a_hash_made_elsewhere_matches() {
    use argon2::{Argon2, PasswordHasher};
    let hash = Argon2::default().hash_password(GOOD.as_bytes()).unwrap().to_string();
    let hasher = Hasher::new(HashingSettings::default()).unwrap();
    assert_eq!(hasher.verify(&hash, &Secret::from(GOOD)).await, Ok(YES));
    assert_eq!(hasher.verify(&hash, &Secret::from("wrong")).await, Ok(NO));
}

#[tokio::test]
async fn a_stored_text_that_is_not_a_hash_matches_nothing() {
    let hasher = Hasher::new(cheap()).unwrap();
    for damaged in [
        "",
        "Correct-Horse-7",
        "$argon2id$v=19$m=64,t=1,p=1",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
        "$argon2id$v=19$m=1,t=0,p=1$c29tZXNhbHQ$c29tZWhhc2hvZnNvbWVraW5k",
        "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
    ] {
        assert_eq!(hasher.verify(damaged, &Secret::from(GOOD)).await, Ok(NO), "{damaged}");
    }
}

/// A full queue refuses it too.
#[tokio::test]
async fn an_unknown_login_waits_in_the_same_queue() {
    let hasher = Hasher::new(cheap()).unwrap();
    assert_eq!(hasher.verify_dummy(&Secret::from(GOOD)).await, Ok(()));
    let full = hasher.pool.fill();
    assert_eq!(hasher.verify_dummy(&Secret::from(GOOD)).await, Err(Busy));
    assert_eq!(hasher.verify("damaged", &Secret::from(GOOD)).await, Err(Busy));
    assert_eq!(hasher.hash(&chosen(GOOD)).await, Err(Busy));
    drop(full);
    assert_eq!(hasher.verify_dummy(&Secret::from(GOOD)).await, Ok(()));
}

#[test]
fn impossible_settings_are_refused() {
    let refused = |settings| Hasher::new(settings).unwrap_err();
    let memory = refused(HashingSettings { memory_kib: 1, ..cheap() });
    assert!(matches!(memory, HashingError::Cost(_)), "{memory}");
    let passes = refused(HashingSettings { passes: 0, ..cheap() });
    assert!(matches!(passes, HashingError::Cost(_)), "{passes}");
    let threads = refused(HashingSettings { threads: 0, ..cheap() });
    assert!(matches!(threads, HashingError::NoThreads), "{threads}");
}

/// Field 19 of `/proc/…/stat` is the niceness of that thread.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn i6_hashing_threads_run_below_the_data_plane() {
    let hasher = Hasher::new(cheap()).unwrap();
    // After its first job, the thread has set its priority.
    hasher.verify_dummy(&Secret::from(GOOD)).await.unwrap();
    let niceness = |stat: &str| -> i32 {
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap()
    };
    let own = niceness(&fs::read_to_string("/proc/thread-self/stat").unwrap());
    let hashing: Vec<_> = fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| fs::read_to_string(task.unwrap().path().join("stat")).ok())
        .filter(|stat| stat.contains("(password-hash)"))
        .map(|stat| niceness(&stat))
        .collect();
    assert!(hashing.iter().any(|niceness| *niceness > own), "{hashing:?} against {own}");
}

#[test]
fn debug_shows_nothing_of_a_hash() {
    assert_eq!(format!("{:?}", super::PasswordHash("$argon2id$".into())), "PasswordHash(..)");
}
