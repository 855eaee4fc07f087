use futures_util::FutureExt as _;

use super::*;
use crate::credential::hashing::{Hasher, HashingSettings};
use crate::directory::access::sign_in::SignIn;
use crate::directory::accounts::groups::{CopyOptions, GroupPatch};
use crate::directory::accounts::organizations::OrganizationPatch;
use crate::directory::accounts::user_list::UserFilter;
use crate::directory::fixture::{Fixture, OTHER_PASSWORD, PASSWORD, new_user};
use crate::directory::fixture::{by_operator, by_operator_to, now};
use crate::directory::records::{PageRequest, UserStatus};

fn invalid_field(error: &DirectoryError) -> &str {
    match error {
        DirectoryError::Invalid { field, .. } => field,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn r15_logins_are_unique_regardless_of_case_and_space() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.organization("other").await;
    let ann = fixture.user("acme", "Ann@Example.com", "limited").await;
    assert_eq!(ann.login, "Ann@Example.com");
    for same in ["ann@example.com", "  ANN@EXAMPLE.COM ", "\u{ff21}nn@example.com"] {
        let error = fixture
            .directory
            .users()
            .create(new_user("other", same), &by_operator())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "taken", "{same:?}");
        assert_eq!(fixture.directory.users().with_login(same).await.unwrap(), ann);
    }
    let bob =
        fixture.directory.users().create(new_user("other", "bob"), &by_operator()).await.unwrap();
    let rename = |login: &str| UserPatch { login: Some(login.to_owned()), ..UserPatch::default() };
    let error =
        fixture.directory.users().change(&bob.id, rename("ANN@example.com"), &by_operator()).await;
    assert_eq!(error.unwrap_err().code(), "taken");
    let bob =
        fixture.directory.users().change(&bob.id, rename("Robert"), &by_operator()).await.unwrap();
    assert_eq!((bob.login.as_str(), bob.version), ("Robert", 2));
    // The old login is free again, and the new one is found.
    fixture.directory.users().create(new_user("acme", "bob"), &by_operator()).await.unwrap();
    assert_eq!(fixture.directory.users().with_login("ROBERT").await.unwrap(), bob);
}

#[tokio::test]
async fn r15_a_login_with_an_invisible_character_is_refused() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let bob = fixture.user("acme", "bob", "limited").await;
    let change = by_operator();
    let create =
        |login: &'static str| fixture.directory.users().create(new_user("acme", login), &change);
    for twin in ["bob\u{200b}", "b\u{ad}ob", "\u{202e}bob", "\u{feff}bob", "\u{2060}bob"] {
        let error = create(twin).await.unwrap_err();
        assert_eq!(invalid_field(&error), "login", "{twin:?}");
        let rename = UserPatch { login: Some(twin.to_owned()), ..UserPatch::default() };
        let error =
            fixture.directory.users().change(&bob.id, rename, &by_operator()).await.unwrap_err();
        assert_eq!(invalid_field(&error), "login", "{twin:?}");
    }
    create("böb").await.unwrap();
}

#[tokio::test]
async fn a_taken_name_is_reported_as_it_was_given() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.user("acme", "ann", "limited").await;
    let bob = fixture.user("acme", "bob", "limited").await;
    let rename = UserPatch { login: Some(" ANN ".to_owned()), ..UserPatch::default() };
    let group = |name: &str| GroupPatch { name: Some(name.to_owned()), ..GroupPatch::default() };
    let copy = CopyOptions { id: None, name: Some("Limited Portal GROUP".to_owned()) };
    let directory = &fixture.directory;
    for (error, message) in [
        (
            directory.users().create(new_user("acme", "Ann"), &by_operator()).await.unwrap_err(),
            "login: a portal user `Ann` already exists",
        ),
        (
            directory.users().change(&bob.id, rename, &by_operator()).await.unwrap_err(),
            "login: a portal user `ANN` already exists",
        ),
        (
            directory.groups().copy(&"admin".into(), copy, &by_operator()).await.unwrap_err(),
            "name: a group `Limited Portal GROUP` already exists",
        ),
        (
            directory
                .groups()
                .change(&"no-access".into(), group("LIMITED Portal Group"), &by_operator())
                .await
                .unwrap_err(),
            "name: a group `LIMITED Portal Group` already exists",
        ),
    ] {
        assert_eq!(error.to_string(), message);
    }
}

