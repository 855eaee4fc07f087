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
async fn explain_answers_for_users_who_cannot_sign_in_yet() {
    let bench = Bench::start().await;
    bench.person("acme", "ann", "admin").await;
    let carl = json!({
        "organization": "acme", "login": "carl@acme.example", "group": "limited", "invite": true,
    });
    bench.post("/api/v1/users", carl).await;
    let dora = json!({ "organization": "acme", "login": "dora", "group": "limited" });
    bench.post("/api/v1/users", dora).await;
    let ann = explain(&bench, json!({ "user": "ann" }), "GET", "/invoices").await;
    assert_eq!((&ann["decision"], &ann["with_access"]), (&"allow".into(), &Value::Null));
    for (login, why) in [
        ("carl@acme.example", "has not accepted the invitation yet"),
        ("dora", "has no password yet"),
    ] {
        let who = json!({ "user": login });
        let denied = explain(&bench, who.clone(), "GET", "/invoices").await;
        // Nothing is allowed that the gateway would not allow now.
        assert_eq!(verdict(&denied), ("sign-in", "no-session"), "{login}");
        assert_eq!(denied["session"], Value::Null);
        assert_eq!(denied["with_access"]["decision"], "deny");
        assert_eq!(denied["with_access"]["missing"], json!(["invoices.view"]));
        let expected = format!(
            "{login} {why}, so there is no session. With the group Limited Portal Group: {login} may \
             not open GET /invoices: needs "
        );
        let sentence = denied["sentence"].as_str().unwrap();
        assert!(sentence.starts_with(&expected), "{sentence}");
        let allowed = explain(&bench, who, "GET", "/tickets").await;
        assert_eq!(verdict(&allowed), ("sign-in", "no-session"));
        assert_eq!(allowed["with_access"]["decision"], "allow", "{allowed}");
    }
}

#[tokio::test]
async fn explain_names_what_a_disabled_user_would_have() {
    let bench = Bench::start().await;
    let id = bench.person("acme", "eve", "limited").await;
    bench.patch(&format!("/api/v1/users/{id}"), json!({ "disabled": true })).await;
    let answer = explain(&bench, json!({ "user": "eve" }), "GET", "/tickets").await;
    assert_eq!(verdict(&answer), ("deny", "account-disabled"));
    assert_eq!(answer["user"]["disabled"], true);
    assert_eq!(answer["with_access"]["decision"], "allow");
    let sentence = answer["sentence"].as_str().unwrap();
    let expected = "eve is disabled, so only public routes are open. With the group Limited Portal \
                    Group: eve may open GET /tickets: needs ";
    assert!(sentence.starts_with(expected), "{sentence}");
}

