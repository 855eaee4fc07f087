//! SIGHUP: settings are read again, and put in force if they need no restart.

use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::gate::TestGate;

fn write(gate: &TestGate, more: &str) {
    let file = gate.file("portcullis.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, text + more).unwrap();
}

/// The events of the log with this message.
fn events(gate: &TestGate, message: &str) -> Vec<serde_json::Value> {
    let log = gate.log();
    let events = log.lines().filter_map(|line| serde_json::from_str(line).ok());
    events.filter(|event: &serde_json::Value| event["message"] == message).collect()
}

#[tokio::test]
async fn sighup_reloads_settings_and_names_those_that_wait() {
    let gate = TestGate::start().await;
    assert_eq!(gate.get("/open/before").send().await.status, 200);
    gate.decided("/open/before").await;
    write(&gate, "telemetry.decisions = \"refused\"\nserver.backlog = 99\nupstream.requests = 9\n");
    gate.hang_up();
    gate.logged("changed settings take effect after a restart").await;
    let waiting = events(&gate, "changed settings take effect after a restart");
    assert_eq!(waiting[0]["settings"], "server.backlog, upstream.requests");
    assert_eq!(events(&gate, "setting reloaded")[0]["setting"], "telemetry.decisions");
    assert_eq!(gate.get("/open/after").send().await.status, 200);
    assert_eq!(gate.get("/open/denied").send().await.status, 401);
    gate.decided("/open/denied").await;
    assert!(!gate.records().contains("/open/after"), "only refusals are recorded now");

    write(&gate, "telemetry.log = \"warn\"\n");
    gate.hang_up();
    gate.logged_times("changed settings take effect after a restart", 2).await;
    // What is logged as information no longer appears.
    write(&gate, "session.tokens = true\n");
    gate.hang_up();
    gate.logged_times("changed settings take effect after a restart", 3).await;
    assert_eq!(events(&gate, "policy reloaded").len(), 1, "{}", gate.log());
}

#[tokio::test]
async fn sighup_puts_times_of_sessions_in_force() {
    let gate = TestGate::start().await;
    let group = gate.admin.group("Readers", &["portal.access", "invoices.view"]).await;
    gate.admin.acme_with_user("anna@acme.test", &group).await;
    let cookie = gate.sign_in("anna@acme.test", PASSWORD).await;
    assert_eq!(gate.get("/closed/a").cookie(&cookie).send().await.status, 200);
    write(&gate, "session.idle_timeout = \"1ms\"\nbackup.keep = 3\naudit.retention = \"2d\"\n");
    gate.hang_up();
    gate.logged_times("setting reloaded", 3).await;
    let reloaded = events(&gate, "setting reloaded");
    let names: Vec<_> = reloaded.iter().map(|event| event["setting"].as_str().unwrap()).collect();
    assert_eq!(names, ["session.idle_timeout", "audit.retention", "backup.keep"]);
    assert_eq!(gate.get("/closed/a").cookie(&cookie).send().await.status, 401);
    assert!(events(&gate, "changed settings take effect after a restart").is_empty());
}

#[tokio::test]
async fn sighup_puts_settings_of_mail_in_force() {
    let gate = TestGate::start().await;
    let sender = async || {
        let test = json!({ "to": "anna@acme.test" });
        let test = gate.admin.post("/api/v1/mail/test", test).await.ok();
        std::fs::read_to_string(gate.file(test["via"].as_str().unwrap())).unwrap()
    };
    write(&gate, "mail.from = \"New <new@portal.test>\"\n");
    assert!(!sender().await.contains("new@portal.test"));
    gate.hang_up();
    gate.logged("setting reloaded").await;
    assert!(sender().await.contains("<new@portal.test>"));
    // Without the folder, what was in force still is.
    write(&gate, "mail.templates = \"missing\"\n");
    gate.hang_up();
    gate.logged("settings not reloaded, the old ones stay in force: ").await;
    assert!(sender().await.contains("<new@portal.test>"));
}

#[tokio::test]
async fn sighup_keeps_settings_in_force_if_new_ones_are_invalid() {
    let gate = TestGate::start().await;
    write(&gate, "telemetry.decisions = \"refused\"\nserver.backlog = 0\n");
    gate.hang_up();
    gate.logged("settings not reloaded, the old ones stay in force: server.backlog: ").await;
    assert_eq!(events(&gate, "setting reloaded").len(), 0);
    assert_eq!(gate.get("/open/after").send().await.status, 200);
    gate.decided("/open/after").await;
}
