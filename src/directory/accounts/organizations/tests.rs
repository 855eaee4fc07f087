use super::*;
use crate::directory::accounts::end_users::NewEndUser;
use crate::directory::accounts::groups::CopyOptions;
use crate::directory::accounts::users::NewUser;
use crate::directory::fixture::{Fixture, new_user};
use crate::directory::fixture::{by_operator, by_operator_to};

fn new(id: Option<&str>) -> NewOrganization {
    NewOrganization {
        id: id.map(str::to_owned).map(Into::into),
        name: " Acme Ltd ".to_owned(),
        email: None,
    }
}

#[tokio::test]
async fn an_organization_is_created_with_a_given_or_random_id() {
    let fixture = Fixture::new().await;
    let acme =
        fixture.directory.organizations().create(new(Some("acme")), &by_operator()).await.unwrap();
    assert_eq!(
        serde_json::to_value(&acme).unwrap(),
        serde_json::json!({
            "id": "acme", "name": "Acme Ltd", "portal_users": 0, "link_enabled": true,
            "version": 1,
        })
    );
    let error = fixture
        .directory
        .organizations()
        .create(new(Some("acme")), &by_operator())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "taken");
    for bad in ["", "Acme", "a/b", "-a"] {
        let error = fixture
            .directory
            .organizations()
            .create(new(Some(bad)), &by_operator())
            .await
            .unwrap_err();
        assert!(matches!(error, DirectoryError::Invalid { field: "id", .. }), "{bad:?}");
    }
    let random = fixture.directory.organizations().create(new(None), &by_operator()).await.unwrap();
    assert_eq!(fixture.directory.organizations().get(&random.id).await.unwrap(), random);
    let page = fixture
        .directory
        .organizations()
        .list(&OrganizationFilter::default(), &PageRequest::default())
        .await
        .unwrap();
    assert_eq!(page.items.len(), 2);
}

