//! R10–R14 and R19: secure links, through the URL that operators give away and the form that it
//! may lead to.

use http::Method;
use serde_json::{Value, json};

use crate::support::admin::{Admin, PASSWORD};
use crate::support::browser::{Browser, Form, SIGN_IN, encoded, unescaped};
use crate::support::gate::{CUSTOMER_ROUTES, TestGate};

async fn gate() -> TestGate {
    TestGate::builder().policy(CUSTOMER_ROUTES).start().await
}

/// Where the secure link of an organization leads, as a path on the portal's host.
async fn link(gate: &TestGate, organization: &str) -> String {
    let link = gate.admin.secure_link(organization).await;
    Browser::at(gate).local(&link)
}

async fn rotate(admin: &Admin, organization: &str) {
    let path = format!("/api/v1/organizations/{organization}/link/rotate");
    admin.post(&path, json!({})).await.ok();
}

async fn switch(admin: &Admin, organization: &str, enabled: bool) {
    let path = format!("/api/v1/organizations/{organization}/link");
    assert_eq!(admin.patch(&path, json!({ "enabled": enabled })).await.ok()["enabled"], enabled);
}

/// The preference of R12 and R13.
async fn secure(admin: &Admin, on: bool) {
    let change = json!({ "secure_with_password_if_portal_users_exist": on });
    admin.patch("/api/v1/preferences", change).await.ok();
}

/// Opens a link, which must open a session.
async fn opened(gate: &TestGate, link: &str) -> Browser {
    let mut browser = Browser::at(gate);
    let reply = browser.open(link).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/")), "{reply:?}");
    assert!(browser.session().is_some());
    browser
}

/// Where a link leads that opens no session: the target of the sign-in page.
async fn led_to_sign_in(browser: &mut Browser, link: &str) -> String {
    let before = browser.session().map(str::to_owned);
    let reply = browser.open(link).await;
    assert_eq!(reply.status, 303, "{reply:?}");
    assert_eq!(browser.session().map(str::to_owned), before, "no session was opened");
    let location = reply.header("location").unwrap().to_owned();
    assert!(location.starts_with(&format!("{SIGN_IN}?")), "{location}");
    location
}

/// The session's next requests are refused: a page is sent to sign in, a script is told.
async fn not_honoured(gate: &TestGate, browser: &mut Browser, what: &str) {
    gate.upstream.forget();
    let script = browser.fetch("/reports/1").await;
    assert_eq!(script.status, 401, "{what}: {script:?}");
    script.problem();
    let page = browser.open("/reports/1?a=b").await;
    assert_eq!(page.status, 303, "{what}: {page:?}");
    let location = page.header("location").unwrap();
    let place = format!("return_to={}", "%2Freports%2F1%3Fa%3Db");
    assert!(location.starts_with(SIGN_IN) && location.contains(&place), "{what}: {location}");
    gate.nothing_arrived(what).await;
}

#[tokio::test]
async fn r10_link_is_enabled_and_can_be_shown_again() {
    let gate = gate().await;
    let acme = gate.admin.organization("Acme").await;
    let other = gate.admin.organization("Other").await;
    let path = format!("/api/v1/organizations/{acme}/link");
    assert_eq!(gate.admin.get(&path).await.ok()["enabled"], true);
    let first = link(&gate, &acme).await;
    opened(&gate, &first).await;
    assert_eq!(link(&gate, &acme).await, first);
    assert_ne!(link(&gate, &other).await, first);
    let token = first.rsplit('/').next().unwrap();
    assert!(token.len() >= 43, "too short to be unguessable: {token}");
    // Each of these differs in one place, and none of them opens anything.
    for at in (0..token.len()).step_by(7) {
        let mut wrong = token.as_bytes().to_vec();
        wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
        let wrong = first.replace(token, std::str::from_utf8(&wrong).unwrap());
        let mut browser = Browser::at(&gate);
        let reply = browser.open(&wrong).await;
        assert!(matches!(reply.status, 404 | 429), "{wrong}: {reply:?}");
        assert_eq!(browser.session(), None);
    }
}

