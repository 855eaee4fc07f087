use std::fs;

use http::Method;
use serde_json::json;

use super::bench::Bench;

/// A page of the portal itself.
const OWN: &str = "https://portal.example/maintenance";

#[tokio::test]
async fn r60_a_url_disables_the_portal_and_null_enables_it() {
    let bench = Bench::start().await;
    let path = "/api/v1/preferences";
    let before = bench.get(path).await.body;
    assert_eq!(before["secure_with_password_if_portal_users_exist"], true);
    assert!(before["disabled_redirect_url"].is_null());
    for bad in ["ftp://x", "example.com", "javascript:alert(1)", "", "https://", OWN] {
        let answer = bench.patch(path, json!({ "disabled_redirect_url": bad })).await;
        assert_eq!(answer.status, 422, "{bad}");
        assert_eq!(answer.field(), "disabled_redirect_url", "{bad}");
    }
    let url = "https://status.example/";
    let set = bench.patch(path, json!({ "disabled_redirect_url": url })).await;
    assert_eq!(set.body["disabled_redirect_url"], url);
    let other = json!({ "secure_with_password_if_portal_users_exist": false });
    let kept = bench.patch(path, other).await;
    assert_eq!(kept.body["disabled_redirect_url"], url, "what is left out stays");
    let cleared = bench.patch(path, json!({ "disabled_redirect_url": null })).await;
    assert!(cleared.body["disabled_redirect_url"].is_null());
    assert_eq!(cleared.body["secure_with_password_if_portal_users_exist"], false);
}

#[tokio::test]
async fn a_policy_with_errors_leaves_the_old_one_in_force() {
    let bench = Bench::start().await;
    let routes = bench.policies.join("routes.toml");
    let shipped = fs::read_to_string(&routes).unwrap();
    let reload = async || bench.ask(Method::POST, "/api/v1/policy/reload", None).await;
    let before = reload().await;
    assert_eq!(before.status, 200);
    let listed = bench.get("/api/v1/routes").await.body;
    assert_eq!(before.body["routes"], listed["items"].as_array().unwrap().len());

    let lines = shipped.lines().count();
    fs::write(&routes, format!("{shipped}\n[[route]]\nname = \"x\"\npath = \"no slash\"\n"))
        .unwrap();
    let refused = reload().await;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "policy-invalid"));
    let wrong = &refused.body["errors"][0];
    assert_eq!(wrong["file"], "routes.toml");
    assert!(wrong["line"].as_u64().unwrap() > lines as u64, "{wrong}");
    assert!(!wrong["message"].as_str().unwrap().is_empty());
    assert!(refused.detail().contains("routes.toml:"), "{}", refused.detail());
    assert_eq!(bench.get("/api/v1/routes").await.body, listed, "the old one stays");

    let right = "\n[[route]]\nname = \"New\"\npath = \"/new\"\naccess = \"public\"\n";
    fs::write(&routes, shipped + right).unwrap();
    let reloaded = reload().await;
    assert_eq!(reloaded.status, 200);
    assert_ne!(reloaded.body["version"], before.body["version"]);
    let asked = bench.get("/api/v1/explain?anonymous=true&method=GET&target=/new").await.body;
    assert_eq!(asked["decision"], "allow");
    assert_eq!(asked["policy"], reloaded.body["version"]);
}

#[tokio::test]
async fn reload_is_refused_if_an_expectation_fails_for_a_group() {
    let bench = Bench::start().await;
    let expectations = bench.policies.join("expectations.toml");
    let mut text = fs::read_to_string(&expectations).unwrap();
    text.push_str(
        "\n[[expect]]\nas = \"limited\"\nrequest = \"GET /invoices\"\ndecision = \"allow\"\n",
    );
    fs::write(&expectations, text).unwrap();
    let refused = bench.ask(Method::POST, "/api/v1/policy/reload", None).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.body["errors"][0]["file"], "expectations.toml");
}

#[tokio::test]
async fn the_probes_answer() {
    let bench = Bench::start().await;
    assert_eq!(bench.get("/healthz").await.status, 200);
    assert_eq!(bench.get("/livez").await.status, 200);
    let ready = bench.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.body["status"], "ready");
    for part in ["store", "policy", "mail", "certificate"] {
        assert_eq!(ready.body["parts"][part], serde_json::json!({ "status": "ok" }), "{part}");
    }
}

#[tokio::test]
async fn a_portal_that_is_down_does_not_make_it_not_ready() {
    let bench = Bench::start().await;
    let ready = bench.get("/readyz").await;
    assert_eq!(ready.status, 200);
    let parts = &ready.body["parts"];
    assert_eq!(parts["portal"]["status"], "failed", "{parts}");
    assert_eq!(parts["store"]["status"], "ok", "{parts}");
}
