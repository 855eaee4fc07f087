//! `portcullis demo`: everything that its ready file names is there and does what it says.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Child;

use crate::admin::Admin;
use crate::browser::{Browser, unescaped};
use crate::client::within;
use crate::program::portcullis;

/// A demo that runs; killed when dropped.
struct Demo {
    ready: Value,
    _child: Child,
    _folder: tempfile::TempDir,
}

impl Demo {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let args = [
            "demo",
            "--port",
            "0",
            "--admin-port",
            "0",
            "--data",
            "demo",
            "--ready-file",
            "ready.json",
        ];
        let child = portcullis(folder.path(), &args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let file = folder.path().join("ready.json");
        let text = within("the ready file", async {
            let mut tries = tokio::time::interval(Duration::from_millis(20));
            loop {
                match std::fs::read_to_string(&file) {
                    Ok(text) => return text,
                    Err(_) => tries.tick().await,
                };
            }
        })
        .await;
        let ready = serde_json::from_str(&text).unwrap();
        Self { ready, _child: child, _folder: folder }
    }

    fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    /// Host and port of the gateway.
    fn browser(&self) -> Browser {
        let host = self.text("gateway").strip_prefix("http://").unwrap();
        let (_, port) = host.split_once(':').unwrap();
        Browser::new(([127, 0, 0, 1], port.parse().unwrap()).into(), host)
    }

    async fn signed_in(&self, user: &Value) -> (Browser, u16) {
        let mut browser = self.browser();
        let (login, password) =
            (user["login"].as_str().unwrap(), user["password"].as_str().unwrap());
        let status = browser.sign_in(login, password).await.status;
        (browser, status)
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

#[tokio::test]
async fn demo_says_where_everything_is() {
    let demo = Demo::start().await;
    let keys: Vec<&String> = demo.ready.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["admin", "gateway", "organizations", "socket", "users"]);
    for organization in items(&demo.ready["organizations"]) {
        let fields: Vec<&String> = organization.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["id", "link", "name"]);
        let link = organization["link"].as_str().unwrap();
        assert!(link.starts_with(demo.text("gateway")), "{link}");
    }
    for user in items(&demo.ready["users"]) {
        let fields: Vec<&String> = user.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["group", "login", "organization", "password"]);
    }
    let mut groups: Vec<&str> =
        items(&demo.ready["users"]).iter().map(|user| user["group"].as_str().unwrap()).collect();
    groups.sort_unstable();
    assert_eq!(groups, ["admin", "limited", "no-access", "non-portal"]);
    assert!(Path::new(demo.text("socket")).is_absolute());
    let admin = Admin { socket: demo.text("socket").into() };
    assert_eq!(items(&admin.get("/api/v1/groups").await.ok()["items"]).len(), 4);
    let address = demo.text("admin").strip_prefix("http://").unwrap().parse().unwrap();
    let mut api = Browser::new(address, "localhost");
    assert_eq!(api.fetch("/healthz").await.status, 200);
    assert_eq!(api.fetch("/api/v1/groups").await.status, 401);
}

#[tokio::test]
async fn demo_everybody_listed_signs_in_and_sees_what_their_group_may() {
    let demo = Demo::start().await;
    for user in items(&demo.ready["users"]) {
        let (mut browser, status) = demo.signed_in(user).await;
        let group = user["group"].as_str().unwrap();
        if group == "no-access" {
            assert_eq!((status, browser.session()), (403, None));
            let login = user["login"].as_str().unwrap();
            let page = browser.sign_in(login, user["password"].as_str().unwrap()).await;
            assert!(unescaped(page.text()).contains("can't use the portal"), "{}", page.text());
            continue;
        }
        assert_eq!(status, 303, "{user}");
        // What each group may open; what is not listed for it is denied.
        for (path, groups) in [
            ("/", &["admin", "limited", "non-portal"][..]),
            ("/tickets/new", &["admin", "limited", "non-portal"]),
            ("/tickets", &["admin", "limited"]),
            ("/assets", &["admin", "limited"]),
            ("/documentation", &["admin", "limited"]),
            ("/profile", &["admin", "limited"]),
            ("/api/tickets", &["admin", "limited"]),
            ("/invoices", &["admin"]),
            ("/estimates", &["admin"]),
            ("/payments", &["admin"]),
            ("/payment-methods", &["admin"]),
            ("/contracts", &["admin"]),
            ("/contacts", &["admin"]),
            ("/chat", &["admin"]),
            ("/admin", &[]),
            ("/nowhere", &[]),
        ] {
            let expected = if groups.contains(&group) { 200 } else { 403 };
            assert_eq!(browser.fetch(path).await.status, expected, "{group}: {path}");
        }
        // The portal believes what it is told of the person.
        let me = browser.fetch("/api/me").await;
        assert!(me.text().contains(user["login"].as_str().unwrap()), "{}", me.text());
        assert!(me.text().contains(user["organization"].as_str().unwrap()), "{}", me.text());
    }
}

#[tokio::test]
async fn demo_mine_is_told_from_all() {
    let demo = Demo::start().await;
    let mut seen = Vec::new();
    for group in ["admin", "limited"] {
        let user = items(&demo.ready["users"]).iter().find(|user| user["group"] == group).unwrap();
        let (mut browser, _) = demo.signed_in(user).await;
        let tickets: Value =
            serde_json::from_slice(&browser.fetch("/api/tickets").await.body).unwrap();
        seen.push(items(&tickets["items"]).len());
    }
    assert!(seen[0] > seen[1] && seen[1] > 0, "all are more than one's own: {seen:?}");
}

#[tokio::test]
async fn demo_links_open_where_nobody_has_a_sign_in() {
    let demo = Demo::start().await;
    let with_users: Vec<&Value> =
        items(&demo.ready["users"]).iter().map(|user| &user["organization"]).collect();
    let (mut opened, mut asked) = (0, 0);
    for organization in items(&demo.ready["organizations"]) {
        let mut browser = demo.browser();
        let link = browser.local(organization["link"].as_str().unwrap());
        let reply = browser.open(&link).await;
        assert_eq!(reply.status, 303, "{organization}");
        let location = reply.header("location").unwrap();
        if with_users.contains(&&organization["id"]) {
            assert!(location.starts_with("/.portcullis/sign-in?"), "{location}");
            assert_eq!(browser.fetch("/").await.status, 401);
            asked += 1;
        } else {
            assert_eq!(location, "/");
            let home = browser.open("/").await;
            assert_eq!(home.status, 200);
            assert_eq!(browser.fetch("/tickets/new").await.status, 200);
            assert_eq!(browser.fetch("/invoices").await.status, 403);
            opened += 1;
        }
    }
    assert!(opened >= 1 && asked >= 1, "{opened} opened, {asked} asked");
    assert_eq!(demo.browser().fetch("/").await.status, 401, "a stranger");
}
