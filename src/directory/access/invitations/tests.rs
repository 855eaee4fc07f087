use super::*;
use crate::credential::password::PasswordRule;
use crate::credential::secret::Secret;
use crate::directory::Directory;
use crate::directory::access::password_links::Choice;
use crate::directory::access::resets::ResetOutcome;
use crate::directory::access::sign_in::SignIn;
use crate::directory::accounts::end_users::EndUserPatch;
use crate::directory::accounts::organizations::{NewOrganization, OrganizationPatch};
use crate::directory::accounts::users::{NewUser, UserPatch};
use crate::directory::fixture::{
    ADDRESS, Fixture, OTHER_PASSWORD, PASSWORD, WaitingMail, new_user, now,
};
use crate::directory::fixture::{by_operator, by_operator_at, by_operator_to};
use crate::directory::records::{Occasion, UserStatus};
use jiff::Timestamp;

const LOGIN: &str = "ann@example.com";

/// An invited user of `acme`, and the mail.
async fn invited(fixture: &Fixture) -> (UserView, WaitingMail) {
    fixture.organization("acme").await;
    let new = NewUser { invite: true, ..new_user("acme", LOGIN) };
    let user = fixture.directory.users().create(new, &by_operator()).await.unwrap();
    let [mail] = fixture.waiting_mails().await.try_into().unwrap();
    (user, mail)
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
        .holder(Occasion::Invitation, token, Some(ADDRESS), now)
        .await
        .unwrap()
        .holder()
        .is_some()
}

/// Whether the mailed link is invalid; checks that the user is still invited (R12).
async fn is_invalid(fixture: &Fixture, user: &str, mail: &WaitingMail) -> bool {
    let directory = &fixture.directory;
    let looked = can_be_claimed(fixture, &mail.token, now()).await;
    let sendable = fixture.is_sendable(&mail.id, now()).await;
    if looked {
        assert!(sendable);
        return false;
    }
    assert!(!sendable, "a waiting mail is not sent");
    assert_eq!(claim(directory, &mail.token, PASSWORD, now()).await, Choice::InvalidLink);
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
    let (user, mail) = invited(&fixture).await;
    assert_eq!(user.status, UserStatus::Invited);
    assert_eq!((mail.doc.occasion.link(), &mail.doc.user), (Some(Occasion::Invitation), &user.id));
    assert_eq!((&*mail.doc.login, &*mail.doc.organization_name), (LOGIN, "acme"));
    assert_eq!(mail.doc.expires, now() + jiff::SignedDuration::from_hours(72));

    // Opening the link, as mail scanners do, does not use it up.
    for _ in 0..3 {
        let holder = fixture
            .directory
            .password_links()
            .holder(Occasion::Invitation, &mail.token, Some(ADDRESS), now())
            .await
            .unwrap()
            .holder();
        let holder = holder.unwrap();
        assert_eq!((&*holder.login, &*holder.organization_name), (LOGIN, "acme"));
    }
    assert_eq!(claim(&fixture.directory, &mail.token, PASSWORD, now()).await, set(&user));
    let user = fixture.directory.users().get(&user.id).await.unwrap();
    assert_eq!(user.status, UserStatus::Active);
    assert!(matches!(fixture.sign_in(LOGIN, PASSWORD).await, SignIn::Accepted(_)));

    let again = claim(&fixture.directory, &mail.token, OTHER_PASSWORD, now()).await;
    assert_eq!(again, Choice::InvalidLink);
    assert!(!can_be_claimed(&fixture, &mail.token, now()).await);
    assert_eq!(fixture.sign_in(LOGIN, OTHER_PASSWORD).await, SignIn::Wrong);
}

