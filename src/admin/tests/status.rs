use std::net::TcpListener;

use serde_json::json;

use super::bench::Bench;
use crate::authz::decision_record::Entry;
use crate::clock;

#[tokio::test]
async fn status_counts_records_and_warns() {
    let bench = Bench::start().await;
    let status = bench.get("/api/v1/status").await;
    assert_eq!(status.status, 200, "{status:?}");
    let none = json!({ "active": 0, "invited": 0, "no_password": 0, "disabled": 0 });
    assert_eq!(status.body["users"], none);
    assert_eq!(status.body["organizations"], 0);
    assert_eq!(status.body["sessions"], json!({ "user": 0, "link": 0, "staff": 0 }));
    assert_eq!(status.body["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status.body["policy"]["permissions"], 24);
    let files = json!(["permissions.toml", "groups.toml", "routes.toml", "expectations.toml"]);
    assert_eq!(status.body["policy"]["files"], files);
    let server = &status.body["portal"]["servers"][0];
    assert_eq!((&server["address"], &server["reachable"]), (&"127.0.0.1:9".into(), &false.into()));
    assert_eq!(status.body["warnings"][0]["name"], "portal-unreachable");

    bench.person("acme", "ann", "limited").await;
    let invited = json!({ "organization": "acme", "login": "b@acme.example", "invite": true });
    bench.post("/api/v1/users", invited).await;
    bench.post("/api/v1/users", json!({ "organization": "acme", "login": "cid" })).await;
    let url = json!({ "disabled_redirect_url": "https://status.example/" });
    bench.patch("/api/v1/preferences", url).await;
    let status = bench.get("/api/v1/status").await;
    let counted = json!({ "active": 1, "invited": 1, "no_password": 1, "disabled": 0 });
    assert_eq!(status.body["users"], counted);
    assert_eq!(status.body["mail"], json!({ "waiting": 1, "failed": 0, "unconfirmed": 0 }));
    assert_eq!(status.body["portal"]["enabled"], false);
    assert_eq!(status.body["warnings"][0]["name"], "portal-disabled");
}

#[tokio::test]
async fn status_is_without_warnings_if_nothing_is_wrong() {
    let portal = TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = Bench::with_portal(portal.local_addr().unwrap()).await;
    let status = bench.get("/api/v1/status").await;
    assert_eq!(status.body["portal"]["servers"][0]["reachable"], true, "{status:?}");
    assert_eq!(status.body["warnings"], json!([]));
}

#[tokio::test]
async fn overview_says_what_is_well_without_reading_records() {
    let bench = Bench::start().await;
    bench.person("acme", "ann", "limited").await;
    let overview = bench.get("/api/v1/overview").await;
    assert_eq!(overview.status, 200, "{overview:?}");
    assert_eq!((&overview.body["organizations"], &overview.body["users"]), (&1.into(), &1.into()));
    assert!(overview.body["not_ready"].is_null(), "{overview:?}");
    assert_eq!(overview.body["portal"]["servers"][0]["reachable"], false);
    assert_eq!(overview.body["warnings"][0]["name"], "portal-unreachable");
    assert_eq!(overview.body["refusals"], json!([]));
    assert!(overview.body["policy"]["loaded"].is_string(), "{overview:?}");
}

#[tokio::test]
async fn requests_are_marked_by_the_value_of_the_api() {
    let bench = Bench::start().await;
    let before = bench.get("/api/v1/doctor").await;
    let value = before.body["value"].as_str().unwrap().to_owned();
    assert_eq!(before.body, json!({ "value": value, "ids": "", "requests": [] }));
    for value in [&*value, "another"] {
        let query = format!("portcullis-doctor={value}.7");
        let of = ("0123456789ab0001", [192, 0, 2, 7].into());
        let entry = Entry::new(clock::now(), of, "GET", 0);
        let (path, query) = (Some("/a"), Some(&*query));
        let (decision, reason) = ("deny", "no-route");
        let entry = Entry { path, query, via: Some("nginx"), decision, reason, ..entry };
        bench.state.authz.marked_requests().add(&entry);
    }
    let after = bench.get("/api/v1/doctor").await.body;
    let marked = json!({ "mark": "7", "request": "0123456789ab0001", "contract": "nginx",
        "address": "192.0.2.7", "method": "GET", "path": "/a", "decision": "deny",
        "reason": "no-route" });
    assert_eq!(after, json!({ "value": value, "ids": "0123456789ab", "requests": [marked] }));
}
