//! I9: refusals in the audit log, which are counted before they are written, and what a kill loses.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::gate::HOST;
use crate::support::program::{Home, Program};
use crate::support::upstream::Upstream;

const ROUTES: &str = "[[route]]\nname = \"All\"\npath = \"/{*rest}\"\naccess = \"signed-in\"\n";

async fn home() -> (Upstream, Home, Program) {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let program = home.serve().await;
    (upstream, home, program)
}

async fn entries(home: &Home, kind: &str) -> Vec<Value> {
    let list = home.run(&["audit", "list", "--json", "--kind", kind]).await.json();
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn i9_a_first_refused_sign_in_survives_a_kill() {
    let (_upstream, home, program) = home().await;
    let acme = json!({ "id": "acme", "name": "Acme" });
    program.admin.post("/api/v1/organizations", acme).await.created();
    let anna = program.admin.user("acme", "anna", "limited").await;
    let mut browser = Browser::new(program.gateway, HOST);
    assert_eq!(browser.sign_in("anna", "wrong").await.status, 401);
    // Reading the log would write what is counted; what is stored about a user is read without that.
    let stored = async {
        loop {
            let export = program.admin.get(&format!("/api/v1/users/{anna}/export")).await.ok();
            let audit = export["audit"].as_array().unwrap();
            if audit.iter().any(|entry| entry["kind"] == "user.sign-in-refused") {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), stored).await.expect("it is written at once");
    program.kill().await;
    let program = home.serve().await;
    let refused = entries(&home, "user.sign-in-refused").await;
    assert_eq!(refused.len(), 1);
    assert_eq!((&refused[0]["user"], &refused[0]["after"]["count"]), (&json!(anna), &json!(1)));
    program.stop().await;
}

#[tokio::test]
async fn i9_repeated_refusals_are_counted_and_a_stop_keeps_them() {
    let (_upstream, home, program) = home().await;
    let mut browser = Browser::new(program.gateway, HOST);
    for _ in 0..40 {
        browser.open("/.portcullis/link/invented-token").await;
    }
    program.stop().await;
    let program = home.serve().await;
    let refused = entries(&home, "link.refused").await;
    let counts = refused.iter().map(|entry| entry["after"]["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 40);
    assert!(refused.len() <= 4, "two in a minute: {refused:?}");
    program.stop().await;
}

#[tokio::test]
async fn i10_refused_writes_are_in_the_audit_log() {
    let (_upstream, home, program) = home().await;
    let token = home.run(&["token", "create", "help desk", "--role", "technician"]).await.done();
    let bearer = format!("Bearer {}", token.trim());
    let host = program.admin_address.to_string();
    let mut desk = Browser::new(program.admin_address, &host);
    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
    for (method, path, body) in [
        (Method::PATCH, "/api/v1/groups/limited", "{\"permissions\":\"all\"}"),
        (Method::PATCH, "/api/v1/groups/no-access", "{\"permissions\":\"all\"}"),
        (Method::PATCH, "/api/v1/groups/limited?dry_run=true", "{\"permissions\":\"all\"}"),
        (Method::GET, "/api/v1/tokens", ""),
    ] {
        let reply = desk.send(method, path, &headers, body).await;
        assert_eq!(reply.status, 403, "{path}: {reply:?}");
    }
    let refused = entries(&home, "request.refused").await;
    let subject =
        |entry: &Value| [&entry["subject"]["kind"], &entry["subject"]["name"]].map(Value::clone);
    let counts = refused.iter().map(|entry| entry["after"]["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 2, "neither the dry run nor the read: {refused:?}");
    for entry in &refused {
        assert_eq!(subject(entry), ["token", "help desk"]);
        assert_eq!(entry["reason"], "role-required");
        assert_eq!(entry["after"]["request"], "PATCH /api/v1/groups/{id}");
        assert_eq!(entry["from"], "127.0.0.1");
    }
    let granted = program.admin.get("/api/v1/groups/no-access").await.ok();
    assert_eq!(granted["permissions"], json!([]));
}
