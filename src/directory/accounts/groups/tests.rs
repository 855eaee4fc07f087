use std::sync::Arc;

use futures_util::future::join_all;

use super::*;
use crate::directory::accounts::users::{NewUser, UserPatch};
use crate::directory::fixture::{Fixture, new_user, now};
use crate::directory::fixture::{by_operator, by_operator_to};
use portcullis_store::Store;
use portcullis_store::sled::SledStore;

fn only(ids: &[&str]) -> Grant {
    Grant::Only(ids.iter().map(|&id| id.to_owned()).collect())
}

fn named(name: &str) -> CopyOptions {
    CopyOptions { id: None, name: Some(name.to_owned()) }
}

fn patch() -> GroupPatch {
    GroupPatch::default()
}

#[tokio::test]
async fn r1_r2_a_new_installation_has_four_groups() {
    let fixture = Fixture::new().await;
    let page = fixture.directory.groups().list(&PageRequest::default()).await.unwrap();
    let shown: Vec<_> = page
        .items
        .iter()
        .map(|g| (g.id.as_str(), g.permissions.len(), g.of, g.default, g.system, g.users))
        .collect();
    assert_eq!(
        shown,
        [
            ("admin", 24, 24, true, true, 0),
            ("limited", 8, 24, false, false, 0),
            ("no-access", 0, 24, false, false, 0),
            ("non-portal", 2, 18, false, true, 0),
        ]
    );
    assert_eq!(page.next, None);
}

#[tokio::test]
async fn many_concurrent_changes_of_a_record_all_succeed() {
    let fixture = Fixture::new().await;
    let limited = GroupId::from("limited");
    let (any, first) = (by_operator(), by_operator_to(1));
    let change = |n: usize| {
        let patch = GroupPatch { name: Some(format!("Name {n}")), ..patch() };
        fixture.directory.groups().change(&limited, patch, &any)
    };
    for changed in join_all((0..40).map(change)).await {
        changed.unwrap();
    }
    assert_eq!(fixture.directory.groups().get(&"limited".into()).await.unwrap().version, 41);
    let stale = |_| fixture.directory.groups().change(&limited, patch(), &first);
    for refused in join_all((0..40).map(stale)).await {
        assert_eq!(refused.unwrap_err().code(), "changed");
    }
}

#[tokio::test]
async fn r2_a_deleted_group_is_not_created_again_at_start() {
    let fixture = Fixture::new().await;
    fixture.directory.groups().delete(&"limited".into(), None, &by_operator()).await.unwrap();
    let again = fixture.replica().await;
    assert_eq!(again.groups().get(&"limited".into()).await.unwrap_err().code(), "not-found");
    assert_eq!(again.groups().get(&"admin".into()).await.unwrap().version, 1);
}

#[tokio::test]
async fn r2_two_processes_starting_at_once_both_have_the_groups() {
    for _ in 0..20 {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store: Arc<dyn Store> = Arc::new(SledStore::for_test(folder.path()));
        let (one, two) =
            tokio::join!(Fixture::over(store.clone(), folder), Fixture::over(store, other));
        for fixture in [one, two] {
            assert_eq!(fixture.directory.snapshot().group_count(), 4);
            let admin = fixture.directory.groups().get(&"admin".into()).await.unwrap();
            assert_eq!((admin.default, admin.version), (true, 1));
        }
    }
}

#[tokio::test]
async fn r3_non_portal_group_gets_no_permission_with_identity() {
    let fixture = Fixture::new().await;
    let grant = |ids: &[&str]| GroupPatch { permissions: Some(only(ids)), ..patch() };
    let bad = grant(&["invoices.view", "profile.edit"]);
    let error = fixture
        .directory
        .groups()
        .change(&"non-portal".into(), bad, &by_operator())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "permission-needs-identity");
    assert!(error.to_string().contains("`profile.edit`"), "{error}");
    let group = fixture.directory.groups().get(&"non-portal".into()).await.unwrap();
    assert_eq!(group.permissions, ["portal.access", "tickets.create"]);

    let good = grant(&["invoices.view"]);
    let group = fixture
        .directory
        .groups()
        .change(&"non-portal".into(), good, &by_operator())
        .await
        .unwrap();
    assert_eq!(group.permissions, ["invoices.view"]);
    let other = grant(&["profile.edit"]);
    let group =
        fixture.directory.groups().change(&"limited".into(), other, &by_operator()).await.unwrap();
    assert_eq!(group.permissions, ["profile.edit"]);
}

