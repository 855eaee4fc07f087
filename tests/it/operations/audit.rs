//! I9: every change is in the audit log, in the commit that makes it, and a log that was edited or
//! cut off is found out.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::client::within;
use crate::support::gate::HOST;
use crate::support::program::{Home, Program, Ran, run};
use crate::support::upstream::Upstream;

const ROUTES: &str = "[[route]]\nname = \"All\"\npath = \"/{*rest}\"\naccess = \"signed-in\"\n";

async fn home() -> (Upstream, Home, Program) {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let program = home.serve().await;
    (upstream, home, program)
}

/// Anna of Acme, in the limited group.
async fn anna(program: &Program) -> String {
    let acme = json!({ "id": "acme", "name": "Acme" });
    program.admin.post("/api/v1/organizations", acme).await.created();
    program.admin.user("acme", "anna", "limited").await
}

async fn audit(home: &Home, args: &[&str]) -> Ran {
    home.run(&[&["audit"], args].concat()).await
}

/// The entries that match, the oldest first.
async fn entries(home: &Home, filter: &[&str]) -> Vec<Value> {
    let list = audit(home, &[&["list", "--json", "--limit", "1000"], filter].concat()).await.json();
    list["items"].as_array().unwrap().iter().rev().cloned().collect()
}

fn described(entries: &[Value]) -> Vec<String> {
    let text = |entry: &Value, at: &str| entry.pointer(at).unwrap().as_str().unwrap().to_owned();
    let line = |entry| {
        format!(
            "{} {} {}",
            text(entry, "/actor/name"),
            text(entry, "/kind"),
            text(entry, "/subject/id")
        )
    };
    entries.iter().map(line).collect()
}

