use super::*;
use crate::credential::password::PasswordRule;
use crate::credential::secret::Secret;
use crate::directory::Directory;
use crate::directory::access::password_links::Choice;
use crate::directory::access::resets::ResetAsked;
use crate::directory::access::sign_in::SignIn;
use crate::directory::accounts::end_users::EndUserPatch;
use crate::directory::accounts::organizations::{NewOrganization, OrganizationPatch};
use crate::directory::accounts::users::{NewUser, UserPatch};
use crate::directory::fixture::{
    ADDRESS, Fixture, OTHER_PASSWORD, PASSWORD, Posted, new_user, now,
};
use crate::directory::fixture::{by_operator, by_operator_at, by_operator_to};
use crate::directory::records::{Occasion, UserStatus};
use jiff::Timestamp;

const LOGIN: &str = "ann@example.com";

/// An invited user of `acme`, and the letter.
async fn invited(fixture: &Fixture) -> (UserView, Posted) {
    fixture.organization("acme").await;
    let new = NewUser { invite: true, ..new_user("acme", LOGIN) };
    let user = fixture.directory.users().create(new, &by_operator()).await.unwrap();
    let [letter] = fixture.posted().await.try_into().unwrap();
    (user, letter)
}

async fn claim(directory: &Directory, token: &str, password: &str, now: Timestamp) -> Choice {
    let password = Secret::from(password);
    directory
        .password_links()
        .choose_password(Occasion::Invitation, token, &password, (ADDRESS, now))
        .await
        .unwrap()
}

async fn can_be_claimed(fixture: &Fixture, token: &str, now: Timestamp) -> bool {
    fixture
        .directory
        .password_links()
        .holder(Occasion::Invitation, token, ADDRESS, now)
        .await
        .unwrap()
        .is_some()
}

/// Whether nobody can do anything with what was mailed, and its user is invited all the same (R12).
async fn is_dead(fixture: &Fixture, user: &str, letter: &Posted) -> bool {
    let directory = &fixture.directory;
    let looked = can_be_claimed(fixture, &letter.token, now()).await;
    let sendable = fixture.is_sendable(&letter.id, now()).await;
    if looked {
        assert!(sendable);
        return false;
    }
    assert!(!sendable, "a waiting mail is not sent");
    assert_eq!(claim(directory, &letter.token, PASSWORD, now()).await, Choice::Dead);
    assert_eq!(directory.users().get(&user.into()).await.unwrap().status, UserStatus::Invited);
    assert!(directory.organization(&"acme".into()).await.unwrap().unwrap().has_portal_users);
    true
}

fn login(login: &str) -> UserPatch {
    UserPatch { login: Some(login.to_owned()), ..UserPatch::default() }
}

fn set(user: &UserView) -> Choice {
    Choice::Set { user: user.id.clone(), login: user.login.clone() }
}

#[tokio::test]
async fn r40_an_invitation_is_mailed_and_claimed_once() {
    let fixture = Fixture::new().await;
    let (user, letter) = invited(&fixture).await;
    assert_eq!(user.status, UserStatus::Invited);
    assert_eq!((letter.doc.occasion, &letter.doc.user), (Occasion::Invitation, &user.id));
    assert_eq!((&*letter.doc.login, &*letter.doc.organization_name), (LOGIN, "acme"));
    assert_eq!(letter.doc.expires, now() + jiff::SignedDuration::from_hours(72));

    // Looking, as programs that check mails do, uses nothing up.
    for _ in 0..3 {
        let holder = fixture
            .directory
            .password_links()
            .holder(Occasion::Invitation, &letter.token, ADDRESS, now())
            .await
            .unwrap();
        let holder = holder.unwrap();
        assert_eq!((&*holder.login, &*holder.organization_name), (LOGIN, "acme"));
    }
    assert_eq!(claim(&fixture.directory, &letter.token, PASSWORD, now()).await, set(&user));
    let user = fixture.directory.users().get(&user.id).await.unwrap();
    assert_eq!(user.status, UserStatus::Active);
    assert!(matches!(fixture.sign_in(LOGIN, PASSWORD).await, SignIn::Welcome(_)));

    let again = claim(&fixture.directory, &letter.token, OTHER_PASSWORD, now()).await;
    assert_eq!(again, Choice::Dead);
    assert!(!can_be_claimed(&fixture, &letter.token, now()).await);
    assert_eq!(fixture.sign_in(LOGIN, OTHER_PASSWORD).await, SignIn::Wrong);
}

