//! No escalation (I10), over random sequences of operations. They are called as no route calls them:
//! on the whole directory, in every role and scope.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;

use crate::directory::access::administrators::{AdministratorPatch, NewAdministrator};
use crate::directory::access::api_tokens::NewApiToken;
use crate::directory::access::invitations::Addresses;
use crate::directory::access::user_tokens::NewUserToken;
use crate::directory::accounts::end_users::{EndUserPatch, NewEndUser};
use crate::directory::accounts::groups::{CopyOptions, Grant, GroupPatch, NewGroup};
use crate::directory::accounts::organizations::{NewOrganization, OrganizationPatch};
use crate::directory::accounts::preferences::PreferencesPatch;
use crate::directory::accounts::users::UserPatch;
use crate::directory::fixture::{Fixture, OTHER_PASSWORD, PASSWORD, by_operator, new_user, now};
use crate::directory::records::{Actor, Change, Rights, Role, Scope, kind};
use crate::directory::{AdministratorId, ApiTokenId, DirectoryError, EndUserId, UserId};
use portcullis_store::Kind;

const KINDS: [Kind; 8] = [
    kind::ADMINISTRATOR,
    kind::API_TOKEN,
    kind::GROUP,
    kind::PREFERENCES,
    kind::ORGANIZATION,
    kind::USER,
    kind::END_USER,
    kind::USER_TOKEN,
];
const ORGANIZATIONS: [&str; 2] = ["acme", "globex"];
const GROUPS: [&str; 4] = ["admin", "limited", "no-access", "non-portal"];
const OPERATIONS: usize = 30;

/// A call: by whom, what, on which organization, and with which value.
type Call = (usize, usize, usize, usize);

/// Every role without and with a scope, with and without the right to impersonate.
fn callers() -> Vec<Rights> {
    let scopes = || [Scope::ALL, Scope::only(["acme".into()])];
    let of_role = |role| {
        scopes().map(|scope| Rights { role, impersonate: scope.is_limited(), scope }).into_iter()
    };
    Role::ALL.into_iter().flat_map(of_role).collect()
}

struct World {
    fixture: Fixture,
    users: Vec<UserId>,
    /// Portal users without a password.
    guests: Vec<UserId>,
    end_users: Vec<EndUserId>,
    administrator: AdministratorId,
    token: ApiTokenId,
    /// A token and an administrator with the rights of each caller.
    actors: Vec<[Actor; 2]>,
}

