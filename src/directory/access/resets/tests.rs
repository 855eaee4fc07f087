use super::*;
use crate::credential::lockout::Key;
use crate::credential::secret::Secret;
use crate::directory::access::password_links::Choice;
use crate::directory::access::sign_in::SignIn;
use crate::directory::accounts::organizations::OrganizationPatch;
use crate::directory::accounts::users::{NewUser, UserPatch, UserView};
use crate::directory::fixture::by_operator;
use crate::directory::fixture::{
    ADDRESS, Fixture, OTHER_PASSWORD, PASSWORD, Posted, new_user, now,
};
use crate::directory::records::SecondFactor;

const LOGIN: &str = "ann@example.com";

/// An active user of `acme`.
async fn ann(fixture: &Fixture) -> UserView {
    fixture.organization("acme").await;
    fixture.user("acme", LOGIN, "limited").await
}

fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

async fn ask(fixture: &Fixture, login: &str, now: Timestamp) -> ResetAsked {
    fixture.directory.resets().ask(login, Some("de-AT"), now).await.unwrap()
}

/// Asks, and takes the letter that was written.
async fn asked(fixture: &Fixture, now: Timestamp) -> Posted {
    let before: Vec<_> = fixture.posted().await.into_iter().map(|letter| letter.id).collect();
    let asked = ask(fixture, LOGIN, now).await;
    assert!(matches!(asked, ResetAsked::Mailed { .. }), "{asked:?}");
    let mut letters = fixture.posted().await;
    letters.retain(|letter| !before.contains(&letter.id));
    let [letter] = letters.try_into().unwrap();
    letter
}

async fn choose(fixture: &Fixture, token: &str, password: &str, now: Timestamp) -> Choice {
    fixture
        .directory
        .password_links()
        .choose_password(Occasion::Reset, token, &Secret::from(password), (ADDRESS, now))
        .await
        .unwrap()
}

async fn is_good(fixture: &Fixture, token: &str, now: Timestamp) -> bool {
    fixture
        .directory
        .password_links()
        .holder(Occasion::Reset, token, ADDRESS, now)
        .await
        .unwrap()
        .is_some()
}

