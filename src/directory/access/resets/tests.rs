use super::*;
use crate::credential::lockout::Key;
use crate::credential::secret::Secret;
use crate::directory::access::password_links::Choice;
use crate::directory::access::sign_in::SignIn;
use crate::directory::accounts::organizations::OrganizationPatch;
use crate::directory::accounts::users::{NewUser, UserPatch, UserView};
use crate::directory::fixture::by_operator;
use crate::directory::fixture::{
    ADDRESS, Fixture, OTHER_PASSWORD, PASSWORD, WaitingMail, new_user, now,
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

async fn ask(fixture: &Fixture, login: &str, now: Timestamp) -> ResetOutcome {
    fixture.directory.resets().ask(login, Some("de-AT"), now).await.unwrap()
}

/// Asks for a reset and returns the new mail.
async fn asked(fixture: &Fixture, now: Timestamp) -> WaitingMail {
    let before: Vec<_> = fixture.waiting_mails().await.into_iter().map(|mail| mail.id).collect();
    let asked = ask(fixture, LOGIN, now).await;
    assert!(matches!(asked, ResetOutcome::Mailed { .. }), "{asked:?}");
    let mut mails = fixture.waiting_mails().await;
    mails.retain(|mail| !before.contains(&mail.id));
    let [mail] = mails.try_into().unwrap();
    mail
}

async fn choose(fixture: &Fixture, token: &str, password: &str, now: Timestamp) -> Choice {
    fixture
        .directory
        .password_links()
        .choose_password(Occasion::Reset, token, &Secret::from(password), (ADDRESS, now))
        .await
        .unwrap()
}

async fn is_valid(fixture: &Fixture, token: &str, now: Timestamp) -> bool {
    fixture
        .directory
        .password_links()
        .holder(Occasion::Reset, token, Some(ADDRESS), now)
        .await
        .unwrap()
        .holder()
        .is_some()
}

#[tokio::test]
async fn r33_a_mailed_link_replaces_the_password_once() {
    let fixture = Fixture::new().await;
    let user = ann(&fixture).await;
    let mail = asked(&fixture, now()).await;
    assert_eq!((mail.doc.occasion.link(), &*mail.doc.to), (Some(Occasion::Reset), LOGIN));
    assert_eq!(mail.doc.language.as_deref(), Some("de-AT"));
    assert_eq!((mail.doc.blind_copy, mail.doc.expires), (None, after(3600)));
    // Asking alone does not change the password.
    assert!(matches!(fixture.sign_in(LOGIN, PASSWORD).await, SignIn::Accepted(_)));

    let holder = fixture
        .directory
        .password_links()
        .holder(Occasion::Reset, &mail.token, Some(ADDRESS), now())
        .await
        .unwrap()
        .holder()
        .unwrap();
    assert_eq!((&*holder.login, &*holder.organization_name), (LOGIN, "acme"));
    let choice = choose(&fixture, &mail.token, OTHER_PASSWORD, now()).await;
    assert_eq!(choice, Choice::Set { user: user.id.clone(), login: LOGIN.to_owned() });
    assert_eq!(fixture.sign_in(LOGIN, PASSWORD).await, SignIn::Wrong);
    assert!(matches!(fixture.sign_in(LOGIN, OTHER_PASSWORD).await, SignIn::Accepted(_)));
    assert_eq!(choose(&fixture, &mail.token, PASSWORD, now()).await, Choice::InvalidLink);
    assert!(!is_valid(&fixture, &mail.token, now()).await);
}

#[tokio::test]
async fn r34_a_reset_ends_all_sessions_and_leaves_the_second_factor() {
    let fixture = Fixture::new().await;
    let user = ann(&fixture).await;
    let SignIn::Accepted(session) = fixture.sign_in(LOGIN, PASSWORD).await else { panic!() };
    let stored = fixture.directory.records().read().existing::<User>(&user.id, None).await.unwrap();
    let factor = SecondFactor {
        secret: "sealed".to_owned(),
        recovery_codes: Vec::new(),
        created: now(),
        by_choice: false,
    };
    let doc = User { require_mfa: true, second_factor: Some(factor.clone()), ..stored.doc.clone() };
    fixture.directory.records().commit(&by_operator(), vec![stored.replace(doc).0]).await.unwrap();
    let mail = asked(&fixture, now()).await;
    let facts = fixture.directory.user(&user.id).await.unwrap().unwrap();
    assert!(facts.honours_session(session.password_generation), "asking does not end sessions");
    let choice = choose(&fixture, &mail.token, OTHER_PASSWORD, now()).await;
    assert!(matches!(choice, Choice::Set { .. }));
    let facts = fixture.directory.user(&user.id).await.unwrap().unwrap();
    assert!(!facts.honours_session(session.password_generation));
    let signed_in = fixture.sign_in(LOGIN, OTHER_PASSWORD).await;
    assert!(!matches!(signed_in, SignIn::Accepted(_)), "the code is still required");
    let stored = fixture.directory.records().read().existing::<User>(&user.id, None).await.unwrap();
    assert_eq!((stored.doc.second_factor, stored.doc.require_mfa), (Some(factor), true));
}

#[tokio::test]
async fn r33_only_an_active_or_invited_address_gets_a_mail() {
    let fixture = Fixture::new().await;
    ann(&fixture).await;
    fixture.user("acme", "bob", "limited").await;
    let none = new_user("acme", "none@example.com");
    fixture.directory.users().create(none, &by_operator()).await.unwrap();
    let long = format!("{}@example.com", "x".repeat(5000));
    for login in ["bob", "none@example.com", "nobody@example.com", "", "\0", "a\nb@c", &long] {
        assert_eq!(ask(&fixture, login, now()).await, ResetOutcome::NotMailed, "{login:?}");
    }
    assert!(fixture.waiting_mails().await.is_empty());
    // However the login is spelled, the mail goes to the address that the administrator entered.
    let asked = ask(&fixture, " ANN@Example.COM", now()).await;
    assert!(matches!(asked, ResetOutcome::Mailed { .. }), "{asked:?}");
    let [mail] = fixture.waiting_mails().await.try_into().unwrap();
    assert_eq!(mail.doc.to, LOGIN);
}

#[tokio::test]
async fn r33_a_reset_claims_an_open_invitation() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let new = NewUser { invite: true, ..new_user("acme", LOGIN) };
    let user = fixture.directory.users().create(new, &by_operator()).await.unwrap();
    let [invitation] = fixture.waiting_mails().await.try_into().unwrap();
    let reset = asked(&fixture, now()).await;
    let wrong = fixture
        .directory
        .password_links()
        .holder(Occasion::Invitation, &reset.token, Some(ADDRESS), now())
        .await
        .unwrap()
        .holder();
    assert_eq!(wrong, None, "a reset is not an invitation");
    let choice = choose(&fixture, &reset.token, PASSWORD, now()).await;
    assert!(matches!(choice, Choice::Set { .. }));
    assert_eq!(fixture.directory.users().get(&user.id).await.unwrap().status, UserStatus::Active);
    let holder = fixture
        .directory
        .password_links()
        .holder(Occasion::Invitation, &invitation.token, Some(ADDRESS), now())
        .await
        .unwrap()
        .holder();
    assert_eq!(holder, None);
}