#[tokio::test]
async fn r40_a_claim_that_another_overtakes_finds_a_dead_link() {
    let fixture = Fixture::new().await;
    let (user, letter) = invited(&fixture).await;
    let (other, token) = (fixture.directory.clone(), letter.token.clone());
    let late = fixture
        .with_meddling(async move {
            let choice = claim(&other, &token, OTHER_PASSWORD, now()).await;
            assert!(matches!(choice, Choice::Set { .. }), "{choice:?}");
        })
        .await;
    assert_eq!(claim(&late, &letter.token, PASSWORD, now()).await, Choice::Dead);
    assert_eq!(fixture.directory.users().get(&user.id).await.unwrap().status, UserStatus::Active);
    assert_eq!(fixture.sign_in(LOGIN, PASSWORD).await, SignIn::Wrong);
    assert!(matches!(fixture.sign_in(LOGIN, OTHER_PASSWORD).await, SignIn::Welcome(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r40_of_many_claims_at_once_exactly_one_wins() {
    let fixture = Fixture::new().await;
    let (_, letter) = invited(&fixture).await;
    let claims: Vec<_> = (0..8)
        .map(|number| {
            let (directory, token) = (fixture.directory.clone(), letter.token.clone());
            tokio::spawn(async move {
                let password = format!("Correct horse {number}!");
                let choice = claim(&directory, &token, &password, now()).await;
                matches!(choice, Choice::Set { .. }).then_some(password)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for claim in claims {
        winners.extend(claim.await.unwrap());
    }
    let [password] = winners.try_into().unwrap();
    assert!(matches!(fixture.sign_in(LOGIN, &password).await, SignIn::Welcome(_)));
}

#[tokio::test]
async fn r40_a_newer_invitation_ends_the_older_one() {
    let fixture = Fixture::new().await;
    let (user, older) = invited(&fixture).await;
    let later = now() + jiff::SignedDuration::from_mins(1);
    let again = fixture
        .directory
        .invitations()
        .send(&user.id, BlindCopy::default(), &by_operator_at(later))
        .await
        .unwrap();
    assert_eq!((again.status, again.version), (UserStatus::Invited, user.version + 1));
    let newer = fixture.posted().await.into_iter().find(|letter| letter.id != older.id).unwrap();
    assert_eq!(claim(&fixture.directory, &older.token, PASSWORD, later).await, Choice::Dead);
    assert_eq!(claim(&fixture.directory, &newer.token, PASSWORD, later).await, set(&user));
}

#[tokio::test]
async fn r40_a_withdrawn_invitation_is_dead_and_only_one_that_stands_is_withdrawn() {
    let fixture = Fixture::new().await;
    let (user, letter) = invited(&fixture).await;
    let asked = fixture.directory.resets().ask(LOGIN, None, now()).await.unwrap();
    assert!(matches!(asked, ResetAsked::Mailed { .. }));
    let withdrawn =
        fixture.directory.invitations().withdraw(&user.id, &by_operator()).await.unwrap();
    assert_eq!(withdrawn.status, UserStatus::NoPassword);
    assert_eq!(claim(&fixture.directory, &letter.token, PASSWORD, now()).await, Choice::Dead);
    let reset = fixture.posted().await.into_iter().find(|other| other.id != letter.id).unwrap();
    let reset = fixture
        .directory
        .password_links()
        .holder(Occasion::Reset, &reset.token, ADDRESS, now())
        .await
        .unwrap();
    assert_eq!(reset, None, "no other way in is left");
    let error =
        fixture.directory.invitations().withdraw(&user.id, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "not-invited");
    let error = fixture
        .directory
        .invitations()
        .withdraw(&"nobody".into(), &by_operator())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "not-found");
    let stale = fixture
        .directory
        .invitations()
        .send(&user.id, BlindCopy::default(), &by_operator_to(1))
        .await
        .unwrap_err();
    assert_eq!(stale.code(), "changed");
    let again = fixture
        .directory
        .invitations()
        .send(&user.id, BlindCopy::default(), &by_operator())
        .await
        .unwrap();
    assert_eq!(again.status, UserStatus::Invited);
}

#[tokio::test]
async fn r40_an_expired_invitation_cannot_be_claimed_and_still_counts_as_one() {
    let fixture = Fixture::new().await;
    let (user, letter) = invited(&fixture).await;
    let last = letter.doc.expires - jiff::SignedDuration::from_millis(1);
    assert!(can_be_claimed(&fixture, &letter.token, last).await);
    let expired = letter.doc.expires;
    assert!(!can_be_claimed(&fixture, &letter.token, expired).await);
    assert_eq!(claim(&fixture.directory, &letter.token, PASSWORD, expired).await, Choice::Dead);
    assert_eq!(fixture.directory.users().get(&user.id).await.unwrap().status, UserStatus::Invited);
    assert!(
        fixture.directory.organization(&"acme".into()).await.unwrap().unwrap().has_portal_users
    );
}

#[tokio::test]
async fn r40_a_token_of_another_kind_or_of_nobody_opens_nothing_and_counts_by_address_only() {
    let fixture = Fixture::new().await;
    let (user, letter) = invited(&fixture).await;
    let unknown = crate::credential::token::PlainToken::generate();
    for token in ["", "x", "\0", "ä", unknown.expose(), &letter.token[1..], user.id.as_str()] {
        assert!(!can_be_claimed(&fixture, token, now()).await, "{token:?}");
        assert_eq!(claim(&fixture.directory, token, PASSWORD, now()).await, Choice::Dead);
    }
    let reset = fixture
        .directory
        .password_links()
        .holder(Occasion::Reset, &letter.token, ADDRESS, now())
        .await
        .unwrap();
    assert_eq!(reset, None, "an invitation is no reset");
    for locked in fixture.auth.lockout.locked(now()) {
        assert!(locked.key.to_string().contains(&ADDRESS.to_string()), "{locked:?}");
    }
    // Who has the right one claims it all the same.
    assert_eq!(claim(&fixture.directory, &letter.token, PASSWORD, now()).await, set(&user));
}

#[tokio::test]
async fn r30_r31_a_password_that_breaks_rules_is_refused_with_all_of_them_and_the_link_stands() {
    let fixture = Fixture::new().await;
    let email = "Ann.Smith-2026@example.com";
    fixture.organization("acme").await;
    let end_user = fixture.end_user("acme", Some(email)).await;
    let organization = "acme".to_owned();
    let new = NewUser {
        organization: organization.into(),
        end_user: Some(end_user.id),
        ..NewUser::default()
    };
    let new = NewUser { login: Some("Ann-Smith-2026".to_owned()), invite: true, ..new };
    fixture.directory.users().create(new, &by_operator()).await.unwrap();
    let [letter] = fixture.posted().await.try_into().unwrap();
    for (password, broken) in [
        (
            "abc",
            vec![
                PasswordRule::Length,
                PasswordRule::Uppercase,
                PasswordRule::Digit,
                PasswordRule::Symbol,
            ],
        ),
        (" ann.SMITH-2026@example.com ", vec![PasswordRule::NotEmail]),
        ("Ann-Smith-2026", vec![PasswordRule::NotLogin]),
    ] {
        let choice = claim(&fixture.directory, &letter.token, password, now()).await;
        let Choice::Broken { rules, holder } = choice else { panic!("{choice:?}") };
        assert_eq!((rules, holder.email.as_deref()), (broken, Some(email)));
    }
    let choice = claim(&fixture.directory, &letter.token, PASSWORD, now()).await;
    assert!(matches!(choice, Choice::Set { .. }), "{choice:?}");
}

#[tokio::test]
async fn r41_the_letter_goes_to_the_end_user_else_to_the_organization_else_to_the_login() {
    let fixture = Fixture::new().await;
    for (id, email) in [("with", Some("info@with.example")), ("without", None)] {
        let new = NewOrganization {
            id: Some(id.into()),
            name: id.to_owned(),
            email: email.map(str::to_owned),
        };
        fixture.directory.organizations().create(new, &by_operator()).await.unwrap();
    }
    for (organization, end_user, login, to) in [
        ("with", Some(Some("ann@end.example")), "ann@login.example", "ann@end.example"),
        ("with", Some(None), "bob", "info@with.example"),
        ("with", None, "cid@login.example", "info@with.example"),
        ("without", Some(None), "dan@login.example", "dan@login.example"),
        ("without", None, "eve@login.example", "eve@login.example"),
    ] {
        let end_user = match end_user {
            Some(email) => Some(fixture.end_user(organization, email).await.id),
            None => None,
        };
        let new = NewUser { end_user, invite: true, ..new_user(organization, login) };
        fixture.directory.users().create(new, &by_operator()).await.unwrap();
        let letters = fixture.posted().await;
        let letter = letters.iter().find(|letter| letter.doc.login == login).unwrap();
        assert_eq!(letter.doc.to, to, "{login}");
    }
}

#[tokio::test]
async fn r41_a_blind_copy_goes_to_an_address_or_the_invitation_nowhere() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let copy = |address: &str| Some(address.to_owned());
    let new = NewUser { blind_copy: copy("it@msp.example"), ..new_user("acme", LOGIN) };
    let error = fixture.directory.users().create(new.clone(), &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "invalid", "a copy of nothing");
    for bad in ["", "it", "it@msp.example\r\nBcc: x@evil.example", "a@b,c@d"] {
        let new = NewUser { invite: true, blind_copy: copy(bad), ..new.clone() };
        let error = fixture.directory.users().create(new, &by_operator()).await.unwrap_err();
        assert!(error.to_string().starts_with("blind_copy: "), "{error}");
    }
    let user = fixture
        .directory
        .users()
        .create(NewUser { invite: true, ..new }, &by_operator())
        .await
        .unwrap();
    let [letter] = fixture.posted().await.try_into().unwrap();
    assert_eq!(letter.doc.blind_copy.as_deref(), Some("it@msp.example"));
    let bad = BlindCopy { named: Some("x"), sender: Some("it@msp.example") };
    let error =
        fixture.directory.invitations().send(&user.id, bad, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "invalid");
    assert!(can_be_claimed(&fixture, &letter.token, now()).await, "nothing was changed");
}

#[tokio::test]
async fn r41_the_blind_copy_goes_to_who_sends_it_unless_another_is_named() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let sender = Some("it@msp.example");
    let new = NewUser { sender: sender.map(str::to_owned), ..new_user("acme", LOGIN) };
    let user = fixture.directory.users().create(new, &by_operator()).await.unwrap();
    assert!(fixture.posted().await.is_empty(), "who sends it is no reason to invite");
    for (named, to) in [(None, sender), (Some("else@msp.example"), Some("else@msp.example"))] {
        let copy = BlindCopy { named, sender };
        fixture.directory.invitations().send(&user.id, copy, &by_operator()).await.unwrap();
        let letters = fixture.posted().await;
        assert!(letters.iter().any(|letter| letter.doc.blind_copy.as_deref() == to), "{to:?}");
    }
    let new = NewUser { invite: true, sender: None, ..new_user("acme", "bob@example.com") };
    fixture.directory.users().create(new, &by_operator()).await.unwrap();
    let letters = fixture.posted().await;
    let bobs = letters.iter().find(|letter| letter.doc.login == "bob@example.com").unwrap();
    assert_eq!(bobs.doc.blind_copy, None);
}

#[tokio::test]
async fn r42_without_any_address_the_invitation_is_refused_and_a_password_set_by_hand() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let new = NewUser { invite: true, ..new_user("acme", "ann") };
    let error = fixture.directory.users().create(new, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "no-address");
    assert!(error.to_string().contains("set a password by hand"), "{error}");
    let user =
        fixture.directory.users().create(new_user("acme", "ann"), &by_operator()).await.unwrap();
    let error = fixture
        .directory
        .invitations()
        .send(&user.id, BlindCopy::default(), &by_operator())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "no-address");
    assert!(fixture.posted().await.is_empty());
    fixture
        .directory
        .users()
        .set_password(&user.id, Secret::from(PASSWORD), &by_operator())
        .await
        .unwrap();
    assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::Welcome(_)));
}

#[tokio::test]
async fn r34_a_password_set_by_hand_ends_the_invitation_and_nobody_with_one_is_invited() {
    let fixture = Fixture::new().await;
    let (user, letter) = invited(&fixture).await;
    fixture
        .directory
        .users()
        .set_password(&user.id, Secret::from(PASSWORD), &by_operator())
        .await
        .unwrap();
    let choice = claim(&fixture.directory, &letter.token, OTHER_PASSWORD, now()).await;
    assert_eq!(choice, Choice::Dead);
    let error = fixture
        .directory
        .invitations()
        .send(&user.id, BlindCopy::default(), &by_operator())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "has-password");
    assert!(matches!(fixture.sign_in(LOGIN, PASSWORD).await, SignIn::Welcome(_)));
}

