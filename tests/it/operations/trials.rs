//! Trials of the portal: one browser may have everything that is not closed, and what it sees becomes
//! a proposal of routes.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::support::admin::PASSWORD;
use crate::support::browser::{Browser, Form};
use crate::support::client::{Reply, within};
use crate::support::gate::{HOST, TestGate};
use crate::support::program::{Home, Program, run};
use crate::support::upstream::Upstream;
use crate::support::wire::status;

const ROUTES: &str = r#"
[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"

[[route]]
name = "Home"
methods = ["GET"]
path = "/"
require = "portal.access"

[[route]]
name = "Invoices"
methods = ["GET"]
path = "/invoices/{invoice}"
require = "invoices.view"

[[route]]
name = "Administration"
path = "/admin"
subtree = true
access = "deny"

[[route]]
name = "Profile"
methods = ["GET"]
path = "/profile"
require = "portal.access"
staff = "never"

[[route]]
name = "Organization"
methods = ["GET"]
path = "/organizations/{organization}"
require = "portal.access"
organization = "{organization}"
"#;
const TRIALS: &str = "/api/v1/policy/trials";
const LOGIN: &str = "anna@acme.test";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn outcome(reply: &Reply) -> (u16, String) {
    let reason = if reply.status == 200 { String::new() } else { reply.reason() };
    (reply.status, reason)
}

/// A portal with the organization Acme and its user Anna.
async fn gate() -> TestGate {
    let gate =
        TestGate::builder().policy(ROUTES).setting("admin.require_mfa", "false").start().await;
    let acme = gate.admin.organization("Acme").await;
    gate.admin.user(&acme, LOGIN, "admin").await;
    gate
}

/// A browser that has a new trial, and the trial's id.
async fn tried(gate: &TestGate) -> (Browser, String) {
    let link = gate.admin.post(TRIALS, json!({ "minutes": 30, "reason": "Map it" })).await.ok();
    let mut browser = Browser::at(gate);
    let target = browser.local(link["url"].as_str().unwrap());
    let reply = browser.open(&target).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/")), "{reply:?}");
    (browser, link["id"].as_str().unwrap().to_owned())
}

async fn shown(gate: &TestGate, id: &str) -> Value {
    gate.admin.get(&format!("{TRIALS}/{id}")).await.ok()
}

async fn send(browser: &mut Browser, method: Method, target: &str) -> (u16, String) {
    let script = [("sec-fetch-site", "same-origin"), ("accept", "application/json")];
    outcome(&browser.send(method, target, &script, "").await)
}

#[tokio::test]
async fn trial_opens_what_has_no_route_to_one_browser_only() {
    let gate = gate().await;
    let acme = gate.admin.get("/api/v1/organizations").await.ok()["items"][0]["id"].clone();
    let (mut trial, _) = tried(&gate).await;
    let body = json!({ "organization": acme, "reason": "x" });
    let link = gate.admin.post("/api/v1/views", body).await.ok();
    let mut view = Browser::at(&gate);
    let target = view.local(link["url"].as_str().unwrap());
    view.open(&target).await;
    let mut anna = Browser::at(&gate);
    anna.sign_in(LOGIN, PASSWORD).await;
    for (target, refused) in [
        ("/tickets/7", "no-route"),
        ("/Tickets/7", "no-route"),
        ("/organizations/acme/x", "no-route"),
    ] {
        for other in [&mut view, &mut anna] {
            assert_eq!(outcome(&other.fetch(target).await), (403, refused.to_owned()), "{target}");
        }
        assert_eq!(Browser::at(&gate).fetch(target).await.status, 401, "{target}");
        gate.nothing_arrived("another session").await;
        assert_eq!(outcome(&trial.fetch(target).await), (200, String::new()), "{target}");
        gate.arrived();
    }
    assert_eq!(outcome(&view.fetch("/invoices/7").await).1, "missing-permission");
    assert_eq!(trial.fetch("/invoices/7").await.status, 200);
    let seen = gate.arrived();
    assert_eq!(seen.one("portcullis-session-kind"), Some("staff"));
    assert_eq!(seen.one("portcullis-actor"), Some("socket"));
    assert_eq!(send(&mut view, Method::POST, "/invoices/7").await.1, "method-not-allowed");
    assert_eq!(send(&mut trial, Method::POST, "/invoices/7").await.0, 200);
    gate.arrived();
    let record = gate.recorded("reason", "trial").await;
    assert_eq!((&record["session"], &record["decision"]), (&json!("trial"), &json!("allow")));
    assert_eq!((&record["route"], &record["actor"]), (&Value::Null, &json!("socket")));
    let sessions = gate.admin.get("/api/v1/sessions?kind=trial").await.ok();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn trial_keeps_the_floor() {
    let gate = gate().await;
    let acme = gate.admin.get("/api/v1/organizations").await.ok()["items"][0]["id"].clone();
    let (mut trial, _) = tried(&gate).await;
    for (method, target, refused) in [
        (Method::GET, "/admin", (403, "route-closed")),
        (Method::POST, "/admin/users", (403, "route-closed")),
        (Method::GET, "/ADMIN/users", (403, "ambiguous-path")),
        (Method::GET, "/admin/users;x=1", (403, "route-closed")),
        (Method::GET, "/%61dmin", (403, "route-closed")),
        (Method::GET, "/x%2Fy", (400, "encoded-slash")),
        (Method::GET, "/profile", (403, "staff-not-allowed")),
        (Method::POST, "/profile", (403, "staff-not-allowed")),
        (Method::GET, "/organizations/other", (403, "other-organization")),
        (Method::POST, "/organizations/other", (403, "other-organization")),
        (Method::POST, "/tickets/7?_method=DELETE", (403, "method-override")),
    ] {
        let reply = send(&mut trial, method.clone(), target).await;
        assert_eq!(reply, (refused.0, refused.1.to_owned()), "{method} {target}");
        // `explain` decides as the gateway.
        let asked = json!({ "trial": acme, "method": method.as_str(), "target": target });
        let explained = gate.admin.post("/api/v1/explain", asked).await.ok();
        assert_eq!(explained["reason"], refused.1, "{explained}");
    }
    for (target, sentence) in [
        ("/tickets/7", "A trial of the portal may open GET /tickets/7: no route is for"),
        ("/invoices/7", "A trial of the portal may open GET /invoices/7: needs"),
    ] {
        let asked = json!({ "trial": acme, "method": "GET", "target": target });
        let explained = gate.admin.post("/api/v1/explain", asked).await.ok();
        assert_eq!(
            (&explained["decision"], &explained["reason"]),
            (&json!("allow"), &json!("trial"))
        );
        assert!(explained["sentence"].as_str().unwrap().starts_with(sentence), "{explained}");
    }
    let record = gate.recorded("reason", "staff-not-allowed").await;
    let path = format!("/api/v1/explain?reference={}", record["request"].as_str().unwrap());
    let told = gate.admin.get(&path).await.ok();
    assert!(told["sentence"].as_str().unwrap().starts_with("Staff that tries the portal"));
    let foreign = [("sec-fetch-site", "cross-site"), ("origin", "http://evil.test")];
    let reply = trial.send(Method::POST, "/tickets/7", &foreign, "").await;
    assert_eq!(outcome(&reply), (403, "cross-origin".to_owned()));
    assert_eq!(trial.open("/.portcullis/account").await.status, 403);
    let disabled = json!({ "disabled_redirect_url": "https://example.com/" });
    gate.admin.patch("/api/v1/preferences", disabled).await.ok();
    assert_eq!(trial.fetch("/tickets/7").await.status, 302);
    gate.admin.patch("/api/v1/preferences", json!({ "disabled_redirect_url": null })).await.ok();
    gate.nothing_arrived("the floor").await;
}

#[tokio::test]
async fn i7_end_of_a_trial_closes_what_is_open() {
    let gate = gate().await;
    gate.upstream.answer("/live", |mut exchange| async move {
        let accept = derive_accept_key(KEY.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: {accept}\r\n\r\n"
        );
        exchange.write(head.as_bytes()).await?;
        exchange.closed().await;
        Ok(None)
    });
    let (mut trial, id) = tried(&gate).await;
    let mut wire = gate.wire().await;
    let cookie = trial.session().unwrap().to_owned();
    wire.send(format!(
        "GET /live HTTP/1.1\r\nhost: portal.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\norigin: {}\r\n\
         cookie: portcullis={cookie}\r\n\r\n",
        gate.origin()
    ))
    .await;
    assert_eq!(status(&wire.head().await), 101);
    gate.arrived();
    let dry = gate.admin.delete(&format!("{TRIALS}/{id}?dry_run=true")).await.ok();
    assert_eq!(dry["changes"]["sessions_ended"], 1, "{dry}");
    assert_eq!(shown(&gate, &id).await["state"], "running");
    gate.admin.delete(&format!("{TRIALS}/{id}")).await.ok();
    let since = Instant::now();
    let mut rest = Vec::new();
    let _ = within("the end of the WebSocket", wire.0.read_to_end(&mut rest)).await;
    assert!(since.elapsed() < Duration::from_millis(1700), "{:?}", since.elapsed());
    assert_eq!(trial.fetch("/tickets/7").await.status, 401);
    gate.nothing_arrived("after the trial").await;
    let trial = shown(&gate, &id).await;
    assert_eq!((&trial["state"], &trial["seen"][0]["websocket"]), (&json!("ended"), &json!(true)));
    gate.admin.delete(&format!("{TRIALS}/{id}")).await.ok();
    let list = gate.admin.get("/api/v1/audit?limit=3").await.ok();
    let kinds: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|entry| entry["kind"].clone()).collect();
    assert_eq!(kinds, ["trial.stopped", "trial.opened", "trial.requested"]);
}

#[tokio::test]
async fn trial_has_its_banner_and_stops_by_it() {
    let gate = gate().await;
    let page = "<!doctype html><html><body><p>Hi</p></body></html>";
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n",
        page.len()
    );
    gate.upstream.answer_bytes("/tickets", head + page);
    let (mut trial, id) = tried(&gate).await;
    let shown_page = trial.open("/tickets").await;
    gate.arrived();
    assert!(shown_page.text().contains("trying the portal of"), "{}", shown_page.text());
    let stop = trial.open("/.portcullis/view/stop").await;
    assert!(stop.text().contains("trying the portal of"), "{}", stop.text());
    let form = Form::to(stop.text(), "/.portcullis/view/stop");
    assert_eq!(trial.submit(&form).await.status, 303);
    assert_eq!(shown(&gate, &id).await["state"], "ended");
}

