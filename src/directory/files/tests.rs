//! Files: read, compared, applied and written again.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Action, Applied, ApplyOptions, File, FilePlan, PlanError, Sections};
use crate::credential::secret::Secret;
use crate::directory::accounts::end_users::NewEndUser;
use crate::directory::accounts::groups::{Grant, GroupPatch, NewGroup};
use crate::directory::accounts::organizations::NewOrganization;
use crate::directory::accounts::preferences::PreferencesPatch;
use crate::directory::accounts::users::{NewUser, UserPatch};
use crate::directory::fixture::{Fixture, PASSWORD, by_operator, new_user};
use crate::directory::records::{Change, ManagedBy, Rights, Role, Scope, kind};
use crate::directory::{Directory, DirectoryError};

/// An organization with an end user and their portal user, and one of its own.
const ACME: &str = r#"
[[organization]]
id = "acme"
name = "Acme"
email = "it@acme.example"

[[end_user]]
id = "liam"
organization = "acme"
name = "Liam"

[[user]]
id = "u1"
login = "liam@acme.example"
organization = "acme"
end_user = "liam"
group = "limited"

[[user]]
login = "office"
organization = "acme"
group = "no-access"
"#;

fn by(name: &str) -> ApplyOptions {
    let source = ManagedBy { name: name.to_owned(), commit: None };
    ApplyOptions { source, take_over: false, prune: false }
}

fn pruning() -> ApplyOptions {
    ApplyOptions { prune: true, ..by("portal.toml") }
}

async fn export(directory: &Directory, sections: Sections, change: &Change) -> String {
    let mut export = directory.export(sections, change).unwrap();
    let mut text = String::new();
    while let Some(lines) = export.lines().await.unwrap() {
        text.push_str(&lines);
    }
    text
}

async fn plan(
    directory: &Directory,
    text: &str,
    options: &ApplyOptions,
    change: &Change,
) -> Result<FilePlan, PlanError> {
    directory.plan_file(File::read(text)?, options, change).await
}

/// Applies a file. Returns what became of each record that it writes.
async fn apply(
    directory: &Directory,
    text: &str,
    options: &ApplyOptions,
) -> Vec<Result<Applied, DirectoryError>> {
    let change = by_operator();
    let plan = plan(directory, text, options, &change).await.unwrap();
    let mut results = Vec::new();
    for planned in &plan.steps {
        results.push(directory.apply_step(&planned.step, options, (&change, None)).await);
    }
    results
}

