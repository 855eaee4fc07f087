//! What sessions of the operator's staff may not do, and what ends them (R18, I2, I7, I10).

use http::Method;
use serde_json::{Value, json};

use super::views::Site;
use crate::support::admin::PASSWORD;
use crate::support::browser::{Browser, Form};
use crate::support::client::{Cookie, Reply, within};
use crate::support::gate::TestGate;
use crate::support::websocket::{ALLOWANCE, SOON, echo_at, ends, open_by, says_and_hears};

const ROUTES: &str = r#"
[[route]]
name = "Home"
path = "/"
require = "portal.access"

[[route]]
name = "Profile"
path = "/profile"
require = "portal.access"
staff = "never"

[[route]]
name = "Live"
methods = ["GET"]
path = "/live"
require = "portal.access"
websocket = true

[[route]]
name = "Overridden"
methods = ["GET", "POST", "DELETE"]
path = "/tickets/{ticket}"
require = "portal.access"
method_override = { query = "_method" }

[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"
"#;

const SOCKET: [(&str, &str); 5] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("origin", "http://portal.test"),
];

async fn site(read_only: bool) -> Site {
    let builder = TestGate::builder().policy(ROUTES).setting("admin.require_mfa", "false");
    Site::of(builder.setting("session.impersonation_read_only", &read_only.to_string())).await
}

fn refusal(reply: &Reply) -> (u16, String) {
    (reply.status, reply.reason())
}

/// A caller of the admin API over TCP: an administrator's browser, or a token.
pub(super) struct Caller {
    browser: Browser,
    bearer: Option<String>,
}

impl Caller {
    /// An administrator who has signed in.
    async fn administrator(site: &Site, login: &str, rights: Value) -> (Self, String) {
        let mut new = json!({ "login": login, "password": PASSWORD, "mfa": false });
        new.as_object_mut().unwrap().extend(rights.as_object().unwrap().clone());
        let id = site.gate.admin.post("/api/v1/administrators", new).await.created();
        let mut caller = Self::at(site, None);
        let sign_in = json!({ "login": login, "password": PASSWORD });
        let (status, _) = caller.call(Method::POST, "session", sign_in).await;
        assert_eq!(status, 201);
        (caller, id)
    }

    pub(super) async fn token(site: &Site, rights: Value) -> (Self, String) {
        let mut new = json!({ "name": "ci" });
        new.as_object_mut().unwrap().extend(rights.as_object().unwrap().clone());
        let created = site.gate.admin.post("/api/v1/tokens", new).await.ok();
        let token = created["token"].as_str().unwrap().to_owned();
        (Self::at(site, Some(token)), created["id"].as_str().unwrap().to_owned())
    }

    fn at(site: &Site, bearer: Option<String>) -> Self {
        let address = site.gate.admin_address;
        Self { browser: Browser::new(address, &address.to_string()), bearer }
    }

    pub(super) async fn call(&mut self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let bearer = self.bearer.as_ref().map(|token| format!("Bearer {token}"));
        let origin = format!("http://{}", self.browser.host());
        let mut headers = vec![("content-type", "application/json"), ("origin", &*origin)];
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let reply = self.browser.send(method, &format!("/api/v1/{path}"), &headers, body).await;
        (reply.status, serde_json::from_slice(&reply.body).unwrap_or_default())
    }

    /// The browser in a session that this caller asked for.
    async fn opened(&mut self, site: &Site, path: &str) -> Browser {
        let (status, link) = self.call(Method::POST, path, site.body_of(path)).await;
        assert_eq!(status, 201, "{link}");
        let url = link["url"].as_str().unwrap();
        site.opened(url.strip_prefix(site.gate.origin()).unwrap()).await
    }
}

async fn is_in(staff: &mut Browser, site: &Site) -> bool {
    let status = staff.fetch("/").await.status;
    if status == 200 {
        site.gate.arrived();
    }
    status == 200
}