#[tokio::test]
async fn i10_trial_needs_an_administrator_of_the_whole_gateway() {
    let gate = gate().await;
    let acme = gate.admin.get("/api/v1/organizations").await.ok()["items"][0]["id"].clone();
    let token = async |rights: Value| {
        let mut new = json!({ "name": "ci" });
        new.as_object_mut().unwrap().extend(rights.as_object().unwrap().clone());
        let created = gate.admin.post("/api/v1/tokens", new).await.ok();
        let id = created["id"].as_str().unwrap().to_owned();
        (format!("Bearer {}", created["token"].as_str().unwrap()), id)
    };
    let mut api = Browser::new(gate.admin_address, &gate.admin_address.to_string());
    let body = json!({ "reason": "x" }).to_string();
    for (rights, expected) in [
        (json!({ "role": "technician", "impersonate": true }), 403),
        (json!({ "role": "administrator", "scope": [acme] }), 403),
        (json!({ "role": "administrator" }), 201),
    ] {
        let (bearer, _) = token(rights.clone()).await;
        let headers = [("authorization", &*bearer), ("content-type", "application/json")];
        let reply = api.send(Method::POST, TRIALS, &headers, body.clone()).await;
        assert_eq!(reply.status, expected, "{rights}: {reply:?}");
    }
    // The trial ends with the right of the token.
    let (bearer, id) = token(json!({ "role": "administrator" })).await;
    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
    let link = api.send(Method::POST, TRIALS, &headers, body).await;
    let link: Value = serde_json::from_slice(&link.body).unwrap();
    let mut trial = Browser::at(&gate);
    let target = trial.local(link["url"].as_str().unwrap());
    assert_eq!(trial.open(&target).await.status, 303);
    assert_eq!(trial.open(&target).await.status, 404);
    assert_eq!(trial.fetch("/tickets/7").await.status, 200);
    gate.arrived();
    let path = format!("/api/v1/tokens/{id}");
    gate.admin.patch(&path, json!({ "role": "technician" })).await.ok();
    assert_eq!(trial.fetch("/tickets/7").await.status, 401);
    for (wrong, field) in [
        (json!({ "reason": "x", "minutes": 61 }), "minutes"),
        (json!({ "reason": "x", "minutes": 0 }), "minutes"),
        (json!({ "reason": " " }), "reason"),
    ] {
        let refused = gate.admin.post(TRIALS, wrong).await.refused(422, "invalid");
        assert_eq!(refused["errors"][0]["field"], field);
    }
    gate.admin.organization("Globex").await;
    let refused = gate.admin.post(TRIALS, json!({ "reason": "x" })).await.refused(422, "invalid");
    assert_eq!(refused["errors"][0]["field"], "organization");
    let dry = format!("{TRIALS}?dry_run=true");
    let before = gate.admin.get(TRIALS).await.ok();
    gate.admin.post(&dry, json!({ "organization": acme, "reason": "x" })).await.ok();
    assert_eq!(gate.admin.get(TRIALS).await.ok(), before);
}

