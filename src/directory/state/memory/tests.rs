use super::*;
use crate::directory::accounts::groups::{Grant, GroupPatch, NewGroup};
use crate::directory::accounts::organizations::{NewParking, OrganizationPatch};
use crate::directory::accounts::user_list::UserFilter;
use crate::directory::accounts::users::UserPatch;
use crate::directory::fixture::by_operator;
use crate::directory::fixture::{Fixture, new_user, policy_files};
use crate::directory::records::Mail;
use crate::directory::records::PageRequest;
use portcullis_policy::PolicyFiles;
use portcullis_store::{Expect, Write};

fn compile(files: &PolicyFiles) -> Policy {
    Policy::compile(files).unwrap()
}

fn expecting(group: &str, decision: &str) -> PolicyFiles {
    let expectations = format!(
        "[[expect]]\nas = \"{group}\"\nrequest = \"GET /tickets\"\ndecision = \"{decision}\"\n"
    );
    PolicyFiles { expectations, ..policy_files() }
}

#[tokio::test]
async fn policy_takes_effect_only_if_its_expectations_hold() {
    let fixture = Fixture::new().await;
    let version = || fixture.directory.snapshot().policy().version().to_owned();
    let first = version();
    fixture
        .directory
        .replace_policy(compile(&expecting("limited", "deny")), &by_operator())
        .await
        .unwrap_err();
    assert_eq!(version(), first);
    fixture
        .directory
        .replace_policy(compile(&expecting("limited", "allow")), &by_operator())
        .await
        .unwrap();
    assert_ne!(version(), first);
}

#[tokio::test]
async fn edited_shipped_group_does_not_block_a_policy() {
    let fixture = Fixture::new().await;
    let nothing = GroupPatch { permissions: Some(Grant::Only(vec![])), ..GroupPatch::default() };
    fixture.directory.groups().change(&"limited".into(), nothing, &by_operator()).await.unwrap();
    fixture
        .directory
        .replace_policy(compile(&expecting("limited", "allow")), &by_operator())
        .await
        .unwrap();
    let snapshot = fixture.directory.snapshot().clone();
    assert!(snapshot.granted("limited").is_empty(), "the edit is still in force");
}

#[tokio::test]
async fn other_groups_are_checked_as_they_are_now() {
    let fixture = Fixture::new().await;
    let new = NewGroup { id: None, name: "Partners".to_owned(), permissions: Grant::Only(vec![]) };
    let id = fixture.directory.groups().create(new, &by_operator()).await.unwrap().id;
    fixture
        .directory
        .replace_policy(compile(&expecting(id.as_str(), "allow")), &by_operator())
        .await
        .unwrap_err();
    fixture
        .directory
        .replace_policy(compile(&expecting(id.as_str(), "deny")), &by_operator())
        .await
        .unwrap();
}

#[tokio::test]
async fn unknown_permission_grants_nothing_until_it_is_known() {
    let fixture = Fixture::new().await;
    let mut without = policy_files();
    let entry = "[[permission]]\nid = \"portal.access\"\nname = \"portal.access\"\n\
                 identity = false\n";
    assert!(without.permissions.contains(entry));
    without.permissions = without.permissions.replace(entry, "");
    without.groups = without.groups.replace("\"portal.access\", ", "");
    fixture.directory.replace_policy(compile(&without), &by_operator()).await.unwrap();
    let snapshot = fixture.directory.snapshot().clone();
    let ids: Vec<_> = snapshot.policy().catalogue().ids(snapshot.granted("non-portal")).collect();
    assert_eq!(ids, ["tickets.create"]);
    let shown = fixture.directory.groups().get(&"limited".into()).await.unwrap();
    assert_eq!((shown.permissions.len(), shown.of), (7, 23));

    fixture.directory.replace_policy(compile(&policy_files()), &by_operator()).await.unwrap();
    assert_eq!(fixture.directory.snapshot().granted("non-portal").len(), 2);
}

#[tokio::test]
async fn r3_non_portal_group_loses_permissions_that_need_identity() {
    let fixture = Fixture::new().await;
    let mut stricter = policy_files();
    let loose = "name = \"tickets.create\"\nidentity = false";
    assert!(stricter.permissions.contains(loose));
    stricter.permissions =
        stricter.permissions.replace(loose, "name = \"tickets.create\"\nidentity = true");
    stricter.groups = stricter
        .groups
        .replace("permissions = [\"portal.access\", \"tickets.create\"]", "permissions = []");
    fixture.directory.replace_policy(compile(&stricter), &by_operator()).await.unwrap();
    let snapshot = fixture.directory.snapshot().clone();
    let granted = |group| {
        let set = snapshot.granted(group);
        set.contains(snapshot.policy().catalogue().index("tickets.create").unwrap())
    };
    assert!(!granted("non-portal"));
    assert!(granted("limited"));
}

#[tokio::test]
async fn unknown_group_grants_nothing() {
    let fixture = Fixture::new().await;
    let snapshot = fixture.directory.snapshot();
    assert!(snapshot.granted("nowhere").is_empty() && snapshot.group("nowhere").is_none());
    let group = snapshot.group("limited").unwrap();
    assert_eq!((group.id().as_str(), snapshot.group_count()), ("limited", 4));
}

#[tokio::test]
async fn i1_before_the_feed_has_started_nothing_is_granted() {
    let fixture = Fixture::new().await;
    let policy = Arc::new(compile(&policy_files()));
    let memory = Memory::new(Arc::clone(&fixture.store), policy);
    assert!(memory.snapshot().granted("admin").is_empty());
    memory.start_over().await.unwrap();
    assert_eq!(memory.snapshot().granted("admin").len(), 24);
}

