use super::*;
use crate::directory::Directory;
use crate::directory::access::sign_in::SignIn;
use crate::directory::accounts::organizations::NewOrganization;
use crate::directory::accounts::preferences::PreferencesPatch;
use crate::directory::accounts::users::NewUser;
use crate::directory::fixture::new_user;
use crate::directory::fixture::{ADDRESS, Fixture, PASSWORD, now};
use crate::directory::fixture::{by_operator, by_operator_at, by_operator_to};

async fn open(directory: &Directory, token: &str) -> Opened {
    directory.secure_links().open(token, None, ADDRESS, now()).await.unwrap()
}

/// Opens the link of an organization in a browser with this session.
async fn open_with(fixture: &Fixture, present: &Subject, organization: &str) -> Opened {
    let token = token(fixture, organization).await;
    fixture.directory.secure_links().open(&token, Some(present), ADDRESS, now()).await.unwrap()
}

/// A session of this kind.
fn session(kind: SessionKind, organization: &str) -> Subject {
    Subject {
        kind,
        organization: Arc::from(organization),
        user: None,
        login: None,
        end_user: None,
        group: Arc::from("limited"),
        granted: <_>::default(),
        disabled: false,
        parked: None,
        valid_until: Timestamp::MAX,
        actor: None,
    }
}

async fn token(fixture: &Fixture, organization: &str) -> String {
    fixture
        .directory
        .secure_links()
        .get(&organization.into())
        .await
        .unwrap()
        .token
        .expose()
        .to_owned()
}

async fn opened(fixture: &Fixture, organization: &str) -> Arc<OrganizationFacts> {
    match open(&fixture.directory, &token(fixture, organization).await).await {
        Opened::Session(organization) => organization,
        other => panic!("{other:?}"),
    }
}

/// Whether a session that the link started at this generation is still valid.
async fn honoured(directory: &Directory, session: &OrganizationFacts) -> bool {
    let Some(organization) = directory.organization(&session.id).await.unwrap() else {
        return false;
    };
    link_honoured(&directory.snapshot(), &organization, session.link_generation)
}

async fn secure(fixture: &Fixture, on: bool) {
    let patch = PreferencesPatch {
        secure_with_password_if_portal_users_exist: Some(on),
        ..PreferencesPatch::default()
    };
    fixture.directory.preferences().change(patch, &by_operator()).await.unwrap();
}

#[tokio::test]
async fn r10_every_organization_has_a_link_that_can_be_shown_again() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.organization("other").await;
    let link = fixture.directory.secure_links().get(&"acme".into()).await.unwrap();
    assert!(link.enabled);
    assert_eq!(token(&fixture, "acme").await, link.token.expose());
    assert_ne!(token(&fixture, "other").await, link.token.expose());
    let error = fixture.directory.secure_links().get(&"nowhere".into()).await.unwrap_err();
    assert_eq!(error.code(), "not-found");
}

#[tokio::test]
async fn r10_rotation_ends_the_link_and_its_sessions() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let old = token(&fixture, "acme").await;
    let session = opened(&fixture, "acme").await;
    let new =
        fixture.directory.secure_links().rotate(&"acme".into(), &by_operator()).await.unwrap();
    assert_eq!(open(&fixture.directory, &old).await, Opened::Invalid);
    assert!(!honoured(&fixture.directory, &session).await);
    let again = open(&fixture.directory, new.token.expose()).await;
    let Opened::Session(organization) = again else { panic!("{again:?}") };
    assert!(honoured(&fixture.directory, &organization).await);
    let error = fixture
        .directory
        .secure_links()
        .rotate(&"acme".into(), &by_operator_to(1))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "changed");
}

