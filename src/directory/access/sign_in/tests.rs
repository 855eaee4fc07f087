use jiff::ToSpan as _;

use super::*;
use crate::credential::hashing::{Hasher, HashingSettings};
use crate::directory::AuthServices;
use crate::directory::accounts::users::{NewUser, UserPatch};
use crate::directory::fixture::by_operator;
use crate::directory::fixture::{
    ADDRESS, Fixture, OTHER_PASSWORD, PASSWORD, new_user, now, sign_in_request,
};
use crate::directory::records::UserStatus;

#[tokio::test]
async fn the_right_password_is_accepted_in_any_spelling_of_login() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "Ann@Example.com", "limited").await;
    for login in ["Ann@Example.com", " ann@EXAMPLE.com\t"] {
        let SignIn::Accepted(facts) = fixture.sign_in(login, PASSWORD).await else {
            panic!("{login:?}")
        };
        assert_eq!((facts.id.as_str(), &*facts.login), (user.id.as_str(), "Ann@Example.com"));
        assert_eq!((facts.organization.as_str(), facts.group.as_str()), ("acme", "limited"));
        assert_eq!(facts.status, UserStatus::Active);
    }
}

#[tokio::test]
async fn wrong_password_unknown_login_and_invited_user_look_the_same() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.user("acme", "ann", "limited").await;
    let invited = NewUser { invite: true, ..new_user("acme", "bob@example.com") };
    fixture.directory.users().create(invited, &by_operator()).await.unwrap();
    fixture.directory.users().create(new_user("acme", "eve"), &by_operator()).await.unwrap();
    let long = "x".repeat(10_000);
    for login in ["ann", "bob@example.com", "eve", "nobody", "", "\0", "a\nb", &long] {
        assert_eq!(fixture.sign_in(login, OTHER_PASSWORD).await, SignIn::Wrong, "{login:?}");
    }
    assert_eq!(fixture.sign_in("ann", "").await, SignIn::Wrong);
}

/// The work of hashing is counted, because measured times vary.
#[tokio::test]
async fn an_unknown_login_takes_the_same_work_as_a_known_one() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.user("acme", "ann", "limited").await;
    let invited = NewUser { invite: true, ..new_user("acme", "bob@example.com") };
    fixture.directory.users().create(invited, &by_operator()).await.unwrap();
    fixture.directory.users().create(new_user("acme", "eve"), &by_operator()).await.unwrap();
    let hasher = &fixture.auth.hasher;
    let long = "x".repeat(10_000);
    let mut costs = Vec::new();
    // The last is hashed twice: normalized, and as typed.
    for wrong in [OTHER_PASSWORD, "", "Cafe\u{301}-horse-7"] {
        let mut worked = Vec::new();
        for login in ["ann", "bob@example.com", "eve", "nobody", "", "\0", &long] {
            let before = hasher.work();
            assert_eq!(fixture.sign_in(login, wrong).await, SignIn::Wrong, "{login:?}");
            worked.push(hasher.work() - before);
        }
        assert!(worked.iter().all(|work| *work == worked[0]), "{wrong:?}: {worked:?}");
        costs.push(worked[0]);
    }
    assert!(costs[0] > 0);
    assert_eq!(costs, [costs[0], costs[0], 2 * costs[0]]);
}

#[tokio::test]
async fn r8_the_right_password_in_the_no_access_group_is_refused() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "no-access").await;
    let SignIn::NoPortalAccess(facts) = fixture.sign_in("ann", PASSWORD).await else { panic!() };
    assert!(!facts.has_portal_access());
    assert_eq!(fixture.sign_in("ann", OTHER_PASSWORD).await, SignIn::Wrong);

    let patch = UserPatch { group: Some("limited".into()), ..UserPatch::default() };
    fixture.directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::Accepted(_)));
}