#[tokio::test]
async fn r10_rotated_link_stops_at_once() {
    let gate = gate().await;
    let acme = gate.admin.organization("Acme").await;
    let old = link(&gate, &acme).await;
    opened(&gate, &old).await;
    rotate(&gate.admin, &acme).await;
    let new = link(&gate, &acme).await;
    assert_ne!(new, old);
    let mut browser = Browser::at(&gate);
    assert_eq!(browser.open(&old).await.status, 404);
    assert_eq!(browser.session(), None);
    opened(&gate, &new).await;
}

#[tokio::test]
async fn r10_disabled_link_opens_nothing() {
    let gate = gate().await;
    let acme = gate.admin.organization("Acme").await;
    let link = link(&gate, &acme).await;
    switch(&gate.admin, &acme, false).await;
    let mut browser = Browser::at(&gate);
    let reply = browser.open(&link).await;
    assert_eq!(reply.status, 404);
    let said = unescaped(reply.text());
    assert!(said.contains("This link no longer works"), "{said}");
    assert_eq!(browser.session(), None);
    switch(&gate.admin, &acme, true).await;
    opened(&gate, &link).await;
}

#[tokio::test]
async fn r11_link_opens_a_session_without_portal_users() {
    let gate = gate().await;
    let acme = gate.admin.organization("Acme").await;
    let link = link(&gate, &acme).await;
    let mut browser = opened(&gate, &link).await;
    gate.upstream.forget();
    assert_eq!(browser.fetch("/reports/1").await.status, 200);
    let seen = gate.arrived();
    assert_eq!(seen.one("portcullis-session-kind"), Some("link"));
    assert_eq!(seen.one("portcullis-organization"), Some(&*acme));
    assert_eq!(seen.one("portcullis-group"), Some("non-portal"));
    assert_eq!((seen.one("portcullis-user"), seen.one("portcullis-end-user")), (None, None));
    // No more than the Non-Portal User Group has, and all that it has.
    assert_eq!(browser.fetch("/invoices/1").await.status, 403);
    gate.nothing_arrived("an invoice by a link").await;
    let change = json!({ "permissions": ["portal.access", "invoices.view"] });
    gate.admin.patch("/api/v1/groups/non-portal", change).await.ok();
    assert_eq!(browser.fetch("/invoices/1").await.status, 200);
}

#[tokio::test]
async fn r11_head_request_for_a_link_opens_no_session() {
    let gate = gate().await;
    let acme = gate.admin.organization("Acme").await;
    let link = link(&gate, &acme).await;
    let mut browser = Browser::at(&gate);
    let looked = browser.send(Method::HEAD, &link, &[("accept", "text/html")], "").await;
    assert_eq!((looked.status, looked.header("location")), (303, Some("/")), "{looked:?}");
    assert!(browser.session().is_none());
    let sessions = gate.admin.get("/api/v1/sessions").await.ok();
    assert_eq!(sessions["items"], json!([]));
    opened(&gate, &link).await;
}

#[tokio::test]
async fn r11_link_redirects_only_within_the_portal() {
    let gate = gate().await;
    let acme = gate.admin.organization("Acme").await;
    let link = link(&gate, &acme).await;
    for (to, place) in [
        ("/reports/7?of=2026", "/reports/7?of=2026"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/.portcullis/sign-out", "/"),
    ] {
        let mut browser = Browser::at(&gate);
        let reply = browser.open(&format!("{link}?to={}", encoded(to))).await;
        assert_eq!((reply.status, reply.header("location")), (303, Some(place)), "{to}");
        assert!(!reply.header("location").unwrap().contains(".portcullis/link"));
    }
}

#[tokio::test]
async fn r12_link_leads_to_sign_in_with_portal_users() {
    let gate = gate().await;
    let admin = &gate.admin;
    for (name, user) in [
        ("Claimed", json!({ "login": "anna@claimed.test", "password": PASSWORD })),
        ("Unclaimed", json!({ "login": "ines@unclaimed.test", "invite": true })),
    ] {
        let organization = admin.organization(name).await;
        let link = link(&gate, &organization).await;
        opened(&gate, &link).await;
        let mut user = user;
        user["organization"] = json!(organization);
        let made = admin.post("/api/v1/users", user).await.ok();
        let status = if name == "Claimed" { "active" } else { "invited" };
        assert_eq!(made["status"], status);
        let mut browser = Browser::at(&gate);
        let to = format!("{link}?to={}", encoded("/reports/7?of=2026"));
        let sign_in = led_to_sign_in(&mut browser, &to).await;
        let page = browser.open(&sign_in).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains(&format!("<strong>{name}</strong>")), "{}", page.text());
        let form = Form::to(page.text(), SIGN_IN);
        assert_eq!(form.get("organization"), Some(&*organization), "the organization is kept");
        assert_eq!(form.get("return_to"), Some("/reports/7?of=2026"));
        assert_eq!(browser.fetch("/reports/7").await.status, 401);
        // Without the last portal user the link opens the portal again.
        let path = format!("/api/v1/users/{}", made["id"].as_str().unwrap());
        assert_eq!(admin.delete(&path).await.status, 204);
        opened(&gate, &link).await;
    }
}

