//! `--dry-run` and `?dry_run=true` of a running program.

use serde_json::json;

use super::cli::Console;
use crate::support::admin::PASSWORD;

#[tokio::test]
async fn r14_a_dry_run_says_that_the_link_closes_and_keeps_it() {
    let console = Console::start().await;
    console.done(&["organizations", "create", "Globex", "--id", "globex"]).await;
    let link = console.json(&["organizations", "link", "show", "globex"]).await;
    let mut visitor = console.browser();
    let path = visitor.local(link["url"].as_str().unwrap());
    assert_eq!(visitor.open(&path).await.status, 303);

    let create = ["users", "create", "globex", "--login", "zoe@globex.example", "--invite"];
    let dry = [&create[..], &["--send-to", "zoe@globex.example", "--dry-run"]].concat();
    let printed = console.done(&dry).await;
    for expected in [
        "Nothing was changed.",
        "- 1 open session ends\n",
        "- the secure link of globex no longer opens sessions\n",
        "- 1 email is sent\n",
        "(link-closes)",
    ] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
    let document = console.json(&dry).await;
    assert_eq!(document["changes"]["links_closed"], json!(["globex"]), "{document}");
    assert_eq!(document["changes"]["sessions_ended"], 1);

    assert_eq!(console.json(&["users", "list"]).await["items"], json!([]));
    assert_eq!(console.json(&["mail", "list"]).await["items"], json!([]));
    let sessions = console.json(&["sessions", "list"]).await;
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
    let audit = console.json(&["audit", "list", "--kind", "user.created"]).await;
    assert_eq!(audit["items"], json!([]));

    console.done(&[&create[..], &["--send-to", "zoe@globex.example"]].concat()).await;
    let sessions = console.json(&["sessions", "list"]).await;
    assert_eq!(sessions["items"], json!([]));
}

#[tokio::test]
async fn cli_dry_run_changes_nothing_and_has_the_errors_of_the_change() {
    let console = Console::start().await;
    console.done(&["organizations", "create", "Acme", "--id", "acme"]).await;
    let create = ["users", "create", "acme", "--login", "ann", "--group", "limited"];
    console.with_input(&[&create[..], &["--password-stdin"]].concat(), PASSWORD).await.done();
    let edit = ["groups", "edit", "limited", "--grant", "invoices.view", "--dry-run"];
    let printed = console.done(&edit).await;
    assert!(printed.contains("- 1 person gains invoices.view (Invoices)\n"), "{printed}");
    let group = console.json(&["groups", "show", "limited"]).await;
    assert!(!group["permissions"].to_string().contains("invoices.view"), "{group}");
    let refused = console.refused(&["groups", "delete", "limited", "--dry-run"]).await;
    assert!(refused.contains("still has 1 portal user"), "{refused}");
    let nothing = console.done(&["users", "edit", "ann", "--name", "Ann", "--dry-run"]).await;
    assert!(nothing.contains("change no permissions, end no session or link"), "{nothing}");
}