/// The documents by kind and id.
type Records = BTreeMap<(&'static str, String), Value>;

impl World {
    async fn start() -> Self {
        let fixture = Fixture::new().await;
        let (mut users, mut guests, mut end_users) = (Vec::new(), Vec::new(), Vec::new());
        for organization in ORGANIZATIONS {
            fixture.organization(organization).await;
            users.push(fixture.user(organization, organization, "limited").await.id);
            let guest = new_user(organization, &format!("guest-{organization}"));
            let guest = fixture.directory.users().create(guest, &by_operator()).await.unwrap();
            guests.push(guest.id);
            end_users.push(fixture.end_user(organization, None).await.id);
        }
        let directory = &fixture.directory;
        let new = administrator("olga", Rights::ALL);
        let administrator = directory.administrators().create(new, &by_operator()).await.unwrap();
        let administrator = AdministratorId::from(administrator.id().as_str());
        let (name, expires) = ("x".to_owned(), None);
        let new = NewApiToken { name, email: None, rights: Rights::ALL, expires };
        let token = directory.api_tokens().create(&new, &by_operator()).await.unwrap().0.id;
        let mut actors = Vec::new();
        for (number, rights) in callers().iter().enumerate() {
            let name = format!("caller-{number}");
            actors.push([
                fixture.token(&name, rights).await,
                fixture.administrator(&name, rights).await,
            ]);
        }
        Self { fixture, users, guests, end_users, administrator, token, actors }
    }

    async fn records(&self) -> Records {
        let mut records = Records::new();
        for kind in KINDS {
            let read = self.fixture.directory.records().read();
            for record in read.list(kind, None, None, 1000).await.unwrap() {
                let doc = serde_json::from_slice(&record.doc).unwrap();
                records.insert((kind.name(), record.id), doc);
            }
        }
        records
    }

    async fn call(
        &self,
        (_, operation, target, value): Call,
        change: &Change,
    ) -> Result<(), DirectoryError> {
        let directory = &self.fixture.directory;
        let organization = ORGANIZATIONS[target].into();
        let (user, end_user) = (&self.users[target], &self.end_users[target]);
        let guest = &self.guests[target];
        let group = GROUPS[value % GROUPS.len()];
        let rights = callers().swap_remove(value % 8);
        let name = format!("{}-{value}", ORGANIZATIONS[target]);
        let users = directory.users();
        let of_user =
            |patch: UserPatch| async move { users.change(user, patch, change).await.map(drop) };
        let of_admin = |patch: AdministratorPatch| async move {
            directory.administrators().change(&self.administrator, &patch, change).await.map(drop)
        };
        let password = OTHER_PASSWORD.into();
        match operation {
            0 => {
                let new = NewGroup { id: None, name, permissions: Grant::All };
                directory.groups().create(new, change).await.map(drop)
            }
            1 => {
                let patch = GroupPatch { permissions: Some(Grant::All), ..GroupPatch::default() };
                directory.groups().change(&group.into(), patch, change).await.map(drop)
            }
            2 => {
                let patch = GroupPatch { default: Some(true), ..GroupPatch::default() };
                directory.groups().change(&group.into(), patch, change).await.map(drop)
            }
            3 => {
                let copy = CopyOptions { id: None, name: Some(name) };
                directory.groups().copy(&group.into(), copy, change).await.map(drop)
            }
            4 => directory.groups().delete(&group.into(), Some(&"admin".into()), change).await,
            5 => of_user(UserPatch { group: Some(group.into()), ..UserPatch::default() }).await,
            6 => {
                let disabled = Some(value.is_multiple_of(2));
                of_user(UserPatch { disabled, ..UserPatch::default() }).await
            }
            7 => {
                let require_mfa = Some(value.is_multiple_of(2));
                of_user(UserPatch { require_mfa, ..UserPatch::default() }).await
            }
            8 => of_user(UserPatch { login: Some(name), ..UserPatch::default() }).await,
            9 => users.set_password(user, password, change).await.map(drop),
            10 => directory.second_factors().reset(user, change).await,
            11 => {
                let mut new = new_user(ORGANIZATIONS[target], &name);
                new.group = Some(group.into());
                users.create(new, change).await.map(drop)
            }
            12 => users.delete(user, change).await,
            13 => {
                let new = NewUserToken { name, expires: None };
                directory.user_tokens().create(user, &new, change).await.map(drop)
            }
            14 => {
                let to =
                    Addresses { send_to: Some("x@example.com"), blind_copy: None, sender: None };
                directory.invitations().send(guest, to, change).await.map(drop)
            }
            15 => directory.invitations().withdraw(guest, change).await.map(drop),
            16 => {
                let new = NewOrganization { id: None, name, email: None };
                directory.organizations().create(new, change).await.map(drop)
            }
            17 => {
                let patch = OrganizationPatch { name: Some(name), ..<_>::default() };
                directory.organizations().change(&organization, patch, change).await.map(drop)
            }
            18 => directory.organizations().delete(&organization, change).await,
            19 => {
                let links = directory.secure_links();
                let enabled = value.is_multiple_of(2);
                links.set_enabled(&organization, enabled, change).await.map(drop)
            }
            20 => directory.secure_links().rotate(&organization, change).await.map(drop),
            21 => {
                let new = NewEndUser { name, email: None };
                directory.end_users().create(&organization, new, change).await.map(drop)
            }
            22 => {
                let patch = EndUserPatch { name: Some(name), email: None };
                let end_users = directory.end_users();
                end_users.change(&organization, end_user, patch, change).await.map(drop)
            }
            23 => {
                let patch = PreferencesPatch {
                    secure_with_password_if_portal_users_exist: Some(value.is_multiple_of(2)),
                    ..PreferencesPatch::default()
                };
                directory.preferences().change(patch, change).await.map(drop)
            }
            24 => {
                let new = administrator(&name, rights);
                directory.administrators().create(new, change).await.map(drop)
            }
            25 => {
                let Rights { role, scope, impersonate } = rights;
                of_admin(AdministratorPatch {
                    role: Some(role),
                    scope: Some(scope),
                    impersonate: Some(impersonate),
                    ..AdministratorPatch::default()
                })
                .await
            }
            26 => {
                let administrators = directory.administrators();
                administrators.set_password(&self.administrator, &password, change).await.map(drop)
            }
            27 => {
                let administrators = directory.administrators();
                administrators.reset_second_factor(&self.administrator, change).await.map(drop)
            }
            28 => {
                let new = NewApiToken { name, email: None, rights, expires: None };
                directory.api_tokens().create(&new, change).await.map(drop)
            }
            _ => directory.api_tokens().revoke(&self.token, change).await,
        }
    }
}

fn administrator(login: &str, rights: Rights) -> NewAdministrator {
    let Rights { role, scope, impersonate } = rights;
    let (login, password) = (login.to_owned(), PASSWORD.into());
    NewAdministrator { login, email: None, role, scope, impersonate, password, mfa: true }
}

/// Whether the rights allow this change of a record, in other words than the code that checks.
fn may(rights: &Rights, kind: &str, before: Option<&Value>, after: Option<&Value>) -> bool {
    let manages = matches!(rights.role, Role::Owner | Role::Administrator);
    let unlimited = rights.scope == Scope::ALL;
    let owns = rights.role == Role::Owner && unlimited;
    let within = |organization: &str| rights.scope.includes(organization);
    let is_theirs = [before, after]
        .into_iter()
        .flatten()
        .all(|doc| doc["organization"].as_str().is_none_or(within));
    match kind {
        "administrator" | "api_token" => owns,
        "group" | "preferences" => manages && unlimited,
        "user" if manages => is_theirs,
        "user" => {
            let same = |field| match (before, after) {
                (Some(before), Some(after)) => before.get(field) == after.get(field),
                _ => false,
            };
            let fields =
                ["group", "login", "organization", "end_user", "disabled", "require_mfa", "name"];
            rights.role == Role::Technician && is_theirs && fields.into_iter().all(same)
        }
        "user_token" => manages || rights.role == Role::Technician && after.is_none(),
        _ => manages && is_theirs,
    }
}

async fn check(calls: &[Call]) -> BTreeSet<(Role, usize)> {
    let world = World::start().await;
    let callers = callers();
    let mut done = BTreeSet::new();
    for call in calls {
        let rights = &callers[call.0];
        let change = Change::new(world.actors[call.0][call.3 % 2].clone(), now());
        let before = world.records().await;
        let result = world.call(*call, &change).await;
        let after = world.records().await;
        let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let (old, new) = (before.get(key), after.get(key));
            let outside = key.0 == "organization" && !rights.scope.includes(&key.1);
            assert!(
                old == new || !outside && may(rights, key.0, old, new),
                "{rights:?} changed {key:?} with {call:?}: {old:?} to {new:?}"
            );
        }
        if let Err(error) = &result {
            assert_eq!(before, after, "{call:?} failed with {error} and changed something");
        } else if before != after {
            done.insert((rights.role, call.1));
        }
    }
    done
}

fn run(calls: &[Call]) -> BTreeSet<(Role, usize)> {
    tokio::runtime::Runtime::new().unwrap().block_on(check(calls))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn i10_no_sequence_of_writes_grants_more_than_the_caller_may(
        calls in prop::collection::vec((0..8_usize, 0..OPERATIONS, 0..2_usize, 0..8_usize), 1..60)
    ) {
        run(&calls);
    }
}

#[test]
fn i10_every_write_in_every_role_and_scope() {
    let mut done = BTreeSet::new();
    for caller in 0..callers().len() {
        // The user is deleted last.
        let operations = (0..OPERATIONS).filter(|operation| *operation != 12).chain([12]);
        let of_both = operations.flat_map(|operation| {
            (0..2).map(move |target| (caller, operation, target, operation + target))
        });
        done.extend(run(&of_both.collect::<Vec<_>>()));
    }
    let by = |role| done.iter().filter(|(of, _)| *of == role).count();
    assert_eq!(by(Role::Auditor), 0, "{done:?}");
    assert!(by(Role::Technician) >= 3 && by(Role::Administrator) > 12, "{done:?}");
    assert!(by(Role::Owner) > by(Role::Administrator), "{done:?}");
}