#[tokio::test]
async fn r12_sign_in_from_a_link_returns_to_its_target() {
    let gate = gate().await;
    let acme = gate.admin.acme_with_user("anna@acme.test", "limited").await;
    let link = link(&gate, &acme).await;
    let mut browser = Browser::at(&gate);
    let to = format!("{link}?to={}", encoded("/reports/7?of=2026"));
    let page = browser.follow(&to).await;
    // A wrong password first: what is known of the way is kept.
    let wrong = browser.sign_in_on(&page.reply, "anna@acme.test", "Wrong-Horse-7-Battery").await;
    assert_eq!(wrong.status, 401);
    let form = Form::to(wrong.text(), SIGN_IN);
    assert_eq!(form.get("organization"), Some(&*acme));
    let form = form.set("login", "anna@acme.test").set("password", PASSWORD);
    let reply = browser.submit(&form).await;
    gate.upstream.forget();
    let end = browser.go_on(SIGN_IN, reply).await;
    assert_eq!((&*end.target, end.reply.status), ("/reports/7?of=2026", 200));
    assert_eq!(gate.arrived().one("portcullis-user"), Some("anna@acme.test"));
}

#[tokio::test]
async fn r13_link_works_with_the_preference_off() {
    let gate = gate().await;
    let admin = &gate.admin;
    let acme = admin.acme_with_user("anna@acme.test", "admin").await;
    let link = link(&gate, &acme).await;
    led_to_sign_in(&mut Browser::at(&gate), &link).await;
    secure(admin, false).await;
    let mut browser = opened(&gate, &link).await;
    gate.upstream.forget();
    assert_eq!(browser.fetch("/reports/1").await.status, 200);
    let seen = gate.arrived();
    assert_eq!(seen.one("portcullis-group"), Some("non-portal"), "never what a user has");
    assert_eq!(seen.one("portcullis-user"), None);
    assert_eq!(browser.fetch("/invoices/1").await.status, 403);
    gate.nothing_arrived("an invoice by a link").await;
    secure(admin, true).await;
    led_to_sign_in(&mut Browser::at(&gate), &link).await;
}

#[tokio::test]
async fn r14_link_stops_at_first_portal_user() {
    let gate = gate().await;
    let admin = &gate.admin;
    for (name, invite) in [("Claimed", false), ("Unclaimed", true)] {
        let organization = admin.organization(name).await;
        let other = admin.organization(&format!("Not {name}")).await;
        let mut session = opened(&gate, &link(&gate, &organization).await).await;
        let mut others = opened(&gate, &link(&gate, &other).await).await;
        assert_eq!(session.fetch("/reports/1").await.status, 200);
        let login = format!("first@{name}.test");
        let user = if invite {
            json!({ "organization": organization, "login": login, "invite": true })
        } else {
            json!({ "organization": organization, "login": login, "password": PASSWORD })
        };
        admin.post("/api/v1/users", user).await.ok();
        not_honoured(&gate, &mut session, name).await;
        let page = session.follow("/reports/1").await;
        assert!(page.reply.text().contains("To open the portal"), "{}", page.reply.text());
        assert_eq!(others.fetch("/reports/1").await.status, 200);
    }
}