#[tokio::test]
async fn r3_all_is_18_for_the_non_portal_group_and_24_for_others() {
    let fixture = Fixture::new().await;
    for (id, all) in [("non-portal", 18), ("limited", 24)] {
        let grant = GroupPatch { permissions: Some(Grant::All), ..patch() };
        let group =
            fixture.directory.groups().change(&id.into(), grant, &by_operator()).await.unwrap();
        assert_eq!((group.permissions.len(), group.of), (all, all), "{id}");
    }
}

#[tokio::test]
async fn r4_built_in_groups_are_not_renamed_or_deleted() {
    let fixture = Fixture::new().await;
    for id in ["admin", "non-portal"] {
        let before = fixture.directory.groups().get(&id.into()).await.unwrap();
        let rename = GroupPatch { name: Some("Else".to_owned()), ..patch() };
        let error = fixture
            .directory
            .groups()
            .change(&id.into(), rename, &by_operator())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "group-built-in", "{id}");
        let error =
            fixture.directory.groups().delete(&id.into(), None, &by_operator()).await.unwrap_err();
        assert_eq!(error.code(), "group-built-in", "{id}");
        let error = fixture
            .directory
            .groups()
            .delete(&id.into(), Some(&"limited".into()), &by_operator())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "group-built-in", "{id}");
        assert_eq!(fixture.directory.groups().get(&id.into()).await.unwrap(), before);
        // Giving the current name is not a renaming.
        let same = GroupPatch { name: Some(before.name.clone()), ..patch() };
        assert_eq!(
            fixture.directory.groups().change(&id.into(), same, &by_operator()).await.unwrap(),
            before
        );
    }
    for id in ["limited", "no-access"] {
        let rename = GroupPatch { name: Some(format!(" New {id} ")), ..patch() };
        let group =
            fixture.directory.groups().change(&id.into(), rename, &by_operator()).await.unwrap();
        assert_eq!(group.name, format!("New {id}"));
        fixture.directory.groups().delete(&id.into(), None, &by_operator()).await.unwrap();
    }
}

#[tokio::test]
async fn r4_group_names_are_unique_regardless_of_case_and_space() {
    let fixture = Fixture::new().await;
    let new = |name: &str| NewGroup { id: None, name: name.to_owned(), permissions: Grant::All };
    let error = fixture
        .directory
        .groups()
        .create(new(" admin PORTAL group "), &by_operator())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "taken");
    let made = fixture.directory.groups().create(new("Admins"), &by_operator()).await.unwrap();
    let rename = GroupPatch { name: Some("LIMITED portal group".to_owned()), ..patch() };
    let error =
        fixture.directory.groups().change(&made.id, rename, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "taken");
    // A group can change the case of its own name.
    let recase = GroupPatch { name: Some("ADMINS".to_owned()), ..patch() };
    assert_eq!(
        fixture.directory.groups().change(&made.id, recase, &by_operator()).await.unwrap().name,
        "ADMINS"
    );
    assert_eq!(
        fixture.directory.groups().create(new(" "), &by_operator()).await.unwrap_err().code(),
        "invalid"
    );
}

#[tokio::test]
async fn r4_no_group_is_named_like_the_id_of_another() {
    let fixture = Fixture::new().await;
    let groups = fixture.directory.groups();
    let new = |id: Option<&str>, name: &str| NewGroup {
        id: id.map(GroupId::from),
        name: name.to_owned(),
        permissions: Grant::All,
    };
    for name in ["admin", "Limited", " NO-ACCESS "] {
        let error = groups.create(new(None, name), &by_operator()).await.unwrap_err();
        assert_eq!(error.code(), "taken", "{name}");
    }
    let made = groups.create(new(Some("billing"), "Billing"), &by_operator()).await.unwrap();
    let rename = GroupPatch { name: Some("Admin".to_owned()), ..patch() };
    let error = groups.change(&made.id, rename, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "taken");
    groups.create(new(None, "Support"), &by_operator()).await.unwrap();
    let error = groups.create(new(Some("support"), "Helpers"), &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "taken");
}