#[tokio::test]
async fn r18_routes_can_refuse_staff() {
    let site = site(false).await;
    for target in [site.view().await, site.impersonate().await] {
        let mut staff = site.opened(&target).await;
        assert!(is_in(&mut staff, &site).await);
        assert_eq!(refusal(&staff.fetch("/profile").await), (403, "staff-not-allowed".to_owned()));
        let page = staff.open("/profile").await;
        assert!(page.text().contains("open this page"), "{}", page.text());
        assert!(page.text().contains("/.portcullis/view/stop"), "{}", page.text());
    }
    site.gate.nothing_arrived("staff").await;
    let mut anna = Browser::at(&site.gate);
    anna.sign_in(super::views::LOGIN, PASSWORD).await;
    assert_eq!(anna.fetch("/profile").await.status, 200);
    site.gate.arrived();
    let routes = site.gate.admin.get("/api/v1/routes").await.ok();
    let staff = |name| {
        let items = routes["items"].as_array().unwrap();
        items.iter().find(|route| route["name"] == name).unwrap()["staff"].clone()
    };
    assert_eq!((staff("Profile"), staff("Home")), (json!("never"), json!("allowed")));
}

#[tokio::test]
async fn r18_read_only_impersonation_changes_nothing() {
    let site = site(true).await;
    let mut staff = site.opened(&site.impersonate().await).await;
    let script = [("sec-fetch-site", "same-origin"), ("accept", "application/json")];
    for method in [Method::GET, Method::HEAD] {
        let reply = staff.send(method.clone(), "/tickets/7", &script, "").await;
        assert_eq!(reply.status, 200, "{method}");
        site.gate.arrived();
    }
    for (method, target) in [
        (Method::POST, "/tickets/7"),
        (Method::DELETE, "/tickets/7"),
        (Method::GET, "/tickets/7?_method=DELETE"),
        (Method::POST, "/open/form"),
        (Method::OPTIONS, "/open/form"),
    ] {
        let reply = staff.send(method.clone(), target, &script, "").await;
        assert_eq!(refusal(&reply), (403, "read-only".to_owned()), "{method} {target}");
    }
    let live = staff.send(Method::GET, "/live", &[&script[..], &SOCKET].concat(), "").await;
    assert_eq!(refusal(&live), (403, "read-only".to_owned()));
    site.gate.nothing_arrived("a session that only reads").await;
    // The user's own session, and a view, are not limited.
    let mut anna = Browser::at(&site.gate);
    anna.sign_in(super::views::LOGIN, PASSWORD).await;
    for browser in [&mut anna, &mut site.opened(&site.view().await).await] {
        let reply = browser.send(Method::POST, "/tickets/7", &script, "").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        site.gate.arrived();
    }
}

#[tokio::test]
async fn r18_impersonation_can_write_unless_it_is_read_only() {
    let site = site(false).await;
    let mut staff = site.opened(&site.impersonate().await).await;
    let script = [("sec-fetch-site", "same-origin"), ("accept", "application/json")];
    let reply = staff.send(Method::POST, "/tickets/7", &script, "").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(site.gate.arrived().one("portcullis-session-kind"), Some("impersonation"));
}