#[tokio::test]
async fn r14_link_stops_when_the_preference_is_switched_on() {
    let gate = gate().await;
    let admin = &gate.admin;
    let (acme, empty) = (admin.organization("Acme").await, admin.organization("Empty").await);
    admin.user(&acme, "anna@acme.test", "admin").await;
    secure(admin, false).await;
    let mut session = opened(&gate, &link(&gate, &acme).await).await;
    let mut others = opened(&gate, &link(&gate, &empty).await).await;
    assert_eq!(session.fetch("/reports/1").await.status, 200);
    secure(admin, true).await;
    not_honoured(&gate, &mut session, "the preference").await;
    assert_eq!(others.fetch("/reports/1").await.status, 200, "it has no portal users");
}

#[tokio::test]
async fn r14_link_stops_when_it_is_rotated_or_switched_off() {
    let gate = gate().await;
    let admin = &gate.admin;
    let (acme, other) = (admin.organization("Acme").await, admin.organization("Other").await);
    let mut others = opened(&gate, &link(&gate, &other).await).await;
    let mut session = opened(&gate, &link(&gate, &acme).await).await;
    assert_eq!(session.fetch("/reports/1").await.status, 200);
    rotate(admin, &acme).await;
    not_honoured(&gate, &mut session, "rotation").await;
    let page = session.follow("/reports/1").await;
    assert!(page.reply.text().contains("was replaced or switched off"), "{}", page.reply.text());
    let mut session = opened(&gate, &link(&gate, &acme).await).await;
    assert_eq!(session.fetch("/reports/1").await.status, 200);
    switch(admin, &acme, false).await;
    not_honoured(&gate, &mut session, "off").await;
    assert_eq!(others.fetch("/reports/1").await.status, 200);
}

#[tokio::test]
async fn r19_link_replaces_another_links_session() {
    let gate = gate().await;
    let (acme, other) =
        (gate.admin.organization("Acme").await, gate.admin.organization("Other").await);
    let mut browser = opened(&gate, &link(&gate, &acme).await).await;
    let mut kept = browser.copy_of_session();
    assert_eq!(kept.fetch("/reports/1").await.status, 200);
    let reply = browser.open(&link(&gate, &other).await).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/")));
    gate.upstream.forget();
    assert_eq!(browser.fetch("/reports/1").await.status, 200);
    assert_eq!(gate.arrived().one("portcullis-organization"), Some(&*other));
    assert_eq!(kept.fetch("/reports/1").await.status, 401, "the old session has ended");
    gate.nothing_arrived("the replaced session").await;
}

#[tokio::test]
async fn r19_sign_in_replaces_another_organizations_session() {
    let gate = gate().await;
    let (acme, other) =
        (gate.admin.organization("Acme").await, gate.admin.organization("Other").await);
    gate.admin.user(&acme, "anna@acme.test", "limited").await;
    gate.admin.user(&acme, "bert@acme.test", "limited").await;
    let mut browser = opened(&gate, &link(&gate, &other).await).await;
    for login in ["anna@acme.test", "bert@acme.test"] {
        let mut kept = browser.copy_of_session();
        assert_eq!(browser.sign_in(login, PASSWORD).await.status, 303);
        assert_ne!(browser.session(), kept.session(), "a new token at every sign-in");
        gate.upstream.forget();
        assert_eq!(browser.fetch("/reports/1").await.status, 200);
        let seen = gate.arrived();
        assert_eq!(seen.one("portcullis-organization"), Some(&*acme));
        assert_eq!(seen.one("portcullis-user"), Some(login));
        assert_eq!(kept.fetch("/reports/1").await.status, 401);
    }
}

