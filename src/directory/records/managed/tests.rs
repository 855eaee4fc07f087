//! Records that a file manages: every edit elsewhere is refused, and allowed where it detaches.

use serde_json::{Value, json};

use crate::credential::secret::Secret;
use crate::directory::access::invitations::Addresses;
use crate::directory::accounts::end_users::{EndUserPatch, NewEndUser};
use crate::directory::accounts::groups::{Grant, GroupPatch, NewGroup};
use crate::directory::accounts::organizations::{NewOrganization, OrganizationPatch};
use crate::directory::accounts::preferences::PreferencesPatch;
use crate::directory::accounts::users::UserPatch;
use crate::directory::fixture::{Fixture, OTHER_PASSWORD, by_operator, new_user};
use crate::directory::records::{Change, ManagedBy, Marks, kind};
use crate::directory::{DirectoryError, EndUserId, GroupId, OrganizationId, UserId};
use portcullis_store::Kind;

fn from(file: &str, take_over: bool) -> Change {
    let by = ManagedBy { name: file.to_owned(), commit: Some("c0ffee".to_owned()) };
    by_operator().marking(Marks::Set { by, take_over })
}

/// A store whose records are managed by `portal.toml`.
struct World {
    fixture: Fixture,
    group: GroupId,
    organization: OrganizationId,
    end_user: EndUserId,
    user: UserId,
}

impl World {
    async fn start() -> Self {
        let fixture = Fixture::new().await;
        let (directory, file) = (&fixture.directory, from("portal.toml", false));
        let group: GroupId = "staff".into();
        let new = NewGroup {
            id: Some(group.clone()),
            name: "Staff".to_owned(),
            permissions: Grant::Only(Vec::new()),
        };
        directory.groups().create(new, &file).await.unwrap();
        let organization: OrganizationId = "acme".into();
        let id = Some(organization.clone());
        let new =
            NewOrganization { id, name: "Acme".to_owned(), email: Some("it@acme.example".into()) };
        directory.organizations().create(new, &file).await.unwrap();
        let new = NewEndUser { name: "Ann".to_owned(), email: None };
        let end_user = directory.end_users().create(&organization, new, &file).await.unwrap().id;
        let mut new = new_user("acme", "ann");
        new.group = Some(group.clone());
        let user = directory.users().create(new, &file).await.unwrap().id;
        let patch = PreferencesPatch { disabled_redirect_url: Some(None), ..Default::default() };
        directory.preferences().change(patch, &file).await.unwrap();
        Self { fixture, group, organization, end_user, user }
    }

    /// Runs an edit of a record, by its name in [`EDITS`].
    async fn edit(&self, edit: &str, change: &Change) -> Result<(), DirectoryError> {
        let Self { fixture, group, organization, end_user, user } = self;
        let directory = &fixture.directory;
        let name = Some(edit.to_owned());
        match edit {
            "group" => {
                let patch = GroupPatch { name, ..GroupPatch::default() };
                directory.groups().change(group, patch, change).await.map(drop)
            }
            "group deleted" => {
                directory.groups().delete(group, Some(&"limited".into()), change).await
            }
            "default" => {
                let patch = GroupPatch { default: Some(true), ..GroupPatch::default() };
                directory.groups().change(&"limited".into(), patch, change).await.map(drop)
            }
            "organization" => {
                let patch = OrganizationPatch { name, ..OrganizationPatch::default() };
                directory.organizations().change(organization, patch, change).await.map(drop)
            }
            "link" => {
                directory.secure_links().set_enabled(organization, false, change).await.map(drop)
            }
            "end user" => {
                let patch = EndUserPatch { name, ..EndUserPatch::default() };
                directory.end_users().change(organization, end_user, patch, change).await.map(drop)
            }
            "end user deleted" => {
                directory.end_users().delete(organization, end_user, change).await
            }
            "user" => {
                let patch = UserPatch { disabled: Some(true), ..UserPatch::default() };
                directory.users().change(user, patch, change).await.map(drop)
            }
            "user deleted" => directory.users().delete(user, change).await,
            "preferences" => {
                let secure_with_password_if_portal_users_exist = Some(false);
                let patch = PreferencesPatch {
                    secure_with_password_if_portal_users_exist,
                    ..PreferencesPatch::default()
                };
                directory.preferences().change(patch, change).await.map(drop)
            }
            _ => unreachable!("{edit}"),
        }
    }

    /// The mark of a record; `null` if it has none or was deleted.
    async fn mark(&self, (kind, id): (Kind, &str)) -> Value {
        let record = self.fixture.directory.records().read().record(kind, id).await.unwrap();
        let Some(record) = record else { return Value::Null };
        let doc: Value = serde_json::from_slice(&record.doc).unwrap();
        doc.get("managed_by").cloned().unwrap_or_default()
    }