#[tokio::test]
async fn i2_facts_are_cached_until_a_change() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user =
        fixture.directory.users().create(new_user("acme", "ann"), &by_operator()).await.unwrap();
    assert!(fixture.directory.cached_user(&user.id).is_none());
    fixture.directory.user(&user.id).await.unwrap().unwrap();
    fixture.directory.organization(&"acme".into()).await.unwrap().unwrap();
    assert_eq!(fixture.directory.cached_user(&user.id).unwrap().group, "admin");
    assert!(fixture.directory.cached_organization(&"acme".into()).unwrap().has_portal_users);

    let patch = UserPatch { group: Some("limited".into()), ..UserPatch::default() };
    fixture.directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    let kept = fixture.directory.cached_user(&user.id);
    assert!(kept.is_none_or(|facts| facts.group == "limited"));
    fixture.directory.users().delete(&user.id, &by_operator()).await.unwrap();
    assert!(fixture.directory.cached_user(&user.id).is_none());
    let kept = fixture.directory.cached_organization(&"acme".into());
    assert!(kept.is_none_or(|facts| !facts.has_portal_users));
}

#[tokio::test]
async fn i1_damaged_record_affects_no_other_user() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let ann = fixture.user("acme", "ann", "limited").await;
    let damaged = |kind, id: &str| Write::Put {
        kind,
        id: id.to_owned(),
        expect: Expect::Any,
        doc: "{}".into(),
        unique: Vec::new(),
        index: vec![Key::new("organization", "acme"), Key::new("state", "waiting")],
        ordered: Vec::new(),
    };
    let kinds = [kind::USER, kind::GROUP, kind::MAIL, kind::END_USER, kind::API_TOKEN];
    let commit = kinds.into_iter().map(|kind| damaged(kind, "damaged")).collect();
    fixture.store.commit(commit).await.unwrap();

    // This is answered only when what came before it is followed.
    let patch = UserPatch { group: Some("admin".into()), ..UserPatch::default() };
    fixture.directory.users().change(&ann.id, patch, &by_operator()).await.unwrap();
    assert_eq!(fixture.directory.user(&ann.id).await.unwrap().unwrap().group, "admin");
    assert!(fixture.directory.snapshot().group("damaged").is_none(), "it grants nothing");
    assert_eq!(fixture.directory.snapshot().granted("limited").len(), 8);
    assert!(fixture.directory.user(&"damaged".into()).await.is_err(), "it lets nobody in");

    let all = PageRequest::default();
    let users = fixture.directory.users().list(&UserFilter::default(), &all).await.unwrap();
    assert_eq!(users.items.len(), 1);
    assert_eq!(fixture.directory.groups().list(&all).await.unwrap().items.len(), 4);
    let mails = fixture.directory.records().read().page::<Mail>(None, &all).await.unwrap();
    assert!(mails.items.is_empty());
    assert!(
        fixture
            .directory
            .end_users()
            .list(&"acme".into(), None, &all)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert!(fixture.directory.api_tokens().list(&all).await.unwrap().items.is_empty());
    let again = fixture.replica().await;
    assert_eq!(again.snapshot().group_count(), 4, "it starts with one too");

    let one = PageRequest::parse(None, Some(1)).unwrap();
    let page = fixture.directory.groups().list(&one).await.unwrap();
    assert_eq!((page.items.len(), page.items[0].id.as_str()), (1, "admin"));
    let next = page.next.unwrap().to_string();
    let page =
        fixture.directory.groups().list(&PageRequest::parse(Some(&next), Some(1)).unwrap()).await;
    let page = page.unwrap();
    assert!(page.items.is_empty() && page.next.is_some(), "only `next` tells that there is more");
}

#[tokio::test]
async fn invalid_ids_are_unknown() {
    let fixture = Fixture::new().await;
    let long = "x".repeat(1000);
    for id in ["", "\0", &long] {
        assert!(fixture.directory.user(&id.into()).await.unwrap().is_none());
        assert!(fixture.directory.organization(&id.into()).await.unwrap().is_none());
        assert_eq!(
            fixture.directory.groups().get(&id.into()).await.unwrap_err().code(),
            "not-found"
        );
        assert_eq!(fixture.directory.users().with_login(id).await.unwrap_err().code(), "not-found");
    }
}

#[tokio::test]
async fn i1_a_damaged_parked_organization_stays_parked() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.organization("globex").await;
    let parking = |parked| OrganizationPatch { parked: Some(parked), ..Default::default() };
    let park = async |id: &str, reason: Option<&str>| {
        let patch = parking(reason.map(|reason| NewParking { reason: reason.to_owned() }));
        let organizations = fixture.directory.organizations();
        organizations.change(&id.into(), patch, &by_operator()).await.unwrap();
    };
    let parked = |id: &str| fixture.directory.snapshot().parked(id).map(ToString::to_string);
    park("acme", Some("Moved")).await;
    assert_eq!((parked("acme").as_deref(), parked("globex")), (Some("Moved"), None));
    let damaged = Write::Put {
        kind: kind::ORGANIZATION,
        id: "acme".to_owned(),
        expect: Expect::Any,
        doc: "{}".into(),
        unique: Vec::new(),
        index: vec![Parked::key()],
        ordered: Vec::new(),
    };
    fixture.store.commit(vec![damaged]).await.unwrap();
    park("globex", Some("Closed")).await;
    assert!(parked("acme").is_some() && parked("globex").is_some());
    park("globex", None).await;
    assert!(parked("acme").is_some() && parked("globex").is_none());
}
