use std::sync::Arc;

use futures_util::future::join_all;

use super::*;
use crate::directory::fixture::{Fixture, new_user, now};
use crate::directory::users::{NewUser, UserPatch};
use portcullis_store::Store;
use portcullis_store::sled::SledStore;

fn only(ids: &[&str]) -> Grant {
    Grant::Only(ids.iter().map(|&id| id.to_owned()).collect())
}

fn patch() -> GroupPatch {
    GroupPatch::default()
}

#[tokio::test]
async fn r1_r2_a_new_installation_has_four_groups_each_n_of_what_it_can_have() {
    let fixture = Fixture::new().await;
    let page = fixture.directory.groups(&PageRequest::default()).await.unwrap();
    let told: Vec<_> = page
        .items
        .iter()
        .map(|g| (g.id.as_str(), g.permissions.len(), g.of, g.default, g.system, g.users))
        .collect();
    assert_eq!(
        told,
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
async fn however_many_change_one_record_at_once_all_get_through() {
    let fixture = Fixture::new().await;
    let limited = GroupId::from("limited");
    let change = |n: usize| {
        let patch = GroupPatch { name: Some(format!("Name {n}")), ..patch() };
        fixture.directory.change_group(&limited, patch, None)
    };
    for changed in join_all((0..40).map(change)).await {
        changed.unwrap();
    }
    assert_eq!(fixture.directory.group(&"limited".into()).await.unwrap().version, 41);
    let stale = |_| fixture.directory.change_group(&limited, patch(), Some(1));
    for refused in join_all((0..40).map(stale)).await {
        assert_eq!(refused.unwrap_err().code(), "changed");
    }
}

#[tokio::test]
async fn r2_a_deleted_group_does_not_come_back_with_the_next_start() {
    let fixture = Fixture::new().await;
    fixture.directory.delete_group(&"limited".into(), None, None).await.unwrap();
    let again = fixture.replica().await;
    assert_eq!(again.group(&"limited".into()).await.unwrap_err().code(), "not-found");
    assert_eq!(again.group(&"admin".into()).await.unwrap().version, 1);
}

#[tokio::test]
async fn r2_two_that_start_at_once_on_an_empty_store_both_know_the_groups() {
    for _ in 0..20 {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store: Arc<dyn Store> = Arc::new(SledStore::for_test(folder.path()));
        let (one, two) =
            tokio::join!(Fixture::over(store.clone(), folder), Fixture::over(store, other));
        for fixture in [one, two] {
            assert_eq!(fixture.directory.snapshot().groups().count(), 4);
            let admin = fixture.directory.group(&"admin".into()).await.unwrap();
            assert_eq!((admin.default, admin.version), (true, 1));
        }
    }
}

#[tokio::test]
async fn r3_a_permission_that_needs_an_identity_is_refused_to_the_non_portal_group_by_name() {
    let fixture = Fixture::new().await;
    let grant = |ids: &[&str]| GroupPatch { permissions: Some(only(ids)), ..patch() };
    let bad = grant(&["invoices.view", "profile.edit"]);
    let error = fixture.directory.change_group(&"non-portal".into(), bad, None).await.unwrap_err();
    assert_eq!(error.code(), "permission-needs-identity");
    assert!(error.to_string().contains("`profile.edit`"), "{error}");
    let group = fixture.directory.group(&"non-portal".into()).await.unwrap();
    assert_eq!(group.permissions, ["portal.access", "tickets.create"]);

    let good = grant(&["invoices.view"]);
    let group = fixture.directory.change_group(&"non-portal".into(), good, None).await.unwrap();
    assert_eq!(group.permissions, ["invoices.view"]);
    let other = grant(&["profile.edit"]);
    let group = fixture.directory.change_group(&"limited".into(), other, None).await.unwrap();
    assert_eq!(group.permissions, ["profile.edit"]);
}

#[tokio::test]
async fn r3_all_means_18_for_the_non_portal_group_and_24_for_another() {
    let fixture = Fixture::new().await;
    for (id, all) in [("non-portal", 18), ("limited", 24)] {
        let grant = GroupPatch { permissions: Some(Grant::All), ..patch() };
        let group = fixture.directory.change_group(&id.into(), grant, None).await.unwrap();
        assert_eq!((group.permissions.len(), group.of), (all, all), "{id}");
    }
}

#[tokio::test]
async fn r4_the_admin_and_non_portal_groups_are_neither_renamed_nor_deleted() {
    let fixture = Fixture::new().await;
    for id in ["admin", "non-portal"] {
        let before = fixture.directory.group(&id.into()).await.unwrap();
        let rename = GroupPatch { name: Some("Else".to_owned()), ..patch() };
        let error = fixture.directory.change_group(&id.into(), rename, None).await.unwrap_err();
        assert_eq!(error.code(), "group-built-in", "{id}");
        let error = fixture.directory.delete_group(&id.into(), None, None).await.unwrap_err();
        assert_eq!(error.code(), "group-built-in", "{id}");
        let error = fixture
            .directory
            .delete_group(&id.into(), Some(&"limited".into()), None)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "group-built-in", "{id}");
        assert_eq!(fixture.directory.group(&id.into()).await.unwrap(), before);
        // Saying its own name is no renaming.
        let same = GroupPatch { name: Some(before.name.clone()), ..patch() };
        assert_eq!(fixture.directory.change_group(&id.into(), same, None).await.unwrap(), before);
    }
    for id in ["limited", "no-access"] {
        let rename = GroupPatch { name: Some(format!(" New {id} ")), ..patch() };
        let group = fixture.directory.change_group(&id.into(), rename, None).await.unwrap();
        assert_eq!(group.name, format!("New {id}"));
        fixture.directory.delete_group(&id.into(), None, None).await.unwrap();
    }
}

#[tokio::test]
async fn r4_group_names_are_unique_without_case_and_space() {
    let fixture = Fixture::new().await;
    let new = |name: &str| NewGroup { name: name.to_owned(), permissions: Grant::All };
    let error = fixture.directory.create_group(new(" admin PORTAL group ")).await.unwrap_err();
    assert_eq!(error.code(), "taken");
    let made = fixture.directory.create_group(new("Admins")).await.unwrap();
    let rename = GroupPatch { name: Some("LIMITED portal group".to_owned()), ..patch() };
    let error = fixture.directory.change_group(&made.id, rename, None).await.unwrap_err();
    assert_eq!(error.code(), "taken");
    // Its own name in other letters is free for it.
    let recase = GroupPatch { name: Some("ADMINS".to_owned()), ..patch() };
    assert_eq!(
        fixture.directory.change_group(&made.id, recase, None).await.unwrap().name,
        "ADMINS"
    );
    assert_eq!(fixture.directory.create_group(new(" ")).await.unwrap_err().code(), "invalid");
}

#[tokio::test]
async fn r5_a_group_is_made_with_chosen_permissions_or_all_and_unknown_ones_are_named() {
    let fixture = Fixture::new().await;
    let new = |name: &str, permissions| NewGroup { name: name.to_owned(), permissions };
    let group = fixture.directory.create_group(new("All", Grant::All)).await.unwrap();
    assert_eq!((group.permissions.len(), group.of, group.version), (24, 24, 1));
    let chosen = only(&["tickets.create", "portal.access", "tickets.create"]);
    let group = fixture.directory.create_group(new("Some", chosen)).await.unwrap();
    assert_eq!(group.permissions, ["portal.access", "tickets.create"]);
    assert_eq!(fixture.directory.group(&group.id).await.unwrap(), group);
    let unknown = only(&["portal.access", "no.such"]);
    let error = fixture.directory.create_group(new("None", unknown)).await.unwrap_err();
    assert!(matches!(&error, DirectoryError::Invalid { field: "permissions", .. }));
    assert!(error.to_string().contains("`no.such`"), "{error}");
}

#[tokio::test]
async fn r5_a_copy_grants_the_same_and_is_named_after_the_original() {
    let fixture = Fixture::new().await;
    let original = fixture.directory.group(&"non-portal".into()).await.unwrap();
    for name in [
        "Copy of Non-Portal User Group",
        "Copy of Non-Portal User Group (2)",
        "Copy of Non-Portal User Group (3)",
    ] {
        let copy = fixture.directory.copy_group(&"non-portal".into(), None, None).await.unwrap();
        assert_eq!((copy.name.as_str(), copy.of, copy.system), (name, 24, false));
        assert_eq!(copy.permissions, original.permissions);
    }
    let copy = fixture.directory.copy_group(&"admin".into(), Some("Chiefs"), None).await.unwrap();
    assert_eq!((copy.name.as_str(), copy.default), ("Chiefs", false));
    let error =
        fixture.directory.copy_group(&"admin".into(), Some("chiefs"), None).await.unwrap_err();
    assert_eq!(error.code(), "taken");
    let error = fixture.directory.copy_group(&"nobody".into(), None, None).await.unwrap_err();
    assert_eq!(error.code(), "not-found");
}

#[tokio::test]
async fn r5_copies_made_at_once_all_get_names_of_their_own() {
    let fixture = Fixture::new().await;
    let admin = GroupId::from("admin");
    let copies = (0..6).map(|_| fixture.directory.copy_group(&admin, None, None));
    let mut names: Vec<_> =
        join_all(copies).await.into_iter().map(|copy| copy.unwrap().name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 6);
}

#[tokio::test]
async fn r5_a_group_with_members_is_not_deleted_and_the_error_counts_them_and_names_the_way_out() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let group = fixture.group("Staff").await;
    fixture.user("acme", "ann", group.id.as_str()).await;
    fixture.user("acme", "bob", group.id.as_str()).await;
    let error = fixture.directory.delete_group(&group.id, None, None).await.unwrap_err();
    assert_eq!(error.code(), "group-in-use");
    let told = error.to_string();
    assert!(told.contains("2 portal users") && told.contains("move_to"), "{told}");
    assert_eq!(fixture.directory.group(&group.id).await.unwrap().users, 2);

    let empty = fixture.group("Empty").await;
    fixture.directory.delete_group(&empty.id, None, None).await.unwrap();
    let error = fixture.directory.delete_group(&empty.id, None, None).await.unwrap_err();
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
    fixture.directory.delete_group(&group.id, Some(&"limited".into()), None).await.unwrap();
    assert_eq!(fixture.store.head().await.unwrap(), head + 1);
    assert_eq!(fixture.directory.group(&"limited".into()).await.unwrap().users, 2);
    assert_eq!(fixture.directory.group(&"admin".into()).await.unwrap().users, 1);
    let facts = fixture.directory.user(&ann.id).await.unwrap().unwrap();
    assert_eq!(facts.group, "limited");
    // Moving is not signing out.
    assert!(facts.honours_session(0));
}