#[tokio::test]
async fn r5_a_group_is_created_with_chosen_permissions_or_all() {
    let fixture = Fixture::new().await;
    let new = |name: &str, permissions| NewGroup { id: None, name: name.to_owned(), permissions };
    let group =
        fixture.directory.groups().create(new("All", Grant::All), &by_operator()).await.unwrap();
    assert_eq!((group.permissions.len(), group.of, group.version), (24, 24, 1));
    let chosen = only(&["tickets.create", "portal.access", "tickets.create"]);
    let group =
        fixture.directory.groups().create(new("Some", chosen), &by_operator()).await.unwrap();
    assert_eq!(group.permissions, ["portal.access", "tickets.create"]);
    assert_eq!(fixture.directory.groups().get(&group.id).await.unwrap(), group);
    let unknown = only(&["portal.access", "no.such"]);
    let error =
        fixture.directory.groups().create(new("None", unknown), &by_operator()).await.unwrap_err();
    assert!(matches!(&error, DirectoryError::Invalid { field: "permissions", .. }));
    assert!(error.to_string().contains("`no.such`"), "{error}");
}

#[tokio::test]
async fn r5_a_copy_grants_the_same_and_is_named_after_the_original() {
    let fixture = Fixture::new().await;
    let original = fixture.directory.groups().get(&"non-portal".into()).await.unwrap();
    for name in [
        "Copy of Non-Portal User Group",
        "Copy of Non-Portal User Group (2)",
        "Copy of Non-Portal User Group (3)",
    ] {
        let copy = fixture
            .directory
            .groups()
            .copy(&"non-portal".into(), CopyOptions::default(), &by_operator())
            .await
            .unwrap();
        assert_eq!((copy.name.as_str(), copy.of, copy.system), (name, 24, false));
        assert_eq!(copy.permissions, original.permissions);
    }
    let copy = fixture
        .directory
        .groups()
        .copy(&"admin".into(), named("Chiefs"), &by_operator())
        .await
        .unwrap();
    assert_eq!((copy.name.as_str(), copy.default), ("Chiefs", false));
    let error = fixture
        .directory
        .groups()
        .copy(&"admin".into(), named("chiefs"), &by_operator())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "taken");
    let error = fixture
        .directory
        .groups()
        .copy(&"nobody".into(), CopyOptions::default(), &by_operator())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "not-found");
}

#[tokio::test]
async fn group_ids_can_be_chosen_and_stay_unique() {
    let fixture = Fixture::new().await;
    let groups = fixture.directory.groups();
    let create = |id: &str, name: &str| {
        let (id, name) = (Some(id.into()), name.to_owned());
        let new = NewGroup { id, name, permissions: only(&["tickets.create"]) };
        async move { groups.create(new, &by_operator()).await }
    };
    let copy = |id: &str| {
        let options = CopyOptions { id: Some(id.into()), name: None };
        async move { groups.copy(&"limited".into(), options, &by_operator()).await }
    };
    let longest = "x".repeat(64);
    for id in ["accounts-team", "7", &longest] {
        assert_eq!(create(id, id).await.unwrap().id, id);
    }
    assert_eq!(copy("twin").await.unwrap().id, "twin");
    for (error, message) in [
        (create("accounts-team", "Other").await, "id: a group `accounts-team` already exists"),
        (create("admin", "Other").await, "id: a group `admin` already exists"),
        (copy("twin").await, "id: a group `twin` already exists"),
    ] {
        let error = error.unwrap_err();
        assert_eq!((error.code(), &*error.to_string()), ("taken", message));
    }
    let too_long = "x".repeat(65);
    for id in ["", "Team", "a_b", "a--b", "-a", "a-", "a b", "ä", &too_long, "anonymous", "link"] {
        for error in [create(id, "Other").await, copy(id).await] {
            let error = error.unwrap_err();
            assert!(matches!(error, DirectoryError::Invalid { field: "id", .. }), "{id}: {error}");
        }
    }
    let made = join_all((0..4).map(|_| copy("race"))).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    assert!(made.into_iter().filter_map(Result::err).all(|error| error.code() == "taken"));
}

