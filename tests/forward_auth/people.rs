//! Our gateway as the cases expect it: their routes, and who is signed in.

use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::authenticator::App;
use crate::support::browser::{Browser, Form};
use crate::support::gate::TestGate;
use crate::target::Site;

const ROUTES: &str = r#"
[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"

[[route]]
name = "Open, with a WebSocket"
methods = ["GET"]
path = "/open/socket"
access = "public"
websocket = true

[[route]]
name = "Whoever is signed in"
path = "/mine/{*rest}"
access = "signed-in"

[[route]]
name = "Home"
path = "/home"
require = "portal.access"

[[route]]
name = "Invoices"
path = "/closed/{*rest}"
require = "invoices.view"

[[route]]
name = "Chat"
methods = ["GET"]
path = "/closed/socket"
require = "invoices.view"
websocket = true

[[route]]
name = "From the office only"
path = "/office/{*rest}"
access = "public"
from = ["192.0.2.0/24"]

[[route]]
name = "From this machine only"
path = "/near/{*rest}"
access = "public"
from = ["127.0.9.0/24"]
"#;

/// The fields that tell the portal who it is.
pub(crate) const IDENTITY: [&str; 8] = [
    "portcullis-user",
    "portcullis-organization",
    "portcullis-end-user",
    "portcullis-group",
    "portcullis-granted",
    "portcullis-session-kind",
    "portcullis-actor",
    "portcullis-request-id",
];

/// Starts a gateway that proxies ask.
pub(crate) async fn gate() -> TestGate {
    TestGate::builder()
        .policy(ROUTES)
        .setting("forward_auth.enabled", "true")
        .setting("forward_auth.grpc_listen", "\"127.0.0.1:0\"")
        .setting("server.trusted_proxies", r#"["127.0.0.1"]"#)
        .setting("upstream.servers", "[]")
        .start()
        .await
}

/// Creates the people of the cases, and signs them in.
pub(crate) async fn site(gate: &TestGate, name: &str) -> Site {
    let acme = gate.admin.organization("Acme").await;
    let birch = gate.admin.organization("Birch").await;
    let mut site = Site::named(name);
    for (login, organization, group) in [
        ("anna", &acme, "admin"),
        ("ludwig", &acme, "limited"),
        ("bert", &birch, "admin"),
        ("ended", &acme, "admin"),
        ("carla", &acme, "admin"),
    ] {
        let id = gate.admin.user(organization, login, group).await;
        if login == "carla" {
            gate.admin
                .patch(&format!("/api/v1/users/{id}"), json!({ "require_mfa": true }))
                .await
                .ok();
            continue;
        }
        let session = gate.sign_in(login, PASSWORD).await;
        site.sessions.insert(login.to_owned(), session.0.clone());
        if login == "ended" {
            assert_eq!(gate.sign_out(&session).await.status, 303);
        }
    }
    // R12: the link of an organization with portal users would ask for a password.
    let cedar = gate.admin.organization("Cedar").await;
    let link = gate.admin.secure_link(&cedar).await;
    let mut browser = Browser::at(gate);
    let link = browser.local(&link);
    browser.open(&link).await;
    let session = browser.session().expect("a link session");
    site.sessions.insert("link".to_owned(), format!("portcullis={session}"));
    gate.is_secret(session);
    site.organizations = [("Acme", acme), ("Birch", birch), ("Cedar", cedar)]
        .map(|(name, id)| (name.to_owned(), id))
        .into();
    site.session_cookies = vec!["portcullis".to_owned(), "__Host-portcullis".to_owned()];
    site.user_field = Some("portcullis-user".to_owned());
    site.organization_field = Some("portcullis-organization".to_owned());
    site.identity_fields = IDENTITY.map(str::to_owned).to_vec();
    site
}

/// Goes through one of the journeys of the cases, as a browser at the proxy.
pub(crate) async fn journey(name: &str, mut browser: Browser) -> String {
    let target = "/closed/a?b=c";
    let led = browser.open(target).await;
    assert_eq!(led.status, 302, "{led:?}");
    let login = if name == "second-factor" { "carla" } else { "anna" };
    let location = browser.local(led.header("location").unwrap());
    let page = browser.open(&location).await;
    let entered = browser.sign_in_on(&page, login, PASSWORD).await;
    assert_eq!(entered.status, 303, "{entered:?}");
    let page = browser.go_on(&location, entered).await;
    if name == "second-factor" {
        let action = "/.portcullis/mfa/setup";
        assert!(page.target.starts_with(action), "{page:?}");
        assert_eq!(browser.fetch(target).await.status, 401, "before the second factor");
        let code = App::scan(&page.reply).code();
        let done = browser.submit(&Form::to(page.reply.text(), action).set("code", &code)).await;
        assert_eq!(done.status, 200, "{done:?}");
        let page = browser.open(target).await;
        assert_eq!((page.status, page.text()), (200, "the portal saw GET /closed/a?b=c"));
        return "200".to_owned();
    }
    assert_eq!(page.target, target);
    assert_eq!(page.reply.text(), "the portal saw GET /closed/a?b=c");
    if name == "sign-in" {
        return "302, 303, 200".to_owned();
    }
    assert_eq!(name, "sign-out", "a journey");
    let stolen = browser.copy_of_session();
    let page = browser.open("/.portcullis/sign-out").await;
    let left = browser.submit(&Form::to(page.text(), "/.portcullis/sign-out")).await;
    assert_eq!(left.status, 303, "{left:?}");
    for mut browser in [browser, stolen] {
        assert_eq!(browser.fetch(target).await.status, 401);
    }
    "303, 401".to_owned()
}