#[tokio::test]
async fn r15_of_two_equal_logins_at_once_exactly_one_is_created() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let other = fixture.directory.clone();
    let creating = fixture
        .with_interruption(async move {
            other.users().create(new_user("acme", "ANN"), &by_operator()).await.unwrap();
        })
        .await;
    let error = creating.users().create(new_user("acme", "ann"), &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "taken");
    assert_eq!(
        fixture.directory.organizations().get(&"acme".into()).await.unwrap().portal_users,
        1
    );
    assert_eq!(fixture.directory.users().with_login("ann").await.unwrap().login, "ANN");
}

#[tokio::test]
async fn r15_the_default_login_is_the_email_address() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let ann = fixture.end_user("acme", Some("Ann@Example.com")).await;
    let new = NewUser {
        organization: "acme".into(),
        end_user: Some(ann.id.clone()),
        ..NewUser::default()
    };
    let user = fixture.directory.users().create(new.clone(), &by_operator()).await.unwrap();
    assert_eq!((user.login.as_str(), user.end_user), ("Ann@Example.com", Some(ann.id)));
    let named = NewUser { login: Some("ann2".to_owned()), ..new };
    assert_eq!(
        fixture.directory.users().create(named, &by_operator()).await.unwrap().login,
        "ann2"
    );

    let email = Some(Some("office@acme.example".to_owned()));
    let patch = OrganizationPatch { email, ..OrganizationPatch::default() };
    fixture.directory.organizations().change(&"acme".into(), patch, &by_operator()).await.unwrap();
    let new = NewUser { organization: "acme".into(), ..NewUser::default() };
    let office = fixture.directory.users().create(new, &by_operator()).await.unwrap();
    assert_eq!(office.login, "office@acme.example");
}

#[tokio::test]
async fn r42_without_an_email_address_a_login_is_required() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let ann = fixture.end_user("acme", None).await;
    let new = NewUser {
        organization: "acme".into(),
        end_user: Some(ann.id),
        password: Some(Secret::from(PASSWORD)),
        ..NewUser::default()
    };
    let error = fixture.directory.users().create(new.clone(), &by_operator()).await.unwrap_err();
    assert_eq!(invalid_field(&error), "login");
    assert!(error.to_string().contains("specify `login`"), "{error}");
    let new = NewUser { login: Some("ann".to_owned()), ..new };
    let user = fixture.directory.users().create(new, &by_operator()).await.unwrap();
    assert_eq!((user.login.as_str(), user.status), ("ann", UserStatus::Active));
    assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::Accepted(_)));
}

#[tokio::test]
async fn r16_a_user_belongs_to_the_organization_or_an_end_user() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.organization("other").await;
    let ann = fixture.end_user("acme", None).await;
    let other = fixture.end_user("other", None).await;
    let user = fixture.user("acme", "ann", "limited").await;
    assert_eq!(user.end_user, None);
    let make = |end_user: Option<&str>| UserPatch {
        end_user: Some(end_user.map(str::to_owned).map(Into::into)),
        ..UserPatch::default()
    };
    for bad in [other.id.as_str(), "nobody", ""] {
        let error =
            fixture.directory.users().change(&user.id, make(Some(bad)), &by_operator()).await;
        assert_eq!(invalid_field(&error.unwrap_err()), "end_user", "{bad:?}");
        let new = NewUser { end_user: Some(bad.into()), ..new_user("acme", "x") };
        let error = fixture.directory.users().create(new, &by_operator()).await.unwrap_err();
        assert_eq!(invalid_field(&error), "end_user", "{bad:?}");
    }
    let changed = fixture
        .directory
        .users()
        .change(&user.id, make(Some(ann.id.as_str())), &by_operator())
        .await
        .unwrap();
    assert_eq!(changed.end_user.as_ref(), Some(&ann.id));
    let facts = fixture.directory.user(&user.id).await.unwrap().unwrap();
    assert_eq!(facts.end_user.as_ref(), Some(&ann.id));
    assert_eq!((facts.organization.as_str(), facts.group.as_str()), ("acme", "limited"));
    let changed =
        fixture.directory.users().change(&user.id, make(None), &by_operator()).await.unwrap();
    assert_eq!((changed.end_user, changed.group.as_str()), (None, "limited"));
}