/// The problems of a file, a line each.
async fn problems(directory: &Directory, text: &str) -> Vec<String> {
    match plan(directory, text, &by("portal.toml"), &by_operator()).await {
        Err(PlanError::File(problems)) => problems.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_problem_has_its_line_and_column() {
    let fixture = Fixture::new().await;
    for (text, expected) in [
        ("nmae = 1\n[[group]]\nid = 1\n", "line 1, column 1: unknown key `nmae`"),
        (
            "[[organization]]\nid = \"a\"\nname = \"A\"\n  emails = \"x\"\n",
            "line 4, column 3: unknown key `emails`; did you mean `email`?",
        ),
        ("[[organization]]\nid = \"a\"\n", "line 1, column 1: `name` is missing"),
        ("[[organization]]\nid = \"A\"\nname = \"A\"\n", "line 2, column 6: id: `A` must have"),
        ("[[organization]]\nid = \"\u{fc}\", name = 1\n", "line 2, column 9: not TOML"),
        ("[group]\nid = \"a\"\n", "must be written as [[group]]"),
        (
            "[[user]]\nlogin = \"a\"\nlogin = \"b\"\n",
            "line 3, column 1: the key `login` is set twice",
        ),
        (
            "[[group]]\nid = \"a\"\nname = \"A\"\npermissions = \"some\"\n",
            "line 4, column 15: `permissions` must be a list of strings or \"all\"",
        ),
        (
            "[[group]]\nid = \"a\"\nname = \"A\"\npermissions = [\"nothing\"]\n",
            "line 4, column 15: permissions: there is no permission `nothing`",
        ),
        (
            "[[group]]\nid = \"a\"\nname = \"A\"\npermissions = []\n[[group]]\nid = \"b\"\nname = \"a \"\npermissions = []\n",
            "line 7, column 8: the group name `a` is already used in line 3",
        ),
        (
            "[[user]]\nlogin = \"Ann\"\norganization = \"a\"\ngroup = \"limited\"\n[[user]]\nlogin = \"ann\"\norganization = \"a\"\ngroup = \"limited\"\n",
            "line 6, column 9: the login `ann` is already used in line 2",
        ),
        (
            "[[user]]\nlogin = \"a\"\norganization = \"b\"\ngroup = \"limited\"\n",
            "line 1, column 1: organization: there is no organization `b`, and the file has none",
        ),
        (
            "[preferences]\ndisabled_redirect_url = \"ftp://x\"\n",
            "disabled_redirect_url: `ftp://x` must begin with",
        ),
    ] {
        let found = problems(&fixture.directory, text).await;
        assert!(found.iter().any(|it| it.contains(expected)), "{text}\n{found:?}");
    }
}

#[tokio::test]
async fn a_file_is_validated_whole_before_anything_is_done() {
    let fixture = Fixture::new().await;
    let head = fixture.store.head().await.unwrap();
    let text = format!(
        "{ACME}\n[[end_user]]\nid = \"liam\"\norganization = \"acme\"\nname = \"x\"\n\n[[user]]\nlogin = \"y\"\norganization = \"acme\"\ngroup = \"none\"\nend_user = \"nobody\"\n"
    );
    let found = problems(&fixture.directory, &text).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("the end user id `liam` is already used in line 8"), "{found:?}");
    let text = text.replace(
        "id = \"liam\"\norganization = \"acme\"\nname = \"x\"",
        "id = \"anna\"\norganization = \"acme\"\nname = \"x\"",
    );
    let found = problems(&fixture.directory, &text).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(fixture.store.head().await.unwrap(), head);
}

#[tokio::test]
async fn a_file_creates_its_records_and_changes_nothing_twice() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let options = by("portal.toml");
    let planned = plan(directory, ACME, &options, &by_operator()).await.unwrap();
    assert!(planned.steps.iter().all(|it| it.action == Action::Create));
    for done in apply(directory, ACME, &options).await {
        assert_eq!(done.unwrap(), Applied::Created);
    }
    let user = directory.users().get(&"u1".into()).await.unwrap();
    assert_eq!(
        (user.login.as_str(), user.end_user.unwrap().as_str()),
        ("liam@acme.example", "liam")
    );
    assert_eq!(user.managed_by.unwrap().name, "portal.toml");
    let planned = plan(directory, ACME, &options, &by_operator()).await.unwrap();
    assert_eq!((planned.steps.len(), planned.unchanged), (0, 4));
    let other = ACME.replace("name = \"Acme\"", "name = \"Acme Ltd\"\nlink_enabled = false");
    let planned = plan(directory, &other, &options, &by_operator()).await.unwrap();
    let fields: Vec<_> = planned.steps[0]
        .fields
        .iter()
        .map(|it| (it.field, it.before.clone(), it.after.clone()))
        .collect();
    let expected =
        [("name", json!("Acme"), json!("Acme Ltd")), ("link_enabled", json!(true), json!(false))];
    assert_eq!((planned.steps.len(), fields), (1, expected.to_vec()));
    assert_eq!(apply(directory, &other, &options).await.pop().unwrap().unwrap(), Applied::Changed);
}

#[tokio::test]
async fn i10_a_file_of_another_needs_to_be_taken_over() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    apply(directory, ACME, &by("portal.toml")).await;
    let other = by("other.toml");
    for done in apply(directory, ACME, &other).await {
        assert_eq!(done.unwrap_err().code(), "managed");
    }
    let other = ApplyOptions { take_over: true, ..other };
    for done in apply(directory, ACME, &other).await {
        assert_eq!(done.unwrap(), Applied::Changed);
    }
    let organization = directory.organizations().get(&"acme".into()).await.unwrap();
    assert_eq!(organization.managed_by.unwrap().name, "other.toml");
}

