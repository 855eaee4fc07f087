//! `export` and `apply`: records in a file, by a running program.

use serde_json::json;

use super::cli::Console;
use crate::support::admin::PASSWORD;

/// What the first file describes.
const FILE: &str = r#"
[[group]]
id = "accounts"
name = "Accounts \"EMEA\""
permissions = ["portal.access"]

[[organization]]
id = "acme"
name = "Müller & Söhne"

[[end_user]]
id = "liam"
organization = "acme"
name = "Liam"
email = "liam@acme.example"

[[user]]
login = "liam@acme.example"
organization = "acme"
end_user = "liam"
group = "accounts"
invite = true
"#;

#[tokio::test]
async fn an_export_moves_an_installation_byte_for_byte() {
    let [from, to] = [Console::start().await, Console::start().await];
    from.with_input(&["apply", "-", "--source", "portal@1"], FILE).await.done();
    let create = ["users", "create", "acme", "--login", "ann", "--password-stdin"];
    from.with_input(&create, PASSWORD).await.done();
    from.done(&["organizations", "link", "disable", "acme", "--detach"]).await;
    from.done(&["organizations", "edit", "acme", "--default-group", "accounts"]).await;
    from.done(&["organizations", "create", "Globex", "--id", "globex"]).await;
    from.done(&["organizations", "park", "globex", "--reason", "Moved \"away\"."]).await;
    from.done(&["preferences", "set", "--disabled-redirect-url", "https://example.com/x"]).await;
    let text = from.done(&["export"]).await;
    assert!(text.contains("default_group = \"accounts\"\n"), "{text}");
    assert!(text.contains("parked = "), "{text}");
    assert!(!text.contains("invite") && !text.contains("argon2"), "{text}");
    let mails = |list: serde_json::Value| list["items"].as_array().unwrap().len();
    assert_eq!(mails(from.json(&["mail", "list"]).await), 1);

    let printed = to.with_input(&["apply", "-", "--source", "copy"], &text).await.done();
    assert!(printed.contains("create organization acme (Müller & Söhne)"), "{printed}");
    assert_eq!(to.done(&["export"]).await, text);
    assert_eq!(mails(to.json(&["mail", "list"]).await), 0);
    let again = to.with_input(&["apply", "-", "--source", "copy"], &text).await.done();
    assert!(again.contains("Nothing was changed."), "{again}");
    let part = to.done(&["export", "--what", "groups,preferences"]).await;
    assert!(part.contains("[[group]]") && !part.contains("[[user]]"), "{part}");
    to.refused(&["export", "--what", "secrets"]).await;
}

#[tokio::test]
async fn a_plan_comes_first_and_a_refusal_is_reported() {
    let console = Console::start().await;
    let apply = ["apply", "-", "--source", "portal@1"];
    let dry = console.with_input(&[&apply[..], &["--dry-run"]].concat(), FILE).await.done();
    for expected in [
        "create group accounts (Accounts \"EMEA\") (line 2)\n",
        "create user liam@acme.example (line 17)\n",
        "Plan: 4 created.\n",
        "- 1 email is sent\n",
    ] {
        assert!(dry.contains(expected), "{expected}: {dry}");
    }
    console.refused(&["organizations", "show", "acme"]).await;
    console.with_input(&apply, FILE).await.done();

    let changed = FILE.replace("Accounts \\\"EMEA\\\"", "Accounts")
        + "[[group]]\nid = \"admin\"\nname = \"Staff\"\npermissions = \"all\"\n";
    let dry = console.with_input(&[&apply[..], &["--dry-run"]].concat(), &changed).await.refused();
    assert!(dry.contains("1 record cannot be written"), "{dry}");
    let refused = console.with_input(&apply, &changed).await.refused();
    assert!(refused.contains("1 record could not be written"), "{refused}");
    assert_eq!(console.json(&["groups", "show", "accounts"]).await["name"], "Accounts");

    let head = console.json(&["audit", "list", "--limit", "1"]).await;
    let broken = console.with_input(&apply, "[[user]]\nlogn = \"x\"\n").await.refused();
    for expected in ["portal:2:1: unknown key `logn`; did you mean `login`?", "`group` is missing"]
    {
        assert!(broken.contains(expected), "{expected}: {broken}");
    }
    assert_eq!(console.json(&["audit", "list", "--limit", "1"]).await, head);
}

#[tokio::test]
async fn a_managed_record_is_edited_in_its_file_or_detached() {
    let console = Console::start().await;
    console.with_input(&["apply", "-", "--source", "portal@1"], FILE).await.done();
    let organization = console.json(&["organizations", "show", "acme"]).await;
    assert_eq!(organization["managed_by"], json!({ "name": "portal", "commit": "1" }));
    let shown = console.done(&["groups", "show", "accounts"]).await;
    assert!(shown.contains("managed by    portal@1"), "{shown}");

    let edit = ["organizations", "edit", "acme", "--name", "Other"];
    let refused = console.refused(&edit).await;
    assert!(refused.contains("managed by `portal@1`") && refused.contains("--detach"), "{refused}");
    console.done(&[&edit[..], &["--detach"]].concat()).await;
    let organization = console.json(&["organizations", "show", "acme"]).await;
    assert_eq!(
        (&organization["name"], &organization["managed_by"]),
        (&json!("Other"), &json!(null))
    );
    console.done(&edit).await;

    let entries = console.json(&["audit", "list", "--kind", "group.created"]).await;
    let entry = &entries["items"][0];
    assert_eq!(
        (&entry["source"], &entry["via"]),
        (&json!("portal@1"), &json!("socket")),
        "{entry}"
    );
    for kind in ["file.applied", "job.queued"] {
        let entries = console.json(&["audit", "list", "--kind", kind]).await;
        assert_eq!(entries["items"].as_array().unwrap().len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn pruning_removes_what_the_file_no_longer_has() {
    let console = Console::start().await;
    let apply = ["apply", "-", "--source", "portal"];
    console.with_input(&apply, FILE).await.done();
    console.done(&["organizations", "create", "Globex", "--id", "globex"]).await;
    let shorter = FILE.split("[[user]]").next().unwrap();
    let kept = console.with_input(&apply, shorter).await.done();
    assert!(kept.contains("Nothing was changed."), "{kept}");
    let prune = [&apply[..], &["--prune", "--yes"]].concat();
    let printed = console.with_input(&prune, shorter).await.done();
    assert!(printed.contains("remove user liam@acme.example\n"), "{printed}");
    assert!(printed.contains("(link-opens)"), "{printed}");
    assert_eq!(console.json(&["users", "list"]).await["items"], json!([]));
    console.done(&["organizations", "show", "globex"]).await;
}