#[tokio::test]
async fn r5_concurrent_copies_get_different_names() {
    let fixture = Fixture::new().await;
    let admin = GroupId::from("admin");
    let change = by_operator();
    let copies =
        (0..6).map(|_| fixture.directory.groups().copy(&admin, CopyOptions::default(), &change));
    let mut names: Vec<_> =
        join_all(copies).await.into_iter().map(|copy| copy.unwrap().name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 6);
}

#[tokio::test]
async fn r5_a_group_with_members_is_not_deleted() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let group = fixture.group("Staff").await;
    fixture.user("acme", "ann", group.id.as_str()).await;
    fixture.user("acme", "bob", group.id.as_str()).await;
    let error =
        fixture.directory.groups().delete(&group.id, None, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "group-in-use");
    let message = error.to_string();
    assert!(message.contains("2 portal users") && message.contains("move_to"), "{message}");
    assert_eq!(fixture.directory.groups().get(&group.id).await.unwrap().users, 2);

    let empty = fixture.group("Empty").await;
    fixture.directory.groups().delete(&empty.id, None, &by_operator()).await.unwrap();
    let error =
        fixture.directory.groups().delete(&empty.id, None, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "not-found");
}

#[tokio::test]
async fn r5_delete_with_move_to_moves_all_members_in_one_commit() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let group = fixture.group("Staff").await;
    let ann = fixture.user("acme", "ann", group.id.as_str()).await;
    fixture.user("acme", "bob", group.id.as_str()).await;
    fixture.user("acme", "eve", "admin").await;
    let head = fixture.store.head().await.unwrap();
    fixture
        .directory
        .groups()
        .delete(&group.id, Some(&"limited".into()), &by_operator())
        .await
        .unwrap();
    assert_eq!(fixture.store.head().await.unwrap(), head + 1);
    assert_eq!(fixture.directory.groups().get(&"limited".into()).await.unwrap().users, 2);
    assert_eq!(fixture.directory.groups().get(&"admin".into()).await.unwrap().users, 1);
    let facts = fixture.directory.user(&ann.id).await.unwrap().unwrap();
    assert_eq!(facts.group, "limited");
    // Moving does not end sessions.
    assert!(facts.honours_session(0));
}

#[tokio::test]
async fn r5_delete_moves_more_than_a_page_of_members_in_one_commit() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let group = fixture.group("Crowd").await;
    let doc = |n: usize| User {
        name: None,
        login: format!("user{n}"),
        organization: "acme".into(),
        end_user: None,
        group: group.id.clone(),
        password: None,
        password_generation: 0,
        invitation: None,
        reset: None,
        disabled: false,
        second_factor: None,
        require_mfa: false,
        created: now(),
        managed_by: None,
    };
    let crowd = (0..2345).map(|n| put(&format!("u{n}").into(), Expect::Absent, &doc(n))).collect();
    fixture.store.commit(crowd).await.unwrap();
    let head = fixture.store.head().await.unwrap();
    fixture
        .directory
        .groups()
        .delete(&group.id, Some(&"limited".into()), &by_operator())
        .await
        .unwrap();
    assert_eq!(fixture.store.head().await.unwrap(), head + 1);
    assert_eq!(fixture.directory.groups().get(&"limited".into()).await.unwrap().users, 2345);
}

#[tokio::test]
async fn r5_members_are_moved_only_to_another_group_that_exists() {
    let fixture = Fixture::new().await;
    let group = fixture.group("Staff").await;
    for target in [group.id.as_str(), "nowhere", ""] {
        let error = fixture
            .directory
            .groups()
            .delete(&group.id, Some(&target.into()), &by_operator())
            .await;
        let error = error.unwrap_err();
        assert!(matches!(error, DirectoryError::Invalid { field: "move_to", .. }), "{target:?}");
    }
    fixture.directory.groups().get(&group.id).await.unwrap();
}