#[tokio::test]
async fn r19_foreign_link_asks_a_signed_in_user_first() {
    let gate = gate().await;
    let (acme, other) =
        (gate.admin.organization("Acme").await, gate.admin.organization("Other").await);
    gate.admin.user(&acme, "anna@acme.test", "limited").await;
    let mut anna = Browser::at(&gate);
    anna.sign_in("anna@acme.test", PASSWORD).await;
    let mut kept = anna.copy_of_session();
    let link = link(&gate, &other).await;
    let asked = anna.open(&format!("{link}?to=/reports/9")).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    assert!(asked.text().contains("anna@acme.test") && asked.text().contains("Other"));
    let is_anna = async |anna: &mut Browser, what: &str| {
        gate.upstream.forget();
        assert_eq!(anna.fetch("/reports/1").await.status, 200, "{what}");
        assert_eq!(gate.arrived().one("portcullis-user"), Some("anna@acme.test"), "{what}");
    };
    is_anna(&mut anna, "asked").await;
    // Nobody else can say yes for her.
    let form = Form::find(asked.text(), |form| form.get("csrf").is_some()).unwrap();
    let ours = format!("http://{}", gate.host());
    for (what, form, origin) in [
        ("no origin", &form, None),
        ("a foreign origin", &form, Some("http://evil.example")),
        ("an opaque origin", &form, Some("null")),
        ("no token", &form.clone().set("csrf", ""), Some(&*ours)),
        ("another token", &form.clone().set("csrf", &"A".repeat(43)), Some(&*ours)),
    ] {
        let headers: Vec<_> = origin.into_iter().map(|origin| ("origin", origin)).collect();
        let reply = anna.post(&link, &headers, &form.encoded()).await;
        assert_eq!(reply.status, 403, "{what}: {reply:?}");
        is_anna(&mut anna, what).await;
    }
    let reply = anna.post(&link, &[("origin", &ours)], &form.encoded()).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/reports/9")), "{reply:?}");
    gate.upstream.forget();
    assert_eq!(anna.fetch("/reports/9").await.status, 200);
    let seen = gate.arrived();
    assert_eq!(seen.one("portcullis-organization"), Some(&*other));
    assert_eq!(seen.one("portcullis-user"), None);
    assert_eq!(kept.fetch("/reports/1").await.status, 401, "her session has ended");
}

#[tokio::test]
async fn r19_own_organizations_link_keeps_the_session() {
    let gate = gate().await;
    let acme = gate.admin.acme_with_user("anna@acme.test", "admin").await;
    let link = link(&gate, &acme).await;
    let mut anna = Browser::at(&gate);
    anna.sign_in("anna@acme.test", PASSWORD).await;
    let session = anna.session().map(str::to_owned);
    for on in [true, false] {
        secure(&gate.admin, on).await;
        let reply = anna.open(&format!("{link}?to=/invoices/1")).await;
        assert_eq!((reply.status, reply.header("location")), (303, Some("/invoices/1")));
        assert_eq!(anna.session().map(str::to_owned), session);
        assert_eq!(anna.fetch("/invoices/1").await.status, 200);
    }
}

#[tokio::test]
async fn r10_invalid_link_is_404() {
    let gate = gate().await;
    for path in ["x", "", "%20", &"A".repeat(2000)] {
        let mut browser = Browser::at(&gate);
        let reply = browser.open(&format!("/.portcullis/link/{path}")).await;
        assert!(matches!(reply.status, 400 | 404), "{path}: {reply:?}");
        assert_eq!(browser.session(), None);
    }
    let unknown = gate.admin.get("/api/v1/organizations/nobody/link").await;
    let problem: Value = unknown.refused(404, "not-found");
    assert!(problem["detail"].as_str().unwrap().contains("nobody"));
}

/// How browsers ask for what a page shows by itself, over https and over plain http.
const IN_BACKGROUND: [&[(&str, &str)]; 5] = [
    &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image"), ("accept", "image/*,*/*;q=0.8")],
    &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe"), ("accept", "text/html")],
    &[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), ("accept", "*/*")],
    &[("accept", "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5")],
    &[("accept", "text/css,*/*;q=0.1")],
];

#[tokio::test]
async fn r11_only_a_navigation_opens_a_link() {
    let gate = gate().await;
    let (acme, other) =
        (gate.admin.organization("Acme").await, gate.admin.organization("Other").await);
    let (acme, other) = (link(&gate, &acme).await, link(&gate, &other).await);
    let mut browser = opened(&gate, &acme).await;
    let before = browser.cookies.clone();
    for headers in IN_BACKGROUND {
        let reply = browser.send(Method::GET, &other, headers, "").await;
        assert_eq!(reply.status, 403, "{headers:?}: {reply:?}");
        assert_eq!(reply.headers.get("set-cookie"), None, "{headers:?}");
        let reply = Browser::at(&gate).send(Method::GET, &other, headers, "").await;
        assert_eq!(reply.headers.get("set-cookie"), None, "{headers:?}");
    }
    assert_eq!(browser.cookies, before);
    assert_eq!(browser.fetch("/reports/1").await.status, 200);
    let sessions = gate.admin.get("/api/v1/sessions").await.ok();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1, "{sessions}");

    let navigation = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    for headers in [&navigation[..], &[], &[("accept", "*/*")], &[("accept", "text/html")]] {
        let mut browser = Browser::at(&gate);
        let reply = browser.send(Method::GET, &other, headers, "").await;
        assert_eq!(reply.status, 303, "{headers:?}");
        assert!(browser.session().is_some(), "{headers:?}");
    }
}