#[tokio::test]
async fn r33_a_forgotten_password_is_replaced_by_a_mailed_link_once() {
    let fixture = Fixture::new().await;
    let user = ann(&fixture).await;
    let letter = asked(&fixture, now()).await;
    assert_eq!((letter.doc.occasion, &*letter.doc.to), (Occasion::Reset, LOGIN));
    assert_eq!(letter.doc.language.as_deref(), Some("de-AT"));
    assert_eq!((letter.doc.blind_copy, letter.doc.expires), (None, after(3600)));
    // Asking alone changes nothing.
    assert!(matches!(fixture.sign_in(LOGIN, PASSWORD).await, SignIn::Welcome(_)));

    let holder = fixture
        .directory
        .password_links()
        .holder(Occasion::Reset, &letter.token, ADDRESS, now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((&*holder.login, &*holder.organization_name), (LOGIN, "acme"));
    let choice = choose(&fixture, &letter.token, OTHER_PASSWORD, now()).await;
    assert_eq!(choice, Choice::Set { user: user.id.clone(), login: LOGIN.to_owned() });
    assert_eq!(fixture.sign_in(LOGIN, PASSWORD).await, SignIn::Wrong);
    assert!(matches!(fixture.sign_in(LOGIN, OTHER_PASSWORD).await, SignIn::Welcome(_)));
    assert_eq!(choose(&fixture, &letter.token, PASSWORD, now()).await, Choice::Dead);
    assert!(!is_good(&fixture, &letter.token, now()).await);
}

#[tokio::test]
async fn r34_a_reset_ends_all_sessions_and_leaves_the_second_factor() {
    let fixture = Fixture::new().await;
    let user = ann(&fixture).await;
    let SignIn::Welcome(session) = fixture.sign_in(LOGIN, PASSWORD).await else { panic!() };
    let stored = fixture.directory.records().read().existing::<User>(&user.id, None).await.unwrap();
    let factor =
        SecondFactor { secret: "sealed".to_owned(), recovery_codes: Vec::new(), created: now() };
    let doc = User { require_mfa: true, second_factor: Some(factor.clone()), ..stored.doc.clone() };
    fixture.directory.records().commit(&by_operator(), vec![stored.replace(doc).0]).await.unwrap();
    let letter = asked(&fixture, now()).await;
    let facts = fixture.directory.user(&user.id).await.unwrap().unwrap();
    assert!(facts.honours_session(session.password_generation), "asking ends nothing");
    let choice = choose(&fixture, &letter.token, OTHER_PASSWORD, now()).await;
    assert!(matches!(choice, Choice::Set { .. }));
    let facts = fixture.directory.user(&user.id).await.unwrap().unwrap();
    assert!(!facts.honours_session(session.password_generation));
    let signed_in = fixture.sign_in(LOGIN, OTHER_PASSWORD).await;
    assert!(!matches!(signed_in, SignIn::Welcome(_)), "the code is still asked for");
    let stored = fixture.directory.records().read().existing::<User>(&user.id, None).await.unwrap();
    assert_eq!((stored.doc.second_factor, stored.doc.require_mfa), (Some(factor), true));
}

#[tokio::test]
async fn r33_only_a_login_that_is_an_address_and_has_a_way_in_gets_a_letter() {
    let fixture = Fixture::new().await;
    ann(&fixture).await;
    fixture.user("acme", "bob", "limited").await;
    let none = new_user("acme", "none@example.com");
    fixture.directory.users().create(none, &by_operator()).await.unwrap();
    let long = format!("{}@example.com", "x".repeat(5000));
    for login in ["bob", "none@example.com", "nobody@example.com", "", "\0", "a\nb@c", &long] {
        assert_eq!(ask(&fixture, login, now()).await, ResetAsked::NotMailed, "{login:?}");
    }
    assert!(fixture.posted().await.is_empty());
    // However it is spelt, the letter goes to the address that the administrator has given.
    let asked = ask(&fixture, " ANN@Example.COM", now()).await;
    assert!(matches!(asked, ResetAsked::Mailed { .. }), "{asked:?}");
    let [letter] = fixture.posted().await.try_into().unwrap();
    assert_eq!(letter.doc.to, LOGIN);
}

#[tokio::test]
async fn r33_a_reset_claims_an_invitation_that_stands() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let new = NewUser { invite: true, ..new_user("acme", LOGIN) };
    let user = fixture.directory.users().create(new, &by_operator()).await.unwrap();
    let [invitation] = fixture.posted().await.try_into().unwrap();
    let reset = asked(&fixture, now()).await;
    let wrong = fixture
        .directory
        .password_links()
        .holder(Occasion::Invitation, &reset.token, ADDRESS, now())
        .await
        .unwrap();
    assert_eq!(wrong, None, "a reset is no invitation");
    let choice = choose(&fixture, &reset.token, PASSWORD, now()).await;
    assert!(matches!(choice, Choice::Set { .. }));
    assert_eq!(fixture.directory.users().get(&user.id).await.unwrap().status, UserStatus::Active);
    let holder = fixture
        .directory
        .password_links()
        .holder(Occasion::Invitation, &invitation.token, ADDRESS, now())
        .await
        .unwrap();
    assert_eq!(holder, None);
}

#[tokio::test]
async fn r33_a_newer_link_ends_the_older_one_without_a_pause() {
    let fixture = Fixture::new().await;
    ann(&fixture).await;
    let older = asked(&fixture, now()).await;
    let newer = asked(&fixture, now()).await;
    assert!(!is_good(&fixture, &older.token, now()).await);
    assert!(is_good(&fixture, &newer.token, now()).await);
}

#[tokio::test]
async fn r33_there_are_five_letters_an_hour_and_the_newest_link_stands_till_there_is_another() {
    let fixture = Fixture::new().await;
    let user = ann(&fixture).await;
    let too_many = ResetAsked::TooMany { user: user.id };
    let mut newest = asked(&fixture, now()).await;
    for seconds in 1..5 {
        newest = asked(&fixture, after(seconds)).await;
    }
    // What was sent is known to whoever looks next, also after a restart.
    let restarted = fixture.replica().await;
    let again = restarted.resets().ask(LOGIN, None, after(5)).await.unwrap();
    assert_eq!(again, too_many);
    for seconds in [5, 60, 3599] {
        assert_eq!(ask(&fixture, LOGIN, after(seconds)).await, too_many);
        assert!(is_good(&fixture, &newest.token, after(seconds)).await, "after {seconds}");
    }
    assert_eq!(fixture.posted().await.len(), 5);
    // The first was an hour ago; the others were not.
    let sixth = asked(&fixture, after(3600)).await;
    assert!(!is_good(&fixture, &newest.token, after(3600)).await);
    assert_eq!(ask(&fixture, LOGIN, after(3600)).await, too_many);
    assert!(is_good(&fixture, &sixth.token, after(3600)).await);
    asked(&fixture, after(3601)).await;
}