#[tokio::test]
async fn r5_delete_moves_more_members_than_a_page_holds_in_one_commit() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let group = fixture.group("Crowd").await;
    let doc = |n: usize| User {
        login: format!("user{n}"),
        organization: "acme".into(),
        end_user: None,
        group: group.id.clone(),
        password: None,
        password_generation: 0,
        invitation: None,
        reset: None,
        second_factor: None,
        require_mfa: false,
        created: now(),
    };
    let crowd = (0..2345).map(|n| put(&format!("u{n}").into(), Expect::Absent, &doc(n))).collect();
    fixture.store.commit(crowd).await.unwrap();
    let head = fixture.store.head().await.unwrap();
    fixture.directory.delete_group(&group.id, Some(&"limited".into()), None).await.unwrap();
    assert_eq!(fixture.store.head().await.unwrap(), head + 1);
    assert_eq!(fixture.directory.group(&"limited".into()).await.unwrap().users, 2345);
}

#[tokio::test]
async fn r5_members_are_moved_only_to_another_group_that_exists() {
    let fixture = Fixture::new().await;
    let group = fixture.group("Staff").await;
    for target in [group.id.as_str(), "nowhere", ""] {
        let error = fixture.directory.delete_group(&group.id, Some(&target.into()), None).await;
        let error = error.unwrap_err();
        assert!(matches!(error, DirectoryError::Invalid { field: "move_to", .. }), "{target:?}");
    }
    fixture.directory.group(&group.id).await.unwrap();
}

