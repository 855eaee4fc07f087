//! The metrics, as Prometheus reads them.

use std::collections::BTreeSet;

use http::Method;
use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::gate::TestGate;

/// A token with this role.
async fn token(gate: &TestGate, role: &str, scope: &[&str]) -> String {
    let scope = (!scope.is_empty()).then_some(scope);
    let name = format!("{role} {scope:?}");
    let token = json!({ "name": name, "role": role, "scope": scope });
    let created = gate.admin.post("/api/v1/tokens", token).await.ok();
    let token = created["token"].as_str().unwrap();
    gate.is_secret(token);
    format!("Bearer {token}")
}

/// The status and the text of `/metrics`.
async fn read(gate: &TestGate, headers: &[(&str, &str)]) -> (u16, String) {
    let mut scraper = Browser::new(gate.admin_address, "localhost");
    let reply = scraper.send(Method::GET, "/metrics", headers, "").await;
    (reply.status, String::from_utf8(reply.body.to_vec()).unwrap())
}

/// Fails the test unless each line is in the metrics.
async fn has(gate: &TestGate, lines: &[&str]) -> String {
    let token = token(gate, "auditor", &[]).await;
    let (status, text) = read(gate, &[("authorization", &token)]).await;
    assert_eq!(status, 200, "{text}");
    for line in lines {
        assert!(text.lines().any(|it| it == *line), "{line}\n{text}");
    }
    text
}

#[tokio::test]
async fn metrics_need_a_token_without_a_limited_scope() {
    let gate = TestGate::start().await;
    assert_eq!(read(&gate, &[]).await.0, 401);
    assert_eq!(read(&gate, &[("authorization", "Bearer portcullis_x")]).await.0, 401);
    let acme = gate.admin.organization("Acme").await;
    let limited = token(&gate, "auditor", &[&acme]).await;
    assert_eq!(read(&gate, &[("authorization", &limited)]).await.0, 403);
    let (status, text) =
        read(&gate, &[("authorization", &token(&gate, "auditor", &[]).await)]).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[tokio::test]
async fn metrics_are_those_of_the_documentation() {
    let gate = TestGate::start().await;
    let text = has(&gate, &[]).await;
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let named: BTreeSet<_> = types
        .filter_map(|line| line.split_once(' '))
        .map(|(name, kind)| match kind {
            "counter" => format!("{name}_total {kind}"),
            _ => format!("{name} {kind}"),
        })
        .collect();
    let documented: BTreeSet<_> = include_str!("../../../docs/metrics.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| row.split(" | ").take(2).collect::<Vec<_>>().join(" ").replace('`', ""))
        .collect();
    assert_eq!(named, documented);
}

#[tokio::test]
async fn metrics_count_requests_by_route_and_reason() {
    let gate = TestGate::start().await;
    let group = gate.admin.group("Callers", &["portal.access"]).await;
    gate.admin.acme_with_user("anna@acme.test", &group).await;
    assert_eq!(gate.try_sign_in("anna@acme.test", "wrong").await.status, 401);
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    for path in ["/open/a", "/open/b"] {
        assert_eq!(gate.get(path).send().await.status, 200);
    }
    assert_eq!(gate.get("/closed/a").cookie(&anna).send().await.status, 403);
    assert_eq!(gate.get("/open/%zz").send().await.status, 400);
    gate.decided("/closed/a").await;
    let lines = [
        "portcullis_requests_total{route=\"Open\",decision=\"allow\"} 2",
        "portcullis_requests_total{route=\"Open\",decision=\"refuse\"} 0",
        "portcullis_requests_total{route=\"Invoices\",decision=\"refuse\"} 1",
        "portcullis_refused_requests_total{decision=\"deny\",reason=\"missing-permission\"} 1",
        "portcullis_missing_permissions_total{permission=\"invoices.view\"} 1",
        "portcullis_route_portal_responses_total{route=\"Open\"} 2",
        "portcullis_route_portal_responses_total{route=\"Invoices\"} 0",
        "portcullis_portal_responses_total{class=\"2xx\"} 2",
        "portcullis_portal_seconds_count 2",
        "portcullis_sign_ins_total{outcome=\"accepted\"} 1",
        "portcullis_sign_ins_total{outcome=\"wrong-password\"} 1",
        "portcullis_sessions 1",
        "portcullis_policy_current 1",
    ];
    let text = has(&gate, &lines).await;
    let bad = text.lines().any(|line| {
        line.starts_with("portcullis_refused_requests_total{decision=\"bad-request\"")
            && line.ends_with(" 1")
    });
    assert!(bad, "{text}");
    assert!(!text.contains("anna") && !text.contains("Acme"), "{text}");
}

#[tokio::test]
async fn metrics_count_failures_of_the_portal_by_reason() {
    let gate = TestGate::start().await;
    gate.upstream.answer_bytes("/open/broken", "nonsense\r\n\r\n");
    assert_eq!(gate.get("/open/broken").send().await.status, 502);
    let lines = [
        "portcullis_portal_failures_total{reason=\"portal-broken\"} 1",
        "portcullis_requests_total{route=\"Open\",decision=\"allow\"} 1",
        "portcullis_portal_seconds_count 0",
    ];
    has(&gate, &lines).await;
}