#[tokio::test]
async fn i10_a_view_needs_a_role_and_impersonation_a_right() {
    let site = site(false).await;
    let globex = site.gate.admin.organization("Globex").await;
    for (rights, view, impersonation) in [
        (json!({ "role": "technician" }), (201, ""), (403, "escalation")),
        (json!({ "role": "technician", "impersonate": true }), (201, ""), (201, "")),
        (json!({ "role": "owner" }), (201, ""), (403, "escalation")),
        (
            json!({ "role": "auditor", "impersonate": true }),
            (403, "role-required"),
            (403, "role-required"),
        ),
        (
            json!({ "role": "technician", "impersonate": true, "scope": [site.acme] }),
            (201, ""),
            (201, ""),
        ),
        (
            json!({ "role": "technician", "impersonate": true, "scope": [globex] }),
            (404, "not-found"),
            (404, "not-found"),
        ),
    ] {
        let (mut caller, _) = Caller::token(&site, rights.clone()).await;
        for (path, expected) in [("views", view), ("impersonations", impersonation)] {
            let (status, body) = caller.call(Method::POST, path, site.body_of(path)).await;
            let problem = body["type"].as_str().unwrap_or_default();
            let problem = problem.rsplit(':').next().unwrap();
            assert_eq!((status, problem), expected, "{rights} {path}: {body}");
        }
    }
    let dry = site.gate.admin.post("/api/v1/views?dry_run=true", site.body_of("views")).await;
    assert_eq!((dry.status, &dry.json["url"]), (200, &Value::Null), "{}", dry.json);
    assert_eq!(dry.json["changes"]["sessions_ended"], 0);
    for reason in ["", " ", "a\nb", "a\u{1b}[2J", &"x".repeat(501)] {
        let body = json!({ "organization": site.acme, "reason": reason });
        let refused = site.gate.admin.post("/api/v1/views", body).await.refused(422, "invalid");
        assert_eq!(refused["errors"][0]["field"], "reason", "{reason:?}");
    }
    let body = json!({ "organization": site.acme });
    site.gate.admin.post("/api/v1/views", body).await.refused(422, "invalid");
}

#[tokio::test]
async fn i10_an_impersonation_gives_nothing_on_the_admin_api() {
    let site = site(false).await;
    let staff = site.opened(&site.impersonate().await).await;
    let mut caller = Caller::at(&site, None);
    let token = staff.session().unwrap();
    caller.browser.cookies.insert("portcullis-admin".to_owned(), token.to_owned());
    assert_eq!(caller.call(Method::GET, "groups", Value::Null).await.0, 401);
    let mut bearer = Caller::at(&site, Some(token.to_owned()));
    assert_eq!(bearer.call(Method::GET, "groups", Value::Null).await.0, 401);
}

#[tokio::test]
async fn i2_signing_out_as_administrator_ends_its_sessions() {
    let site = site(false).await;
    let rights = json!({ "role": "technician", "impersonate": true });
    let (mut theo, id) = Caller::administrator(&site, "theo", rights.clone()).await;
    let (mut other, _) = Caller::administrator(&site, "olga", rights).await;
    let mut staff = theo.opened(&site, "impersonations").await;
    let mut others = other.opened(&site, "views").await;
    assert!(is_in(&mut staff, &site).await && is_in(&mut others, &site).await);
    let listed = site.sessions("kind=impersonation").await;
    assert_eq!(listed[0]["actor"], "theo");
    let (_, unopened) = theo.call(Method::POST, "views", site.body_of("views")).await;
    assert_eq!(theo.call(Method::DELETE, "session", Value::Null).await.0, 204);
    assert!(!is_in(&mut staff, &site).await && is_in(&mut others, &site).await);
    let mut late = Browser::at(&site.gate);
    let url = unopened["url"].as_str().unwrap().to_owned();
    assert_eq!(late.open(url.strip_prefix(site.gate.origin()).unwrap()).await.status, 404);
    // By an owner, from elsewhere.
    let (mut again, _) = (Caller::at(&site, None), ());
    let sign_in = json!({ "login": "theo", "password": PASSWORD });
    assert_eq!(again.call(Method::POST, "session", sign_in).await.0, 201);
    let mut staff = again.opened(&site, "views").await;
    assert!(is_in(&mut staff, &site).await);
    site.gate.admin.delete(&format!("/api/v1/administrators/{id}/sessions")).await.ok();
    assert!(!is_in(&mut staff, &site).await && is_in(&mut others, &site).await);
}

