use jiff::{SignedDuration, ToSpan as _};

use super::*;
use crate::credential::lockout::Key;
use crate::credential::secret::Secret;
use crate::directory::AuthServices;
use crate::directory::Directory;
use crate::directory::access::attempt_source::KnownBrowser;
use crate::directory::access::sign_in::SignIn;
use crate::directory::accounts::users::{UserPatch, UserView};
use crate::directory::fixture::by_operator;
use crate::directory::fixture::{ADDRESS, Fixture, OTHER_PASSWORD, PASSWORD, now, sign_in_request};
use crate::directory::fixture::{by_operator_at, by_operator_to};

const HERE: AttemptSource<'static> = AttemptSource { address: ADDRESS, browser: None };
const STEP: SignedDuration = SignedDuration::from_secs(30);

/// A user with an authenticator app and recovery codes.
struct Ann {
    fixture: Fixture,
    user: UserView,
    secret: TotpSecret,
    recovery_codes: Vec<RecoveryCode>,
}

impl Ann {
    /// Set up at [`now`], so the code of that step is used.
    async fn enrolled() -> Self {
        let (fixture, user) = required().await;
        let pending = pending(&fixture.directory, now()).await;
        let (secret, recovery_codes) = set_up(&fixture.directory, &pending, now()).await;
        Self { fixture, user, secret, recovery_codes }
    }

    async fn pending(&self, now: Timestamp) -> PendingSignIn {
        pending(&self.fixture.directory, now).await
    }

    async fn check(
        &self,
        pending: &PendingSignIn,
        typed: EnteredCode<'_>,
        now: Timestamp,
    ) -> SecondStep<Arc<UserFacts>> {
        self.fixture.directory.second_factors().check(pending, typed, HERE, now).await.unwrap()
    }

    /// A sign-in with password and code.
    async fn sign_in(&self, code: &str, now: Timestamp) -> SecondStep<Arc<UserFacts>> {
        let pending = self.pending(now).await;
        self.check(&pending, EnteredCode::Totp(code), now).await
    }

    fn codes_left(&self) -> impl Future<Output = usize> {
        let (directory, id) = (self.fixture.directory.clone(), self.user.id.clone());
        async move { directory.second_factors().get(&id).await.unwrap().recovery_codes_left }
    }
}

/// A portal user who must set up a second factor.
async fn required() -> (Fixture, UserView) {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    require(&fixture.directory, user.id.as_str(), true).await;
    (fixture, user)
}

async fn require(directory: &Directory, id: &str, require_mfa: bool) {
    let patch = UserPatch { require_mfa: Some(require_mfa), ..UserPatch::default() };
    directory.users().change(&id.into(), patch, &by_operator()).await.unwrap();
}

async fn move_to(directory: &Directory, id: &str, group: &str) {
    let patch = UserPatch { group: Some(group.into()), ..UserPatch::default() };
    directory.users().change(&id.into(), patch, &by_operator()).await.unwrap();
}

/// The pending sign-in after the right password.
async fn pending(directory: &Directory, now: Timestamp) -> PendingSignIn {
    match directory.sign_in().check(sign_in_request("ann", PASSWORD), now).await.unwrap() {
        SignIn::CodeRequired(pending) | SignIn::SetUpRequired(pending) => pending,
        other => panic!("{other:?}"),
    }
}

async fn set_up(
    directory: &Directory,
    pending: &PendingSignIn,
    now: Timestamp,
) -> (TotpSecret, Vec<RecoveryCode>) {
    let (secret, sealed) = directory.second_factors().propose(pending);
    let proposed = directory.second_factors().proposed(pending, &sealed).unwrap();
    assert_eq!(proposed.expose(), secret.expose());
    let code = secret.code(now);
    let done = directory.second_factors().set_up(pending, (&proposed, &code), HERE, now).await;
    let SecondStep::Accepted(NewSecondFactor { user, recovery_codes }) = done.unwrap() else {
        panic!()
    };
    assert_eq!(&*user.login, "ann");
    (secret, recovery_codes)
}

/// Clears the lockout, which the test is not about.
fn release(ann: &Ann) {
    for key in [Key::account("ann"), Key::address(ADDRESS)] {
        ann.fixture.auth.lockout.release(&key);
    }
}

fn later(steps: i32) -> Timestamp {
    now() + STEP * steps
}

fn is_accepted<T>(step: &SecondStep<T>) -> bool {
    matches!(step, SecondStep::Accepted(_))
}