#[tokio::test]
async fn r40_an_invitation_that_went_to_the_login_ends_when_the_login_is_corrected() {
    let fixture = Fixture::new().await;
    let (user, letter) = invited(&fixture).await;
    let directory = &fixture.directory;
    let patch = UserPatch {
        group: Some("limited".into()),
        require_mfa: Some(true),
        ..login(" ANN@example.com")
    };
    directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    assert!(!is_dead(&fixture, user.id.as_str(), &letter).await, "the same address");
    directory.users().change(&user.id, login("anne@example.com"), &by_operator()).await.unwrap();
    assert!(is_dead(&fixture, user.id.as_str(), &letter).await);

    directory.invitations().send(&user.id, BlindCopy::default(), &by_operator()).await.unwrap();
    let [newer] = fixture.posted().await.try_into().unwrap();
    assert_eq!(newer.doc.to, "anne@example.com", "it can be sent again, to whom it is for");
    assert!(!is_dead(&fixture, user.id.as_str(), &newer).await);
}

#[tokio::test]
async fn r40_invitation_ends_when_the_user_gets_another_end_user() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    fixture.organization("acme").await;
    let email = "ann@end.example";
    let first = fixture.end_user("acme", Some(email)).await.id;
    let same = fixture.end_user("acme", Some(email)).await.id;
    let other = fixture.end_user("acme", Some("bob@end.example")).await.id;
    for (number, moved) in [Some(other), None].into_iter().enumerate() {
        let called = format!("ann{number}@example.com");
        let new =
            NewUser { end_user: Some(first.clone()), invite: true, ..new_user("acme", &called) };
        let user = directory.users().create(new, &by_operator()).await.unwrap().id;
        let [letter] = fixture.posted().await.try_into().unwrap();
        // The mail did not go to the login, and this is no other address.
        for patch in [
            login(&format!("anne{number}@example.com")),
            UserPatch { end_user: Some(Some(same.clone())), ..UserPatch::default() },
        ] {
            directory.users().change(&user, patch, &by_operator()).await.unwrap();
            assert!(!is_dead(&fixture, user.as_str(), &letter).await);
        }
        let patch = UserPatch { end_user: Some(moved), ..UserPatch::default() };
        directory.users().change(&user, patch, &by_operator()).await.unwrap();
        assert!(is_dead(&fixture, user.as_str(), &letter).await, "{number}");
    }
}