#[tokio::test]
async fn r8_moving_to_the_no_access_group_stops_open_sessions() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    let may = async || fixture.directory.user(&user.id).await.unwrap().unwrap().has_portal_access();
    assert!(may().await);
    let patch = UserPatch { group: Some("no-access".into()), ..UserPatch::default() };
    fixture.directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    assert!(!may().await);
    // The session record is not deleted.
    assert_eq!(fixture.directory.users().get(&user.id).await.unwrap().status, UserStatus::Active);
}

#[tokio::test]
async fn r8_the_right_password_of_a_disabled_user_is_refused() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::Accepted(_)));
    let disable = async |disabled| {
        let patch = UserPatch { disabled: Some(disabled), ..UserPatch::default() };
        fixture.directory.users().change(&user.id, patch, &by_operator()).await.unwrap()
    };
    assert!(disable(true).await.disabled);
    let SignIn::NoPortalAccess(facts) = fixture.sign_in("ann", PASSWORD).await else { panic!() };
    assert!(facts.disabled && !facts.has_portal_access());
    assert_eq!(fixture.sign_in("ann", OTHER_PASSWORD).await, SignIn::Wrong);

    assert!(!disable(false).await.disabled);
    assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::Accepted(_)));
}

#[tokio::test]
async fn i6_failures_lock_a_login_whether_it_exists_or_not() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.user("acme", "ann", "limited").await;
    for login in ["ann", "nobody"] {
        for spelling in [login, " ANN ", "Ann", "ann", "aNN"] {
            let spelling = if login == "ann" { spelling } else { login };
            assert_eq!(fixture.sign_in(spelling, OTHER_PASSWORD).await, SignIn::Wrong);
        }
        let locked = fixture.sign_in(login, PASSWORD).await;
        let SignIn::LockedOut { until } = locked else { panic!("{login}: {locked:?}") };
        assert_eq!(until, now() + 30.seconds());
    }
    let later = now() + 31.seconds();
    let welcome =
        fixture.directory.sign_in().check(sign_in_request("ann", PASSWORD), later).await.unwrap();
    assert!(matches!(welcome, SignIn::Accepted(_)));
}

#[tokio::test]
async fn i6_a_success_clears_the_failures_of_the_account() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.user("acme", "ann", "limited").await;
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(fixture.sign_in("ann", OTHER_PASSWORD).await, SignIn::Wrong);
        }
        assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::Accepted(_)));
    }
}

#[tokio::test]
async fn i6_failures_at_many_accounts_lock_the_address() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.user("acme", "ann", "limited").await;
    for n in 0..30 {
        let wrong = fixture.sign_in(&format!("guess{n}"), PASSWORD).await;
        assert_eq!(wrong, SignIn::Wrong, "{n}");
    }
    assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::LockedOut { .. }));
    let elsewhere = SignInRequest {
        address: "198.51.100.9".parse().unwrap(),
        ..sign_in_request("ann", PASSWORD)
    };
    let welcome = fixture.directory.sign_in().check(elsewhere, now()).await.unwrap();
    assert!(matches!(welcome, SignIn::Accepted(_)));
    assert_ne!(ADDRESS.to_string(), "198.51.100.9");
}

#[tokio::test]
async fn i6_a_browser_with_an_old_password_is_not_known() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    let SignIn::Accepted(facts) = fixture.sign_in("ann", PASSWORD).await else { panic!() };
    let password_generation = facts.password_generation;
    let knew = |name| SignInRequest {
        browser: Some(KnownBrowser { name, user: user.id.as_str(), password_generation }),
        ..sign_in_request("ann", PASSWORD)
    };
    for _ in 0..5 {
        assert_eq!(fixture.sign_in("ann", OTHER_PASSWORD).await, SignIn::Wrong);
    }
    let known = fixture.directory.sign_in().check(knew("desk"), now()).await.unwrap();
    assert!(matches!(known, SignIn::Accepted(_)), "{known:?}");

    let new = Secret::from("Another-Horse-8-Battery");
    fixture.directory.users().set_password(&user.id, new, &by_operator()).await.unwrap();
    for _ in 0..5 {
        assert_eq!(fixture.sign_in("ann", OTHER_PASSWORD).await, SignIn::Wrong);
    }
    for name in ["desk", "sofa"] {
        let old = fixture.directory.sign_in().check(knew(name), now()).await.unwrap();
        assert!(matches!(old, SignIn::LockedOut { .. }), "{old:?}");
    }
    // A browser is not known for a login that no longer exists either.
    let nobody = |name| SignInRequest { login: "nobody", ..knew(name) };
    for name in ["a", "b", "c", "d", "e"] {
        let wrong = fixture.directory.sign_in().check(nobody(name), now()).await.unwrap();
        assert_eq!(wrong, SignIn::Wrong);
    }
    let locked = fixture.directory.sign_in().check(nobody("f"), now()).await.unwrap();
    assert!(matches!(locked, SignIn::LockedOut { .. }), "{locked:?}");
}

