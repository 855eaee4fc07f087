//! `portcullis secrets rotate`: what a new secret key changes and keeps, and that a crash leaves a
//! store that opens.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::process::Child;

use crate::support::admin::PASSWORD;
use crate::support::authenticator::App;
use crate::support::browser::{Browser, Form, SIGN_IN};
use crate::support::client::within;
use crate::support::gate::HOST;
use crate::support::program::{Home, Program, Ran, portcullis};
use crate::support::upstream::Upstream;

const ROUTES: &str = r#"
[[route]]
name = "Anyone who is signed in"
path = "/mine/{*rest}"
access = "signed-in"
"#;
const MFA: &str = "/.portcullis/mfa";
const SET_UP: &str = "/.portcullis/mfa/setup";

/// An installation whose gateway is stopped.
struct Stopped {
    _upstream: Upstream,
    home: Home,
    /// The authenticator app of anna, who belongs to Acme.
    app: App,
    /// The id and the link of an organization without portal users.
    globex: String,
    link: String,
}

/// The answer to a code on the page for it.
async fn enter(browser: &mut Browser, page: &str, code: &str) -> u16 {
    let reply = browser.sign_in("anna", PASSWORD).await;
    let shown = browser.go_on(SIGN_IN, reply).await;
    assert_eq!(shown.target, page);
    let form = Form::to(shown.reply.text(), page).set("code", code);
    browser.submit(&form).await.status
}

impl Stopped {
    async fn new() -> Self {
        let upstream = Upstream::start().await;
        let home = Home::new(upstream.address, ROUTES);
        let program = home.serve().await;
        let admin = &program.admin;
        let acme = admin.organization("Acme").await;
        let anna = admin.user(&acme, "anna", "admin").await;
        let require = json!({ "require_mfa": true });
        admin.patch(&format!("/api/v1/users/{anna}"), require).await.ok();
        let globex = admin.organization("Globex").await;
        let link = admin.secure_link(&globex).await;
        let mut browser = Browser::new(program.gateway, HOST);
        let reply = browser.sign_in("anna", PASSWORD).await;
        let page = browser.go_on(SIGN_IN, reply).await;
        let app = App::scan(&page.reply);
        let form = Form::to(page.reply.text(), SET_UP).set("code", &app.code());
        assert_eq!(browser.submit(&form).await.status, 200);
        program.stop().await;
        Self { _upstream: upstream, home, app, globex, link }
    }

    fn key(&self, suffix: &str) -> PathBuf {
        self.home.path(&format!("secrets/secret.key{suffix}"))
    }

    async fn rotate(&self, args: &[&str]) -> Ran {
        self.home.run(&[&["secrets", "rotate"], args].concat()).await
    }

    /// Checks that a gateway serves with the key that is in place: anna signs in.
    async fn serves(&self, code: &str) -> Program {
        let program = self.home.serve().await;
        let mut browser = Browser::new(program.gateway, HOST);
        assert_eq!(enter(&mut browser, MFA, code).await, 303);
        assert_eq!(browser.fetch("/mine/a").await.status, 200);
        program
    }
}

#[tokio::test]
async fn rotated_key_replaces_links_and_keeps_second_factors() {
    let stopped = Stopped::new().await;
    let old = fs::read(stopped.key("")).unwrap();
    let said = stopped.rotate(&["--dry-run"]).await.done();
    for part in [
        "1 open, all of which end",
        "1 of whom have some",
        "authenticator apps (1)",
        &stopped.globex,
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("Acme") && said.contains("nothing was changed"), "{said}");
    assert_eq!(fs::read(stopped.key("")).unwrap(), old);
    assert!(!stopped.key(".new").exists() && !stopped.key(".old").exists());

    let said = stopped.rotate(&[]).await.done();
    assert!(said.contains("secret.key.old"), "{said}");
    assert_ne!(fs::read(stopped.key("")).unwrap(), old);
    assert_eq!(fs::read(stopped.key(".old")).unwrap(), old);
    assert!(!stopped.key(".new").exists());
    let program = stopped.serves(&stopped.app.next()).await;
    let link = program.admin.secure_link(&stopped.globex).await;
    assert_ne!(link, stopped.link);
    let mut visitor = Browser::new(program.gateway, HOST);
    for (link, status) in [(&stopped.link, 404), (&link, 303)] {
        let target = visitor.local(link);
        assert_eq!(visitor.open(&target).await.status, status, "{link}");
    }
    let users = program.admin.get("/api/v1/users").await.ok();
    let id = users["items"][0]["id"].as_str().unwrap();
    let factor = program.admin.get(&format!("/api/v1/users/{id}/mfa")).await.ok();
    assert_eq!(factor["recovery_codes_left"], 0);
    let running = stopped.rotate(&[]).await.refused();
    assert!(running.contains("store") || running.contains("secret.key.old"), "{running}");
    program.stop().await;

    let refused = stopped.rotate(&[]).await.refused();
    assert!(refused.contains("secret.key.old") && refused.contains("backups"), "{refused}");
}