#[tokio::test]
async fn r33_a_newer_link_invalidates_the_older_one() {
    let fixture = Fixture::new().await;
    ann(&fixture).await;
    let older = asked(&fixture, now()).await;
    let newer = asked(&fixture, now()).await;
    assert!(!is_valid(&fixture, &older.token, now()).await);
    assert!(is_valid(&fixture, &newer.token, now()).await);
}

#[tokio::test]
async fn r33_five_mails_an_hour_and_the_newest_link_stays_valid() {
    let fixture = Fixture::new().await;
    let user = ann(&fixture).await;
    let too_many = ResetOutcome::TooMany { user: user.id };
    let mut newest = asked(&fixture, now()).await;
    for seconds in 1..5 {
        newest = asked(&fixture, after(seconds)).await;
    }
    // The count is in the record, so it survives a restart.
    let restarted = fixture.replica().await;
    let again = restarted.resets().ask(LOGIN, None, after(5)).await.unwrap();
    assert_eq!(again, too_many);
    for seconds in [5, 60, 3599] {
        assert_eq!(ask(&fixture, LOGIN, after(seconds)).await, too_many);
        assert!(is_valid(&fixture, &newest.token, after(seconds)).await, "after {seconds}");
    }
    assert_eq!(fixture.waiting_mails().await.len(), 5);
    // The first was an hour ago; the others were not.
    let sixth = asked(&fixture, after(3600)).await;
    assert!(!is_valid(&fixture, &newest.token, after(3600)).await);
    assert_eq!(ask(&fixture, LOGIN, after(3600)).await, too_many);
    assert!(is_valid(&fixture, &sixth.token, after(3600)).await);
    asked(&fixture, after(3601)).await;
}