#[tokio::test]
async fn r33_a_clock_that_was_ahead_and_is_set_back_does_not_end_resets() {
    let fixture = Fixture::new().await;
    let user = ann(&fixture).await;
    for _ in 0..5 {
        asked(&fixture, after(86_400)).await;
    }
    // Clocks may differ a little, and that opens nothing.
    let too_many = ResetAsked::TooMany { user: user.id };
    assert_eq!(ask(&fixture, LOGIN, after(86_340)).await, too_many);
    for _ in 0..5 {
        asked(&fixture, now()).await;
    }
    assert_eq!(ask(&fixture, LOGIN, now()).await, too_many);
}

#[test]
fn r33_letters_are_counted_for_a_links_lifetime_if_that_is_less_than_an_hour() {
    let link = OneTimeLink {
        token: String::new(),
        created: after(200),
        expires: after(500),
        to: None,
        earlier: vec![now(), after(100)],
    };
    let counted =
        |at, window| recent(Some(&link), after(at), SignedDuration::from_secs(window)).len();
    assert_eq!([counted(299, 300), counted(300, 300), counted(400, 300)], [3, 2, 1]);
    // Whenever one stops counting, the newest link has not expired.
    assert_eq!([counted(499, 300), counted(500, 300)], [1, 0]);
    assert_eq!(counted(500, 3600), 3);
    assert!(recent(None, now(), WINDOW).is_empty());
}

#[tokio::test]
async fn r33_a_link_expires() {
    let fixture = Fixture::new().await;
    ann(&fixture).await;
    let letter = asked(&fixture, now()).await;
    assert!(is_good(&fixture, &letter.token, after(3599)).await);
    assert!(!is_good(&fixture, &letter.token, after(3600)).await);
    assert_eq!(choose(&fixture, &letter.token, OTHER_PASSWORD, after(3600)).await, Choice::Dead);
    assert!(matches!(fixture.sign_in(LOGIN, PASSWORD).await, SignIn::Welcome(_)));
}

#[tokio::test]
async fn r34_what_an_administrator_does_ends_a_reset() {
    let fixture = Fixture::new().await;
    let user = ann(&fixture).await;
    let directory = &fixture.directory;
    let letter = asked(&fixture, now()).await;
    directory
        .users()
        .set_password(&user.id, Secret::from(OTHER_PASSWORD), &by_operator())
        .await
        .unwrap();
    assert!(!is_good(&fixture, &letter.token, now()).await, "a password set by hand");

    // The letter went to an address that is not the login any more.
    let letter = asked(&fixture, after(100)).await;
    let group = UserPatch { group: Some("admin".into()), ..UserPatch::default() };
    directory.users().change(&user.id, group, &by_operator()).await.unwrap();
    assert!(is_good(&fixture, &letter.token, after(100)).await, "another group makes no odds");
    for login in ["other@example.com", LOGIN] {
        let patch = UserPatch { login: Some(login.to_owned()), ..UserPatch::default() };
        directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    }
    assert!(!is_good(&fixture, &letter.token, after(100)).await, "another login");
    assert!(!fixture.is_sendable(&letter.id, after(100)).await, "a waiting mail is not sent");

    let letter = asked(&fixture, after(300)).await;
    directory.users().delete(&user.id, &by_operator()).await.unwrap();
    assert!(!is_good(&fixture, &letter.token, after(300)).await, "a user that is gone");
}