#[tokio::test]
async fn i6_a_deleted_users_browser_is_not_known_to_the_next_user() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let former = fixture.user("acme", "ann", "limited").await;
    fixture.directory.users().delete(&former.id, &by_operator()).await.unwrap();
    let next = fixture.user("acme", "ann", "limited").await;
    assert_ne!(former.id, next.id);
    for _ in 0..5 {
        assert_eq!(fixture.sign_in("ann", OTHER_PASSWORD).await, SignIn::Wrong);
    }
    let from = |user| SignInRequest {
        browser: Some(KnownBrowser { name: "desk", user, password_generation: 0 }),
        ..sign_in_request("ann", PASSWORD)
    };
    let stranger =
        fixture.directory.sign_in().check(from(former.id.as_str()), now()).await.unwrap();
    assert!(matches!(stranger, SignIn::LockedOut { .. }), "{stranger:?}");
    let known = fixture.directory.sign_in().check(from(next.id.as_str()), now()).await.unwrap();
    assert!(matches!(known, SignIn::Accepted(_)), "{known:?}");
}

#[tokio::test]
async fn i6_a_full_pool_is_busy_and_is_not_counted() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.user("acme", "ann", "limited").await;
    // One slow hash at a time, and no queue.
    let slow = HashingSettings { memory_kib: 19_456, passes: 2, lanes: 1, threads: 1, queue: 0 };
    let auth = AuthServices { hasher: Hasher::new(slow).unwrap(), ..fixture.auth.clone() };
    let directory = fixture.with_auth(auth).await;
    let tries =
        (0..12).map(|_| directory.sign_in().check(sign_in_request("nobody", PASSWORD), now()));
    let outcomes = futures_util::future::join_all(tries).await;
    let busy = outcomes.iter().filter(|o| matches!(o, Ok(SignIn::Busy))).count();
    let wrong = outcomes.iter().filter(|o| matches!(o, Ok(SignIn::Wrong))).count();
    assert!(busy > 0, "{outcomes:?}");
    // Five wrong passwords would lock; those refused as busy do not count.
    assert!(wrong < 5, "{outcomes:?}");
    assert!(fixture.auth.lockout.locked(now()).is_empty());
}

#[tokio::test]
async fn r34_a_password_set_during_a_sign_in_ends_its_session() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    // With another cost the sign-in writes a new hash; it is interrupted there, after the check.
    let dearer = HashingSettings { memory_kib: 16, passes: 1, lanes: 1, threads: 1, queue: 8 };
    let (other, id) = (fixture.directory.clone(), user.id.clone());
    let interruption = async move {
        other
            .users()
            .set_password(&id, Secret::from(OTHER_PASSWORD), &by_operator())
            .await
            .unwrap();
    };
    let auth = AuthServices { hasher: Hasher::new(dearer).unwrap(), ..fixture.auth.clone() };
    let directory = fixture.with_auth_and_interruption(auth, interruption).await;
    let signed_in =
        directory.sign_in().check(sign_in_request("ann", PASSWORD), now()).await.unwrap();
    let SignIn::Accepted(session) = signed_in else { panic!("{signed_in:?}") };
    let facts = fixture.directory.user(&user.id).await.unwrap().unwrap();
    assert!(!facts.honours_session(session.password_generation));
    // The hash of the old password has not overwritten the new one.
    assert_eq!(fixture.sign_in("ann", PASSWORD).await, SignIn::Wrong);
    assert!(matches!(fixture.sign_in("ann", OTHER_PASSWORD).await, SignIn::Accepted(_)));
}