#[tokio::test]
async fn r40_a_claim_fails_if_another_came_first() {
    let fixture = Fixture::new().await;
    let (user, mail) = invited(&fixture).await;
    let (other, token) = (fixture.directory.clone(), mail.token.clone());
    let late = fixture
        .with_interruption(async move {
            let choice = claim(&other, &token, OTHER_PASSWORD, now()).await;
            assert!(matches!(choice, Choice::Set { .. }), "{choice:?}");
        })
        .await;
    assert_eq!(claim(&late, &mail.token, PASSWORD, now()).await, Choice::InvalidLink);
    assert_eq!(fixture.directory.users().get(&user.id).await.unwrap().status, UserStatus::Active);
    assert_eq!(fixture.sign_in(LOGIN, PASSWORD).await, SignIn::Wrong);
    assert!(matches!(fixture.sign_in(LOGIN, OTHER_PASSWORD).await, SignIn::Accepted(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r40_of_concurrent_claims_exactly_one_succeeds() {
    let fixture = Fixture::new().await;
    let (_, mail) = invited(&fixture).await;
    let claims: Vec<_> = (0..8)
        .map(|number| {
            let (directory, token) = (fixture.directory.clone(), mail.token.clone());
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
    assert!(matches!(fixture.sign_in(LOGIN, &password).await, SignIn::Accepted(_)));
}

#[tokio::test]
async fn r40_a_newer_invitation_ends_the_older_one() {
    let fixture = Fixture::new().await;
    let (user, older) = invited(&fixture).await;
    let later = now() + jiff::SignedDuration::from_mins(1);
    let again = fixture
        .directory
        .invitations()
        .send(&user.id, Addresses::default(), &by_operator_at(later))
        .await
        .unwrap();
    assert_eq!((again.status, again.version), (UserStatus::Invited, user.version + 1));
    let newer = fixture.waiting_mails().await.into_iter().find(|mail| mail.id != older.id).unwrap();
    assert_eq!(claim(&fixture.directory, &older.token, PASSWORD, later).await, Choice::InvalidLink);
    assert_eq!(claim(&fixture.directory, &newer.token, PASSWORD, later).await, set(&user));
}

#[tokio::test]
async fn r40_a_withdrawn_invitation_is_invalid() {
    let fixture = Fixture::new().await;
    let (user, mail) = invited(&fixture).await;
    let asked = fixture.directory.resets().ask(LOGIN, None, now()).await.unwrap();
    assert!(matches!(asked, ResetOutcome::Mailed { .. }));
    let withdrawn =
        fixture.directory.invitations().withdraw(&user.id, &by_operator()).await.unwrap();
    assert_eq!(withdrawn.status, UserStatus::NoPassword);
    assert_eq!(claim(&fixture.directory, &mail.token, PASSWORD, now()).await, Choice::InvalidLink);
    let reset =
        fixture.waiting_mails().await.into_iter().find(|other| other.id != mail.id).unwrap();
    let reset = fixture
        .directory
        .password_links()
        .holder(Occasion::Reset, &reset.token, Some(ADDRESS), now())
        .await
        .unwrap()
        .holder();
    assert_eq!(reset, None, "the reset link is invalid too");
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
        .send(&user.id, Addresses::default(), &by_operator_to(1))
        .await
        .unwrap_err();
    assert_eq!(stale.code(), "changed");
    let again = fixture
        .directory
        .invitations()
        .send(&user.id, Addresses::default(), &by_operator())
        .await
        .unwrap();
    assert_eq!(again.status, UserStatus::Invited);
}

#[tokio::test]
async fn r40_an_expired_invitation_still_counts_as_a_portal_user() {
    let fixture = Fixture::new().await;
    let (user, mail) = invited(&fixture).await;
    let last = mail.doc.expires - jiff::SignedDuration::from_millis(1);
    assert!(can_be_claimed(&fixture, &mail.token, last).await);
    let expired = mail.doc.expires;
    assert!(!can_be_claimed(&fixture, &mail.token, expired).await);
    assert_eq!(
        claim(&fixture.directory, &mail.token, PASSWORD, expired).await,
        Choice::InvalidLink
    );
    assert_eq!(fixture.directory.users().get(&user.id).await.unwrap().status, UserStatus::Invited);
    assert!(
        fixture.directory.organization(&"acme".into()).await.unwrap().unwrap().has_portal_users
    );
}

#[tokio::test]
async fn r40_an_unknown_token_is_counted_by_address_only() {
    let fixture = Fixture::new().await;
    let (user, mail) = invited(&fixture).await;
    let unknown = crate::credential::token::PlainToken::generate();
    for token in ["", "x", "\0", "ä", unknown.expose(), &mail.token[1..], user.id.as_str()] {
        assert!(!can_be_claimed(&fixture, token, now()).await, "{token:?}");
        assert_eq!(claim(&fixture.directory, token, PASSWORD, now()).await, Choice::InvalidLink);
    }
    let reset = fixture
        .directory
        .password_links()
        .holder(Occasion::Reset, &mail.token, Some(ADDRESS), now())
        .await
        .unwrap()
        .holder();
    assert_eq!(reset, None, "an invitation is not a reset");
    for locked in fixture.auth.lockout.locked(now()) {
        assert!(locked.key.to_string().contains(&ADDRESS.to_string()), "{locked:?}");
    }
    // The right token can still be claimed.
    assert_eq!(claim(&fixture.directory, &mail.token, PASSWORD, now()).await, set(&user));
}

#[tokio::test]
async fn r30_r31_all_broken_rules_are_named_and_the_link_stays_valid() {
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
    let [mail] = fixture.waiting_mails().await.try_into().unwrap();
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
        let choice = claim(&fixture.directory, &mail.token, password, now()).await;
        let Choice::RulesBroken { rules, holder } = choice else { panic!("{choice:?}") };
        assert_eq!((rules, holder.email.as_deref()), (broken, Some(email)));
    }
    let choice = claim(&fixture.directory, &mail.token, PASSWORD, now()).await;
    assert!(matches!(choice, Choice::Set { .. }), "{choice:?}");
}

#[tokio::test]
async fn r41_invitations_go_to_end_user_or_organization_or_login() {
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
        let mails = fixture.waiting_mails().await;
        let mail = mails.iter().find(|mail| mail.doc.login == login).unwrap();
        assert_eq!(mail.doc.to, to, "{login}");
    }
}

#[tokio::test]
async fn r41_an_invalid_blind_copy_is_refused() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let copy = |address: &str| Some(address.to_owned());
    let new = NewUser { blind_copy: copy("it@msp.example"), ..new_user("acme", LOGIN) };
    let error = fixture.directory.users().create(new.clone(), &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "invalid", "without an invitation");
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
    let [mail] = fixture.waiting_mails().await.try_into().unwrap();
    assert_eq!(mail.doc.blind_copy.as_deref(), Some("it@msp.example"));
    let bad =
        Addresses { blind_copy: Some("x"), sender: Some("it@msp.example"), ..Addresses::default() };
    let error =
        fixture.directory.invitations().send(&user.id, bad, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "invalid");
    assert!(can_be_claimed(&fixture, &mail.token, now()).await, "nothing was changed");
}

#[tokio::test]
async fn r41_the_blind_copy_goes_to_the_sender_by_default() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let sender = Some("it@msp.example");
    let new = NewUser { sender: sender.map(str::to_owned), ..new_user("acme", LOGIN) };
    let user = fixture.directory.users().create(new, &by_operator()).await.unwrap();
    assert!(fixture.waiting_mails().await.is_empty(), "a sender alone does not invite");
    for (named, to) in [(None, sender), (Some("else@msp.example"), Some("else@msp.example"))] {
        let copy = Addresses { blind_copy: named, sender, ..Addresses::default() };
        fixture.directory.invitations().send(&user.id, copy, &by_operator()).await.unwrap();
        let mails = fixture.waiting_mails().await;
        assert!(mails.iter().any(|mail| mail.doc.blind_copy.as_deref() == to), "{to:?}");
    }
    let new = NewUser { invite: true, sender: None, ..new_user("acme", "bob@example.com") };
    fixture.directory.users().create(new, &by_operator()).await.unwrap();
    let mails = fixture.waiting_mails().await;
    let bobs = mails.iter().find(|mail| mail.doc.login == "bob@example.com").unwrap();
    assert_eq!(bobs.doc.blind_copy, None);
}

#[tokio::test]
async fn r42_without_an_address_a_password_must_be_set() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let new = NewUser { invite: true, ..new_user("acme", "ann") };
    let error = fixture.directory.users().create(new, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "no-address");
    assert!(error.to_string().contains("set a password instead"), "{error}");
    let user =
        fixture.directory.users().create(new_user("acme", "ann"), &by_operator()).await.unwrap();
    let error = fixture
        .directory
        .invitations()
        .send(&user.id, Addresses::default(), &by_operator())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "no-address");
    assert!(fixture.waiting_mails().await.is_empty());
    fixture
        .directory
        .users()
        .set_password(&user.id, Secret::from(PASSWORD), &by_operator())
        .await
        .unwrap();
    assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::Accepted(_)));
}

