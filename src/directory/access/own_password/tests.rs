use super::*;
use crate::credential::password::PasswordRule;
use crate::directory::access::attempt_source::AttemptSource;
use crate::directory::access::reauthentication::Reauthentication;
use crate::directory::access::sign_in::SignIn;
use crate::directory::accounts::users::UserView;
use crate::directory::fixture::{ADDRESS, Fixture, OTHER_PASSWORD, PASSWORD, by_operator, now};

const HERE: AttemptSource<'static> = AttemptSource { address: ADDRESS, browser: None };

async fn ann() -> (Fixture, UserView, Confirmed) {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "Correct-Horse-7", "limited").await;
    let again = fixture.directory.reauthenticator();
    let outcome = again.password(&user.id, Secret::from(PASSWORD), HERE, now()).await.unwrap();
    let Reauthentication::Confirmed(confirmed) = outcome else { panic!("{outcome:?}") };
    (fixture, user, confirmed)
}

async fn change(fixture: &Fixture, confirmed: &Confirmed, password: &str) -> PasswordChange {
    let password = Secret::from(password);
    fixture.directory.own_password().change(confirmed, &password, now()).await.unwrap()
}

#[tokio::test]
async fn r34_a_new_password_of_ones_own_ends_the_sessions() {
    let (fixture, user, confirmed) = ann().await;
    let changed = change(&fixture, &confirmed, OTHER_PASSWORD).await;
    let PasswordChange::Changed(facts) = changed else { panic!("{changed:?}") };
    assert_eq!((&facts.id, facts.password_generation), (&user.id, 1));
    let now_known = fixture.directory.user(&user.id).await.unwrap().unwrap();
    assert!(now_known.honours_session(1) && !now_known.honours_session(0));
    let login = "correct-horse-7";
    assert_eq!(fixture.sign_in(login, PASSWORD).await, SignIn::Wrong);
    assert!(matches!(fixture.sign_in(login, OTHER_PASSWORD).await, SignIn::Accepted(_)));
    let again = change(&fixture, &confirmed, PASSWORD).await;
    assert_eq!(again, PasswordChange::Superseded, "the proof was for the earlier password");
}

#[tokio::test]
async fn r30_r31_a_new_password_of_ones_own_obeys_the_rules() {
    let (fixture, _, confirmed) = ann().await;
    for (password, broken) in [
        ("short-1A", PasswordRule::Length),
        ("all lower case 1!", PasswordRule::Uppercase),
        (" CORRECT-horse-7 ", PasswordRule::NotLogin),
    ] {
        let outcome = change(&fixture, &confirmed, password).await;
        assert_eq!(outcome, PasswordChange::RulesBroken(vec![broken]), "{password}");
    }
    assert!(matches!(fixture.sign_in("correct-horse-7", PASSWORD).await, SignIn::Accepted(_)));
}

#[tokio::test]
async fn an_operators_new_password_invalidates_the_proof() {
    let (fixture, user, confirmed) = ann().await;
    let set = Secret::from("Renamed-Horse-9");
    fixture.directory.users().set_password(&user.id, set, &by_operator()).await.unwrap();
    assert_eq!(change(&fixture, &confirmed, OTHER_PASSWORD).await, PasswordChange::Superseded);
    let begun = fixture.directory.second_factors().begin_set_up(&confirmed, now()).await;
    assert_eq!(begun.unwrap(), None);
    let kept = fixture.sign_in("correct-horse-7", "Renamed-Horse-9").await;
    assert!(matches!(kept, SignIn::Accepted(_)), "{kept:?}");
}