#[tokio::test]
async fn name_and_address_can_be_changed_and_the_address_removed() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let patch = |json: &str| serde_json::from_str::<OrganizationPatch>(json).unwrap();
    let change = async |json: &str, expected: Change| {
        fixture.directory.organizations().change(&"acme".into(), patch(json), &expected).await
    };
    let changed =
        change(r#"{"name": "Acme 2", "email": "office@acme.example"}"#, by_operator()).await;
    let changed = changed.unwrap();
    assert_eq!(changed.email.as_deref(), Some("office@acme.example"));
    let same = change(r#"{"name": "Acme 2"}"#, by_operator_to(2)).await.unwrap();
    assert_eq!(same, changed);
    let error = change(r#"{"email": "nobody"}"#, by_operator()).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Invalid { field: "email", .. }));
    assert_eq!(change(r#"{"email": null}"#, by_operator_to(2)).await.unwrap().email, None);
    assert_eq!(
        change(r#"{"name": "Late"}"#, by_operator_to(2)).await.unwrap_err().code(),
        "changed"
    );
    let facts = fixture.directory.organization(&"acme".into()).await.unwrap().unwrap();
    assert_eq!(&*facts.name, "Acme 2");
    assert!(serde_json::from_str::<OrganizationPatch>(r#"{"nam": "x"}"#).is_err());
}

#[tokio::test]
async fn an_organization_is_deleted_only_when_it_is_empty() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let end_user = fixture.end_user("acme", None).await;
    let user =
        fixture.directory.users().create(new_user("acme", "ann"), &by_operator()).await.unwrap();
    let error =
        fixture.directory.organizations().delete(&"acme".into(), &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "organization-in-use");
    assert!(error.to_string().contains("1 portal user and 1 end user;"), "{error}");
    fixture.directory.users().delete(&user.id, &by_operator()).await.unwrap();
    fixture
        .directory
        .end_users()
        .delete(&"acme".into(), &end_user.id, &by_operator())
        .await
        .unwrap();
    assert!(fixture.directory.organization(&"acme".into()).await.unwrap().is_some());
    fixture.directory.organizations().delete(&"acme".into(), &by_operator()).await.unwrap();
    assert!(fixture.directory.organization(&"acme".into()).await.unwrap().is_none());
}

#[tokio::test]
async fn an_organization_with_a_concurrent_member_is_not_deleted() {
    let fixture = Fixture::new().await;
    for (id, portal_user) in [("acme", true), ("other", false)] {
        fixture.organization(id).await;
        let other = fixture.directory.clone();
        let interruption = async move {
            if portal_user {
                other.users().create(new_user(id, "ann"), &by_operator()).await.unwrap();
            } else {
                let new = NewEndUser { name: "Ann".to_owned(), email: None };
                other.end_users().create(&id.into(), new, &by_operator()).await.unwrap();
            }
        };
        let deleting = fixture.with_interruption(interruption).await;
        let error = deleting.organizations().delete(&id.into(), &by_operator()).await.unwrap_err();
        assert_eq!(error.code(), "organization-in-use");
    }
}

#[tokio::test]
async fn no_member_is_added_to_an_organization_being_deleted() {
    let fixture = Fixture::new().await;
    for id in ["acme", "other"] {
        fixture.organization(id).await;
        let other = fixture.directory.clone();
        let interruption =
            async move { other.organizations().delete(&id.into(), &by_operator()).await.unwrap() };
        let adding = fixture.with_interruption(interruption).await;
        let error = if id == "acme" {
            adding.users().create(new_user(id, "ann"), &by_operator()).await.unwrap_err()
        } else {
            let new = NewEndUser { name: "Ann".to_owned(), email: None };
            adding.end_users().create(&id.into(), new, &by_operator()).await.unwrap_err()
        };
        assert!(error.to_string().contains("there is no organization"), "{error}");
    }
    assert_eq!(fixture.store.count(kind::USER, None).await.unwrap(), 0);
    assert_eq!(fixture.store.count(kind::END_USER, None).await.unwrap(), 0);
}

#[tokio::test]
async fn r6_new_users_get_the_default_group_of_their_organization() {
    let fixture = Fixture::new().await;
    for id in ["acme", "birch"] {
        fixture.organization(id).await;
    }
    let (organizations, users) = (fixture.directory.organizations(), fixture.directory.users());
    let set = async |json: &str| {
        let patch = serde_json::from_str::<OrganizationPatch>(json).unwrap();
        organizations.change(&"acme".into(), patch, &by_operator()).await
    };
    let group_of = async |organization: &str, login: &str| {
        users.create(new_user(organization, login), &by_operator()).await.unwrap().group
    };
    let usual = group_of("acme", "ann").await;
    let acme = set(r#"{ "default_group": "no-access" }"#).await.unwrap();
    assert_eq!(acme.default_group.unwrap(), "no-access");
    assert_eq!(group_of("acme", "ben").await, "no-access");
    assert_eq!(group_of("birch", "cho").await, usual);
    let named = NewUser { group: Some("limited".into()), ..new_user("acme", "dan") };
    assert_eq!(users.create(named, &by_operator()).await.unwrap().group, "limited");

    let error = set(r#"{ "default_group": "non-portal" }"#).await.unwrap_err();
    assert_eq!(error.code(), "group-not-a-default");
    let error = set(r#"{ "default_group": "nowhere" }"#).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Invalid { field: "default_group", .. }), "{error}");
    set(r#"{ "default_group": null }"#).await.unwrap();
    assert_eq!(group_of("acme", "eve").await, usual);
}

#[tokio::test]
async fn r6_a_default_group_of_an_organization_stays_or_moves() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let (organizations, groups) = (fixture.directory.organizations(), fixture.directory.groups());
    let options = CopyOptions::default();
    let copy = groups.copy(&"limited".into(), options, &by_operator()).await.unwrap();
    let patch = OrganizationPatch { default_group: Some(Some(copy.id.clone())), ..<_>::default() };
    organizations.change(&"acme".into(), patch, &by_operator()).await.unwrap();

    let error = groups.delete(&copy.id, None, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "group-is-default");
    assert!(error.to_string().contains("the default of 1 organization;"), "{error}");
    let to_strangers = groups.delete(&copy.id, Some(&"non-portal".into()), &by_operator()).await;
    assert_eq!(to_strangers.unwrap_err().code(), "group-not-a-default");
    groups.delete(&copy.id, Some(&"limited".into()), &by_operator()).await.unwrap();
    let acme = organizations.get(&"acme".into()).await.unwrap();
    assert_eq!(acme.default_group.unwrap(), "limited");
}