#[tokio::test]
async fn r50_without_required_mfa_the_password_is_enough() {
    let (fixture, user) = required().await;
    assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::SetUpRequired(_)));
    assert_eq!(fixture.sign_in("ann", OTHER_PASSWORD).await, SignIn::Wrong);
    require(&fixture.directory, user.id.as_str(), false).await;
    assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::Accepted(_)));
}

#[tokio::test]
async fn r50_set_up_is_required_until_a_code_confirms_the_secret() {
    let (fixture, user) = required().await;
    let pending = pending(&fixture.directory, now()).await;
    let (secret, _) = fixture.directory.second_factors().propose(&pending);
    let (other, _) = fixture.directory.second_factors().propose(&pending);
    let wrong = other.code(now());
    let tried =
        fixture.directory.second_factors().set_up(&pending, (&secret, &wrong), HERE, now()).await;
    assert!(matches!(tried.unwrap(), SecondStep::Wrong));
    let owed = fixture.directory.second_factors().next_step(&pending, now()).await.unwrap();
    assert!(matches!(owed, NextStep::SetUp(_)), "{owed:?}");
    assert!(!fixture.directory.users().get(&user.id).await.unwrap().mfa_enrolled);

    let (secret, recovery_codes) = set_up(&fixture.directory, &pending, now()).await;
    assert_eq!(recovery_codes.len(), 10);
    let view = fixture.directory.second_factors().get(&user.id).await.unwrap();
    assert_eq!(
        (view.enrolled, view.created, view.recovery_codes_left, view.required),
        (true, Some(now()), 10, true)
    );
    assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::CodeRequired(_)));

    // Neither the secret nor a code is stored readably.
    let record = fixture.store.get(kind::USER, user.id.as_str()).await.unwrap().unwrap();
    let record = String::from_utf8(record.doc.to_vec()).unwrap();
    let text = secret.text().expose().replace(' ', "");
    assert!(!record.contains(&text));
    for code in &recovery_codes {
        assert!(
            !record.contains(code.expose()) && !record.contains(&code.expose().replace('-', ""))
        );
    }
}

#[tokio::test]
async fn r50_an_existing_second_factor_is_not_set_up_again() {
    let ann = Ann::enrolled().await;
    let pending = ann.pending(now()).await;
    let (secret, _) = ann.fixture.directory.second_factors().propose(&pending);
    let code = secret.code(now());
    let again = ann
        .fixture
        .directory
        .second_factors()
        .set_up(&pending, (&secret, &code), HERE, now())
        .await;
    assert!(matches!(again.unwrap(), SecondStep::Invalid));
    assert!(
        is_accepted(&ann.sign_in(&ann.secret.code(later(1)), later(1)).await),
        "the old one is kept"
    );
}

#[tokio::test]
async fn r50_a_proposed_secret_is_valid_for_its_own_sign_in_only() {
    let (fixture, _) = required().await;
    let one = pending(&fixture.directory, now()).await;
    let other = pending(&fixture.directory, now()).await;
    let (_, sealed) = fixture.directory.second_factors().propose(&one);
    assert!(fixture.directory.second_factors().proposed(&one, &sealed).is_some());
    assert!(fixture.directory.second_factors().proposed(&other, &sealed).is_none());
    for spoiled in ["", "x", &sealed[1..]] {
        assert!(fixture.directory.second_factors().proposed(&one, spoiled).is_none());
    }
}

#[tokio::test]
async fn r51_a_code_is_accepted_once() {
    let ann = Ann::enrolled().await;
    let code = ann.secret.code(now());
    assert!(matches!(ann.sign_in(&code, now()).await, SecondStep::Wrong), "used at set-up");
    let code = ann.secret.code(later(1));
    assert!(is_accepted(&ann.sign_in(&code, later(1)).await));
    assert!(matches!(ann.sign_in(&code, later(1)).await, SecondStep::Wrong));
    assert!(matches!(ann.sign_in(&code, later(2)).await, SecondStep::Wrong));
    // An unused code of an earlier step is refused too.
    assert!(is_accepted(&ann.sign_in(&ann.secret.code(later(5)), later(4)).await));
    assert!(matches!(ann.sign_in(&ann.secret.code(later(4)), later(4)).await, SecondStep::Wrong));
}

#[tokio::test]
async fn r51_one_step_of_drift_is_accepted_and_two_are_refused() {
    let ann = Ann::enrolled().await;
    for (at, drift, accepted) in
        [(10, -2, false), (10, 2, false), (10, -1, true), (20, 0, true), (30, 1, true)]
    {
        let step = ann.sign_in(&ann.secret.code(later(at + drift)), later(at)).await;
        assert_eq!(is_accepted(&step), accepted, "{at} {drift}");
    }
}