#[tokio::test]
async fn r5_a_group_that_a_user_joins_concurrently_is_not_deleted() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    for move_to in [None, Some("limited")] {
        let group = fixture.group(&format!("Staff {move_to:?}")).await;
        let (other, id) = (fixture.directory.clone(), group.id.clone());
        let deleting = fixture
            .with_interruption(async move {
                let new = NewUser { group: Some(id.clone()), ..new_user("acme", id.as_str()) };
                other.users().create(new, &by_operator()).await.unwrap();
            })
            .await;
        let deleted = deleting
            .groups()
            .delete(&group.id, move_to.map(Into::into).as_ref(), &by_operator())
            .await;
        match move_to {
            None => assert_eq!(deleted.unwrap_err().code(), "group-in-use"),
            // The new member is moved too.
            Some(_) => deleted.unwrap(),
        }
        let joined = fixture.directory.users().with_login(group.id.as_str()).await.unwrap();
        assert_eq!(joined.group, move_to.unwrap_or(group.id.as_str()));
        fixture.directory.groups().get(&joined.group).await.unwrap();
    }
}

#[tokio::test]
async fn r5_no_user_joins_a_group_that_is_deleted_concurrently() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let ann = fixture.user("acme", "ann", "limited").await;
    let deleted = async |group: &GroupView| {
        let (other, id) = (fixture.directory.clone(), group.id.clone());
        let interruption =
            async move { other.groups().delete(&id, None, &by_operator()).await.unwrap() };
        fixture.with_interruption(interruption).await
    };

    let group = fixture.group("One").await;
    let creating = deleted(&group).await;
    let new = NewUser { group: Some(group.id.clone()), ..new_user("acme", "bob") };
    let error = creating.users().create(new, &by_operator()).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Invalid { field: "group", .. }), "{error:?}");
    let error = fixture.directory.users().with_login("bob").await.unwrap_err();
    assert_eq!(error.code(), "not-found");

    let group = fixture.group("Two").await;
    let moving = deleted(&group).await;
    let patch = UserPatch { group: Some(group.id.clone()), ..UserPatch::default() };
    let error = moving.users().change(&ann.id, patch, &by_operator()).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Invalid { field: "group", .. }), "{error:?}");
    assert_eq!(fixture.directory.users().get(&ann.id).await.unwrap(), ann);

    let (from, to) = (fixture.group("From").await, fixture.group("To").await);
    let merging = deleted(&to).await;
    let error = merging.groups().delete(&from.id, Some(&to.id), &by_operator()).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Invalid { field: "move_to", .. }), "{error:?}");
    fixture.directory.groups().get(&from.id).await.unwrap();
}

#[tokio::test]
async fn r6_exactly_one_group_is_the_default_and_new_users_get_it() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let make = GroupPatch { default: Some(true), ..patch() };
    let limited = fixture
        .directory
        .groups()
        .change(&"limited".into(), make.clone(), &by_operator())
        .await
        .unwrap();
    assert!(limited.default);
    let page = fixture.directory.groups().list(&PageRequest::default()).await.unwrap();
    let defaults: Vec<_> = page.items.iter().filter(|g| g.default).map(|g| &g.id).collect();
    assert_eq!(defaults, ["limited"]);
    let user =
        fixture.directory.users().create(new_user("acme", "ann"), &by_operator()).await.unwrap();
    assert_eq!(user.group, "limited");

    let error = fixture
        .directory
        .groups()
        .change(&"non-portal".into(), make, &by_operator())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "group-not-a-default");
    let unmake = GroupPatch { default: Some(false), ..patch() };
    let error = fixture
        .directory
        .groups()
        .change(&"limited".into(), unmake.clone(), &by_operator())
        .await
        .unwrap_err();
    assert!(matches!(error, DirectoryError::Invalid { field: "default", .. }));
    assert!(
        !fixture
            .directory
            .groups()
            .change(&"admin".into(), unmake, &by_operator())
            .await
            .unwrap()
            .default
    );
}

#[tokio::test]
async fn r6_the_default_is_not_deleted_until_another_is() {
    let fixture = Fixture::new().await;
    let group = fixture.group("Staff").await;
    let make = GroupPatch { default: Some(true), ..patch() };
    fixture.directory.groups().change(&group.id, make.clone(), &by_operator()).await.unwrap();
    for move_to in [None, Some("limited")] {
        let error = fixture
            .directory
            .groups()
            .delete(&group.id, move_to.map(Into::into).as_ref(), &by_operator())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "group-is-default");
    }
    fixture.directory.groups().change(&"limited".into(), make, &by_operator()).await.unwrap();
    fixture.directory.groups().delete(&group.id, None, &by_operator()).await.unwrap();
}