#[tokio::test]
async fn r10_a_link_is_switched_off_and_on() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let session = opened(&fixture, "acme").await;
    let off = fixture
        .directory
        .secure_links()
        .set_enabled(&"acme".into(), false, &by_operator())
        .await
        .unwrap();
    assert!(!off.enabled);
    assert_eq!(open(&fixture.directory, off.token.expose()).await, Opened::Invalid);
    assert!(!honoured(&fixture.directory, &session).await);
    assert!(!fixture.directory.organizations().get(&"acme".into()).await.unwrap().link_enabled);
    fixture
        .directory
        .secure_links()
        .set_enabled(&"acme".into(), true, &by_operator())
        .await
        .unwrap();
    assert!(honoured(&fixture.directory, &session).await);
    opened(&fixture, "acme").await;
}

#[tokio::test]
async fn r10_a_deleted_organizations_link_stays_invalid() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let old = token(&fixture, "acme").await;
    fixture.directory.organizations().delete(&"acme".into(), &by_operator()).await.unwrap();
    assert_eq!(open(&fixture.directory, &old).await, Opened::Invalid);
    let new = NewOrganization { id: Some("acme".into()), name: "New".to_owned(), email: None };
    let later = now() + jiff::SignedDuration::from_secs(1);
    fixture.directory.organizations().create(new, &by_operator_at(later)).await.unwrap();
    assert_eq!(open(&fixture.directory, &old).await, Opened::Invalid);
    opened(&fixture, "acme").await;
}

#[tokio::test]
async fn r10_an_invalid_token_is_counted_by_address_only() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let right = token(&fixture, "acme").await;
    let mut wrong = right.clone().into_bytes();
    wrong[0] = if wrong[0] == b'A' { b'B' } else { b'A' };
    let wrong = String::from_utf8(wrong).unwrap();
    for token in [wrong.as_str(), "", "x", "ä", "\0", &right[1..]].repeat(5) {
        assert_eq!(open(&fixture.directory, token).await, Opened::Invalid, "{token:?}");
    }
    let locked = fixture.auth.lockout.locked(now());
    assert_eq!(locked.len(), 1, "{locked:?}");
    assert!(locked[0].key.to_string().contains(&ADDRESS.to_string()), "{locked:?}");
    // The right token and the right password still work.
    opened(&fixture, "acme").await;
    fixture.user("acme", "ann", "limited").await;
    let signed_in = fixture.sign_in("ann", PASSWORD).await;
    assert!(matches!(signed_in, SignIn::Accepted(_)), "{signed_in:?}");
}

#[tokio::test]
async fn r11_without_portal_users_a_link_starts_a_session() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.organization("other").await;
    // Portal users of another organization do not matter, nor do end users.
    fixture.user("other", "bob", "limited").await;
    fixture.end_user("acme", Some("ann@acme.example")).await;
    let session = opened(&fixture, "acme").await;
    assert_eq!((session.id.as_str(), session.has_portal_users), ("acme", false));
    assert!(honoured(&fixture.directory, &session).await);
    let snapshot = fixture.directory.snapshot();
    assert_eq!(snapshot.granted(portcullis_policy::built_in::NON_PORTAL).len(), 2);
}

#[tokio::test]
async fn r12_with_a_portal_user_or_invitation_a_link_asks_to_sign_in() {
    let fixture = Fixture::new().await;
    for (id, invite) in [("acme", true), ("other", false)] {
        fixture.organization(id).await;
        opened(&fixture, id).await;
        let login = format!("ann@{id}.example");
        let new = NewUser { invite, ..new_user(id, &login) };
        fixture.directory.users().create(new, &by_operator()).await.unwrap();
        let outcome = open(&fixture.directory, &token(&fixture, id).await).await;
        let Opened::SignIn(organization) = outcome else { panic!("{outcome:?}") };
        assert_eq!(organization.id, id);
    }
}