#[tokio::test]
async fn r33_a_clock_that_is_set_back_does_not_block_resets() {
    let fixture = Fixture::new().await;
    let user = ann(&fixture).await;
    for _ in 0..5 {
        asked(&fixture, after(86_400)).await;
    }
    // A small difference between clocks does not matter.
    let too_many = ResetOutcome::TooMany { user: user.id };
    assert_eq!(ask(&fixture, LOGIN, after(86_340)).await, too_many);
    for _ in 0..5 {
        asked(&fixture, now()).await;
    }
    assert_eq!(ask(&fixture, LOGIN, now()).await, too_many);
}

#[test]
fn r33_mails_are_counted_for_a_links_lifetime_if_shorter() {
    let link = OneTimeLink {
        token: String::new(),
        created: after(200),
        expires: after(500),
        to: None,
        to_chosen: false,
        earlier: vec![now(), after(100)],
    };
    let counted =
        |at, window| recent(Some(&link), after(at), SignedDuration::from_secs(window)).len();
    assert_eq!([counted(299, 300), counted(300, 300), counted(400, 300)], [3, 2, 1]);
    // When the oldest stops counting, the newest link has not expired.
    assert_eq!([counted(499, 300), counted(500, 300)], [1, 0]);
    assert_eq!(counted(500, 3600), 3);
    assert!(recent(None, now(), WINDOW).is_empty());
}

#[tokio::test]
async fn r33_a_link_expires() {
    let fixture = Fixture::new().await;
    ann(&fixture).await;
    let mail = asked(&fixture, now()).await;
    assert!(is_valid(&fixture, &mail.token, after(3599)).await);
    assert!(!is_valid(&fixture, &mail.token, after(3600)).await);
    assert_eq!(
        choose(&fixture, &mail.token, OTHER_PASSWORD, after(3600)).await,
        Choice::InvalidLink
    );
    assert!(matches!(fixture.sign_in(LOGIN, PASSWORD).await, SignIn::Accepted(_)));
}

#[tokio::test]
async fn r34_a_reset_ends_with_password_login_or_user() {
    let fixture = Fixture::new().await;
    let user = ann(&fixture).await;
    let directory = &fixture.directory;
    let mail = asked(&fixture, now()).await;
    directory
        .users()
        .set_password(&user.id, Secret::from(OTHER_PASSWORD), &by_operator())
        .await
        .unwrap();
    assert!(!is_valid(&fixture, &mail.token, now()).await, "a password set by an administrator");

    // The mail went to an address that is no longer the login.
    let mail = asked(&fixture, after(100)).await;
    let group = UserPatch { group: Some("admin".into()), ..UserPatch::default() };
    directory.users().change(&user.id, group, &by_operator()).await.unwrap();
    assert!(is_valid(&fixture, &mail.token, after(100)).await, "another group does not matter");
    for login in ["other@example.com", LOGIN] {
        let patch = UserPatch { login: Some(login.to_owned()), ..UserPatch::default() };
        directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    }
    assert!(!is_valid(&fixture, &mail.token, after(100)).await, "another login");
    assert!(!fixture.is_sendable(&mail.id, after(100)).await, "a waiting mail is not sent");

    let mail = asked(&fixture, after(300)).await;
    directory.users().delete(&user.id, &by_operator()).await.unwrap();
    assert!(!is_valid(&fixture, &mail.token, after(300)).await, "a deleted user");
}