#[tokio::test]
async fn r5_a_group_that_somebody_joins_while_it_is_deleted_stays() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    for move_to in [None, Some("limited")] {
        let group = fixture.group(&format!("Staff {move_to:?}")).await;
        let (other, id) = (fixture.directory.clone(), group.id.clone());
        let deleting = fixture
            .with_meddling(async move {
                let new = NewUser { group: Some(id.clone()), ..new_user("acme", id.as_str()) };
                other.create_user(new, now()).await.unwrap();
            })
            .await;
        let deleted =
            deleting.delete_group(&group.id, move_to.map(Into::into).as_ref(), None).await;
        match move_to {
            None => assert_eq!(deleted.unwrap_err().code(), "group-in-use"),
            // The newcomer is moved along.
            Some(_) => deleted.unwrap(),
        }
        let joined = fixture.directory.user_with_login(group.id.as_str()).await.unwrap();
        assert_eq!(joined.group, move_to.unwrap_or(group.id.as_str()));
        fixture.directory.group(&joined.group).await.unwrap();
    }
}

#[tokio::test]
async fn r5_nobody_joins_or_moves_to_a_group_that_is_deleted_meanwhile() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let ann = fixture.user("acme", "ann", "limited").await;
    let deleted = async |group: &GroupView| {
        let (other, id) = (fixture.directory.clone(), group.id.clone());
        let meddling = async move { other.delete_group(&id, None, None).await.unwrap() };
        fixture.with_meddling(meddling).await
    };

    let group = fixture.group("One").await;
    let creating = deleted(&group).await;
    let new = NewUser { group: Some(group.id.clone()), ..new_user("acme", "bob") };
    let error = creating.create_user(new, now()).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Invalid { field: "group", .. }), "{error:?}");
    let error = fixture.directory.user_with_login("bob").await.unwrap_err();
    assert_eq!(error.code(), "not-found");

    let group = fixture.group("Two").await;
    let moving = deleted(&group).await;
    let patch = UserPatch { group: Some(group.id.clone()), ..UserPatch::default() };
    let error = moving.change_user(&ann.id, patch, None).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Invalid { field: "group", .. }), "{error:?}");
    assert_eq!(fixture.directory.show_user(&ann.id).await.unwrap(), ann);

    let (from, to) = (fixture.group("From").await, fixture.group("To").await);
    let merging = deleted(&to).await;
    let error = merging.delete_group(&from.id, Some(&to.id), None).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Invalid { field: "move_to", .. }), "{error:?}");
    fixture.directory.group(&from.id).await.unwrap();
}