#[tokio::test]
async fn pruning_removes_only_what_the_file_managed() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    apply(directory, &format!("{ACME}\n[preferences]\n[[group]]\nid = \"limited\"\nname = \"Some\"\npermissions = []\n[[group]]\nid = \"mine\"\nname = \"Mine\"\npermissions = []\n"), &by("portal.toml")).await;
    fixture.organization("globex").await;
    fixture.user("acme", "by-hand", "limited").await;
    let keep = ACME.split("[[user]]").next().unwrap();
    let unpruned = plan(directory, keep, &by("portal.toml"), &by_operator()).await.unwrap();
    assert!(unpruned.steps.is_empty());
    let results = apply(directory, keep, &pruning()).await;
    let removed = results.iter().filter(|it| matches!(it, Ok(Applied::Removed))).count();
    let released = results.iter().filter(|it| matches!(it, Ok(Applied::Changed))).count();
    assert_eq!((results.len(), removed, released), (5, 3, 2), "{results:?}");
    assert!(directory.groups().get(&"limited".into()).await.unwrap().managed_by.is_none());
    assert!(directory.preferences().get().await.unwrap().managed_by.is_none());
    assert_eq!(directory.groups().get(&"mine".into()).await.unwrap_err().code(), "not-found");
    directory.organizations().get(&"globex".into()).await.unwrap();
    directory.users().with_login("by-hand").await.unwrap();
    let nothing = apply(directory, "", &pruning()).await;
    let refused = nothing.iter().filter_map(|it| it.as_ref().err()).map(DirectoryError::code);
    assert_eq!(refused.collect::<Vec<_>>(), ["organization-in-use"]);
}

#[tokio::test]
async fn what_was_detached_since_the_plan_is_not_removed() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    apply(directory, ACME, &by("portal.toml")).await;
    let change = by_operator();
    let planned = plan(directory, "", &pruning(), &change).await.unwrap();
    let detach = change.clone().marking(crate::directory::records::Marks::Remove);
    directory.users().change(&"u1".into(), UserPatch::default(), &detach).await.unwrap();
    let step = planned.steps.iter().find(|it| it.step.entry().id() == Some("u1")).unwrap();
    let done = directory.apply_step(&step.step, &pruning(), (&change, None)).await.unwrap();
    assert_eq!(done, Applied::Unchanged);
    directory.users().get(&"u1".into()).await.unwrap();
}

#[tokio::test]
async fn r40_a_new_user_is_invited_once() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let text = ACME.replace("login = \"office\"", "login = \"office\"\ninvite = true");
    for _ in 0..2 {
        apply(directory, &text, &by("portal.toml")).await;
        assert_eq!(fixture.waiting_mails().await.len(), 1);
    }
    let office = directory.users().with_login("office").await.unwrap();
    directory.invitations().withdraw(&office.id, &by_operator()).await.unwrap();
    apply(directory, &text, &by("portal.toml")).await;
    let office = directory.users().with_login("office").await.unwrap();
    assert_eq!(serde_json::to_value(office.status).unwrap(), "no_password");
    let liam = directory.users().get(&"u1".into()).await.unwrap();
    assert_eq!(serde_json::to_value(liam.status).unwrap(), "no_password");
}

#[tokio::test]
async fn r3_r4_r6_rules_about_built_in_groups_hold_for_files() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let group = |id: &str, name: &str, permissions: &str| {
        format!("[[group]]\nid = \"{id}\"\nname = \"{name}\"\npermissions = {permissions}\n")
    };
    let renamed = group("limited", "Some", "[\"portal.access\"]")
        + "[preferences]\ndefault_group = \"limited\"\n";
    for done in apply(directory, &renamed, &by("portal.toml")).await {
        assert_eq!(done.unwrap(), Applied::Changed);
    }
    assert!(directory.groups().get(&"limited".into()).await.unwrap().default);
    for (text, code) in [
        (group("admin", "Staff", "\"all\""), "group-built-in"),
        ("[preferences]\ndefault_group = \"non-portal\"\n".to_owned(), "group-not-a-default"),
    ] {
        let refused = apply(directory, &text, &by("portal.toml")).await.pop().unwrap();
        assert_eq!(refused.unwrap_err().code(), code);
    }
    let text = group("non-portal", "Non-Portal User Group", "[\"profile.edit\"]");
    let found = problems(directory, &text).await;
    assert!(found[0].starts_with("line 4, column 15: "), "{found:?}");
}