#[tokio::test]
async fn r51_a_step_is_accepted_once_despite_clock_changes() {
    let ann = Ann::enrolled().await;
    let mut accepted = Vec::new();
    for step in [1, 2, 1, 0, 3, 2, 3, 4, -100, 4, 5, 6, 5, 6] {
        for code in [step - 1, step, step + 1] {
            let outcome = ann.sign_in(&ann.secret.code(later(code)), later(step)).await;
            if is_accepted(&outcome) {
                assert!(!accepted.contains(&code), "{code} twice: {accepted:?}");
                accepted.push(code);
            }
            release(&ann);
        }
    }
    // A clock that was far ahead does not block codes after it was set back.
    assert_eq!(accepted, [1, 2, 3, 4, 5, -101, -100, -99, 6, 7]);
}

#[tokio::test]
async fn r51_of_two_concurrent_uses_of_a_code_one_succeeds() {
    let ann = Ann::enrolled().await;
    let (one, other) = (ann.pending(later(1)).await, ann.pending(later(1)).await);
    let code = ann.secret.code(later(1));
    // One is used between the other's reading and writing.
    let (other_directory, taken) = (ann.fixture.directory.clone(), code.clone());
    let interruption = async move {
        let first = other_directory
            .second_factors()
            .check(&other, EnteredCode::Totp(&taken), HERE, later(1))
            .await;
        assert!(is_accepted(&first.unwrap()));
    };
    let directory = ann.fixture.with_interruption(interruption).await;
    let second =
        directory.second_factors().check(&one, EnteredCode::Totp(&code), HERE, later(1)).await;
    assert!(matches!(second.unwrap(), SecondStep::Wrong));

    release(&ann);
    let at = later(3);
    let pending_sign_ins = futures_util::future::join_all((0..4).map(|_| ann.pending(at))).await;
    let code = ann.secret.code(at);
    let tries =
        pending_sign_ins.iter().map(|pending| ann.check(pending, EnteredCode::Totp(&code), at));
    let tries = futures_util::future::join_all(tries).await;
    assert_eq!(tries.iter().filter(|step| is_accepted(step)).count(), 1, "{tries:?}");
}

#[tokio::test]
async fn r51_of_two_uses_of_a_recovery_code_one_succeeds() {
    let ann = Ann::enrolled().await;
    let (one, other) = (ann.pending(now()).await, ann.pending(now()).await);
    let code = ann.recovery_codes[4].expose().to_owned();
    let (other_directory, taken) = (ann.fixture.directory.clone(), code.clone());
    let interruption = async move {
        let typed = EnteredCode::Recovery(&taken);
        let first = other_directory.second_factors().check(&other, typed, HERE, now()).await;
        assert!(is_accepted(&first.unwrap()));
    };
    let directory = ann.fixture.with_interruption(interruption).await;
    let typed = EnteredCode::Recovery(&code);
    let second = directory.second_factors().check(&one, typed, HERE, now()).await;
    assert!(matches!(second.unwrap(), SecondStep::Wrong));
    assert_eq!(ann.codes_left().await, 9);
}

#[tokio::test]
async fn r51_a_recovery_code_replaces_a_code_once() {
    let ann = Ann::enrolled().await;
    let code = ann.recovery_codes[0].expose().to_uppercase().replace('-', " ");
    let pending = ann.pending(now()).await;
    assert!(matches!(
        ann.check(&pending, EnteredCode::Totp(&code), now()).await,
        SecondStep::Wrong
    ));
    assert!(is_accepted(&ann.check(&pending, EnteredCode::Recovery(&code), now()).await));
    assert_eq!(ann.codes_left().await, 9);
    let again = ann.pending(now()).await;
    assert!(matches!(
        ann.check(&again, EnteredCode::Recovery(&code), now()).await,
        SecondStep::Wrong
    ));
    let next = EnteredCode::Recovery(ann.recovery_codes[1].expose());
    assert!(is_accepted(&ann.check(&again, next, now()).await));
    // The codes of the app still work.
    assert!(matches!(ann.sign_in(&ann.secret.code(now()), now()).await, SecondStep::Wrong));
    assert!(is_accepted(&ann.sign_in(&ann.secret.code(later(1)), later(1)).await));
}