#[tokio::test]
async fn r33_a_reset_ends_when_the_login_becomes_another_address() {
    let fixture = Fixture::new().await;
    let user = ann(&fixture).await;
    let mail = asked(&fixture, now()).await;
    let patch = OrganizationPatch {
        email: Some(Some("office@acme.example".to_owned())),
        ..OrganizationPatch::default()
    };
    fixture.directory.organizations().change(&"acme".into(), patch, &by_operator()).await.unwrap();
    assert!(is_valid(&fixture, &mail.token, now()).await, "it was not mailed there");
    // Whatever changed the login.
    let stored = fixture.directory.records().read().existing::<User>(&user.id, None).await.unwrap();
    let doc = User { login: "anne@example.com".to_owned(), ..stored.doc.clone() };
    fixture.directory.records().commit(&by_operator(), vec![stored.replace(doc).0]).await.unwrap();
    assert!(!fixture.is_sendable(&mail.id, now()).await);
    assert!(!is_valid(&fixture, &mail.token, now()).await);
    let choice = choose(&fixture, &mail.token, OTHER_PASSWORD, now()).await;
    assert_eq!(choice, Choice::InvalidLink);
}

#[tokio::test]
async fn r33_of_two_concurrent_uses_exactly_one_succeeds() {
    let fixture = Fixture::new().await;
    ann(&fixture).await;
    let mail = asked(&fixture, now()).await;
    let (other, token) = (fixture.directory.clone(), mail.token.clone());
    let late = fixture
        .with_interruption(async move {
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
        .choose_password(Occasion::Reset, &mail.token, &password, (ADDRESS, now()))
        .await
        .unwrap();
    assert_eq!(choice, Choice::InvalidLink);
    assert!(matches!(fixture.sign_in(LOGIN, "Someone else 9!").await, SignIn::Accepted(_)));
}

#[tokio::test]
async fn i6_asking_too_often_does_not_prevent_sign_in() {
    let fixture = Fixture::new().await;
    ann(&fixture).await;
    for _ in 0..30 {
        assert!(fixture.directory.resets().may_ask(ADDRESS, now()));
    }
    assert!(!fixture.directory.resets().may_ask(ADDRESS, now()));
    let elsewhere = "198.51.100.1".parse().unwrap();
    assert!(fixture.directory.resets().may_ask(elsewhere, now()));
    assert!(matches!(fixture.sign_in(LOGIN, PASSWORD).await, SignIn::Accepted(_)));
    assert_eq!(fixture.sign_in(LOGIN, OTHER_PASSWORD).await, SignIn::Wrong);
    assert!(fixture.directory.resets().may_ask(ADDRESS, after(31)));
    assert!(fixture.auth.lockout.release(&Key::asking(ADDRESS)));
}

#[tokio::test]
async fn i6_reset_clears_lockout_unless_mfa_required() {
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
        let mail = asked(&fixture, now()).await;
        let choice = choose(&fixture, &mail.token, OTHER_PASSWORD, now()).await;
        assert!(matches!(choice, Choice::Set { .. }), "{choice:?}");
        let tried = fixture.sign_in(LOGIN, OTHER_PASSWORD).await;
        assert_eq!(matches!(tried, SignIn::Accepted(_)), in_again, "{tried:?}");
        assert_eq!(matches!(tried, SignIn::LockedOut { .. }), !in_again, "{tried:?}");
    }
}

#[tokio::test]
async fn r33_disabled_user_gets_and_uses_no_reset_link() {
    let fixture = Fixture::new().await;
    let user = ann(&fixture).await;
    let mail = asked(&fixture, now()).await;
    assert!(is_valid(&fixture, &mail.token, now()).await);
    let patch = UserPatch { disabled: Some(true), ..UserPatch::default() };
    fixture.directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    assert!(!is_valid(&fixture, &mail.token, now()).await);
    let chosen = choose(&fixture, &mail.token, OTHER_PASSWORD, now()).await;
    assert_eq!(chosen, Choice::InvalidLink);
    assert_eq!(ask(&fixture, LOGIN, after(1)).await, ResetOutcome::NotMailed);
}