#[tokio::test]
async fn a_user_stays_in_its_organization() {
    let fixture = Fixture::new().await;
    apply(&fixture.directory, ACME, &by("portal.toml")).await;
    let text = "[[organization]]\nid = \"globex\"\nname = \"Globex\"\n[[user]]\nlogin = \"office\"\norganization = \"globex\"\ngroup = \"limited\"\n[[end_user]]\nid = \"liam\"\norganization = \"globex\"\nname = \"Liam\"\n";
    let found = problems(&fixture.directory, text).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|it| it.contains("belongs to `acme` and cannot move")), "{found:?}");
}

#[tokio::test]
async fn i10_a_scoped_account_applies_and_exports_its_organizations() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    apply(directory, ACME, &by("portal.toml")).await;
    fixture.organization("globex").await;
    fixture.user("globex", "secret-person", "limited").await;
    let scope = Scope::only(["acme".into()]);
    let rights = |role, scope| Rights { role, scope, impersonate: false };
    let manager = rights(Role::Administrator, scope.clone());
    let actor = fixture.token("manager", &manager).await;
    let change = Change { actor, ..by_operator() };
    let text = export(directory, Sections::OF_ORGANIZATIONS, &change).await;
    assert!(text.contains("\"acme\"") && !text.contains("globex"), "{text}");
    assert_eq!(directory.export(Sections::ALL, &change).unwrap_err().code(), "out-of-scope");
    let options = by("portal.toml");
    plan(directory, &text, &options, &change).await.unwrap();
    for outside in [
        "[preferences]\n",
        "[[organization]]\nid = \"globex\"\nname = \"Globex\"\n",
        "[[organization]]\nid = \"new\"\nname = \"New\"\n",
        "[[user]]\nlogin = \"x\"\norganization = \"globex\"\ngroup = \"limited\"\n",
    ] {
        match plan(directory, outside, &options, &change).await {
            Err(PlanError::Directory(error)) => assert_eq!(error.code(), "out-of-scope"),
            other => panic!("{outside}: {other:?}"),
        }
    }
    for role in [Role::Technician, Role::Auditor] {
        let actor = fixture.token(role.name(), &rights(role, Scope::ALL)).await;
        let change = Change { actor, ..by_operator() };
        assert_eq!(directory.export(Sections::ALL, &change).unwrap_err().code(), "escalation");
        match plan(directory, &text, &options, &change).await {
            Err(PlanError::Directory(error)) => assert_eq!(error.code(), "escalation"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_export_has_no_secrets() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    fixture.organization("acme").await;
    fixture.user("acme", "ann", "limited").await;
    let invited = NewUser { invite: true, ..new_user("acme", "bob@acme.example") };
    directory.users().create(invited, &by_operator()).await.unwrap();
    let text = export(directory, Sections::ALL, &by_operator()).await;
    let names = ["password", "token", "secret", "argon2", "invit", "generation", "recovery"];
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let lines: String = lines.filter(|line| !line.starts_with("secure_with_password")).collect();
    assert!(names.iter().all(|name| !lines.contains(name)), "{lines}");
    let stored = directory.records().read().list(kind::USER, None, None, 10).await.unwrap();
    for record in stored {
        let doc: Value = serde_json::from_slice(&record.doc).unwrap();
        for secret in ["/password", "/invitation/token"] {
            let Some(secret) = doc.pointer(secret).and_then(Value::as_str) else { continue };
            assert!(!text.contains(secret));
        }
    }
}

#[tokio::test]
async fn an_end_user_has_the_order_of_the_file() {
    let fixture = Fixture::new().await;
    apply(&fixture.directory, ACME, &by("portal.toml")).await;
    let text = export(&fixture.directory, Sections::OF_ORGANIZATIONS, &by_operator()).await;
    let expected = "\n[[end_user]]\nid = \"liam\"\norganization = \"acme\"\nname = \"Liam\"\n\n\
                    [[user]]\n";
    assert!(text.contains(expected), "{text}");
}

#[tokio::test]
async fn the_example_in_the_documents_is_applied() {
    let text = include_str!("../../../docs/operations.md");
    let (_, chapter) = text.split_once("## Configuration in files").unwrap();
    let (_, example) = chapter.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let fixture = Fixture::new().await;
    let results = apply(&fixture.directory, example, &by("portal.toml")).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!((results.len(), fixture.waiting_mails().await.len()), (5, 1));
}

/// A name with what must be quoted, in several scripts.
fn names() -> impl Strategy<Value = String> {
    "[A-Za-z0-9\"'\\\\#=\\[\\]{},.\u{e4}\u{f6}\u{fc}\u{df}\u{c4}\u{590f}\u{1f389} -]{1,16}"
        .prop_filter("must not be empty", |name| !name.trim().is_empty())
}

/// The records of an installation, by numbers and names.
type Installation = Vec<(u8, u8, String, bool)>;

/// Creates the records that the rules allow.
async fn fill(fixture: &Fixture, installation: &Installation) {
    let (directory, change) = (&fixture.directory, by_operator());
    for (what, number, name, flag) in installation {
        let organization = format!("org-{}", number % 3);
        let email = flag.then(|| format!("m{number}@b\u{fc}ro.example"));
        // What a rule refuses is not in the installation.
        match what % 5 {
            0 => {
                let permissions = if *flag { Grant::All } else { Grant::Only(Vec::new()) };
                let new = NewGroup { id: None, name: name.clone(), permissions };
                drop(directory.groups().create(new, &change).await);
            }
            1 => {
                let new = NewOrganization {
                    id: Some(organization.as_str().into()),
                    name: name.clone(),
                    email,
                };
                drop(directory.organizations().create(new, &change).await);
                let id = organization.as_str().into();
                drop(directory.secure_links().set_enabled(&id, *flag, &change).await);
            }
            2 => {
                let new = NewEndUser { name: name.clone(), email };
                drop(
                    directory.end_users().create(&organization.as_str().into(), new, &change).await,
                );
            }
            3 => {
                let mut new = new_user(&organization, name);
                new.name = flag.then(|| name.clone());
                new.require_mfa = *flag;
                new.disabled = number % 2 == 0;
                new.password = (number % 4 == 0).then(|| Secret::from(PASSWORD));
                drop(directory.users().create(new, &change).await);
            }
            _ => {
                let url = flag.then(|| format!("https://example.com/{number}"));
                let patch = PreferencesPatch {
                    secure_with_password_if_portal_users_exist: Some(*flag),
                    disabled_redirect_url: Some(url),
                    ..PreferencesPatch::default()
                };
                directory.preferences().change(patch, &change).await.unwrap();
                let patch = GroupPatch { default: Some(true), ..GroupPatch::default() };
                drop(directory.groups().change(&"limited".into(), patch, &change).await);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn an_export_applied_to_an_empty_store_exports_the_same(
        installation in prop::collection::vec((any::<u8>(), any::<u8>(), names(), any::<bool>()), 1..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let [from, to] = [Fixture::new().await, Fixture::new().await];
            fill(&from, &installation).await;
            let text = export(&from.directory, Sections::ALL, &by_operator()).await;
            for done in apply(&to.directory, &text, &by("portal.toml")).await {
                done.unwrap();
            }
            assert_eq!(export(&to.directory, Sections::ALL, &by_operator()).await, text);
            let again = plan(&to.directory, &text, &by("portal.toml"), &by_operator()).await;
            assert!(again.unwrap().steps.is_empty());
        });
    }
}
