use super::*;
use crate::directory::accounts::users::NewUser;
use crate::directory::fixture::Fixture;
use crate::directory::fixture::new_user;
use crate::directory::fixture::{by_operator, by_operator_to};

#[tokio::test]
async fn end_users_are_found_in_their_organization_only() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.organization("other").await;
    let ann = fixture.end_user("acme", Some("ann@acme.example")).await;
    assert_eq!(fixture.directory.end_users().get(&"acme".into(), &ann.id).await.unwrap(), ann);
    let error = fixture.directory.end_users().get(&"other".into(), &ann.id).await.unwrap_err();
    assert_eq!(error.code(), "not-found");
    let patch = EndUserPatch { name: Some("Eve".to_owned()), email: None };
    let error =
        fixture.directory.end_users().change(&"other".into(), &ann.id, patch, &by_operator()).await;
    assert_eq!(error.unwrap_err().code(), "not-found");
    let error = fixture
        .directory
        .end_users()
        .delete(&"other".into(), &ann.id, &by_operator())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "not-found");

    let page = fixture
        .directory
        .end_users()
        .list(&"acme".into(), None, &PageRequest::default())
        .await
        .unwrap();
    assert_eq!(page.items, [ann]);
    let page = fixture
        .directory
        .end_users()
        .list(&"other".into(), None, &PageRequest::default())
        .await
        .unwrap();
    assert_eq!(page.items, []);
    let error = fixture
        .directory
        .end_users()
        .list(&"nowhere".into(), None, &PageRequest::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "not-found");
    let new = NewEndUser { name: "Ann".to_owned(), email: None };
    let error = fixture
        .directory
        .end_users()
        .create(&"nowhere".into(), new, &by_operator())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "not-found");
}

#[tokio::test]
async fn name_and_address_can_be_changed_at_the_expected_version() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let ann = fixture.end_user("acme", Some("ann@acme.example")).await;
    let change = async |json: &str, expected: Change| {
        let patch = serde_json::from_str(json).unwrap();
        fixture.directory.end_users().change(&"acme".into(), &ann.id, patch, &expected).await
    };
    let changed = change(r#"{"name": "Ann B."}"#, by_operator_to(1)).await.unwrap();
    assert_eq!(changed.email.as_deref(), Some("ann@acme.example"));
    assert_eq!((changed.name.as_str(), changed.version), ("Ann B.", 2));
    assert_eq!(change(r#"{"email": null}"#, by_operator()).await.unwrap().email, None);
    assert_eq!(change(r#"{"email": "x"}"#, by_operator()).await.unwrap_err().code(), "invalid");
    assert_eq!(change(r#"{"name": " "}"#, by_operator()).await.unwrap_err().code(), "invalid");
    assert_eq!(
        change(r#"{"name": "Late"}"#, by_operator_to(2)).await.unwrap_err().code(),
        "changed"
    );
}

#[tokio::test]
async fn an_end_user_with_a_portal_user_is_not_deleted() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let ann = fixture.end_user("acme", None).await;
    let new = NewUser { end_user: Some(ann.id.clone()), ..new_user("acme", "ann") };
    let user = fixture.directory.users().create(new, &by_operator()).await.unwrap();
    let error = fixture
        .directory
        .end_users()
        .delete(&"acme".into(), &ann.id, &by_operator())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "end-user-in-use");
    fixture.directory.users().delete(&user.id, &by_operator()).await.unwrap();
    fixture.directory.end_users().delete(&"acme".into(), &ann.id, &by_operator()).await.unwrap();
}

#[tokio::test]
async fn deleting_an_end_user_and_adding_its_portal_user_conflict() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let ann = fixture.end_user("acme", None).await;
    let new = NewUser { end_user: Some(ann.id.clone()), ..new_user("acme", "ann") };
    let (other, created) = (fixture.directory.clone(), new.clone());
    let interruption = async move {
        other.users().create(created, &by_operator()).await.unwrap();
    };
    let deleting = fixture.with_interruption(interruption).await;
    let error =
        deleting.end_users().delete(&"acme".into(), &ann.id, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "end-user-in-use");

    let bob = fixture.end_user("acme", None).await;
    let (other, id) = (fixture.directory.clone(), bob.id.clone());
    let interruption =
        async move { other.end_users().delete(&"acme".into(), &id, &by_operator()).await.unwrap() };
    let creating = fixture.with_interruption(interruption).await;
    let new = NewUser { end_user: Some(bob.id), login: Some("bob".to_owned()), ..new };
    let error = creating.users().create(new, &by_operator()).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Invalid { field: "end_user", .. }), "{error:?}");
}