#[tokio::test]
async fn r34_a_password_set_by_an_operator_ends_the_invitation() {
    let fixture = Fixture::new().await;
    let (user, mail) = invited(&fixture).await;
    fixture
        .directory
        .users()
        .set_password(&user.id, Secret::from(PASSWORD), &by_operator())
        .await
        .unwrap();
    let choice = claim(&fixture.directory, &mail.token, OTHER_PASSWORD, now()).await;
    assert_eq!(choice, Choice::InvalidLink);
    let error = fixture
        .directory
        .invitations()
        .send(&user.id, Addresses::default(), &by_operator())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "has-password");
    assert!(matches!(fixture.sign_in(LOGIN, PASSWORD).await, SignIn::Accepted(_)));
}

#[tokio::test]
async fn r40_an_invitation_ends_when_the_login_it_went_to_changes() {
    let fixture = Fixture::new().await;
    let (user, mail) = invited(&fixture).await;
    let directory = &fixture.directory;
    let patch = UserPatch {
        group: Some("limited".into()),
        require_mfa: Some(true),
        ..login(" ANN@example.com")
    };
    directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    assert!(!is_invalid(&fixture, user.id.as_str(), &mail).await, "the same address");
    directory.users().change(&user.id, login("anne@example.com"), &by_operator()).await.unwrap();
    assert!(is_invalid(&fixture, user.id.as_str(), &mail).await);

    directory.invitations().send(&user.id, Addresses::default(), &by_operator()).await.unwrap();
    let [newer] = fixture.waiting_mails().await.try_into().unwrap();
    assert_eq!(newer.doc.to, "anne@example.com", "it can be sent again, to whom it is for");
    assert!(!is_invalid(&fixture, user.id.as_str(), &newer).await);
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
        let [mail] = fixture.waiting_mails().await.try_into().unwrap();
        // The mail did not go to the login, and the address is the same.
        for patch in [
            login(&format!("anne{number}@example.com")),
            UserPatch { end_user: Some(Some(same.clone())), ..UserPatch::default() },
        ] {
            directory.users().change(&user, patch, &by_operator()).await.unwrap();
            assert!(!is_invalid(&fixture, user.as_str(), &mail).await);
        }
        let patch = UserPatch { end_user: Some(moved), ..UserPatch::default() };
        directory.users().change(&user, patch, &by_operator()).await.unwrap();
        assert!(is_invalid(&fixture, user.as_str(), &mail).await, "{number}");
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
    let [mail] = fixture.waiting_mails().await.try_into().unwrap();
    let called = EndUserPatch { name: Some("Anne".to_owned()), ..EndUserPatch::default() };
    directory.end_users().change(&"acme".into(), &end_user, called, &by_operator()).await.unwrap();
    assert!(!is_invalid(&fixture, user.id.as_str(), &mail).await, "another name does not matter");
    for email in [Some("anne@end.example".to_owned()), None] {
        let moved = EndUserPatch { email: Some(email), ..EndUserPatch::default() };
        directory
            .end_users()
            .change(&"acme".into(), &end_user, moved, &by_operator())
            .await
            .unwrap();
        assert!(is_invalid(&fixture, user.id.as_str(), &mail).await);
    }
}