#[tokio::test]
async fn an_outdated_hash_is_replaced_and_sessions_continue() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    let hash = async || {
        let user =
            fixture.directory.records().read().existing::<User>(&user.id, None).await.unwrap();
        user.doc.password.unwrap()
    };
    let before = hash().await;
    assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::Accepted(_)));
    assert_eq!(hash().await, before);

    let dearer = HashingSettings { memory_kib: 16, passes: 1, lanes: 1, threads: 1, queue: 8 };
    let auth = AuthServices { hasher: Hasher::new(dearer).unwrap(), ..fixture.auth.clone() };
    let directory = fixture.with_auth(auth).await;
    let wrong =
        directory.sign_in().check(sign_in_request("ann", OTHER_PASSWORD), now()).await.unwrap();
    assert_eq!(wrong, SignIn::Wrong);
    assert_eq!(hash().await, before);
    let signed_in =
        directory.sign_in().check(sign_in_request("ann", PASSWORD), now()).await.unwrap();
    let SignIn::Accepted(session) = signed_in else { panic!("{signed_in:?}") };
    assert!(hash().await.contains("m=16"), "{}", hash().await);
    let facts = fixture.directory.user(&user.id).await.unwrap().unwrap();
    assert!(facts.honours_session(session.password_generation));
    assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::Accepted(_)));
}

/// The hash of [`OLD_PASSWORD`], made by PHP's `password_hash`.
const OLD_HASH: &str = "$2y$04$pHd/d..F/BcmsDc6S0u6EOLniKGIzLXorDBRNxkv8aLljNI7Hnyy2";
const OLD_PASSWORD: &str = "Correct-Horse-7";

#[tokio::test]
async fn an_imported_hash_is_replaced_at_the_first_sign_in() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let new = NewUser { password_hash: Some(Secret::from(OLD_HASH)), ..new_user("acme", "ann") };
    let user = fixture.directory.users().create(new, &by_operator()).await.unwrap();
    assert_eq!(user.status, UserStatus::Active);
    let stored = async || {
        let user =
            fixture.directory.records().read().existing::<User>(&user.id, None).await.unwrap();
        user.doc.password.unwrap()
    };
    assert_eq!(fixture.sign_in("ann", OTHER_PASSWORD).await, SignIn::Wrong);
    assert_eq!(stored().await, OLD_HASH, "a wrong password changes nothing");
    assert!(matches!(fixture.sign_in("ann", OLD_PASSWORD).await, SignIn::Accepted(_)));
    assert!(stored().await.starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
    assert!(matches!(fixture.sign_in("ann", OLD_PASSWORD).await, SignIn::Accepted(_)));
    assert_eq!(fixture.sign_in("ann", OTHER_PASSWORD).await, SignIn::Wrong);
}

#[tokio::test]
async fn an_imported_hash_is_valid_and_without_other_credentials() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let hash = || Some(Secret::from(OLD_HASH));
    for wrong in [
        NewUser { password_hash: Some(Secret::from("hunter2")), ..new_user("acme", "ann") },
        NewUser {
            password_hash: Some(Secret::new(OLD_HASH.replace("$04$", "$17$"))),
            ..new_user("acme", "ann")
        },
        NewUser { password_hash: hash(), invite: true, ..new_user("acme", "ann") },
        NewUser {
            password_hash: hash(),
            password: Some(Secret::from(PASSWORD)),
            ..new_user("acme", "ann")
        },
    ] {
        let error = fixture.directory.users().create(wrong, &by_operator()).await.unwrap_err();
        assert!(matches!(error, DirectoryError::Invalid { field: "password_hash", .. }), "{error}");
    }
    assert_eq!(fixture.sign_in("ann", OLD_PASSWORD).await, SignIn::Wrong);
}