#[tokio::test]
async fn i9_every_change_by_an_operator_has_an_entry() {
    let (_upstream, home, program) = home().await;
    let first = entries(&home, &[]).await.len();
    let admin = &program.admin;
    let user = anna(&program).await;
    admin.patch(&format!("/api/v1/users/{user}"), json!({ "group": "admin" })).await.ok();
    let group = admin.group("Billing", &["invoices.view"]).await;
    admin.patch(&format!("/api/v1/groups/{group}"), json!({ "permissions": [] })).await.ok();
    admin.patch("/api/v1/organizations/acme/link", json!({ "enabled": false })).await.ok();
    let redirect = json!({ "disabled_redirect_url": "https://status.example" });
    admin.patch("/api/v1/preferences", redirect).await.ok();
    admin.delete(&format!("/api/v1/groups/{group}")).await;
    admin.delete(&format!("/api/v1/users/{user}")).await;

    let entries = entries(&home, &[]).await;
    let made = entries.get(first..).unwrap();
    let expected = [
        "socket organization.created acme".to_owned(),
        format!("socket user.created {user}"),
        format!("socket user.changed {user}"),
        format!("socket group.created {group}"),
        format!("socket group.changed {group}"),
        "socket organization.changed acme".to_owned(),
        "socket preferences.changed preferences".to_owned(),
        format!("socket group.deleted {group}"),
        format!("socket user.deleted {user}"),
    ];
    assert_eq!(described(made), expected);
    assert_eq!(made[2]["before"], json!({ "group": "limited" }));
    assert_eq!(made[2]["after"], json!({ "group": "admin" }));
    assert_eq!(made[4]["before"], json!({ "permissions": ["invoices.view"] }));
    assert_eq!(made[4]["after"], json!({ "permissions": [] }));
    let numbers: Vec<_> = entries.iter().map(|entry| entry["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..entries.len() as u64).collect::<Vec<_>>(), "no number is left out");
}

#[tokio::test]
async fn i9_refused_and_empty_changes_have_no_entry() {
    let (_upstream, home, program) = home().await;
    anna(&program).await;
    let before = entries(&home, &[]).await;
    let taken = json!({ "organization": "acme", "login": "ANNA" });
    program.admin.post("/api/v1/users", taken).await.refused(409, "taken");
    let name = json!({ "name": "Limited Portal Group" });
    program.admin.patch("/api/v1/groups/limited", name).await.ok();
    program.admin.delete("/api/v1/groups/limited").await;
    assert_eq!(entries(&home, &[]).await, before);
}

#[tokio::test]
async fn i9_entries_are_found_by_actor_user_organization_and_kind() {
    let (_upstream, home, program) = home().await;
    let anna = anna(&program).await;
    let globex = json!({ "id": "globex", "name": "Globex" });
    program.admin.post("/api/v1/organizations", globex).await.created();
    let created = format!("socket user.created {anna}");
    for (filter, found) in [
        (["--user", &*anna], vec![&*created]),
        (["--user", "anna"], vec![&*created]),
        (["--organization", "globex"], vec!["socket organization.created globex"]),
        (
            ["--kind", "organization.created"],
            vec!["socket organization.created acme", "socket organization.created globex"],
        ),
        (["--actor", "system:gateway"], vec!["gateway gateway.started gateway"]),
        (["--actor", "token:none"], vec![]),
        (["--since", "2999-01-01T00:00:00Z"], vec![]),
        (["--until", "2000-01-01T00:00:00Z"], vec![]),
    ] {
        assert_eq!(described(&entries(&home, &filter).await), found, "{filter:?}");
    }
    let time = audit(&home, &["list", "--since", "yesterday"]).await;
    assert!(time.code == 2 && time.err.contains("`yesterday` is not a date"), "{time:?}");
}

#[tokio::test]
async fn i9_no_secret_is_in_the_log() {
    let (_upstream, home, program) = home().await;
    let anna = anna(&program).await;
    program
        .admin
        .post(&format!("/api/v1/users/{anna}/password"), json!({ "password": "Another-1-pass!" }))
        .await;
    let token = home.run(&["token", "create", "ci"]).await.done();
    let log = audit(&home, &["export"]).await.done();
    let secret = token.split_whitespace().find(|word| word.starts_with("portcullis_")).unwrap();
    for secret in [PASSWORD, "Another-1-pass!", "argon2", "$2", secret] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    let changed = entries(&home, &["--kind", "user.changed"]).await;
    assert_eq!(changed[0]["after"], json!({ "password_generation": 1 }));
}

/// The export, a checkpoint that was kept elsewhere, and the public key.
async fn kept(home: &Home) -> (String, String) {
    let checkpoint = audit(home, &["checkpoint", "--json"]).await.json();
    let text = |name: &str| checkpoint[name].as_str().unwrap().to_owned();
    fs::write(home.path("checkpoint"), text("checkpoint")).unwrap();
    (audit(home, &["export"]).await.done(), text("key"))
}

#[tokio::test]
async fn i9_an_edited_or_cut_export_is_refused() {
    let (_upstream, home, program) = home().await;
    anna(&program).await;
    let (export, key) = kept(&home).await;
    program.stop().await;
    let lines: Vec<&str> = export.lines().collect();
    let entry = |number: usize| {
        let start = format!("{{\"number\":{number},");
        lines.iter().position(|line| line.starts_with(&start)).unwrap()
    };
    let swapped = |a: usize, b: usize| {
        let mut lines = lines.clone();
        lines.swap(a, b);
        lines.join("\n")
    };
    let without = |range: std::ops::Range<usize>| {
        let mut lines = lines.clone();
        lines.drain(range);
        lines.join("\n")
    };
    let last = entry(5);
    for (text, verdict) in [
        (export.clone(), None),
        (export.replace("anna", "ANNA"), Some("entry 7 was changed")),
        (swapped(entry(2), entry(3)), Some("entry 2 is missing or out of order")),
        (without(last..last + 1), Some("entry 5 is missing or out of order")),
        (without(0..lines.len()), Some("entry 0 and later are missing")),
        (without(last..lines.len()), Some("entry 5")),
    ] {
        fs::write(home.path("export"), text).unwrap();
        let args = ["verify", "--file", "export", "--against", "checkpoint", "--key", &key];
        let ran = run(&home.path(""), &[&["audit"], &args[..]].concat(), "").await;
        match verdict {
            None => assert!(ran.done().contains("none of them changed")),
            Some(verdict) => {
                let error = ran.refused();
                assert!(error.contains(verdict), "{verdict}: {error}");
            }
        }
    }
}

/// Verifies an exported log offline, against the checkpoint that was kept.
async fn verified(home: &Home, export: &str, key: &str) -> Ran {
    fs::write(home.path("export"), export).unwrap();
    let args = ["audit", "verify", "--file", "export", "--against", "checkpoint", "--key", key];
    run(&home.path(""), &args, "").await
}

#[tokio::test]
async fn i9_entries_that_no_checkpoint_covers_are_refused() {
    let (_upstream, home, program) = home().await;
    anna(&program).await;
    let (export, key) = kept(&home).await;
    let running = audit(&home, &["verify", "--json"]).await.json();
    assert_eq!(running["uncovered"], 0, "{running}");
    program.stop().await;
    let last = export.lines().last().unwrap();
    assert!(last.starts_with(r#"{"checkpoint":"#), "an export ends with a checkpoint: {last}");
    let entry = export.lines().rfind(|line| line.starts_with(r#"{"number":"#)).unwrap();
    let (number, fields) = entry[r#"{"number":"#.len()..].split_once(',').unwrap();
    let next = number.parse::<u64>().unwrap() + 1;
    let copies = (next..next + 1000).map(|number| format!("{{\"number\":{number},{fields}\n"));
    let appended = copies.fold(export.clone(), |text, copy| text + &copy);
    let unsigned: Vec<_> =
        export.lines().filter(|line| !line.starts_with(r#"{"checkpoint":"#)).collect();
    let uncovered = format!("entry {next} and later come after the last checkpoint");
    for (text, verdict) in
        [(appended, &*uncovered), (unsigned.join("\n"), "the log has no checkpoint")]
    {
        fs::write(home.path("export"), text).unwrap();
        let args = ["audit", "verify", "--file", "export", "--key", &key];
        let error = run(&home.path(""), &args, "").await.refused();
        assert!(error.contains(verdict), "{verdict}: {error}");
    }
}

#[tokio::test]
async fn i9_ended_sessions_and_lockouts_name_whose_they_are() {
    let (_upstream, home, program) = home().await;
    let anna = anna(&program).await;
    let mut browser = Browser::new(program.gateway, HOST);
    assert_eq!(browser.sign_in("anna", PASSWORD).await.status, 303);
    program.admin.delete(&format!("/api/v1/users/{anna}/sessions")).await;
    let mut stranger = Browser::new(program.gateway, HOST);
    for _ in 0..5 {
        assert_eq!(stranger.sign_in("anna", "wrong").await.status, 401);
    }
    home.run(&["lockouts", "release", "--login", "anna"]).await.done();
    let globex = program.admin.organization("Globex").await;
    let link = program.admin.secure_link(&globex).await;
    let mut visitor = Browser::new(program.gateway, HOST);
    let target = visitor.local(&link);
    assert_eq!(visitor.open(&target).await.status, 303);
    for _ in 0..4 {
        let mut another = Browser::new(program.gateway, HOST);
        assert_eq!(another.open(&target).await.status, 303);
    }
    let opened = entries(&home, &["--kind", "link.opened"]).await;
    let count: u64 = opened.iter().map(|entry| entry["after"]["count"].as_u64().unwrap()).sum();
    assert!(count == 5 && opened.len() < 5, "one entry for a minute and an address: {opened:?}");
    home.run(&["sessions", "end", "--all", "--yes"]).await.done();
    for (organization, kind, subject, name) in [
        ("acme", "session.ended", &*anna, "anna"),
        ("acme", "lockout.released", "account", "anna"),
        (&*globex, "session.ended", &*globex, "Globex"),
        (&*globex, "link.shown", &*globex, "Globex"),
    ] {
        let found = entries(&home, &["--organization", organization, "--kind", kind]).await;
        assert_eq!(described(&found), [format!("socket {kind} {subject}")]);
        assert_eq!(found[0]["subject"]["name"], name, "{found:?}");
        let user = if organization == "acme" { json!(anna) } else { Value::Null };
        assert_eq!(found[0]["user"], user, "{found:?}");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap().path();
        let copy = to.join(entry.file_name().unwrap());
        match entry.is_dir() {
            true => copy_folder(&entry, &copy),
            false => drop(fs::copy(&entry, &copy).unwrap()),
        }
    }
}

#[tokio::test]
async fn i9_a_replayed_older_store_is_found_out() {
    let (_upstream, home, program) = home().await;
    let (older, key) = kept(&home).await;
    program.stop().await;
    copy_folder(&home.path("data"), &home.path("older"));
    let program = home.serve().await;
    for name in ["A", "B", "C", "D", "E", "F"] {
        program.admin.organization(name).await;
    }
    kept(&home).await;
    program.stop().await;
    // The export of before is only the beginning of what was.
    let error = verified(&home, &older, &key).await.refused();
    assert!(error.contains("and later are missing"), "{error}");
    // The older store, put back and grown beyond the checkpoint.
    fs::rename(home.path("data"), home.path("newer")).unwrap();
    fs::rename(home.path("older"), home.path("data")).unwrap();
    home.run(&["store", "accept-older"]).await.done();
    let program = home.serve().await;
    for name in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        program.admin.organization(name).await;
    }
    let replayed = audit(&home, &["export"]).await.done();
    let accepted = entries(&home, &["--kind", "store.accepted-older"]).await;
    assert_eq!(described(&accepted), ["command line store.accepted-older gateway"]);
    program.stop().await;
    let error = verified(&home, &replayed, &key).await.refused();
    assert!(error.contains("entries were changed together with their hashes"), "{error}");
}

#[tokio::test]
async fn i9_a_log_chained_again_from_the_start_is_found_out() {
    let (_upstream, home, program) = home().await;
    anna(&program).await;
    let (_, key) = kept(&home).await;
    program.stop().await;
    // Another history, with the stolen key and with a key of its own.
    for (steals, verdict) in [
        (true, "entries were changed together with their hashes: the first of them is entry 0"),
        (false, "after entry"),
    ] {
        let (_upstream, forged, program) = self::home().await;
        if steals {
            program.stop().await;
            fs::remove_dir_all(forged.path("data")).unwrap();
            fs::remove_file(forged.path("data.answered")).unwrap();
            fs::remove_dir_all(forged.path("secrets")).unwrap();
            fs::create_dir(forged.path("secrets")).unwrap();
            fs::copy(home.path("secrets/audit.key"), forged.path("secrets/audit.key")).unwrap();
            let program = forged.serve().await;
            anna(&program).await;
            forge(&home, &forged, &program, &key, verdict).await;
        } else {
            anna(&program).await;
            forge(&home, &forged, &program, &key, verdict).await;
        }
    }
}

/// Shows that another log does not fit the checkpoint of this one.
async fn forge(home: &Home, forged: &Home, program: &Program, key: &str, verdict: &str) {
    for name in ["A", "B", "C"] {
        program.admin.organization(name).await;
    }
    let (export, _) = kept(forged).await;
    let error = verified(home, &export, key).await.refused();
    assert!(error.contains(verdict), "{verdict}: {error}");
}

#[tokio::test]
async fn i9_first_entries_removed_without_an_entry_show() {
    let (_upstream, home, program) = home().await;
    anna(&program).await;
    let (export, key) = kept(&home).await;
    program.stop().await;
    // Their hashes stay, as after the end of their retention.
    let first = |line: &&str| !(0..3).any(|n| line.starts_with(&format!("{{\"number\":{n},")));
    let cut: Vec<&str> = export.lines().filter(first).collect();
    assert_eq!(cut.len(), export.lines().count() - 3);
    let error = verified(&home, &cut.join("\n"), &key).await.refused();
    assert!(error.contains("entry 0"), "{error}");
}

#[tokio::test]
async fn i9_entries_between_commit_and_checkpoint_survive_a_kill() {
    let (_upstream, home, program) = home().await;
    kept(&home).await;
    let anna = anna(&program).await;
    program.kill().await;
    let program = home.serve().await;
    let created = entries(&home, &["--user", &anna]).await;
    assert_eq!(described(&created), [format!("socket user.created {anna}")]);
    let verified = audit(&home, &["verify", "--against", "checkpoint"]).await.done();
    assert!(verified.contains("The log begins with the"), "{verified}");
    program.stop().await;
    let program = home.serve().await;
    let ends = entries(&home, &["--actor", "system:gateway"]).await;
    let ends: Vec<_> = ends.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(ends, ["gateway.started", "gateway.started", "gateway.stopped", "gateway.started"]);
    program.stop().await;
}

#[tokio::test]
async fn i9_a_lost_audit_key_is_not_replaced_silently() {
    let (_upstream, home, program) = home().await;
    let (_, key) = kept(&home).await;
    program.stop().await;
    fs::rename(home.path("secrets/audit.key"), home.path("lost")).unwrap();
    let refused = home.try_serve().await.unwrap_err();
    assert!(refused.contains("the audit key `secrets/audit.key` is missing"), "{refused}");
    fs::rename(home.path("lost"), home.path("secrets/audit.key")).unwrap();
    let program = home.serve().await;
    assert_eq!(kept(&home).await.1, key);
    program.stop().await;
}

#[tokio::test]
async fn i9_sign_ins_opened_links_reloads_and_exports_have_entries() {
    let (_upstream, home, program) = home().await;
    let anna = anna(&program).await;
    let globex = program.admin.organization("Globex").await;
    let link = program.admin.secure_link(&globex).await;
    let mut browser = Browser::new(program.gateway, HOST);
    assert_eq!(browser.sign_in("anna", "wrong").await.status, 401);
    assert_eq!(browser.sign_in("anna", PASSWORD).await.status, 303);
    let mut visitor = Browser::new(program.gateway, HOST);
    let target = visitor.local(&link);
    assert_eq!(visitor.open(&target).await.status, 303);
    home.run(&["policy", "reload"]).await.done();
    home.run(&["users", "export", "anna"]).await.done();
    audit(&home, &["export"]).await.done();
    for (kind, actor, subject) in [
        ("user.signed-in", &*anna, &*anna),
        ("link.opened", "secure link", &*globex),
        ("policy.reloaded", "socket", "gateway"),
        ("user.exported", "socket", &*anna),
        ("audit.exported", "socket", "gateway"),
    ] {
        let found = entries(&home, &["--kind", kind]).await;
        assert_eq!(described(&found), [format!("{actor} {kind} {subject}")], "{kind}");
    }
    let signed_in = entries(&home, &["--kind", "user.signed-in"]).await;
    assert_eq!(signed_in[0]["from"], "127.0.0.1");
    assert_eq!(signed_in[0]["after"]["way"], "password");
    let refused = entries(&home, &["--kind", "user.sign-in-refused"]).await;
    assert_eq!(described(&refused), [format!("sign-in user.sign-in-refused {anna}")]);
    assert_eq!(
        (&refused[0]["reason"], &refused[0]["after"]["count"]),
        (&json!("wrong-password"), &json!(1))
    );
}

#[tokio::test]
async fn i9_a_removed_value_is_shown_as_null() {
    let (_upstream, home, program) = home().await;
    let acme = json!({ "id": "acme", "name": "Acme", "email": "office@acme.example" });
    program.admin.post("/api/v1/organizations", acme).await.created();
    program.admin.patch("/api/v1/organizations/acme", json!({ "email": null })).await.ok();
    let changed = entries(&home, &["--kind", "organization.changed"]).await;
    assert_eq!(changed[0]["before"], json!({ "email": "office@acme.example" }));
    assert_eq!(changed[0]["after"], json!({ "email": null }));
    let user = program.admin.user("acme", "anna", "limited").await;
    let token = json!({ "name": "sync" });
    program.admin.post(&format!("/api/v1/users/{user}/tokens"), token).await.created();
    let of_acme = entries(&home, &["--organization", "acme", "--kind", "user-token.created"]).await;
    assert_eq!(of_acme.len(), 1, "{of_acme:?}");
}

#[tokio::test]
async fn r18_sessions_of_staff_that_run_out_have_entries() {
    let upstream = Upstream::start().await;
    let home = Home::new(
        upstream.address,
        "[[route]]\nname = \"Home\"\npath = \"/\"\nrequire = \"portal.access\"\n",
    );
    home.settings(
        "session.staff_idle_timeout = \"2s\"\nsession.staff_absolute_timeout = \"2s\"\nsession.impersonation_timeout = \"2s\"\n",
    );
    let program = home.serve().await;
    let admin = &program.admin;
    let acme = admin.organization("Acme").await;
    let anna = admin.user(&acme, "anna@acme.test", "limited").await;
    for (path, body) in [
        ("views", json!({ "organization": acme, "reason": "Ticket 7" })),
        ("impersonations", json!({ "user": anna, "reason": "Ticket 8" })),
    ] {
        let link = admin.post(&format!("/api/v1/{path}"), body).await.ok();
        let mut staff = Browser::new(program.gateway, HOST);
        let target = staff.local(link["url"].as_str().unwrap());
        assert_eq!(staff.open(&target).await.status, 303);
        let over = async { while staff.fetch("/").await.status != 401 {} };
        within("the end of the session", over).await;
    }
    program.stop().await;
    // Expired sessions are removed at the start, and then every five minutes.
    let program = home.serve().await;
    for (kind, id) in [("view.expired", &acme), ("impersonation.expired", &anna)] {
        let path = format!("/api/v1/audit?kind={kind}");
        let entry = async {
            loop {
                let list = program.admin.get(&path).await.ok();
                if let Some(entry) = list["items"].as_array().unwrap().first() {
                    return entry.clone();
                }
            }
        };
        let entry = within("the entry", entry).await;
        assert_eq!(
            (&entry["subject"]["id"], &entry["after"]["staff"]),
            (&json!(id), &json!("socket"))
        );
        assert_eq!(entry["actor"]["kind"], "system", "{entry}");
    }
}