    fn edited(&self, edit: &str) -> (Kind, &str) {
        match edit {
            "group" | "group deleted" => (kind::GROUP, self.group.as_str()),
            "organization" | "link" => (kind::ORGANIZATION, self.organization.as_str()),
            "end user" | "end user deleted" => (kind::END_USER, self.end_user.as_str()),
            "user" | "user deleted" => (kind::USER, self.user.as_str()),
            _ => (kind::PREFERENCES, "preferences"),
        }
    }
}

const EDITS: [&str; 10] = [
    "group",
    "default",
    "organization",
    "link",
    "end user",
    "preferences",
    "user",
    "user deleted",
    "end user deleted",
    "group deleted",
];

#[tokio::test]
async fn an_edit_of_a_managed_record_is_refused_elsewhere() {
    let world = World::start().await;
    let head = world.fixture.store.head().await.unwrap();
    for edit in EDITS {
        for change in [by_operator(), from("other.toml", false)] {
            let refused = world.edit(edit, &change).await.unwrap_err();
            assert_eq!(refused.code(), "managed", "{edit}: {refused}");
            let text = refused.to_string();
            assert!(text.contains("portal.toml@c0ffee") && text.contains("--detach"), "{text}");
        }
        assert_eq!(world.mark(world.edited(edit)).await["name"], "portal.toml", "{edit}");
    }
    assert_eq!(world.fixture.store.head().await.unwrap(), head, "nothing was written");
}

#[tokio::test]
async fn an_edit_that_detaches_removes_the_mark() {
    for edit in EDITS {
        let world = World::start().await;
        world.edit(edit, &by_operator().marking(Marks::Remove)).await.unwrap_or_else(|error| {
            panic!("{edit}: {error}");
        });
        assert_eq!(world.mark(world.edited(edit)).await, Value::Null, "{edit}");
        if edit == "group deleted" {
            assert_eq!(world.mark((kind::USER, world.user.as_str())).await, Value::Null);
        }
    }
}

#[tokio::test]
async fn the_managing_file_edits_and_another_takes_over() {
    for edit in EDITS {
        for (file, take_over) in [("portal.toml", false), ("other.toml", true)] {
            let world = World::start().await;
            world.edit(edit, &from(file, take_over)).await.unwrap_or_else(|error| {
                panic!("{edit}: {error}");
            });
            let mark = world.mark(world.edited(edit)).await;
            let expected = match edit.ends_with("deleted") {
                true => Value::Null,
                false => json!({ "name": file, "commit": "c0ffee" }),
            };
            assert_eq!(mark, expected, "{edit}");
        }
    }
}

#[tokio::test]
async fn what_no_file_holds_may_change_in_a_managed_record() {
    let World { fixture, organization, user, .. } = World::start().await;
    let (directory, change) = (&fixture.directory, by_operator());
    let none = Addresses { send_to: None, blind_copy: None, sender: None };
    directory.invitations().send(&user, none, &change).await.unwrap();
    directory.users().set_password(&user, Secret::from(OTHER_PASSWORD), &change).await.unwrap();
    directory.second_factors().reset(&user, &change).await.unwrap();
    directory.secure_links().rotate(&organization, &change).await.unwrap();
    let user = directory.users().get(&user).await.unwrap();
    assert_eq!(user.managed_by.unwrap().name, "portal.toml");
    let patch = UserPatch { require_mfa: Some(true), ..UserPatch::default() };
    let refused = directory.users().change(&user.id, patch, &change).await.unwrap_err();
    assert_eq!(refused.code(), "managed");
}

#[tokio::test]
async fn a_record_that_stays_the_same_keeps_its_commit() {
    let World { fixture, organization, .. } = World::start().await;
    let by = ManagedBy { name: "portal.toml".to_owned(), commit: Some("later".to_owned()) };
    let later = by_operator().marking(Marks::Set { by, take_over: false });
    let organizations = fixture.directory.organizations();
    let patch = |name: &str| OrganizationPatch { name: Some(name.to_owned()), ..<_>::default() };
    let same = organizations.change(&organization, patch("Acme"), &later).await.unwrap();
    assert_eq!((same.version, same.managed_by.unwrap().commit.unwrap()), (1, "c0ffee".to_owned()));
    let other = organizations.change(&organization, patch("Acme 2"), &later).await.unwrap();
    assert_eq!((other.version, other.managed_by.unwrap().commit.unwrap()), (2, "later".to_owned()));
}
