use serde_json::{Value, json};

use super::bench::Bench;

async fn explain(bench: &Bench, who: Value, method: &str, target: &str) -> Value {
    let mut question = json!({ "method": method, "target": target });
    question.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
    let answer = bench.post("/api/v1/explain", question).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn verdict(answer: &Value) -> (&str, &str) {
    (answer["decision"].as_str().unwrap(), answer["reason"].as_str().unwrap())
}

#[tokio::test]
async fn explain_finds_a_user_by_login_or_id() {
    let bench = Bench::start().await;
    let id = bench.person("acme", "ann@acme.example", "limited").await;
    for who in ["ann@acme.example", " Ann@ACME.example", &id] {
        let who = json!({ "user": who });
        let denied = explain(&bench, who.clone(), "GET", "/invoices").await;
        assert_eq!(verdict(&denied), ("deny", "missing-permission"));
        assert_eq!(denied["needed"], json!(["invoices.view"]));
        assert_eq!(denied["held"].as_array().unwrap().len(), 8);
        assert_eq!(denied["session"]["organization"], "acme");
        let allowed = explain(&bench, who, "GET", "/tickets").await;
        assert_eq!(verdict(&allowed), ("allow", "permitted"));
        assert_eq!(allowed["access"], "any");
        assert_eq!(allowed["route"], "List tickets");
    }
    let nobody = json!({ "user": "nobody", "method": "GET", "target": "/" });
    assert_eq!(bench.post("/api/v1/explain", nobody).await.status, 404);
}

#[tokio::test]
async fn explain_refuses_a_user_without_a_password() {
    let bench = Bench::start().await;
    bench.person("acme", "ann", "admin").await;
    let invited = json!({ "organization": "acme", "login": "b@acme.example", "invite": true });
    bench.post("/api/v1/users", invited).await;
    let without = json!({ "organization": "acme", "login": "cid" });
    bench.post("/api/v1/users", without).await;
    let ask = |who| json!({ "user": who, "method": "GET", "target": "/invoices" });
    assert_eq!(bench.post("/api/v1/explain", ask("ann")).await.body["decision"], "allow");
    for who in ["b@acme.example", "cid"] {
        let answer = bench.post("/api/v1/explain", ask(who)).await;
        assert_eq!(answer.status, 422, "{who}: {answer:?}");
        assert_eq!(answer.field(), "user", "{who}");
    }
}

#[tokio::test]
async fn explain_r7_uses_the_group_as_it_is_now() {
    let bench = Bench::start().await;
    bench.person("acme", "ann", "limited").await;
    let who = json!({ "user": "ann" });
    assert_eq!(explain(&bench, who.clone(), "GET", "/invoices").await["decision"], "deny");
    let patch = json!({ "permissions": ["portal.access", "invoices.view"] });
    bench.patch("/api/v1/groups/limited", patch).await;
    assert_eq!(explain(&bench, who, "GET", "/invoices").await["decision"], "allow");
}

#[tokio::test]
async fn explain_r11_r12_uses_the_link_as_it_is_now() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "acme", "name": "Acme" })).await;
    let link = json!({ "link": "acme" });
    let open = explain(&bench, link.clone(), "GET", "/tickets/new").await;
    assert_eq!(verdict(&open), ("allow", "permitted"));
    assert_eq!(open["session"]["kind"], "link");
    bench
        .post(
            "/api/v1/users",
            json!({ "organization": "acme", "login": "a@example.com", "invite": true }),
        )
        .await;
    let closed = explain(&bench, link.clone(), "GET", "/tickets/new").await;
    assert_eq!(verdict(&closed), ("sign-in", "no-session"));
    let off = json!({ "secure_with_password_if_portal_users_exist": false });
    bench.patch("/api/v1/preferences", off).await;
    assert_eq!(explain(&bench, link, "GET", "/tickets/new").await["decision"], "allow");
    let none = json!({ "link": "none", "method": "GET", "target": "/" });
    assert_eq!(bench.post("/api/v1/explain", none).await.status, 404);
}

#[tokio::test]
async fn explain_accepts_a_group_or_anonymous() {
    let bench = Bench::start().await;
    let admin = json!({ "group": "admin" });
    assert_eq!(explain(&bench, admin, "GET", "/invoices").await["decision"], "allow");
    let no_access = explain(&bench, json!({ "group": "no-access" }), "GET", "/").await;
    assert_eq!(verdict(&no_access), ("deny", "no-portal-access"));
    let link = explain(&bench, json!({ "group": "non-portal" }), "GET", "/tickets/new").await;
    assert_eq!(link["session"]["kind"], "link");
    let nobody = explain(&bench, json!({ "anonymous": true }), "GET", "/invoices").await;
    assert_eq!(verdict(&nobody), ("sign-in", "no-session"));
    assert_eq!(nobody["held"], json!([]));
    let nowhere = explain(&bench, json!({ "anonymous": true }), "GET", "/no/such/place").await;
    assert_eq!(verdict(&nowhere), ("deny", "no-route"));
}