#[tokio::test]
async fn r33_a_reset_is_mailed_to_the_login_and_is_dead_when_that_is_another_address() {
    let fixture = Fixture::new().await;
    let user = ann(&fixture).await;
    let letter = asked(&fixture, now()).await;
    let patch = OrganizationPatch {
        email: Some(Some("office@acme.example".to_owned())),
        ..OrganizationPatch::default()
    };
    fixture.directory.organizations().change(&"acme".into(), patch, &by_operator()).await.unwrap();
    assert!(is_good(&fixture, &letter.token, now()).await, "it did not go there");
    // However the login has changed.
    let stored = fixture.directory.records().read().existing::<User>(&user.id, None).await.unwrap();
    let doc = User { login: "anne@example.com".to_owned(), ..stored.doc.clone() };
    fixture.directory.records().commit(&by_operator(), vec![stored.replace(doc).0]).await.unwrap();
    assert!(!fixture.is_sendable(&letter.id, now()).await);
    assert!(!is_good(&fixture, &letter.token, now()).await);
    let choice = choose(&fixture, &letter.token, OTHER_PASSWORD, now()).await;
    assert_eq!(choice, Choice::Dead);
}

#[tokio::test]
async fn r33_of_two_that_use_a_link_at_once_exactly_one_wins() {
    let fixture = Fixture::new().await;
    ann(&fixture).await;
    let letter = asked(&fixture, now()).await;
    let (other, token) = (fixture.directory.clone(), letter.token.clone());
    let late = fixture
        .with_meddling(async move {
            let password = Secret::from("Someone else 9!");
            let choice = other
                .password_links()
                .choose_password(Occasion::Reset, &token, &password, (ADDRESS, now()))
                .await
                .unwrap();
            assert!(matches!(choice, Choice::Set { .. }), "{choice:?}");
        })
        .await;
    let password = Secret::from(OTHER_PASSWORD);
    let choice = late
        .password_links()
        .choose_password(Occasion::Reset, &letter.token, &password, (ADDRESS, now()))
        .await
        .unwrap();
    assert_eq!(choice, Choice::Dead);
    assert!(matches!(fixture.sign_in(LOGIN, "Someone else 9!").await, SignIn::Welcome(_)));
}

#[tokio::test]
async fn i6_who_asks_too_often_gets_no_more_letters_and_can_still_sign_in() {
    let fixture = Fixture::new().await;
    ann(&fixture).await;
    for _ in 0..30 {
        assert!(fixture.directory.resets().may_ask(ADDRESS, now()));
    }
    assert!(!fixture.directory.resets().may_ask(ADDRESS, now()));
    let elsewhere = "198.51.100.1".parse().unwrap();
    assert!(fixture.directory.resets().may_ask(elsewhere, now()));
    assert!(matches!(fixture.sign_in(LOGIN, PASSWORD).await, SignIn::Welcome(_)));
    assert_eq!(fixture.sign_in(LOGIN, OTHER_PASSWORD).await, SignIn::Wrong);
    assert!(fixture.directory.resets().may_ask(ADDRESS, after(31)));
    assert!(fixture.auth.lockout.release(&Key::asking(ADDRESS)));
}

#[tokio::test]
async fn i6_who_forgets_and_guesses_gets_in_with_the_new_password_unless_a_code_is_asked_for() {
    for (require_mfa, in_again) in [(false, true), (true, false)] {
        let fixture = Fixture::new().await;
        let user = ann(&fixture).await;
        let patch = UserPatch { require_mfa: Some(require_mfa), ..UserPatch::default() };
        fixture.directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
        for _ in 0..5 {
            assert_eq!(fixture.sign_in(LOGIN, "Wrong horse 7!").await, SignIn::Wrong);
        }
        let locked = fixture.sign_in(LOGIN, PASSWORD).await;
        assert!(matches!(locked, SignIn::LockedOut { .. }), "{locked:?}");
        let letter = asked(&fixture, now()).await;
        let choice = choose(&fixture, &letter.token, OTHER_PASSWORD, now()).await;
        assert!(matches!(choice, Choice::Set { .. }), "{choice:?}");
        let tried = fixture.sign_in(LOGIN, OTHER_PASSWORD).await;
        assert_eq!(matches!(tried, SignIn::Welcome(_)), in_again, "{tried:?}");
        assert_eq!(matches!(tried, SignIn::LockedOut { .. }), !in_again, "{tried:?}");
    }
}