#[tokio::test]
async fn r40_an_invitation_ends_when_the_end_users_address_changes() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    fixture.organization("acme").await;
    let end_user = fixture.end_user("acme", Some("ann@end.example")).await.id;
    let new = NewUser { end_user: Some(end_user.clone()), invite: true, ..new_user("acme", LOGIN) };
    let user = directory.users().create(new, &by_operator()).await.unwrap();
    let [letter] = fixture.posted().await.try_into().unwrap();
    let called = EndUserPatch { name: Some("Anne".to_owned()), ..EndUserPatch::default() };
    directory.end_users().change(&"acme".into(), &end_user, called, &by_operator()).await.unwrap();
    assert!(!is_dead(&fixture, user.id.as_str(), &letter).await, "another name makes no odds");
    for email in [Some("anne@end.example".to_owned()), None] {
        let moved = EndUserPatch { email: Some(email), ..EndUserPatch::default() };
        directory
            .end_users()
            .change(&"acme".into(), &end_user, moved, &by_operator())
            .await
            .unwrap();
        assert!(is_dead(&fixture, user.id.as_str(), &letter).await);
    }
}

#[tokio::test]
async fn r40_an_invitation_ends_when_the_organizations_address_changes() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    fixture.organization("acme").await;
    let email = |email: Option<&str>| OrganizationPatch {
        email: Some(email.map(str::to_owned)),
        ..OrganizationPatch::default()
    };
    directory
        .organizations()
        .change(&"acme".into(), email(Some("it@acme.example")), &by_operator())
        .await
        .unwrap();
    let new = NewUser { invite: true, ..new_user("acme", LOGIN) };
    let user = directory.users().create(new, &by_operator()).await.unwrap();
    let [letter] = fixture.posted().await.try_into().unwrap();
    let called =
        OrganizationPatch { name: Some("Acme".to_owned()), ..email(Some("IT@acme.example")) };
    directory.organizations().change(&"acme".into(), called, &by_operator()).await.unwrap();
    assert!(!is_dead(&fixture, user.id.as_str(), &letter).await, "the same address");
    for other in [Some("office@acme.example"), None] {
        directory
            .organizations()
            .change(&"acme".into(), email(other), &by_operator())
            .await
            .unwrap();
        assert!(is_dead(&fixture, user.id.as_str(), &letter).await, "{other:?}");
    }
}