#[tokio::test]
async fn rotation_is_refused_while_the_gateway_runs() {
    let stopped = Stopped::new().await;
    let key = fs::read(stopped.key("")).unwrap();
    let program = stopped.home.serve().await;
    stopped.rotate(&[]).await.refused();
    assert_eq!(fs::read(stopped.key("")).unwrap(), key);
    let users = program.admin.try_call(Method::GET, "/api/v1/users", None).await.unwrap();
    assert_eq!(users.status, 200);
}

#[tokio::test]
async fn i3_killed_rotation_leaves_a_store_that_opens() {
    let stopped = Stopped::new().await;
    // The states between the steps, as a kill leaves them. First: the new key is saved.
    let old = fs::read(stopped.key("")).unwrap();
    fs::write(stopped.key(".new"), [7; 32]).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(stopped.key(".new"), private).unwrap();
    stopped.home.serve().await.stop().await;
    assert_eq!(fs::read(stopped.key("")).unwrap(), old);
    stopped.rotate(&[]).await.done();
    assert_eq!(fs::read(stopped.key("")).unwrap(), [7; 32], "the saved key is used");

    // Second: the store has the new key, and the old one is in place.
    let back = || {
        fs::rename(stopped.key(""), stopped.key(".new")).unwrap();
        fs::rename(stopped.key(".old"), stopped.key("")).unwrap();
    };
    back();
    stopped.home.serve().await.stop().await;
    assert_eq!(fs::read(stopped.key("")).unwrap(), [7; 32]);
    assert_eq!(fs::read(stopped.key(".old")).unwrap(), old);
    back();
    let said = stopped.rotate(&[]).await.done();
    assert!(said.contains("interrupted"), "{said}");
    assert_eq!(fs::read(stopped.key("")).unwrap(), [7; 32]);
    stopped.serves(&stopped.app.next()).await.stop().await;
}

#[tokio::test]
async fn i3_rotation_can_be_killed_at_any_moment() {
    let stopped = Stopped::new().await;
    for delay in [20, 60, 90, 120, 150, 200, 300] {
        let kept = stopped.key(".old");
        if kept.exists() {
            fs::remove_file(kept).unwrap();
        }
        let args = ["--config", "portcullis.toml", "secrets", "rotate"];
        let mut command = portcullis(&stopped.home.path("."), &args);
        let mut child: Child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        // There is no event to wait for: the moment is arbitrary.
        let _ended = tokio::time::timeout(Duration::from_millis(delay), child.wait()).await;
        let _killed = child.kill().await;
        let program = within("a start after a kill", stopped.home.try_serve()).await.unwrap();
        let users = program.admin.get("/api/v1/users").await.ok();
        assert_eq!(users["items"][0]["mfa_enrolled"], true, "after {delay} ms");
        program.stop().await;
    }
    let program = stopped.serves(&stopped.app.next()).await;
    let link = program.admin.secure_link(&stopped.globex).await;
    let mut visitor = Browser::new(program.gateway, HOST);
    let target = visitor.local(&link);
    assert_eq!(visitor.open(&target).await.status, 303);
}