#[tokio::test]
async fn i2_losing_the_account_or_a_right_ends_its_sessions() {
    let site = site(false).await;
    let globex = site.gate.admin.organization("Globex").await;
    let rights = json!({ "role": "technician", "impersonate": true });
    let own = json!({ "role": "technician", "impersonate": true, "scope": null });
    let (mut theo, id) = Caller::administrator(&site, "theo", rights).await;
    let path = format!("/api/v1/administrators/{id}");
    for (patch, view_stays) in [
        (json!({ "impersonate": false }), true),
        (json!({ "role": "auditor" }), false),
        (json!({ "scope": [globex] }), false),
    ] {
        let mut view = theo.opened(&site, "views").await;
        let mut acting = theo.opened(&site, "impersonations").await;
        assert!(is_in(&mut view, &site).await && is_in(&mut acting, &site).await);
        site.gate.admin.patch(&path, patch.clone()).await.ok();
        assert!(!is_in(&mut acting, &site).await, "{patch}");
        assert_eq!(is_in(&mut view, &site).await, view_stays, "{patch}");
        site.gate.admin.patch(&path, own.clone()).await.ok();
    }
    let mut view = theo.opened(&site, "views").await;
    let dry = site.gate.admin.delete(&format!("{path}?dry_run=true")).await.ok();
    // At least the view, and the session at the admin listener.
    assert!(dry["changes"]["sessions_ended"].as_u64().unwrap() >= 2, "{dry}");
    assert!(is_in(&mut view, &site).await);
    site.gate.admin.delete(&path).await.ok();
    assert!(!is_in(&mut view, &site).await);
    let (mut token, id) = Caller::token(&site, json!({ "role": "technician" })).await;
    let mut view = token.opened(&site, "views").await;
    assert!(is_in(&mut view, &site).await);
    assert_eq!(site.gate.recorded("actor", "token:ci").await["session"], "staff");
    site.gate.admin.delete(&format!("/api/v1/tokens/{id}")).await.ok();
    assert!(!is_in(&mut view, &site).await);
}

#[tokio::test]
async fn i7_event_stream_of_staff_ends_with_the_admin_session() {
    let site = site(false).await;
    site.gate.upstream.answer("/open/events", |mut exchange| async move {
        exchange
            .write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
            .await?;
        exchange.closed().await;
        Ok(None)
    });
    let (mut theo, _) = Caller::administrator(&site, "theo", json!({ "role": "technician" })).await;
    let staff = theo.opened(&site, "views").await;
    let cookie = format!("portcullis={}", staff.session().unwrap());
    let stream = site.gate.get("/open/events").header("cookie", &cookie).open().await;
    assert_eq!(theo.call(Method::DELETE, "session", Value::Null).await.0, 204);
    let read = http_body_util::BodyExt::collect(stream.into_body());
    let _ = within("the end of the stream", read).await;
}

#[tokio::test]
async fn i7_websockets_of_staff_close_with_session_or_account() {
    let site = site(false).await;
    echo_at(&site.gate.upstream, "/live");
    let rights = json!({ "role": "technician", "impersonate": true });
    let (mut theo, id) = Caller::administrator(&site, "theo", rights.clone()).await;
    let (mut olga, _) = Caller::administrator(&site, "olga", rights).await;
    let cookie = |staff: &Browser| Cookie(format!("portcullis={}", staff.session().unwrap()));
    let others = cookie(&olga.opened(&site, "views").await);
    let mut others = open_by(&site.gate, "/live", &others).await.unwrap();
    for path in ["views", "impersonations"] {
        let mut staff = theo.opened(&site, path).await;
        let mut socket = open_by(&site.gate, "/live", &cookie(&staff)).await.unwrap();
        says_and_hears(&mut socket, "hello").await;
        let page = staff.open("/.portcullis/view/stop").await;
        assert_eq!(
            staff.submit(&Form::to(page.text(), "/.portcullis/view/stop")).await.status,
            303
        );
        let took = ends(&mut socket).await;
        assert!(took < SOON + ALLOWANCE, "{path}: {took:?}");
    }
    let mut sockets = Vec::new();
    for path in ["views", "impersonations"] {
        let staff = cookie(&theo.opened(&site, path).await);
        sockets.push(open_by(&site.gate, "/live", &staff).await.unwrap());
    }
    site.gate.admin.delete(&format!("/api/v1/administrators/{id}")).await.ok();
    for socket in &mut sockets {
        let took = ends(socket).await;
        assert!(took < SOON + ALLOWANCE, "{took:?}");
    }
    says_and_hears(&mut others, "still here").await;
}
