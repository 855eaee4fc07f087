use jiff::SignedDuration;

use super::*;
use crate::credential::secret::Secret;
use crate::credential::totp::TotpSecret;
use crate::directory::access::reauthentication::Reauthentication;
use crate::directory::access::second_factors::{EnteredCode, NewSecondFactor, NextStep};
use crate::directory::access::sign_in::SignIn;
use crate::directory::accounts::users::{UserPatch, UserView};
use crate::directory::fixture::{ADDRESS, Fixture, PASSWORD, by_operator, now, sign_in_request};

const HERE: AttemptSource<'static> = AttemptSource { address: ADDRESS, browser: None };

struct Ann {
    fixture: Fixture,
    user: UserView,
}

impl Ann {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        fixture.organization("acme").await;
        let user = fixture.user("acme", "ann", "limited").await;
        Self { fixture, user }
    }

    fn factors(&self) -> &SecondFactors {
        self.fixture.directory.second_factors()
    }

    async fn require(&self, require_mfa: bool) {
        let patch = UserPatch { require_mfa: Some(require_mfa), ..UserPatch::default() };
        let users = self.fixture.directory.users();
        users.change(&self.user.id, patch, &by_operator()).await.unwrap();
    }

    async fn sign_in(&self, now: Timestamp) -> SignIn {
        let request = sign_in_request("ann", PASSWORD);
        self.fixture.directory.sign_in().check(request, now).await.unwrap()
    }

    /// Confirms the password, and a code if sign-in asks for one.
    async fn confirm(&self, code: &str, now: Timestamp) -> Reauthentication {
        let given = (Secret::from(PASSWORD), EnteredCode::Totp(code));
        let again = self.fixture.directory.reauthenticator();
        again.password_and_code(&self.user.id, given, HERE, now).await.unwrap()
    }

    async fn confirmed(&self, code: &str, now: Timestamp) -> Confirmed {
        match self.confirm(code, now).await {
            Reauthentication::Confirmed(confirmed) => confirmed,
            other => panic!("{other:?}"),
        }
    }

    /// Sets another app up; returns its secret and the recovery codes.
    async fn set_up(&self, code: &str, now: Timestamp) -> (TotpSecret, Vec<RecoveryCode>) {
        let confirmed = self.confirmed(code, now).await;
        let pending = self.factors().begin_set_up(&confirmed, now).await.unwrap().unwrap();
        let (secret, _) = self.factors().propose(&pending);
        let code = secret.code(now);
        let done = self.factors().set_up(&pending, (&secret, &code), HERE, now).await.unwrap();
        let SecondStep::Accepted(NewSecondFactor { recovery_codes, .. }) = done else {
            panic!("{done:?}")
        };
        (secret, recovery_codes)
    }

    async fn left(&self) -> usize {
        self.factors().get(&self.user.id).await.unwrap().recovery_codes_left
    }
}

fn later(steps: i32) -> Timestamp {
    now() + SignedDuration::from_secs(30) * steps
}

#[tokio::test]
async fn r50_a_chosen_second_factor_is_asked_for_at_sign_in() {
    let ann = Ann::new().await;
    assert!(matches!(ann.sign_in(now()).await, SignIn::Accepted(_)));
    let (secret, _) = ann.set_up("", now()).await;
    let view = ann.factors().get(&ann.user.id).await.unwrap();
    assert!(view.enrolled && view.by_choice && !view.required);
    let SignIn::CodeRequired(pending) = ann.sign_in(later(1)).await else { panic!() };
    let code = secret.code(later(1));
    let checked = ann.factors().check(&pending, EnteredCode::Totp(&code), HERE, later(1)).await;
    assert!(matches!(checked.unwrap(), SecondStep::Accepted(_)));

    // Required and no longer required, it is still the user's choice.
    ann.require(true).await;
    ann.require(false).await;
    assert!(matches!(ann.sign_in(later(2)).await, SignIn::CodeRequired(_)));
}

#[tokio::test]
async fn r50_a_second_factor_that_was_required_is_no_choice() {
    let ann = Ann::new().await;
    ann.require(true).await;
    let (secret, _) = ann.set_up("", now()).await;
    assert!(!ann.factors().get(&ann.user.id).await.unwrap().by_choice);
    // Nor does another app make it one.
    ann.set_up(&secret.code(later(1)), later(1)).await;
    ann.require(false).await;
    assert!(matches!(ann.sign_in(later(2)).await, SignIn::Accepted(_)));
}

#[tokio::test]
async fn r50_only_a_second_factor_by_choice_can_be_turned_off() {
    let ann = Ann::new().await;
    let (secret, _) = ann.set_up("", now()).await;
    ann.require(true).await;
    let confirmed = ann.confirmed(&secret.code(later(1)), later(1)).await;
    let refused = ann.factors().turn_off(&confirmed, later(1)).await.unwrap();
    assert_eq!(refused, TurnedOff::Required);
    assert!(matches!(ann.sign_in(later(1)).await, SignIn::CodeRequired(_)));

    ann.require(false).await;
    assert_eq!(ann.factors().turn_off(&confirmed, later(1)).await.unwrap(), TurnedOff::Done);
    assert!(matches!(ann.sign_in(later(1)).await, SignIn::Accepted(_)));
    assert!(!ann.factors().get(&ann.user.id).await.unwrap().enrolled);
}

