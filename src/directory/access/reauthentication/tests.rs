use super::*;
use crate::directory::accounts::users::{UserPatch, UserView};
use crate::directory::fixture::{
    ADDRESS, Fixture, OTHER_PASSWORD, PASSWORD, by_operator, now, sign_in_request,
};

const HERE: AttemptSource<'static> = AttemptSource { address: ADDRESS, browser: None };

async fn ann() -> (Fixture, UserView) {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    (fixture, user)
}

async fn password(fixture: &Fixture, user: &UserView, password: &str) -> Reauthentication {
    let again = fixture.directory.reauthenticator();
    again.password(&user.id, Secret::from(password), HERE, now()).await.unwrap()
}

#[tokio::test]
async fn only_the_users_own_password_confirms() {
    let (fixture, user) = ann().await;
    let confirmed = password(&fixture, &user, PASSWORD).await;
    let Reauthentication::Confirmed(confirmed) = confirmed else { panic!("{confirmed:?}") };
    assert_eq!((confirmed.user, confirmed.password_generation), (user.id.clone(), 0));
    let wrong = password(&fixture, &user, OTHER_PASSWORD).await;
    assert_eq!(wrong, Reauthentication::WrongPassword);

    let patch = UserPatch { group: Some("no-access".into()), ..UserPatch::default() };
    fixture.directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    assert_eq!(password(&fixture, &user, PASSWORD).await, Reauthentication::WrongPassword);
    fixture.directory.users().delete(&user.id, &by_operator()).await.unwrap();
    assert_eq!(password(&fixture, &user, PASSWORD).await, Reauthentication::WrongPassword);
}

#[tokio::test]
async fn i6_wrong_passwords_in_a_session_lock_the_login() {
    let (fixture, user) = ann().await;
    for _ in 0..5 {
        let wrong = password(&fixture, &user, OTHER_PASSWORD).await;
        assert_eq!(wrong, Reauthentication::WrongPassword);
    }
    let locked = password(&fixture, &user, PASSWORD).await;
    assert!(matches!(locked, Reauthentication::LockedOut { .. }), "{locked:?}");
    let sign_in = fixture.directory.sign_in().check(sign_in_request("ann", PASSWORD), now()).await;
    assert!(matches!(sign_in.unwrap(), SignIn::LockedOut { .. }), "the sign-in page too");
}

#[tokio::test]
async fn a_code_is_checked_only_if_sign_in_asks_for_one() {
    let (fixture, user) = ann().await;
    let again = fixture.directory.reauthenticator();
    let given = (Secret::from(PASSWORD), EnteredCode::Totp("000000"));
    let confirmed = again.password_and_code(&user.id, given, HERE, now()).await.unwrap();
    assert!(matches!(confirmed, Reauthentication::Confirmed(_)), "{confirmed:?}");
}