#[tokio::test]
async fn r50_a_pending_sign_in_is_valid_once_for_ten_minutes() {
    let ann = Ann::enrolled().await;
    let pending = ann.pending(later(1)).await;
    assert!(is_accepted(
        &ann.check(&pending, EnteredCode::Totp(&ann.secret.code(later(1))), later(1)).await
    ));
    let next = ann.secret.code(later(2));
    assert!(matches!(
        ann.check(&pending, EnteredCode::Totp(&next), later(2)).await,
        SecondStep::Invalid
    ));
    assert_eq!(
        ann.fixture.directory.second_factors().next_step(&pending, later(2)).await.unwrap(),
        NextStep::Invalid
    );

    let pending = ann.pending(now()).await;
    let last = now() + PENDING_LIFETIME - 1.seconds();
    assert!(matches!(
        ann.fixture.directory.second_factors().next_step(&pending, last).await.unwrap(),
        NextStep::Code(_)
    ));
    let end = now() + PENDING_LIFETIME;
    assert_eq!(
        ann.fixture.directory.second_factors().next_step(&pending, end).await.unwrap(),
        NextStep::Invalid
    );
    let code = ann.secret.code(end);
    assert!(matches!(
        ann.check(&pending, EnteredCode::Totp(&code), end).await,
        SecondStep::Invalid
    ));
}

#[tokio::test]
async fn r50_a_pending_sign_in_ends_with_the_password_or_user() {
    let ann = Ann::enrolled().await;
    let (directory, id) = (&ann.fixture.directory, &ann.user.id);
    let code = ann.secret.code(later(1));
    let over = async |pending: &PendingSignIn| {
        let checked = ann.check(pending, EnteredCode::Totp(&code), later(1)).await;
        assert!(matches!(checked, SecondStep::Invalid), "{checked:?}");
        directory.second_factors().next_step(pending, later(1)).await.unwrap()
    };

    let pending = ann.pending(later(1)).await;
    require(directory, id.as_str(), false).await;
    assert_eq!(over(&pending).await, NextStep::Invalid);
    let signed_in = ann.fixture.sign_in("ann", PASSWORD).await;
    assert!(matches!(signed_in, SignIn::Accepted(_)), "enrolled, and no longer asked");
    require(directory, id.as_str(), true).await;

    let pending = ann.pending(later(1)).await;
    move_to(directory, id.as_str(), "no-access").await;
    assert!(matches!(over(&pending).await, NextStep::NoPortalAccess(_)), "R8 comes first");
    let signed_in = ann.fixture.sign_in("ann", PASSWORD).await;
    assert!(matches!(signed_in, SignIn::NoPortalAccess(_)));
    move_to(directory, id.as_str(), "limited").await;

    let pending = ann.pending(later(1)).await;
    directory.users().set_password(id, Secret::from(OTHER_PASSWORD), &by_operator()).await.unwrap();
    assert_eq!(over(&pending).await, NextStep::Invalid);
    directory.users().set_password(id, Secret::from(PASSWORD), &by_operator()).await.unwrap();
    assert_eq!(over(&pending).await, NextStep::Invalid);

    let pending = ann.pending(later(1)).await;
    directory.users().delete(id, &by_operator()).await.unwrap();
    assert_eq!(over(&pending).await, NextStep::Invalid);
    let left = ann.fixture.store.get(kind::TOTP_STEP, id.as_str()).await.unwrap();
    assert!(left.is_none(), "what was kept of the second factor goes with the user");
}

#[tokio::test]
async fn r51_a_reset_requires_set_up_and_ends_the_old_codes() {
    let ann = Ann::enrolled().await;
    let (directory, id) = (&ann.fixture.directory, &ann.user.id);
    let before = directory.users().get(id).await.unwrap().version;
    let error =
        directory.second_factors().reset(id, &by_operator_to(before + 1)).await.unwrap_err();
    assert_eq!(error.code(), "changed");
    directory.second_factors().reset(id, &by_operator_to(before)).await.unwrap();
    let view = directory.second_factors().get(id).await.unwrap();
    assert_eq!((view.enrolled, view.created, view.recovery_codes_left), (false, None, 0));
    let facts = directory.user(id).await.unwrap().unwrap();
    assert!(facts.honours_session(0), "sessions continue");

    let pending = ann.pending(later(1)).await;
    for typed in [
        EnteredCode::Totp(&ann.secret.code(later(1))),
        EnteredCode::Recovery(ann.recovery_codes[0].expose()),
    ] {
        assert!(matches!(ann.check(&pending, typed, later(1)).await, SecondStep::Invalid));
    }
    let (secret, _) = set_up(directory, &pending, later(1)).await;
    assert!(is_accepted(&ann.sign_in(&secret.code(later(2)), later(2)).await));
    // A second reset has no effect.
    for _ in 0..2 {
        directory.second_factors().reset(id, &by_operator_at(later(60))).await.unwrap();
    }
    assert!(ann.fixture.store.get(kind::TOTP_STEP, id.as_str()).await.unwrap().is_none());
    let error = directory.second_factors().reset(&"none".into(), &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "not-found");
}

