//! Two administrators who edit one record: the second is warned and sees both versions.

use http::Method;
use serde_json::json;

use super::cli::Console;
use crate::support::browser::Browser;

#[tokio::test]
async fn the_second_of_two_editors_gets_both_versions() {
    let console = Console::start().await;
    console.done(&["groups", "create", "Sales", "--id", "sales"]).await;
    let bearer = format!("Bearer {}", console.done(&["token", "create", "ann"]).await.trim());
    let mut ann = Browser::new(console.program.admin_address, "localhost");
    let edit = async |ann: &mut Browser, version: &str, name: &str| {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("if-match", version),
        ];
        let body = json!({ "name": name }).to_string();
        ann.send(Method::PATCH, "/api/v1/groups/sales", &headers, body).await
    };

    // Both have read version 1; the other one writes first.
    console.done(&["groups", "edit", "sales", "--name", "Sales EMEA"]).await;
    let refused = edit(&mut ann, "\"1\"", "Sales Europe").await;
    assert_eq!(refused.status, 409);
    let problem = refused.problem();
    assert_eq!(problem["type"], "urn:portcullis:problem:changed");
    assert_eq!(problem["current"]["name"], "Sales EMEA");
    assert_eq!(problem["current"]["version"], 2);
    assert_eq!(console.json(&["groups", "show", "sales"]).await["name"], "Sales EMEA");

    // With the version that the response has shown, the write is made.
    assert_eq!(edit(&mut ann, "\"2\"", "Sales Europe").await.status, 200);
    let stale = ["groups", "edit", "sales", "--name", "Sales UK", "--if-version", "2"];
    let said = console.refused(&stale).await;
    assert!(said.contains("name: yours Sales UK, theirs Sales Europe"), "{said}");
    assert_eq!(console.json(&["groups", "show", "sales"]).await["name"], "Sales Europe");
    console.done(&["groups", "edit", "sales", "--name", "Sales UK", "--if-version", "3"]).await;
    assert_eq!(console.json(&["groups", "show", "sales"]).await["name"], "Sales UK");
}