#[tokio::test]
async fn r50_image_request_keeps_a_pending_sign_in() {
    let gate = gate().await;
    let (acme, other) =
        (gate.admin.organization("Acme").await, gate.admin.organization("Other").await);
    let anna = gate.admin.user(&acme, "anna@acme.test", "admin").await;
    let change = json!({ "require_mfa": true });
    gate.admin.patch(&format!("/api/v1/users/{anna}"), change).await.ok();
    let mut browser = Browser::at(&gate);
    browser.sign_in("anna@acme.test", PASSWORD).await;
    let before = browser.cookies.clone();
    assert!(before.contains_key("portcullis-pending"), "{before:?}");
    let link = link(&gate, &other).await;
    for target in [&*link, SIGN_IN, "/.portcullis/sign-out", "/.portcullis/mfa/setup"] {
        for headers in IN_BACKGROUND {
            browser.send(Method::GET, target, headers, "").await;
            assert_eq!(browser.cookies, before, "{target} {headers:?}");
        }
    }
    assert_eq!(browser.open("/.portcullis/mfa/setup").await.status, 200);
}

#[tokio::test]
async fn i12_sessions_of_a_link_are_limited() {
    let gate = TestGate::builder()
        .policy(CUSTOMER_ROUTES)
        .setting("server.limits.link_sessions", "3")
        .start()
        .await;
    let acme = gate.admin.organization("Acme").await;
    let other = gate.admin.organization("Other").await;
    let link_of_acme = link(&gate, &acme).await;
    let mut first = opened(&gate, &link_of_acme).await;
    let session = first.session().map(str::to_owned);
    for _ in 0..10 {
        assert_eq!(first.open(&link_of_acme).await.status, 303);
        assert_eq!(first.session().map(str::to_owned), session, "a browser's own is used again");
    }
    let attempts = (0..20).map(|_| {
        let mut browser = Browser::at(&gate);
        let link = link_of_acme.clone();
        async move { browser.open(&link).await.status }
    });
    let statuses = futures_util::future::join_all(attempts).await;
    let opened_now = statuses.iter().filter(|status| **status == 303).count();
    assert_eq!(opened_now, 2, "{statuses:?}");
    let mut refused = Browser::at(&gate);
    let reply = refused.open(&link_of_acme).await;
    assert_eq!(reply.status, 429, "{reply:?}");
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(reply.text().contains("Too many open sessions"), "{reply:?}");
    assert_eq!(refused.session(), None);
    let script = refused.send(Method::GET, &link_of_acme, &[], "").await;
    assert!(script.text().contains("urn:portcullis:problem:too-many-sessions"), "{script:?}");
    assert_eq!(first.fetch("/reports/1").await.status, 200, "those that exist stay");
    opened(&gate, &link(&gate, &other).await).await;
}

#[tokio::test]
async fn i12_link_sessions_per_address_are_rate_limited() {
    let gate = TestGate::builder()
        .policy(CUSTOMER_ROUTES)
        .setting("server.limits.link_rate", "2")
        .start()
        .await;
    let acme = gate.admin.organization("Acme").await;
    let link = link(&gate, &acme).await;
    for _ in 0..2 {
        opened(&gate, &link).await;
    }
    let reply = Browser::at(&gate).open(&link).await;
    assert_eq!(reply.status, 429, "{reply:?}");
    assert!(reply.header("retry-after").is_some());
    let reply = Browser::at(&gate).from([127, 0, 0, 7]).open(&link).await;
    assert_eq!(reply.status, 303, "another address goes on: {reply:?}");
}
