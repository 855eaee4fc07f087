use super::*;
use crate::credential::secret::Secret;
use crate::directory::UserId;
use crate::directory::accounts::users::{NewUser, UserPatch};
use crate::directory::fixture::{Fixture, by_operator, by_operator_at, new_user, now};
use crate::directory::records::SecondFactor;

const PASSWORD: &str = "Renamed-Horse-9";

async fn notices(fixture: &Fixture) -> Vec<Mail> {
    let mails = fixture.directory.records().read().all::<Mail>(None).await.unwrap();
    let mails = mails.into_iter().map(|mail| mail.doc);
    mails.filter(|mail| mail.occasion == MailKind::AccountChanged).collect()
}

async fn set_password(fixture: &Fixture, user: &UserId, at: Timestamp) {
    let change = by_operator_at(at);
    let users = fixture.directory.users();
    users.set_password(user, Secret::from(PASSWORD), &change).await.unwrap();
}

#[tokio::test]
async fn a_changed_password_is_mailed_to_the_login() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let ann = fixture.user("acme", "ann@acme.example", "limited").await;
    set_password(&fixture, &ann.id, now()).await;
    let [mail] = &notices(&fixture).await[..] else { panic!("one mail for each change") };
    assert_eq!(mail.to, "ann@acme.example");
    let notice = Notice { changed: AccountChange::Password, by: ChangedBy::Administrator };
    assert_eq!((mail.notice, &mail.token), (Some(notice), &None));
}

#[tokio::test]
async fn the_address_is_the_end_users_and_never_the_organizations() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let person = fixture.end_user("acme", Some("person@acme.example")).await;
    let of_person = NewUser {
        end_user: Some(person.id),
        password: Some(Secret::from("Correct-Horse-7")),
        ..new_user("acme", "ann")
    };
    let ann = fixture.directory.users().create(of_person, &by_operator()).await.unwrap();
    set_password(&fixture, &ann.id, now()).await;
    let mails = notices(&fixture).await;
    assert_eq!(mails.iter().map(|mail| &*mail.to).collect::<Vec<_>>(), ["person@acme.example"]);
    // Neither an end user nor an address as the login.
    let bob = fixture.user("acme", "bob", "limited").await;
    set_password(&fixture, &bob.id, now()).await;
    assert_eq!(notices(&fixture).await.len(), 1);
}

#[tokio::test]
async fn a_first_password_is_not_a_change() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let new = new_user("acme", "ann@acme.example");
    let ann = fixture.directory.users().create(new, &by_operator()).await.unwrap();
    set_password(&fixture, &ann.id, now()).await;
    assert_eq!(notices(&fixture).await, []);
    set_password(&fixture, &ann.id, now()).await;
    assert_eq!(notices(&fixture).await.len(), 1);
}

#[tokio::test]
async fn r50_an_end_of_the_requirement_is_mailed_if_no_choice() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    for (login, by_choice) in [("ann@acme.example", false), ("bob@acme.example", true)] {
        let user = fixture.user("acme", login, "limited").await;
        let records = fixture.directory.records();
        let stored = records.read().existing::<User>(&user.id, None).await.unwrap();
        let (secret, recovery_codes) = ("sealed".to_owned(), Vec::new());
        let factor = SecondFactor { secret, recovery_codes, created: now(), by_choice };
        let second_factor = Some(factor);
        let doc = User { require_mfa: true, second_factor, ..stored.doc.clone() };
        records.commit(&by_operator(), vec![stored.replace(doc).0]).await.unwrap();
        let patch = UserPatch { require_mfa: Some(false), ..UserPatch::default() };
        fixture.directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    }
    let [mail] = &notices(&fixture).await[..] else { panic!("Bob is still asked for it") };
    let (changed, by) = (AccountChange::SecondFactorRemoved, ChangedBy::Administrator);
    assert_eq!((&*mail.to, mail.notice), ("ann@acme.example", Some(Notice { changed, by })));
}

#[tokio::test]
async fn mails_about_changes_are_limited_by_the_hour() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let ann = fixture.user("acme", "ann@acme.example", "limited").await;
    for _ in 0..MAX_MAILS + 2 {
        set_password(&fixture, &ann.id, now()).await;
    }
    assert_eq!(notices(&fixture).await.len(), MAX_MAILS);
    set_password(&fixture, &ann.id, now() + WINDOW).await;
    assert_eq!(notices(&fixture).await.len(), MAX_MAILS + 1);
}

#[test]
fn names_of_changes_and_authors_are_stable() {
    use AccountChange::{Password, RecoveryCodes, SecondFactorRemoved, SecondFactorSetUp};
    for (changed, by, name, author) in [
        (Password, ChangedBy::User, "password", "user"),
        (SecondFactorSetUp, ChangedBy::Link, "second_factor_set_up", "link"),
        (SecondFactorRemoved, ChangedBy::Administrator, "second_factor_removed", "administrator"),
        (RecoveryCodes, ChangedBy::User, "recovery_codes", "user"),
    ] {
        let notice = serde_json::to_value(Notice { changed, by }).unwrap();
        assert_eq!(notice, serde_json::json!({"changed": name, "by": author}));
    }
}