#[tokio::test]
async fn a_new_user_needs_existing_organization_and_group() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let group = NewUser { group: Some("nowhere".into()), ..new_user("acme", "ann") };
    for (field, new) in [("organization", new_user("nowhere", "ann")), ("group", group)] {
        let error = fixture.directory.users().create(new, &by_operator()).await.unwrap_err();
        assert_eq!(invalid_field(&error), field);
        assert!(error.to_string().contains("`nowhere`"), "{error}");
    }
    let both =
        NewUser { invite: true, password: Some(Secret::from(PASSWORD)), ..new_user("acme", "ann") };
    let error = fixture.directory.users().create(both, &by_operator()).await.unwrap_err();
    assert_eq!(invalid_field(&error), "invite");
    fixture.directory.users().create(new_user("acme", "ann"), &by_operator()).await.unwrap();
}

#[tokio::test]
async fn a_user_is_active_invited_or_without_password() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let invited = NewUser { invite: true, ..new_user("acme", "ann@example.com") };
    let invited = fixture.directory.users().create(invited, &by_operator()).await.unwrap();
    assert_eq!(invited.status, UserStatus::Invited);
    let bare =
        fixture.directory.users().create(new_user("acme", "bob"), &by_operator()).await.unwrap();
    assert_eq!((bare.status, bare.group.as_str()), (UserStatus::NoPassword, "admin"));
    for user in [invited, bare] {
        let set = fixture
            .directory
            .users()
            .set_password(&user.id, Secret::from(PASSWORD), &by_operator())
            .await;
        assert_eq!(set.unwrap().status, UserStatus::Active);
    }
}

#[tokio::test]
async fn r30_all_rules_that_a_password_breaks_are_reported() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    let short =
        fixture.directory.users().set_password(&user.id, Secret::from("abc"), &by_operator()).await;
    let error = short.unwrap_err();
    assert_eq!(invalid_field(&error), "password");
    assert_eq!(
        error.to_string(),
        "password: it needs 12 to 128 characters, an uppercase letter, a digit and a symbol"
    );
    let new = NewUser { password: Some(Secret::from("abc")), ..new_user("acme", "bob") };
    let error = fixture.directory.users().create(new, &by_operator()).await.unwrap_err();
    assert_eq!(invalid_field(&error), "password");
    // The old password still works.
    assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::Accepted(_)));
}

#[tokio::test]
async fn r31_login_and_email_address_are_refused_as_a_password() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let ann = fixture.end_user("acme", Some("Ann.Smith1@acme.example")).await;
    let new = NewUser {
        end_user: Some(ann.id),
        password: Some(Secret::from(PASSWORD)),
        ..new_user("acme", "Ann.The.1st!")
    };
    let user = fixture.directory.users().create(new, &by_operator()).await.unwrap();
    for own in ["Ann.The.1st!", " aNN.the.1ST! ", "ann.smith1@ACME.example"] {
        let error = fixture
            .directory
            .users()
            .set_password(&user.id, Secret::from(own), &by_operator())
            .await
            .unwrap_err();
        assert_eq!(invalid_field(&error), "password", "{own:?}");
    }
    let other = Secret::from("Ann.Smith2@acme.example");
    fixture.directory.users().set_password(&user.id, other, &by_operator()).await.unwrap();
}

#[tokio::test]
async fn r34_setting_a_password_ends_all_sessions() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    let SignIn::Accepted(session) = fixture.sign_in("ann", PASSWORD).await else { panic!() };
    let now_facts = async || fixture.directory.user(&user.id).await.unwrap().unwrap();
    assert!(now_facts().await.honours_session(session.password_generation));

    // Another group or login does not end the session.
    let patch = UserPatch {
        group: Some("admin".into()),
        login: Some("anna".to_owned()),
        require_mfa: Some(true),
        ..UserPatch::default()
    };
    fixture.directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    let facts = now_facts().await;
    assert!(facts.honours_session(session.password_generation));
    assert_eq!(
        (facts.group.as_str(), &*facts.login, facts.asks_for_second_factor),
        ("admin", "anna", true)
    );

    let set = fixture
        .directory
        .users()
        .set_password(&user.id, Secret::from(OTHER_PASSWORD), &by_operator())
        .await;
    assert_eq!(set.unwrap().version, 3);
    assert!(!now_facts().await.honours_session(session.password_generation));
    assert!(matches!(fixture.sign_in("anna", PASSWORD).await, SignIn::Wrong));
    let no_mfa = UserPatch { require_mfa: Some(false), ..UserPatch::default() };
    fixture.directory.users().change(&user.id, no_mfa, &by_operator()).await.unwrap();
    let SignIn::Accepted(session) = fixture.sign_in("anna", OTHER_PASSWORD).await else { panic!() };
    assert!(now_facts().await.honours_session(session.password_generation));
}

