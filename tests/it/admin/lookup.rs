//! Names and short ids in place of ids, and `status`.

use super::cli::Console;
use crate::support::admin::PASSWORD;

#[tokio::test]
async fn cli_accepts_names_and_the_beginning_of_generated_ids() {
    let console = Console::start().await;
    console.done(&["organizations", "create", "Acme Ltd", "--id", "acme"]).await;
    console.done(&["organizations", "create", "Acme Two", "--id", "acme-2"]).await;
    let create =
        ["users", "create", "acme ltd", "--login", "ann", "--group", "Limited Portal Group"];
    console.with_input(&[&create[..], &["--password-stdin"]].concat(), PASSWORD).await.done();
    let ann = console.json(&["users", "show", "ann"]).await;
    let id = ann["id"].as_str().unwrap();
    // Such an id may consist of letters only, or of digits only; then it is not shortened.
    let is_mixed = |id: &str| {
        id.bytes().any(|b| b.is_ascii_digit()) && id.bytes().any(|b| b.is_ascii_lowercase())
    };
    if is_mixed(id) {
        assert_eq!(console.json(&["users", "show", &id[..6]]).await, ann);
        let said = console.refused(&["users", "show", &id[..3]]).await;
        assert!(said.contains("there is no portal user"), "{said}");
    }
    let mut browser = console.browser();
    assert_eq!(browser.sign_in("ann", PASSWORD).await.status, 303);
    let sessions = console.json(&["sessions", "list", "--organization", "Acme Ltd"]).await;
    let session = sessions["items"][0]["id"].as_str().unwrap();
    let shown = console.done(&["sessions", "list", "--kind", "user"]).await;
    assert!(shown.contains(&session[..12]) && !shown.contains(&session[..13]), "{shown}");
    assert!(shown.contains("ann"), "logins, not ids: {shown}");
    let links = console.json(&["sessions", "list", "--kind", "link"]).await;
    assert_eq!(links["items"], serde_json::json!([]));
    console.done(&["sessions", "end", &session[..12]]).await;
    assert_eq!(browser.fetch("/invoices").await.status, 401);
    console.done(&["token", "create", "CI"]).await;
    let tokens = console.json(&["token", "list"]).await;
    let token = tokens["items"][0]["id"].as_str().unwrap();
    console.done(&["token", "revoke", &token[..8]]).await;
}

#[tokio::test]
async fn cli_never_shortens_a_chosen_id() {
    let console = Console::start().await;
    console.done(&["organizations", "create", "Acme", "--id", "acme"]).await;
    console.done(&["organizations", "create", "Acme Two", "--id", "acme-2"]).await;
    console.done(&["organizations", "delete", "acme"]).await;
    // The same command again must not reach the other one.
    let said = console.refused(&["organizations", "delete", "acme"]).await;
    assert!(said.contains("there is no organization `acme`"), "{said}");
    let list = console.json(&["organizations", "list"]).await;
    assert_eq!(list["items"][0]["id"], "acme-2");
}

#[tokio::test]
async fn cli_status_reports_the_running_gateway() {
    let console = Console::start().await;
    console.done(&["organizations", "create", "Acme", "--id", "acme"]).await;
    console.done(&["users", "create", "acme", "--login", "ann@acme.test", "--invite"]).await;
    let status = console.json(&["status"]).await;
    assert_eq!(status["organizations"], 1, "{status}");
    assert_eq!(status["users"]["invited"], 1, "{status}");
    assert_eq!(status["portal"]["servers"][0]["reachable"], true, "{status}");
    assert_eq!(status["warnings"], serde_json::json!([]));
    let shown = console.done(&["status"]).await;
    for part in ["up 0 min (since ", "reachable", "1 invited", "1 route, read from "] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown_email = shown.lines().find(|line| line.starts_with("email")).unwrap();
    assert!(shown_email.contains("waiting"), "{shown}");
    let url = "https://status.example/";
    console.done(&["preferences", "set", "--disabled-redirect-url", url]).await;
    let shown = console.done(&["status"]).await;
    assert!(shown.contains("warning        portal-disabled: "), "{shown}");
}