#[tokio::test]
async fn explain_names_the_reading_that_refuses() {
    let bench = Bench::start().await;
    let readers = json!({ "name": "Readers", "permissions": ["tickets.view_mine"] });
    let readers = bench.post("/api/v1/groups", readers).await;
    let group = json!({ "group": readers.body["id"] });
    let answer = explain(&bench, group.clone(), "GET", "/tickets/7").await;
    assert_eq!(answer["reading"], Value::Null);
    let answer = explain(&bench, group, "GET", "/tickets/NEW.json").await;
    assert_eq!(verdict(&answer), ("deny", "ambiguous-path"));
    assert_eq!(answer["route"], "Read a ticket");
    let expected = json!({
        "readings": ["case", "suffix"],
        "route": "Ticket form",
        "reason": "missing-permission",
    });
    assert_eq!(answer["reading"], expected);
}

#[tokio::test]
async fn explain_reports_a_bad_request() {
    let bench = Bench::start().await;
    for target in ["/a/../b", "/a//b", "/a%2fb", "/..;/b", "no-slash", "/%00", "/a#b"] {
        let answer = explain(&bench, json!({ "group": "admin" }), "GET", target).await;
        assert_eq!(answer["decision"], "bad-request", "{target}");
        assert_ne!(answer["reason"], "", "{target}");
        assert_eq!(answer["route"], Value::Null, "{target}");
    }
    // Read as the gateway reads them.
    for (method, target, expected) in [
        ("GET", "http://portal.example/invoices", ("allow", "permitted")),
        ("GET", "http://other.example/invoices", ("bad-request", "host-mismatch")),
        ("GET", "ftp://portal.example/invoices", ("bad-request", "target-form")),
        ("CONNECT", "/invoices", ("bad-request", "connect")),
    ] {
        let answer = explain(&bench, json!({ "group": "admin" }), method, target).await;
        assert_eq!(verdict(&answer), expected, "{method} {target}");
    }
    for (host, decision) in
        [("portal.example", "allow"), ("other.example", "allow"), ("evil.example", "bad-request")]
    {
        let who = json!({ "group": "admin", "host": host });
        assert_eq!(explain(&bench, who, "GET", "/invoices").await["decision"], decision, "{host}");
    }
}

#[tokio::test]
async fn explain_checks_the_target_length_and_the_query() {
    let bench = Bench::start().await;
    let admin = json!({ "group": "admin" });
    let long = format!("/invoices?{}", "a".repeat(9000));
    for (target, expected) in [
        (long.as_str(), ("bad-request", "target-too-long")),
        ("/invoices?_method=DELETE", ("deny", "method-override")),
        ("/invoices?method=DELETE", ("allow", "permitted")),
    ] {
        let answer = explain(&bench, admin.clone(), "GET", target).await;
        assert_eq!(verdict(&answer), expected, "{target}");
    }
    let answer = explain(&bench, admin, "GET", "/invoices?_method=DELETE").await;
    assert_eq!(answer["route"], "List invoices");
}

#[tokio::test]
async fn explain_distinguishes_own_pages_from_unknown_paths() {
    let bench = Bench::start().await;
    for who in [json!({ "group": "no-access" }), json!({ "anonymous": true })] {
        let page = explain(&bench, who.clone(), "GET", "/.portcullis/sign-in").await;
        assert_eq!(verdict(&page), ("page", "own-page"));
        let none = explain(&bench, who, "GET", "/portcullis/sign-in").await;
        assert_eq!(verdict(&none), ("deny", "no-route"));
    }
}

#[tokio::test]
async fn explain_r60_redirects_while_the_portal_is_disabled() {
    let bench = Bench::start().await;
    let url = json!({ "disabled_redirect_url": "https://status.example/" });
    bench.patch("/api/v1/preferences", url).await;
    let answer = explain(&bench, json!({ "group": "admin" }), "GET", "/invoices").await;
    assert_eq!(verdict(&answer), ("redirect", "portal-disabled"));
}

#[tokio::test]
async fn explain_requires_exactly_one_subject() {
    let bench = Bench::start().await;
    for who in [
        json!({}),
        json!({ "anonymous": false }),
        json!({ "user": "a", "link": "b" }),
        json!({ "anonymous": true, "group": "admin" }),
        json!({ "anonymous": true, "organization": "acme" }),
    ] {
        let mut question = json!({ "method": "GET", "target": "/" });
        question.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
        assert_eq!(bench.post("/api/v1/explain", question).await.status, 422, "{who}");
    }
    let bad = json!({ "anonymous": true, "method": "G T", "target": "/" });
    assert_eq!(bench.post("/api/v1/explain", bad).await.field(), "method");
    let query = "/api/v1/explain?group=limited&method=GET&target=%2Ftickets";
    assert_eq!(bench.get(query).await.body["decision"], "allow");
    assert_eq!(bench.get("/api/v1/explain?group=limited&method=GET").await.field(), "target");
}