/// What was clicked, and the routes that are proposed for it.
const WALK: [(&str, &str, Option<&str>); 7] = [
    ("GET", "/tickets/7?page=2&sort=secret", Some("/tickets/{id:int}")),
    ("POST", "/tickets/8", Some("/tickets/{id:int}")),
    ("GET", "/assets/app.5f3a9c1e7b2d.js", Some("/assets/{file:*.js}")),
    ("GET", "/d/0b67a8f2-0000-4000-8000-000000000001", Some("/d/{id:uuid}")),
    ("GET", "/reports/2026-11-26", Some("/reports/{name:word}")),
    ("GET", "/invoices/7", None),
    ("PUT", "/invoices/7", None),
];

async fn walk(home: &Home, program: &Program) -> String {
    let link = ["--json", "policy", "try", "--minutes", "5", "--reason", "Map it"];
    let link = home.run(&link).await.json();
    let mut browser = Browser::new(program.gateway, HOST);
    let target = browser.local(link["url"].as_str().unwrap());
    assert_eq!(browser.open(&target).await.status, 303);
    for (method, target, _) in WALK {
        assert_eq!(send(&mut browser, method.parse().unwrap(), target).await.0, 200, "{target}");
    }
    link["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn proposal_has_what_was_seen_and_loads() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let program = home.serve().await;
    program.admin.organization("Acme").await;
    let id = walk(&home, &program).await;
    // What was seen survives the process.
    let before = program.admin.get(&format!("{TRIALS}/{id}")).await.ok()["seen"].clone();
    program.kill().await;
    let program = home.serve().await;
    let after = program.admin.get(&format!("{TRIALS}/{id}")).await.ok()["seen"].clone();
    assert_eq!(before, after);
    let text = after.to_string();
    assert!(!text.contains("secret") && !text.contains("5f3a9c1e7b2d"), "{text}");

    let table = home.run(&["policy", "trials", "show", &id]).await.done();
    assert!(table.contains("/tickets/{id:int}") && table.contains("page, sort"), "{table}");
    assert!(home.run(&["policy", "trials", "list"]).await.done().contains("Map it"));
    let proposal = home.run(&["policy", "trials", "proposal", &id]).await.done();
    let paths: Vec<_> = proposal.lines().filter(|line| line.starts_with("path = ")).collect();
    let mut expected: Vec<_> = WALK.iter().filter_map(|(_, _, path)| *path).collect();
    expected.dedup();
    assert_eq!(paths.len(), expected.len(), "{proposal}");
    for path in expected {
        assert!(paths.contains(&&*format!("path = \"{path}\"")), "{path}: {proposal}");
    }
    assert!(proposal.contains("choose a permission: tickets."), "{proposal}");
    assert!(proposal.contains("#   PUT /invoices/{id:int}"), "{proposal}");

    std::fs::create_dir(home.path("policies/routes.d")).unwrap();
    std::fs::write(home.path("policies/routes.d/proposal.toml"), &proposal).unwrap();
    home.run(&["policy", "reload"]).await.done();
    let folder = home.path(".");
    let explain = ["explain", "--group", "admin", "GET", "/tickets/7", "--json"];
    let explained = home.run(&explain).await;
    assert_eq!(explained.json()["reason"], "route-closed");
    let again = home.run(&["policy", "trials", "proposal", &id]).await.done();
    assert!(!again.contains("[[route]]"), "{again}");
    let unknown =
        run(&folder, &["--config", "portcullis.toml", "policy", "trials", "stop", "x"], "");
    assert!(unknown.await.refused().contains("trial"));
    program.stop().await;
}