#[tokio::test]
async fn explain_gives_the_reason_in_a_sentence() {
    let bench = Bench::start().await;
    bench.person("acme", "liam@acme.example", "limited").await;
    bench.person("acme", "bob", "no-access").await;
    let liam = json!({ "user": "liam@acme.example" });
    for (who, method, target, expected) in [
        (
            liam.clone(),
            "GET",
            "/invoices/7",
            "liam@acme.example may not open GET /invoices/7: needs Invoices \u{2013} View, which the \
             group Limited Portal Group does not have.",
        ),
        (
            json!({ "user": "bob" }),
            "GET",
            "/tickets",
            "bob may not open GET /tickets: the group No Portal Access Group has no access to the \
             portal.",
        ),
        (
            json!({ "anonymous": true }),
            "GET",
            "/invoices",
            "A visitor without a session must sign in to open GET /invoices: needs Invoices \u{2013} \
             View.",
        ),
        (
            liam.clone(),
            "GET",
            "/a//b",
            "GET /a//b is refused as a bad request: the path has an empty segment.",
        ),
        (
            liam.clone(),
            "GET",
            "/.portcullis/sign-in",
            "GET /.portcullis/sign-in is a page of the gateway, which is not subject to the policy.",
        ),
    ] {
        let answer = explain(&bench, who, method, target).await;
        assert_eq!(answer["sentence"], expected, "{method} {target}");
    }
    let any = explain(&bench, liam, "GET", "/tickets").await;
    let sentence = any["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("liam@acme.example may open GET /tickets: needs "), "{sentence}");
    assert!(sentence.contains("; the group Limited Portal Group has Tickets "), "{sentence}");
    assert_eq!(any["names"]["limited"], "Limited Portal Group");
    assert_eq!(any["names"]["tickets.create"], "Tickets \u{2013} Create New");
}

#[tokio::test]
async fn explain_proposes_routes_for_a_path_without_one() {
    let bench = Bench::start().await;
    let admin = json!({ "group": "admin" });
    let answer = explain(&bench, admin.clone(), "GET", "/invoice/7").await;
    assert_eq!(verdict(&answer), ("deny", "no-route"));
    let first = &answer["nearest"][0];
    assert!(first["path"].as_str().unwrap().starts_with("/invoices/{"), "{answer}");
    assert_eq!(first["file"], "routes.toml");
    assert!(answer["sentence"].as_str().unwrap().contains("; nearest: /invoices/{"), "{answer}");
    let answer = explain(&bench, admin.clone(), "DELETE", "/invoices").await;
    assert_eq!(verdict(&answer), ("deny", "method-not-allowed"));
    assert_eq!(answer["nearest"][0]["path"], "/invoices", "{answer}");
    let answer = explain(&bench, admin.clone(), "GET", "/wp-login.php").await;
    assert_eq!(answer["nearest"], json!([]));
    let answer = explain(&bench, admin, "GET", "/invoices").await;
    assert_eq!(answer["nearest"], json!([]));
}

#[tokio::test]
async fn explain_writes_a_method_in_capitals() {
    let bench = Bench::start().await;
    let answer = explain(&bench, json!({ "group": "admin" }), "get", "/invoices").await;
    assert_eq!(verdict(&answer), ("deny", "method-not-allowed"));
    let sentence = answer["sentence"].as_str().unwrap();
    assert!(sentence.contains("; methods are written in capitals: `GET`"), "{sentence}");
    let answer = explain(&bench, json!({ "group": "admin" }), "DELETE", "/invoices").await;
    assert!(!answer["sentence"].as_str().unwrap().contains("capitals"), "{answer}");
}

#[tokio::test]
async fn explain_r10_r12_gives_the_state_of_a_link() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "acme", "name": "Acme" })).await;
    let url = bench.get("/api/v1/organizations/acme/link").await.body["url"].clone();
    let state = async |link: &Value| {
        let answer = explain(&bench, json!({ "link": link }), "GET", "/tickets/new").await;
        let state = answer["link"]["state"].as_str().unwrap().to_owned();
        (state, answer["sentence"].as_str().unwrap().to_owned())
    };
    for link in [&json!("acme"), &url] {
        let (found, sentence) = state(link).await;
        assert_eq!(found, "works");
        assert!(sentence.starts_with("A visitor with the secure link of Acme may "), "{sentence}");
    }
    bench.patch("/api/v1/organizations/acme/link", json!({ "enabled": false })).await;
    let (found, sentence) = state(&json!("acme")).await;
    assert_eq!(found, "disabled");
    assert!(sentence.starts_with("The secure link of Acme is disabled. A visitor"), "{sentence}");
    bench.patch("/api/v1/organizations/acme/link", json!({ "enabled": true })).await;
    bench.post("/api/v1/organizations/acme/link/rotate", json!({})).await;
    assert_eq!(state(&url).await.0, "replaced");
    assert_eq!(state(&json!("acme")).await.0, "works");
    bench.person("acme", "ann", "limited").await;
    let (found, sentence) = state(&json!("acme")).await;
    assert_eq!(found, "sign-in");
    assert!(
        sentence.starts_with("Acme has portal users, so its secure link leads to"),
        "{sentence}"
    );
    let parked = json!({ "parked": { "reason": "moving" } });
    bench.patch("/api/v1/organizations/acme", parked).await;
    let (found, sentence) = state(&json!("acme")).await;
    assert_eq!(found, "parked", "portal users do not open the sign-in page of a closed portal");
    assert!(sentence.starts_with("The portal is closed for Acme, so its secure"), "{sentence}");
    let bad = json!({ "link": "https://portal.example/.portcullis/link/x", "method": "GET", "target": "/" });
    assert_eq!(bench.post("/api/v1/explain", bad).await.field(), "link");
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
    let answer = explain(&bench, admin.clone(), "GET", "/invoices?_method=DELETE").await;
    assert_eq!(answer["route"], "List invoices");
    let bad = explain(&bench, admin, "GET", &long).await;
    assert_eq!(bad["names"]["admin"], "Admin Portal Group", "also of a request that is not read");
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