#[tokio::test]
async fn r13_with_the_preference_off_every_link_works() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.user("acme", "ann", "limited").await;
    secure(&fixture, false).await;
    let session = opened(&fixture, "acme").await;
    assert!(session.has_portal_users && honoured(&fixture.directory, &session).await);
    secure(&fixture, true).await;
    let outcome = open(&fixture.directory, &token(&fixture, "acme").await).await;
    assert!(matches!(outcome, Opened::SignIn(_)), "{outcome:?}");
}

#[tokio::test]
async fn r14_link_pauses_while_there_are_portal_users() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.organization("other").await;
    let session = opened(&fixture, "acme").await;
    let unconcerned = opened(&fixture, "other").await;
    let invited = NewUser { invite: true, ..new_user("acme", "ann@example.com") };
    let ann = fixture.directory.users().create(invited, &by_operator()).await.unwrap();
    assert!(!honoured(&fixture.directory, &session).await);
    assert!(honoured(&fixture.directory, &unconcerned).await);

    // Whether or not the deleted user is in the cache.
    fixture.directory.users().delete(&ann.id, &by_operator()).await.unwrap();
    assert!(honoured(&fixture.directory, &session).await);
    let bob = fixture.user("acme", "bob", "limited").await;
    fixture.directory.user(&bob.id).await.unwrap().unwrap();
    assert!(!honoured(&fixture.directory, &session).await);
    fixture.directory.users().delete(&bob.id, &by_operator()).await.unwrap();
    assert!(honoured(&fixture.directory, &session).await);
}

#[tokio::test]
async fn r14_the_preference_ends_link_sessions_with_portal_users() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.organization("empty").await;
    fixture.user("acme", "ann", "limited").await;
    secure(&fixture, false).await;
    let (acme, empty) = (opened(&fixture, "acme").await, opened(&fixture, "empty").await);
    secure(&fixture, true).await;
    assert!(!honoured(&fixture.directory, &acme).await);
    assert!(honoured(&fixture.directory, &empty).await);
}

#[tokio::test]
async fn r14_link_stops_with_the_organization() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let session = opened(&fixture, "acme").await;
    fixture.directory.organizations().delete(&"acme".into(), &by_operator()).await.unwrap();
    assert!(!honoured(&fixture.directory, &session).await);
}

#[tokio::test]
async fn r19_a_link_replaces_another_links_session_without_asking() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.organization("other").await;
    let of_other = session(SessionKind::Link, "other");
    let opened = open_with(&fixture, &of_other, "acme").await;
    let Opened::Session(opened) = opened else { panic!("{opened:?}") };
    assert_eq!(opened.id, "acme");
    let of_acme = session(SessionKind::Link, "acme");
    assert_eq!(open_with(&fixture, &of_acme, "acme").await, Opened::KeepSession);
}

#[tokio::test]
async fn r19_a_link_asks_before_it_replaces_a_persons_session() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.organization("other").await;
    for kind in [SessionKind::User, SessionKind::Staff, SessionKind::Impersonation] {
        let person = session(kind, "acme");
        let opened = open_with(&fixture, &person, "other").await;
        let Opened::Confirm(opened) = opened else { panic!("{opened:?}") };
        assert_eq!(opened.id, "other");
        assert_eq!(open_with(&fixture, &person, "acme").await, Opened::KeepSession);
    }
}

#[tokio::test]
async fn r12_r19_a_link_leads_to_sign_in_unless_signed_in() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.organization("other").await;
    fixture.user("acme", "ann", "limited").await;
    let (of_acme, of_other) =
        (session(SessionKind::User, "acme"), session(SessionKind::User, "other"));
    assert_eq!(open_with(&fixture, &of_acme, "acme").await, Opened::KeepSession);
    let opened = open_with(&fixture, &of_other, "acme").await;
    assert!(matches!(opened, Opened::SignIn(_)), "{opened:?}");
    fixture
        .directory
        .secure_links()
        .set_enabled(&"acme".into(), false, &by_operator())
        .await
        .unwrap();
    assert_eq!(open_with(&fixture, &of_acme, "acme").await, Opened::Invalid);
}
