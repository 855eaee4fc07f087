//! `policy suggest`: from the decision records of a gateway with few routes to a policy in which
//! each request is on a route.

use std::time::Duration;

use serde_json::Value;

use crate::support::client::within;
use crate::support::gate::TestGate;
use crate::support::program::run;

const FEW: &str = r#"
[[route]]
name = "Start page"
methods = ["GET"]
path = "/"
access = "public"
"#;

/// Requests of a walk through a portal, and the routes that are suggested for them.
const WALK: [(&str, &str, &str); 11] = [
    ("GET", "/tickets?page=1&sort=age", "/tickets[/]"),
    ("GET", "/tickets/", "/tickets[/]"),
    ("GET", "/tickets/7", "/tickets/{id:int}"),
    ("POST", "/tickets/8", "/tickets/{id:int}"),
    ("GET", "/tickets/new", "/tickets/new"),
    ("GET", "/invoices/0b67a8f2-0000-4000-8000-000000000001/pdf", "/invoices/{id:uuid}/pdf"),
    ("GET", "/assets/app.5f3a9c1e7b2d.js", "/assets/{file:*.js}"),
    ("GET", "/a%7Bb%7D/*", "/a%7Bb%7D/%2A"),
    ("DELETE", "/reset/q7w8e9r0t1y2u3i4?eyJhbGciOi", "/reset/{name:word}"),
    ("GET", "/caf%c3%a9", "/caf%C3%A9"),
    ("GET", "/a;b", "/{x}"),
];

/// The records of the requests, in the order of the walk.
async fn walk(gate: &TestGate) -> Vec<Value> {
    let before = gate.records().len();
    for (method, target, _) in WALK {
        gate.call(method.parse().unwrap(), target).send().await;
    }
    let records = within("the records", async {
        let mut tries = tokio::time::interval(Duration::from_millis(20));
        loop {
            let records = gate.records().split_off(before);
            if records.lines().count() == WALK.len() && records.ends_with('\n') {
                return records;
            }
            tries.tick().await;
        }
    });
    let records = records.await;
    let records: Vec<Value> =
        records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |(method, target, _): (&str, &str, &str)| {
        let path = target.split('?').next().unwrap().replace("%c3%a9", "%C3%A9");
        let found =
            records.iter().find(|record| record["method"] == method && record["path"] == path);
        found.unwrap_or_else(|| panic!("{path}: {records:?}")).clone()
    };
    WALK.map(of).to_vec()
}

#[tokio::test]
async fn suggested_routes_are_for_all_requests_without_one() {
    let gate = TestGate::builder().policy(FEW).start().await;
    assert_eq!(gate.get("/?q=1").send().await.status, 200);
    gate.decided("/").await;
    let records = walk(&gate).await;
    assert!(records.iter().all(|record| record["reason"] == "no-route"), "{records:?}");

    let folder = gate.file(".");
    let command = ["policy", "suggest", "-"];
    let suggested = run(&folder, &command, &gate.records()).await.done();
    assert!(suggested.contains("query page, sort"), "{suggested}");
    for secret in ["Start page", "eyJ"] {
        assert!(!suggested.contains(secret), "{suggested}");
    }
    std::fs::write(gate.file("records.log"), gate.records()).unwrap();
    let json = run(&folder, &["--json", "policy", "suggest", "records.log"], "").await.json();
    assert_eq!(json["items"].as_array().unwrap().len(), suggested.matches("[[route]]").count());

    std::fs::write(gate.file("policies/routes.toml"), format!("{FEW}\n{suggested}")).unwrap();
    let check = run(&folder, &["--config", "portcullis.toml", "check"], "").await;
    assert_eq!((check.code, check.err.as_str()), (0, ""), "{suggested}");
    let reload = ["--config", "portcullis.toml", "policy", "reload"];
    run(&folder, &reload, "").await.done();
    for (record, (method, target, path)) in walk(&gate).await.iter().zip(WALK) {
        assert_eq!(record["reason"], "route-closed", "{method} {target}: {record}");
        assert_eq!(record["route"], format!("suggested: {path}"));
    }
}

#[tokio::test]
async fn suggest_names_a_log_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let error = run(folder.path(), &["policy", "suggest", "missing.log"], "").await.refused();
    assert!(error.contains("missing.log: cannot be read"), "{error}");
    let wrong = run(folder.path(), &["--config", "x", "policy", "suggest", "-"], "").await;
    assert_eq!(wrong.code, 2, "{wrong:?}");
    let empty = run(folder.path(), &["policy", "suggest", "-"], "no record\n").await.done();
    assert!(empty.contains("# Lines that are not decision records: 1."), "{empty}");
    assert!(!empty.contains("[[route]]"), "{empty}");
}