#[tokio::test]
async fn r40_an_invitation_ends_with_the_organizations_address() {
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
    let [mail] = fixture.waiting_mails().await.try_into().unwrap();
    let called =
        OrganizationPatch { name: Some("Acme".to_owned()), ..email(Some("IT@acme.example")) };
    directory.organizations().change(&"acme".into(), called, &by_operator()).await.unwrap();
    assert!(!is_invalid(&fixture, user.id.as_str(), &mail).await, "the same address");
    for other in [Some("office@acme.example"), None] {
        directory
            .organizations()
            .change(&"acme".into(), email(other), &by_operator())
            .await
            .unwrap();
        assert!(is_invalid(&fixture, user.id.as_str(), &mail).await, "{other:?}");
    }
}

#[tokio::test]
async fn r40_a_claim_fails_if_the_address_changes_concurrently() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let end_user = fixture.end_user("acme", Some("ann@end.example")).await.id;
    let new = NewUser { end_user: Some(end_user.clone()), invite: true, ..new_user("acme", LOGIN) };
    fixture.directory.users().create(new, &by_operator()).await.unwrap();
    let [mail] = fixture.waiting_mails().await.try_into().unwrap();
    let other = fixture.directory.clone();
    let late = fixture
        .with_interruption(async move {
            let email = Some(Some("anne@end.example".to_owned()));
            let moved = EndUserPatch { email, ..EndUserPatch::default() };
            other
                .end_users()
                .change(&"acme".into(), &end_user, moved, &by_operator())
                .await
                .unwrap();
        })
        .await;
    assert_eq!(claim(&late, &mail.token, PASSWORD, now()).await, Choice::InvalidLink);
}