#[tokio::test]
async fn r6_exactly_one_group_is_the_default_and_new_users_get_it() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let make = GroupPatch { default: Some(true), ..patch() };
    let limited =
        fixture.directory.change_group(&"limited".into(), make.clone(), None).await.unwrap();
    assert!(limited.default);
    let page = fixture.directory.groups(&PageRequest::default()).await.unwrap();
    let defaults: Vec<_> = page.items.iter().filter(|g| g.default).map(|g| &g.id).collect();
    assert_eq!(defaults, ["limited"]);
    let user = fixture.directory.create_user(new_user("acme", "ann"), now()).await.unwrap();
    assert_eq!(user.group, "limited");

    let error = fixture.directory.change_group(&"non-portal".into(), make, None).await.unwrap_err();
    assert_eq!(error.code(), "group-not-a-default");
    let unmake = GroupPatch { default: Some(false), ..patch() };
    let error =
        fixture.directory.change_group(&"limited".into(), unmake.clone(), None).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Invalid { field: "default", .. }));
    assert!(!fixture.directory.change_group(&"admin".into(), unmake, None).await.unwrap().default);
}

#[tokio::test]
async fn r6_the_default_is_not_deleted_until_another_is() {
    let fixture = Fixture::new().await;
    let group = fixture.group("Staff").await;
    let make = GroupPatch { default: Some(true), ..patch() };
    fixture.directory.change_group(&group.id, make.clone(), None).await.unwrap();
    for move_to in [None, Some("limited")] {
        let error = fixture
            .directory
            .delete_group(&group.id, move_to.map(Into::into).as_ref(), None)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "group-is-default");
    }
    fixture.directory.change_group(&"limited".into(), make, None).await.unwrap();
    fixture.directory.delete_group(&group.id, None, None).await.unwrap();
}