#[tokio::test]
async fn r51_a_reset_does_not_revive_a_used_sign_in() {
    let (fixture, user) = required().await;
    let pending = pending(&fixture.directory, now()).await;
    set_up(&fixture.directory, &pending, now()).await;
    fixture.directory.second_factors().reset(&user.id, &by_operator()).await.unwrap();
    assert_eq!(
        fixture.directory.second_factors().next_step(&pending, now()).await.unwrap(),
        NextStep::Invalid
    );
}

#[tokio::test]
async fn i6_codes_recovery_codes_and_passwords_count_together() {
    let ann = Ann::enrolled().await;
    let at = later(1);
    let pending = ann.pending(at).await;
    assert_eq!(ann.fixture.sign_in("ann", OTHER_PASSWORD).await, SignIn::Wrong);
    assert_eq!(ann.fixture.sign_in(" ANN", OTHER_PASSWORD).await, SignIn::Wrong);
    for typed in
        [EnteredCode::Totp("000000x"), EnteredCode::Totp(""), EnteredCode::Recovery("abcd")]
    {
        // The right password in between does not clear the count.
        ann.pending(at).await;
        assert!(matches!(ann.check(&pending, typed, at).await, SecondStep::Wrong));
    }
    let code = ann.secret.code(at);
    let locked = ann.check(&pending, EnteredCode::Totp(&code), at).await;
    assert!(matches!(locked, SecondStep::LockedOut { .. }), "{locked:?}");
    let locked =
        ann.fixture.directory.sign_in().check(sign_in_request("ann", PASSWORD), at).await.unwrap();
    assert!(matches!(locked, SignIn::LockedOut { .. }), "{locked:?}");

    // A known browser is counted separately.
    let user = ann.user.id.clone();
    let desk = KnownBrowser { name: "desk", user: user.as_str(), password_generation: 0 };
    let known = AttemptSource { browser: Some(desk), ..HERE };
    let of_old =
        AttemptSource { browser: Some(KnownBrowser { password_generation: 7, ..desk }), ..HERE };
    let step = ann.fixture.directory.second_factors().check(
        &pending,
        EnteredCode::Totp(&code),
        of_old,
        at,
    );
    assert!(
        matches!(step.await.unwrap(), SecondStep::LockedOut { .. }),
        "with another password: no"
    );
    let step =
        ann.fixture.directory.second_factors().check(&pending, EnteredCode::Totp(&code), known, at);
    assert!(is_accepted(&step.await.unwrap()));
}

#[tokio::test]
async fn i6_set_up_is_counted_and_a_full_sign_in_clears_failures() {
    let (fixture, _) = required().await;
    let pending = pending(&fixture.directory, now()).await;
    let (secret, _) = fixture.directory.second_factors().propose(&pending);
    let attempt = async |code: &str| {
        fixture.directory.second_factors().set_up(&pending, (&secret, code), HERE, now()).await
    };
    for _ in 0..4 {
        assert!(matches!(attempt("1").await.unwrap(), SecondStep::Wrong));
    }
    assert!(is_accepted(&attempt(&secret.code(now())).await.unwrap()));
    for _ in 0..4 {
        assert_eq!(fixture.sign_in("ann", OTHER_PASSWORD).await, SignIn::Wrong);
    }
    assert!(fixture.auth.lockout.locked(now()).is_empty());
}

#[tokio::test]
async fn a_second_factor_sealed_with_another_key_is_an_error() {
    let ann = Ann::enrolled().await;
    let pending = ann.pending(later(1)).await;
    let other = Fixture::new().await;
    let second_factors = other.auth.second_factors.clone();
    let auth = AuthServices { second_factors, ..ann.fixture.auth.clone() };
    let directory = ann.fixture.with_auth(auth).await;
    let code = ann.secret.code(later(1));
    let error =
        directory.second_factors().check(&pending, EnteredCode::Totp(&code), HERE, later(1)).await;
    assert!(error.unwrap_err().to_string().contains("another secret key"));
    assert!(
        is_accepted(&ann.check(&pending, EnteredCode::Totp(&code), later(1)).await),
        "with the right key it works"
    );
}