#[tokio::test]
async fn r40_an_invitation_without_a_recorded_address_is_invalid() {
    let fixture = Fixture::new().await;
    let (user, mail) = invited(&fixture).await;
    let stored = fixture.directory.records().read().existing::<User>(&user.id, None).await.unwrap();
    let mut doc = stored.doc.clone();
    doc.invitation.as_mut().unwrap().to = None;
    fixture.directory.records().commit(&by_operator(), vec![stored.replace(doc).0]).await.unwrap();
    assert!(is_invalid(&fixture, user.id.as_str(), &mail).await);
}

#[tokio::test]
async fn r40_invitation_of_a_disabled_user_waits_until_enabled() {
    let fixture = Fixture::new().await;
    let (user, mail) = invited(&fixture).await;
    let disable = async |disabled| {
        let patch = UserPatch { disabled: Some(disabled), ..UserPatch::default() };
        fixture.directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    };
    disable(true).await;
    assert!(!can_be_claimed(&fixture, &mail.token, now()).await);
    let claimed = claim(&fixture.directory, &mail.token, PASSWORD, now()).await;
    assert_eq!(claimed, Choice::InvalidLink);
    let again =
        fixture.directory.invitations().send(&user.id, Addresses::default(), &by_operator()).await;
    assert_eq!(again.unwrap_err().code(), "account-disabled");
    assert!(
        fixture.directory.organization(&"acme".into()).await.unwrap().unwrap().has_portal_users
    );

    disable(false).await;
    assert!(can_be_claimed(&fixture, &mail.token, now()).await);
    assert_eq!(claim(&fixture.directory, &mail.token, PASSWORD, now()).await, set(&user));
}

#[tokio::test]
async fn r40_waiting_mail_to_a_disabled_user_is_not_sent() {
    let fixture = Fixture::new().await;
    let (user, mail) = invited(&fixture).await;
    let patch = UserPatch { disabled: Some(true), ..UserPatch::default() };
    fixture.directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    assert!(!fixture.is_sendable(&mail.id, now()).await);
}

#[tokio::test]
async fn r41_chosen_address_stays_valid_when_addresses_change() {
    let fixture = Fixture::new().await;
    let (user, first) = invited(&fixture).await;
    let send_to = Addresses { send_to: Some("Home@example.org"), ..Addresses::default() };
    let invited =
        fixture.directory.invitations().send(&user.id, send_to, &by_operator()).await.unwrap();
    assert_eq!(invited.invitation.unwrap().sent_to, "Home@example.org");
    let mails = fixture.waiting_mails().await;
    let mail = mails.into_iter().find(|mail| mail.id != first.id).unwrap();
    assert_eq!(mail.doc.to, "Home@example.org");
    let patch = OrganizationPatch {
        email: Some(Some("office@acme.example".to_owned())),
        ..OrganizationPatch::default()
    };
    let organizations = fixture.directory.organizations();
    organizations.change(&"acme".into(), patch, &by_operator()).await.unwrap();
    assert!(fixture.is_sendable(&mail.id, now()).await);
    assert!(can_be_claimed(&fixture, &mail.token, now()).await);
    assert!(!can_be_claimed(&fixture, &first.token, now()).await, "the earlier link");

    let again = fixture.directory.invitations();
    let again = again.send(&user.id, Addresses::default(), &by_operator()).await.unwrap();
    assert_eq!(again.invitation.unwrap().sent_to, "office@acme.example", "R41's order");
    assert!(!can_be_claimed(&fixture, &mail.token, now()).await);
}