#[tokio::test]
async fn r6_a_group_made_the_default_while_it_is_deleted_stays() {
    let fixture = Fixture::new().await;
    let group = fixture.group("Staff").await;
    let (other, id) = (fixture.directory.clone(), group.id.clone());
    let make = GroupPatch { default: Some(true), ..patch() };
    let deleting = fixture
        .with_meddling(async move {
            other.change_group(&id, make, None).await.unwrap();
        })
        .await;
    let error = deleting.delete_group(&group.id, None, None).await.unwrap_err();
    assert_eq!(error.code(), "group-is-default");
    assert!(fixture.directory.group(&group.id).await.unwrap().default);
}

#[tokio::test]
async fn r6_a_group_deleted_while_it_is_made_the_default_is_not() {
    let fixture = Fixture::new().await;
    let group = fixture.group("Staff").await;
    let (other, id) = (fixture.directory.clone(), group.id.clone());
    let meddling = async move { other.delete_group(&id, None, None).await.unwrap() };
    let making = fixture.with_meddling(meddling).await;
    let make = GroupPatch { default: Some(true), ..patch() };
    let error = making.change_group(&group.id, make, None).await.unwrap_err();
    assert_eq!(error.code(), "not-found");
    assert_eq!(fixture.directory.preferences().await.unwrap().default_group, "admin");
}

#[tokio::test]
async fn r7_a_change_to_a_group_is_in_force_when_it_is_answered() {
    let fixture = Fixture::new().await;
    let before = fixture.directory.snapshot().granted("limited");
    assert_eq!(before.len(), 8);
    let change = GroupPatch { permissions: Some(only(&["invoices.pay"])), ..patch() };
    fixture.directory.change_group(&"limited".into(), change, None).await.unwrap();
    let snapshot = fixture.directory.snapshot();
    let granted = snapshot.granted("limited");
    let ids: Vec<_> = snapshot.policy().catalogue().ids(granted).collect();
    assert_eq!(ids, ["invoices.pay"]);
    fixture.directory.delete_group(&"limited".into(), None, None).await.unwrap();
    assert!(fixture.directory.snapshot().granted("limited").is_empty());
}

#[tokio::test]
async fn a_change_goes_through_only_at_the_expected_version() {
    let fixture = Fixture::new().await;
    let rename = |name: &str| GroupPatch { name: Some(name.to_owned()), ..patch() };
    let changed =
        fixture.directory.change_group(&"limited".into(), rename("A"), Some(1)).await.unwrap();
    assert_eq!(changed.version, 2);
    assert_eq!(fixture.directory.group(&"limited".into()).await.unwrap(), changed);
    let error =
        fixture.directory.change_group(&"limited".into(), rename("B"), Some(1)).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Changed { version: 2, .. }), "{error:?}");
    let error = fixture.directory.delete_group(&"limited".into(), None, Some(1)).await.unwrap_err();
    assert_eq!(error.code(), "changed");
    // Of two with the same expectation one wins, however they interleave.
    let limited = GroupId::from("limited");
    let (one, two) = tokio::join!(
        fixture.directory.change_group(&limited, rename("C"), Some(2)),
        fixture.directory.change_group(&limited, rename("D"), Some(2))
    );
    assert_ne!(one.is_ok(), two.is_ok());
    // Without one, both go through, one after the other.
    let (one, two) = tokio::join!(
        fixture.directory.change_group(&limited, rename("E"), None),
        fixture.directory.change_group(&limited, rename("F"), None)
    );
    assert_eq!(one.unwrap().version + two.unwrap().version, 4 + 5);
}

#[test]
fn a_grant_is_a_list_or_the_word_all() {
    let parse = |json: &str| serde_json::from_str::<Grant>(json);
    assert_eq!(parse("\"all\"").unwrap(), Grant::All);
    assert_eq!(parse("[\"a\"]").unwrap(), only(&["a"]));
    for bad in ["\"some\"", "7", "[7]", "null"] {
        let error = parse(bad).unwrap_err().to_string();
        assert!(error.contains("\"all\""), "{error}");
    }
}