#[tokio::test]
async fn r51_another_app_replaces_the_first_with_one_of_its_codes() {
    let ann = Ann::new().await;
    let (first, codes) = ann.set_up("", now()).await;
    for code in ["", "000000"] {
        let refused = ann.confirm(code, later(1)).await;
        assert_eq!(refused, Reauthentication::WrongCode, "{code}");
    }
    let (second, _) = ann.set_up(&first.code(later(1)), later(1)).await;
    let SignIn::CodeRequired(pending) = ann.sign_in(later(2)).await else { panic!() };
    let (old, new) = (first.code(later(2)), second.code(later(2)));
    for entered in [EnteredCode::Totp(&old), EnteredCode::Recovery(codes[0].expose())] {
        let checked = ann.factors().check(&pending, entered, HERE, later(2)).await.unwrap();
        assert!(matches!(checked, SecondStep::Wrong), "{checked:?}");
    }
    let checked = ann.factors().check(&pending, EnteredCode::Totp(&new), HERE, later(2)).await;
    assert!(matches!(checked.unwrap(), SecondStep::Accepted(_)));
}

#[tokio::test]
async fn r50_a_pending_set_up_admits_no_code() {
    let ann = Ann::new().await;
    let (secret, codes) = ann.set_up("", now()).await;
    let confirmed = ann.confirmed(&secret.code(later(1)), later(1)).await;
    let pending = ann.factors().begin_set_up(&confirmed, later(1)).await.unwrap().unwrap();
    let next = ann.factors().next_step(&pending, later(1)).await.unwrap();
    assert!(matches!(next, NextStep::SetUp(_)), "{next:?}");
    let code = secret.code(later(2));
    for entered in [EnteredCode::Totp(&code), EnteredCode::Recovery(codes[0].expose())] {
        let checked = ann.factors().check(&pending, entered, HERE, later(2)).await.unwrap();
        assert!(matches!(checked, SecondStep::Invalid), "{checked:?}");
    }
}

#[tokio::test]
async fn r51_new_recovery_codes_replace_the_old_ones() {
    let ann = Ann::new().await;
    let (secret, old) = ann.set_up("", now()).await;
    let new = async |code: &str, now| {
        ann.factors().new_recovery_codes(&ann.user.id, code, HERE, now).await.unwrap()
    };
    for code in [old[0].expose(), "000000", &secret.code(now())] {
        assert!(matches!(new(code, later(1)).await, SecondStep::Wrong), "{code}");
    }
    assert_eq!(ann.left().await, 10);
    let code = secret.code(later(1));
    let SecondStep::Accepted(codes) = new(&code, later(1)).await else { panic!() };
    assert_eq!(codes.len(), 10);
    assert!(matches!(new(&code, later(1)).await, SecondStep::Wrong), "a code works once");

    for (code, accepted) in [(old[1].expose(), false), (codes[1].expose(), true)] {
        let SignIn::CodeRequired(pending) = ann.sign_in(later(2)).await else { panic!() };
        let entered = EnteredCode::Recovery(code);
        let checked = ann.factors().check(&pending, entered, HERE, later(2)).await.unwrap();
        assert_eq!(matches!(checked, SecondStep::Accepted(_)), accepted, "{checked:?}");
    }
    assert_eq!(ann.left().await, 9);
}

#[tokio::test]
async fn r51_without_a_second_factor_there_are_no_recovery_codes() {
    let ann = Ann::new().await;
    let made = ann.factors().new_recovery_codes(&ann.user.id, "000000", HERE, now()).await;
    assert!(matches!(made.unwrap(), SecondStep::Invalid));
}

#[tokio::test]
async fn a_set_up_begun_earlier_replaces_no_later_factor() {
    let ann = Ann::new().await;
    let confirmed = ann.confirmed("", now()).await;
    let earlier = ann.factors().begin_set_up(&confirmed, now()).await.unwrap().unwrap();
    let (app, _) = ann.set_up("", later(1)).await;

    let (secret, _) = ann.factors().propose(&earlier);
    let code = secret.code(later(2));
    let done = ann.factors().set_up(&earlier, (&secret, &code), HERE, later(2)).await.unwrap();
    assert!(matches!(done, SecondStep::Invalid), "{done:?}");
    // The app that was set up is still the one.
    let Reauthentication::Confirmed(_) = ann.confirm(&app.code(later(3)), later(3)).await else {
        panic!("the app was replaced")
    };
}

#[tokio::test]
async fn a_proof_without_code_turns_no_later_factor_off() {
    let ann = Ann::new().await;
    let without_code = ann.confirmed("", now()).await;
    ann.set_up("", later(1)).await;
    let off = ann.factors().turn_off(&without_code, later(2)).await.unwrap();
    assert_eq!(off, TurnedOff::Superseded);
    let begun = ann.factors().begin_set_up(&without_code, later(2)).await.unwrap();
    assert!(begun.is_none(), "{begun:?}");
    assert!(ann.factors().get(&ann.user.id).await.unwrap().enrolled);

    let again = ann.fixture.directory.reauthenticator();
    let password = again.password(&ann.user.id, Secret::from(PASSWORD), HERE, later(3)).await;
    assert_eq!(password.unwrap(), Reauthentication::CodeRequired);
}