#[tokio::test]
async fn r6_a_group_made_default_concurrently_is_not_deleted() {
    let fixture = Fixture::new().await;
    let group = fixture.group("Staff").await;
    let (other, id) = (fixture.directory.clone(), group.id.clone());
    let make = GroupPatch { default: Some(true), ..patch() };
    let deleting = fixture
        .with_interruption(async move {
            other.groups().change(&id, make, &by_operator()).await.unwrap();
        })
        .await;
    let error = deleting.groups().delete(&group.id, None, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "group-is-default");
    assert!(fixture.directory.groups().get(&group.id).await.unwrap().default);
}

#[tokio::test]
async fn r6_a_group_deleted_concurrently_is_not_made_default() {
    let fixture = Fixture::new().await;
    let group = fixture.group("Staff").await;
    let (other, id) = (fixture.directory.clone(), group.id.clone());
    let interruption =
        async move { other.groups().delete(&id, None, &by_operator()).await.unwrap() };
    let making = fixture.with_interruption(interruption).await;
    let make = GroupPatch { default: Some(true), ..patch() };
    let error = making.groups().change(&group.id, make, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "not-found");
    assert_eq!(fixture.directory.preferences().get().await.unwrap().default_group, "admin");
}

#[tokio::test]
async fn r7_a_change_to_a_group_is_in_force_when_it_returns() {
    let fixture = Fixture::new().await;
    let before = fixture.directory.snapshot().granted("limited");
    assert_eq!(before.len(), 8);
    let change = GroupPatch { permissions: Some(only(&["invoices.pay"])), ..patch() };
    fixture.directory.groups().change(&"limited".into(), change, &by_operator()).await.unwrap();
    let snapshot = fixture.directory.snapshot();
    let granted = snapshot.granted("limited");
    let ids: Vec<_> = snapshot.policy().catalogue().ids(granted).collect();
    assert_eq!(ids, ["invoices.pay"]);
    fixture.directory.groups().delete(&"limited".into(), None, &by_operator()).await.unwrap();
    assert!(fixture.directory.snapshot().granted("limited").is_empty());
}

#[tokio::test]
async fn a_change_succeeds_only_at_the_expected_version() {
    let fixture = Fixture::new().await;
    let rename = |name: &str| GroupPatch { name: Some(name.to_owned()), ..patch() };
    let changed = fixture
        .directory
        .groups()
        .change(&"limited".into(), rename("A"), &by_operator_to(1))
        .await
        .unwrap();
    assert_eq!(changed.version, 2);
    assert_eq!(fixture.directory.groups().get(&"limited".into()).await.unwrap(), changed);
    let error = fixture
        .directory
        .groups()
        .change(&"limited".into(), rename("B"), &by_operator_to(1))
        .await
        .unwrap_err();
    assert!(matches!(error, DirectoryError::Changed { version: 2, .. }), "{error:?}");
    let error = fixture
        .directory
        .groups()
        .delete(&"limited".into(), None, &by_operator_to(1))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "changed");
    // Of two changes with the same expected version one succeeds, in any order.
    let limited = GroupId::from("limited");
    let (any, second) = (by_operator(), by_operator_to(2));
    let (one, two) = tokio::join!(
        fixture.directory.groups().change(&limited, rename("C"), &second),
        fixture.directory.groups().change(&limited, rename("D"), &second)
    );
    assert_ne!(one.is_ok(), two.is_ok());
    // Without an expected version, both succeed, one after the other.
    let (one, two) = tokio::join!(
        fixture.directory.groups().change(&limited, rename("E"), &any),
        fixture.directory.groups().change(&limited, rename("F"), &any)
    );
    assert_eq!(one.unwrap().version + two.unwrap().version, 4 + 5);
}

#[test]
fn a_grant_is_a_list_or_all() {
    let parse = |json: &str| serde_json::from_str::<Grant>(json);
    assert_eq!(parse("\"all\"").unwrap(), Grant::All);
    assert_eq!(parse("[\"a\"]").unwrap(), only(&["a"]));
    for bad in ["\"some\"", "7", "[7]", "null"] {
        let error = parse(bad).unwrap_err().to_string();
        assert!(error.contains("\"all\""), "{error}");
    }
}
