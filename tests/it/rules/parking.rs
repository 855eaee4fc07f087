//! Parked organizations: the portal is closed for everyone in them (R8), and opened again.

use http::Method;
use serde_json::{Value, json};

use super::views::{LOGIN, Site};
use super::views_limits::Caller;
use crate::support::admin::PASSWORD;
use crate::support::authenticator::App;
use crate::support::browser::{Browser, Form};
use crate::support::client::{Cookie, Reply};
use crate::support::gate::TestGate;
use crate::support::mailbox::Mailbox;
use crate::support::websocket::{ALLOWANCE, SOON, echo_at, ends, open_by, says_and_hears};

const REASON: &str = "Moved to <b>Globex</b> & closed.";
const ROUTES: &str = r#"
[[route]]
name = "Home"
path = "/"
require = "portal.access"

[[route]]
name = "Live"
methods = ["GET"]
path = "/live"
require = "portal.access"
websocket = true

[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"
"#;

/// Acme with its user Anna, and Globex with its user Gus.
async fn site() -> Site {
    let builder = TestGate::builder().policy(ROUTES).setting("session.tokens", "true");
    let site = Site::of(builder).await;
    let globex = site.gate.admin.organization("Globex").await;
    site.gate.admin.user(&globex, "gus@globex.test", "limited").await;
    site
}

impl Site {
    fn organization(&self) -> String {
        format!("/api/v1/organizations/{}", self.acme)
    }

    async fn park(&self) -> Value {
        let parked = json!({ "parked": { "reason": REASON } });
        self.gate.admin.patch(&self.organization(), parked).await.ok()
    }

    async fn unpark(&self) -> Value {
        self.gate.admin.patch(&self.organization(), json!({ "parked": null })).await.ok()
    }
}

async fn signed_in(site: &Site, login: &str) -> Browser {
    let mut browser = Browser::at(&site.gate);
    assert_eq!(browser.sign_in(login, PASSWORD).await.status, 303);
    browser
}

/// Checks that a page says that the organization is parked, and why, as text.
fn is_closed(page: &Reply) {
    assert_eq!(page.status, 403, "{page:?}");
    let text = page.text();
    assert!(text.contains("The portal is closed for your organization"), "{text}");
    assert!(text.contains("Moved to &#60;b&#62;Globex&#60;/b&#62; &#38; closed."), "{text}");
}

#[tokio::test]
async fn r8_parking_stops_sessions_until_a_new_sign_in() {
    let site = site().await;
    let (mut anna, mut gus) =
        (signed_in(&site, LOGIN).await, signed_in(&site, "gus@globex.test").await);
    assert_eq!(anna.fetch("/").await.status, 200);
    let parked = site.park().await;
    assert_eq!(parked["parked"]["reason"], REASON);
    assert!(parked["parked"]["since"].is_string(), "{parked}");
    site.gate.upstream.forget();

    is_closed(&anna.open("/").await);
    let script = anna.fetch("/").await;
    assert_eq!((script.status, &*script.reason()), (403, "organization-parked"));
    assert!(script.problem()["detail"].as_str().unwrap().contains(REASON), "{script:?}");
    is_closed(&anna.open("/.portcullis/account").await);
    let mut again = Browser::at(&site.gate);
    is_closed(&again.sign_in(LOGIN, PASSWORD).await);
    assert_eq!(again.fetch("/").await.status, 401, "no session was started");
    let wrong = Browser::at(&site.gate).sign_in(LOGIN, "Wrong horse 7!").await;
    assert!(!wrong.text().contains("closed"), "a wrong password reveals nothing");
    site.gate.nothing_arrived("people of a parked organization").await;
    site.gate.logged("organization-parked").await;
    // What is public stays so, without an identity; and others go on.
    assert_eq!(anna.fetch("/open/a").await.status, 200);
    assert_eq!(site.gate.arrived().one("portcullis-user"), None);
    assert_eq!(gus.fetch("/").await.status, 200);
    assert!(site.sessions(&format!("organization={}", site.acme)).await.is_empty());

    assert_eq!(site.unpark().await["parked"], Value::Null);
    assert_eq!(anna.fetch("/").await.status, 401, "its sessions stay ended");
    assert_eq!(anna.sign_in(LOGIN, PASSWORD).await.status, 303);
    assert_eq!(anna.fetch("/").await.status, 200);
    assert_eq!(gus.fetch("/").await.status, 200);
}

#[tokio::test]
async fn r8_parking_closes_the_secure_link() {
    let site = site().await;
    let admin = &site.gate.admin;
    admin.delete(&format!("/api/v1/users/{}", site.anna)).await.ok();
    let link = admin.secure_link(&site.acme).await;
    let mut visitor = Browser::at(&site.gate);
    let link = visitor.local(&link);
    assert_eq!(visitor.open(&link).await.status, 303);
    assert_eq!(visitor.fetch("/").await.status, 200);
    site.park().await;
    is_closed(&visitor.open("/").await);
    is_closed(&visitor.open(&link).await);
    let mut stranger = Browser::at(&site.gate);
    is_closed(&stranger.open(&link).await);
    assert_eq!(stranger.session(), None);
    site.unpark().await;
    assert_eq!(visitor.fetch("/").await.status, 401);
    assert_eq!(visitor.open(&link).await.status, 303);
    assert_eq!(visitor.fetch("/").await.status, 200);
}

#[tokio::test]
async fn r8_parking_refuses_invitations_and_resets() {
    let site = site().await;
    let admin = &site.gate.admin;
    let new = json!({ "organization": site.acme, "login": "ines@acme.test", "invite": true });
    let ines = admin.post("/api/v1/users", new).await.created();
    let mut mailbox = Mailbox::of(&site.gate);
    let invitation = mailbox.next().await.link();
    let mut browser = Browser::at(&site.gate);
    let page = browser.open("/.portcullis/password/forgot").await;
    let form = Form::to(page.text(), "/.portcullis/password/forgot").set("login", LOGIN);
    assert_eq!(browser.submit(&form).await.status, 200);
    let reset = mailbox.next().await.link();
    let invitation_page = browser.open(&invitation).await;
    assert_eq!(invitation_page.status, 200);
    assert_eq!(browser.open(&reset).await.status, 200);

    site.park().await;
    is_closed(&browser.open(&invitation).await);
    is_closed(&browser.open(&reset).await);
    let form = Form { action: invitation.clone(), ..Form::to(invitation_page.text(), "") };
    is_closed(&browser.submit(&form.clone().set("password", PASSWORD)).await);
    let path = format!("/api/v1/users/{ines}/invitation");
    admin.post(&path, json!({})).await.refused(409, "organization-parked");
    let page = browser.open("/.portcullis/password/forgot").await;
    let ask = Form::to(page.text(), "/.portcullis/password/forgot").set("login", LOGIN);
    assert_eq!(browser.submit(&ask).await.status, 200, "the page reveals nothing");
    site.gate.logged("organization-parked").await;

    site.unpark().await;
    assert_eq!(browser.open(&reset).await.status, 200);
    assert_eq!(browser.submit(&form.set("password", PASSWORD)).await.status, 303);
    assert_eq!(browser.sign_in("ines@acme.test", PASSWORD).await.status, 303);
    let mails = admin.get("/api/v1/mail").await.ok();
    let resets = mails["items"].as_array().unwrap().iter().filter(|it| it["occasion"] == "reset");
    assert_eq!(resets.count(), 1, "{mails}");
}

#[tokio::test]
async fn r8_parking_refuses_tokens_and_second_factors() {
    let site = site().await;
    let admin = &site.gate.admin;
    let path = format!("/api/v1/users/{}", site.anna);
    let token = admin.post(&format!("{path}/tokens"), json!({ "name": "CI" })).await.ok();
    let token = token["token"].as_str().unwrap().to_owned();
    site.gate.is_secret(&token);
    let by_token = || site.gate.get("/").header("authorization", format!("Bearer {token}")).send();
    assert_eq!(by_token().await.status, 200);
    site.park().await;
    assert_eq!(by_token().await.reason(), "organization-parked");
    site.unpark().await;
    assert_eq!(by_token().await.status, 200);
    admin.patch(&path, json!({ "require_mfa": true })).await.ok();
    let mut anna = Browser::at(&site.gate);
    let set_up = anna.sign_in(LOGIN, PASSWORD).await;
    let page = anna.go_on("", set_up).await;
    let form = Form::to(page.reply.text(), "/.portcullis/mfa/setup");
    let app = App::scan(&page.reply);

    site.park().await;
    is_closed(&anna.open("/.portcullis/mfa/setup").await);
    let code = form.clone().set("code", &app.code());
    anna.submit(&code).await;
    assert_eq!(anna.session(), None);
    site.unpark().await;
    let started = anna.submit(&code).await;
    assert!(started.text().contains("recovery"), "{started:?}");
    assert!(anna.session().is_some());
}

#[tokio::test]
async fn r17_r18_a_parked_organization_is_closed_for_staff() {
    let site = site().await;
    let unopened = site.view().await;
    let mut staff =
        [site.opened(&site.view().await).await, site.opened(&site.impersonate().await).await];
    for browser in &mut staff {
        assert_eq!(browser.fetch("/").await.status, 200);
    }
    site.park().await;
    for browser in &mut staff {
        is_closed(&browser.open("/").await);
    }
    assert_eq!(Browser::at(&site.gate).open(&unopened).await.status, 404);
    for path in ["views", "impersonations"] {
        let refused = site.gate.admin.post(&format!("/api/v1/{path}"), site.body_of(path)).await;
        refused.refused(409, "organization-parked");
    }
    site.unpark().await;
    for browser in &mut staff {
        assert_eq!(browser.fetch("/").await.status, 401);
    }
    let mut again = site.opened(&site.impersonate().await).await;
    assert_eq!(again.fetch("/").await.status, 200);
}

#[tokio::test]
async fn i7_websocket_closes_when_its_organization_is_parked() {
    let site = site().await;
    echo_at(&site.gate.upstream, "/live");
    let cookie = |browser: &Browser| Cookie(format!("portcullis={}", browser.session().unwrap()));
    let anna = cookie(&signed_in(&site, LOGIN).await);
    let gus = cookie(&signed_in(&site, "gus@globex.test").await);
    let mut socket = open_by(&site.gate, "/live", &anna).await.unwrap();
    let mut other = open_by(&site.gate, "/live", &gus).await.unwrap();
    says_and_hears(&mut socket, "hello").await;
    site.park().await;
    let took = ends(&mut socket).await;
    assert!(took < SOON + ALLOWANCE, "{took:?}");
    assert_eq!(open_by(&site.gate, "/live", &anna).await.err(), Some(403));
    says_and_hears(&mut other, "still here").await;
}

#[tokio::test]
async fn parking_is_tried_out_listed_explained_and_audited() {
    let site = site().await;
    let admin = &site.gate.admin;
    signed_in(&site, LOGIN).await;
    let parked = json!({ "parked": { "reason": REASON } });
    let dry = format!("{}?dry_run=true", site.organization());
    let changes = admin.patch(&dry, parked.clone()).await.ok()["changes"].clone();
    assert_eq!(changes["sessions_ended"], 1, "{changes}");
    assert_eq!(changes["access"]["loses"], 1, "{changes}");
    assert_eq!(changes["warnings"][0]["name"], "organization-parked", "{changes}");
    let list = async |query: &str| {
        let list = admin.get(&format!("/api/v1/organizations?{query}")).await.ok();
        let items = list["items"].as_array().unwrap().iter();
        items.map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(list("parked=true").await.is_empty());
    let first = site.park().await;
    assert_eq!(list("parked=true").await, ["Acme"]);
    assert_eq!(list("parked=false").await, ["Globex"]);
    let ask = json!({ "user": LOGIN, "method": "GET", "target": "/" });
    let why = admin.post("/api/v1/explain", ask).await.ok();
    assert_eq!((&why["decision"], &why["reason"]), (&json!("deny"), &json!("organization-parked")));
    assert!(why["sentence"].as_str().unwrap().contains(REASON), "{why}");
    // Another reason keeps the time.
    let other = json!({ "parked": { "reason": "Another" } });
    let second = admin.patch(&site.organization(), other).await.ok();
    assert_eq!(second["parked"]["since"], first["parked"]["since"]);
    let changes = admin.patch(&dry, json!({ "parked": null })).await.ok()["changes"].clone();
    assert_eq!((&changes["access"]["gains"], &changes["sessions_ended"]), (&json!(1), &json!(0)));
    site.unpark().await;
    let audit = admin.get("/api/v1/audit?limit=5").await.ok();
    let entries = audit["items"].as_array().unwrap();
    let change = entries.iter().find(|it| it["kind"] == "organization.changed").unwrap();
    assert_eq!(change["before"]["parked"]["reason"], "Another", "{change}");
    let ended = entries.iter().find(|it| it["kind"] == "session.ended").unwrap();
    assert_eq!(
        (&ended["after"]["sessions"], &ended["subject"]["id"]),
        (&json!(1), &json!(site.acme))
    );
    for reason in ["", " ", "a\nb", &"x".repeat(501)] {
        let body = json!({ "parked": { "reason": reason } });
        let refused = admin.patch(&site.organization(), body).await.refused(422, "invalid");
        assert_eq!(refused["errors"][0]["field"], "parked.reason", "{reason:?}");
    }
    admin.patch(&site.organization(), json!({ "parked": true })).await.refused(422, "invalid");
}

#[tokio::test]
async fn i10_parking_needs_a_role_and_the_organization_in_scope() {
    let site = site().await;
    let mut anna = signed_in(&site, LOGIN).await;
    let scope = |role: &str| json!({ "role": role, "scope": [site.acme] });
    let (mut technician, _) = Caller::token(&site, scope("technician")).await;
    let (mut administrator, _) = Caller::token(&site, scope("administrator")).await;
    let own = format!("organizations/{}", site.acme);
    let globex = site.gate.admin.get("/api/v1/organizations?search=globex").await.ok();
    let other = format!("organizations/{}", globex["items"][0]["id"].as_str().unwrap());
    let parked = || json!({ "parked": { "reason": REASON } });
    assert_eq!(technician.call(Method::PATCH, &own, parked()).await.0, 403);
    assert_eq!(administrator.call(Method::PATCH, &other, parked()).await.0, 404);
    assert_eq!(anna.fetch("/").await.status, 200);
    assert_eq!(administrator.call(Method::PATCH, &own, parked()).await.0, 200);
    assert_eq!(anna.fetch("/").await.reason(), "organization-parked");
    let (status, unparked) =
        administrator.call(Method::PATCH, &own, json!({ "parked": null })).await;
    assert_eq!(status, 200, "{unparked}");
    assert_eq!(anna.fetch("/").await.status, 401);
}