#[tokio::test]
async fn r40_an_address_that_changes_while_an_invitation_is_claimed_ends_it() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let end_user = fixture.end_user("acme", Some("ann@end.example")).await.id;
    let new = NewUser { end_user: Some(end_user.clone()), invite: true, ..new_user("acme", LOGIN) };
    fixture.directory.users().create(new, &by_operator()).await.unwrap();
    let [letter] = fixture.posted().await.try_into().unwrap();
    let other = fixture.directory.clone();
    let late = fixture
        .with_meddling(async move {
            let email = Some(Some("anne@end.example".to_owned()));
            let moved = EndUserPatch { email, ..EndUserPatch::default() };
            other
                .end_users()
                .change(&"acme".into(), &end_user, moved, &by_operator())
                .await
                .unwrap();
        })
        .await;
    assert_eq!(claim(&late, &letter.token, PASSWORD, now()).await, Choice::Dead);
}

#[tokio::test]
async fn r40_an_invitation_of_which_nobody_knows_where_it_went_is_dead() {
    let fixture = Fixture::new().await;
    let (user, letter) = invited(&fixture).await;
    let stored = fixture.directory.records().read().existing::<User>(&user.id, None).await.unwrap();
    let mut doc = stored.doc.clone();
    doc.invitation.as_mut().unwrap().to = None;
    fixture.directory.records().commit(&by_operator(), vec![stored.replace(doc).0]).await.unwrap();
    assert!(is_dead(&fixture, user.id.as_str(), &letter).await);
}
