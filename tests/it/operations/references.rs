//! The reference of a refused request: what a person reads on the page, support opens with
//! `explain`.

use http::Method;
use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::gate::HOST;
use crate::support::program::{Home, Program};
use crate::support::upstream::Upstream;

const ROUTES: &str = "[[route]]\nname = \"Invoices\"\npath = \"/invoices\"\nrequire = \
                      \"invoices.view\"\n\n[[route]]\nname = \"Start\"\npath = \"/\"\naccess = \
                      \"signed-in\"\n";

async fn home() -> (Upstream, Home, Program) {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let program = home.serve().await;
    let acme = json!({ "id": "acme", "name": "Acme" });
    program.admin.post("/api/v1/organizations", acme).await.created();
    program.admin.user("acme", "anna", "limited").await;
    (upstream, home, program)
}

async fn anna(program: &Program) -> Browser {
    let mut anna = Browser::new(program.gateway, HOST);
    assert_eq!(anna.sign_in("anna", PASSWORD).await.status, 303);
    anna
}

/// The reference that a page shows.
fn shown(page: &str) -> String {
    let text = page.split("class=\"reference\"").nth(1).expect("the page shows a reference");
    let digits = text.split(|c: char| !c.is_ascii_hexdigit());
    digits.max_by_key(|word| word.len()).unwrap().to_owned()
}

#[tokio::test]
async fn reference_on_a_page_opens_who_what_and_why() {
    let (_upstream, home, program) = home().await;
    let mut anna = anna(&program).await;
    let page = anna.open("/invoices?secret=x").await;
    assert_eq!(page.status, 403);
    let reference = shown(page.text());
    let text = home.run(&["explain", &reference]).await.done();
    for part in [
        "anna was not allowed to open GET /invoices (",
        "needs Invoices – View, which the group Limited Portal Group did not have.",
        "decision  deny (missing-permission)",
        "route     Invoices",
        "missing   invoices.view (Invoices – View)",
        "session   user, group limited (Limited Portal Group), organization acme, login anna",
        "client    127.0.0.1",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("secret"), "{text}");
    // The same after a restart and a change of group: it is about what was decided.
    program.stop().await;
    let program = home.serve().await;
    home.run(&["users", "edit", "anna", "--group", "admin", "--yes"]).await.done();
    let json = home.run(&["explain", &reference, "--json"]).await.json();
    assert_eq!(json["reference"], *reference);
    assert_eq!(
        (&json["decision"], &json["reason"]),
        (&json!("deny"), &json!("missing-permission"))
    );
    assert_eq!(json["session"]["organization"], "acme");
    assert_eq!(json["policy"], json["policy_now"]);
    program.stop().await;
}

#[tokio::test]
async fn reference_of_a_script_and_of_a_visitor_opens_too() {
    let (_upstream, home, program) = home().await;
    for mut browser in [anna(&program).await, Browser::new(program.gateway, HOST)] {
        let reply = browser.fetch("/invoices").await;
        let reference = serde_json::from_str::<Value>(reply.text()).unwrap()["request_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let found = program.admin.get(&format!("/api/v1/explain?reference={reference}")).await;
        assert_eq!(found.json["method"], "GET");
        assert_eq!(found.json["needed"], json!(["invoices.view"]));
    }
    let allowed = anna(&program).await.open("/").await;
    assert_eq!(allowed.status, 200);
    home.run(&["explain", "--anonymous", "GET", "/"]).await.done();
    program.stop().await;
}

#[tokio::test]
async fn unknown_reference_is_not_found() {
    let (_upstream, home, program) = home().await;
    let error = home.run(&["explain", "0123456789abcdef0123456789ab"]).await.refused();
    assert!(error.contains("there is no refused request with the reference"), "{error}");
    assert!(error.contains("kept for 14 days"), "{error}");
    let both = "/api/v1/explain?reference=abc&method=GET";
    program.admin.get(both).await.refused(422, "invalid");
    program.admin.get("/api/v1/explain?user=anna").await.refused(422, "invalid");
    for wrong in [&["explain", "--user", "anna", "GET"][..], &["explain", "GET", "/"]] {
        assert_eq!(home.run(wrong).await.code, 2, "{wrong:?}");
    }
    program.stop().await;
}

#[tokio::test]
async fn reference_outside_of_a_scope_is_unknown() {
    let (_upstream, _home, program) = home().await;
    let reply = anna(&program).await.fetch("/invoices").await;
    let document: Value = serde_json::from_str(reply.text()).unwrap();
    let path = format!("/api/v1/explain?reference={}", document["request_id"].as_str().unwrap());
    program.admin.organization("Globex").await;
    for (scope, status) in [("acme", 200), ("globex", 404)] {
        let scope = match scope {
            "acme" => vec![scope.to_owned()],
            _ => {
                let all = program.admin.get("/api/v1/organizations").await.ok();
                let ids = all["items"].as_array().unwrap().iter().map(|item| &item["id"]);
                let ids = ids.map(|id| id.as_str().unwrap().to_owned());
                ids.filter(|id| id != "acme").collect()
            }
        };
        let name = scope.concat();
        let token = json!({ "name": name, "role": "technician", "scope": scope });
        let token = program.admin.post("/api/v1/tokens", token).await.ok();
        let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
        let host = program.admin_address.to_string();
        let mut support = Browser::new(program.admin_address, &host);
        let headers = [("authorization", &*bearer)];
        let reply = support.send(Method::GET, &path, &headers, "").await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
}