#[tokio::test]
async fn r34_the_same_password_set_again_ends_all_sessions_too() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    fixture
        .directory
        .users()
        .set_password(&user.id, Secret::from(PASSWORD), &by_operator())
        .await
        .unwrap();
    let facts = fixture.directory.user(&user.id).await.unwrap().unwrap();
    assert!(!facts.honours_session(0));
}

#[tokio::test]
async fn a_deleted_user_is_gone_when_delete_returns() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    assert!(fixture.directory.user(&user.id).await.unwrap().is_some());
    assert!(fixture.directory.cached_user(&user.id).is_some());
    let error = fixture.directory.users().delete(&user.id, &by_operator_to(7)).await.unwrap_err();
    assert_eq!(error.code(), "changed");
    fixture.directory.users().delete(&user.id, &by_operator_to(1)).await.unwrap();
    assert!(fixture.directory.cached_user(&user.id).is_none());
    assert!(fixture.directory.user(&user.id).await.unwrap().is_none());
    assert!(matches!(fixture.sign_in("ann", PASSWORD).await, SignIn::Wrong));
    let error = fixture.directory.users().delete(&user.id, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "not-found");
}

#[tokio::test]
async fn a_change_without_expected_version_uses_the_latest_record() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    let (other, id) = (fixture.directory.clone(), user.id.clone());
    let mfa = UserPatch { require_mfa: Some(true), ..UserPatch::default() };
    let regroup = UserPatch { group: Some("admin".into()), ..UserPatch::default() };
    let interruption = async move {
        other.users().change(&id, mfa, &by_operator()).await.unwrap();
    };
    let changing = fixture.with_interruption(interruption).await;
    let changed = changing.users().change(&user.id, regroup.clone(), &by_operator()).await.unwrap();
    assert_eq!((changed.group.as_str(), changed.require_mfa, changed.version), ("admin", true, 3));

    let (other, id) = (fixture.directory.clone(), user.id.clone());
    let no_mfa = UserPatch { require_mfa: Some(false), ..UserPatch::default() };
    let interruption = async move {
        other.users().change(&id, no_mfa, &by_operator()).await.unwrap();
    };
    let changing = fixture.with_interruption(interruption).await;
    let regroup = UserPatch { group: Some("limited".into()), ..regroup };
    let error = changing.users().change(&user.id, regroup, &by_operator_to(3)).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Changed { version: 4, .. }), "{error:?}");
}

#[tokio::test]
async fn a_password_is_hashed_once_despite_retries() {
    let mut fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    let cost = HashingSettings { memory_kib: 8, passes: 1, lanes: 1, threads: 1, queue: 0 };
    let hasher = Hasher::new(cost).unwrap();
    fixture.auth.hasher = hasher.clone();
    // The other change also keeps the pool busy for a long time.
    let long = "$argon2id$v=19$m=65536,t=16,p=1$TVNFSzk3OWV1TVZralhyUg$\
                SjKyKA6dBNliPbTddhOqmiATmhZOBFj3of7JnDQzdpo";
    let (other, id) = (fixture.directory.clone(), user.id.clone());
    let regroup = UserPatch { group: Some("admin".into()), ..UserPatch::default() };
    let password = Secret::from(OTHER_PASSWORD);
    let interruption = async move {
        other.users().change(&id, regroup, &by_operator()).await.unwrap();
        assert!(hasher.verify(long, &password).now_or_never().is_none());
    };
    let setting = fixture.with_interruption(interruption).await;
    let set = setting
        .users()
        .set_password(&user.id, Secret::from(OTHER_PASSWORD), &by_operator())
        .await
        .unwrap();
    assert_eq!((set.version, set.group.as_str()), (3, "admin"));
    assert!(matches!(fixture.sign_in("ann", OTHER_PASSWORD).await, SignIn::Accepted(_)));
}

#[tokio::test]
async fn users_are_listed_by_organization_end_user_and_group() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    fixture.organization("other").await;
    let end_user = fixture.end_user("acme", None).await;
    for n in 0..5 {
        let new = NewUser {
            end_user: (n == 0).then(|| end_user.id.clone()),
            group: (n < 2).then(|| "limited".into()),
            ..new_user("acme", &format!("user{n}"))
        };
        fixture.directory.users().create(new, &by_operator()).await.unwrap();
    }
    fixture.directory.users().create(new_user("other", "else"), &by_operator()).await.unwrap();
    let count = async |filter: &UserFilter| {
        fixture.directory.users().list(filter, &PageRequest::default()).await.unwrap().items.len()
    };
    let all = UserFilter::default();
    let of_acme = UserFilter { organization: Some("acme".into()), ..all.clone() };
    let of_group = |id: &str| UserFilter { group: Some(id.into()), ..all.clone() };
    assert_eq!(count(&all).await, 6);
    assert_eq!(count(&of_acme).await, 5);
    let of_end_user = UserFilter { end_user: Some(end_user.id.clone()), ..all.clone() };
    assert_eq!(count(&of_end_user).await, 1);
    assert_eq!(count(&of_group("limited")).await, 2);
    let (unknown, first) = (of_group("limited2"), PageRequest::default());
    let unknown = fixture.directory.users().list(&unknown, &first).await.unwrap_err();
    let message = "group: there is no group `limited2`; did you mean `limited`?";
    assert_eq!(unknown.to_string(), message);
    let prefix = UserFilter { login_prefix: Some("USER".to_owned()), ..all.clone() };
    assert_eq!(count(&prefix).await, 5);
    let both = UserFilter { organization: Some("other".into()), ..prefix };
    assert_eq!(count(&both).await, 0);
    let invited = UserFilter { status: Some(UserStatus::Invited), ..all.clone() };
    assert_eq!(count(&invited).await, 0);
    let since = UserFilter { signed_in_after: Some(now()), ..all.clone() };
    assert_eq!(count(&since).await, 0);
    let unused = UserFilter { signed_in_before: Some(now()), ..all.clone() };
    assert_eq!(count(&unused).await, 6, "those who never signed in are among them");

    let (mut logins, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let request = PageRequest::parse(cursor.as_deref(), Some(2)).unwrap();
        let page = fixture.directory.users().list(&of_acme, &request).await.unwrap();
        pages += 1;
        logins.extend(page.items.into_iter().map(|user| user.login));
        let Some(next) = page.next else { break };
        cursor = Some(next.to_string());
    }
    logins.sort();
    assert_eq!((logins.join(" ").as_str(), pages), ("user0 user1 user2 user3 user4", 3));
}

#[tokio::test]
async fn a_user_is_shown_without_the_hash() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    let shown = serde_json::to_value(&user).unwrap();
    assert_eq!(
        shown,
        serde_json::json!({
            "id": user.id, "login": "ann", "organization": "acme", "group": "limited",
            "require_mfa": false, "mfa_enrolled": false, "status": "active", "disabled": false,
            "version": 1,
        })
    );
    let record = fixture.directory.records().read().existing::<User>(&user.id, None).await.unwrap();
    let hash = record.doc.password.clone().unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    assert!(!format!("{record:?}").contains("argon2"));
}

#[tokio::test]
async fn r7_a_change_of_group_is_in_force_when_it_returns() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await;
    let group = async || fixture.directory.user(&user.id).await.unwrap().unwrap().group.clone();
    assert_eq!(group().await, "limited");
    let make = GroupPatch { default: Some(true), ..GroupPatch::default() };
    fixture.directory.groups().change(&"limited".into(), make, &by_operator()).await.unwrap();
    let patch = UserPatch { group: Some("admin".into()), ..UserPatch::default() };
    fixture.directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    assert_eq!(group().await, "admin");
    let patch = UserPatch { group: Some("nowhere".into()), ..UserPatch::default() };
    let error =
        fixture.directory.users().change(&user.id, patch, &by_operator()).await.unwrap_err();
    assert_eq!(invalid_field(&error), "group");
    assert_eq!(group().await, "admin");
}
