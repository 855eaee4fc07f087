//! `portcullis demo`: everything that its ready file names is there and does what it says.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use http::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::admin::Admin;
use crate::support::authenticator::App;
use crate::support::browser::{Browser, unescaped};
use crate::support::client::within;
use crate::support::program::portcullis;

const READY: &str = "ready.json";

/// A demo that runs; killed when dropped.
struct Demo {
    ready: Value,
    child: Child,
    folder: tempfile::TempDir,
}

/// The command that starts a demo whose data stays in the folder.
fn command(folder: &Path, port: &str) -> Command {
    let args =
        ["demo", "--port", port, "--admin-port", "0", "--data", "demo", "--ready-file", READY];
    let mut command = portcullis(folder, &args);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// What a demo says that does not start.
async fn refused(command: &mut Command) -> String {
    let output = within("the end of the demo", command.output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

impl Demo {
    async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    async fn start_in(folder: tempfile::TempDir) -> Self {
        let file = folder.path().join(READY);
        if file.exists() {
            std::fs::remove_file(&file).unwrap();
        }
        let child = command(folder.path(), "0").spawn().unwrap();
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
        Self { ready, child, folder }
    }

    /// Stops it as Ctrl-C does; what is left is its folder.
    async fn stop(mut self) -> tempfile::TempDir {
        let id = Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(id, Signal::INT).unwrap();
        assert!(within("the end of the demo", self.child.wait()).await.unwrap().success());
        self.folder
    }

    fn admin(&self) -> Admin {
        Admin { socket: self.text("socket").into() }
    }

    fn user(&self, login: &str) -> &Value {
        items(&self.ready["users"]).iter().find(|user| user["login"] == login).unwrap()
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
async fn demo_prints_addresses_and_sign_ins() {
    let demo = Demo::start().await;
    let keys: Vec<&String> = demo.ready.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["admin", "administrator", "gateway", "organizations", "socket", "token", "users"]
    );
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
    assert_eq!(items(&demo.admin().get("/api/v1/groups").await.ok()["items"]).len(), 4);
    let address = demo.text("admin").strip_prefix("http://").unwrap().parse().unwrap();
    let mut api = Browser::new(address, "localhost");
    assert_eq!(api.fetch("/healthz").await.status, 200);
    assert_eq!(api.fetch("/api/v1/groups").await.status, 401);
}

#[tokio::test]
async fn demo_users_see_what_their_group_may() {
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
async fn demo_distinguishes_own_records_from_all() {
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
async fn demo_links_work_without_portal_users() {
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

#[tokio::test]
async fn demo_reused_folder_lists_its_contents() {
    let demo = Demo::start().await;
    let admin = demo.admin();
    let users = admin.get("/api/v1/users").await.ok();
    let id = |login: &str| {
        let user = items(&users["items"]).iter().find(|user| user["login"] == login).unwrap();
        format!("/api/v1/users/{}", user["id"].as_str().unwrap())
    };
    let password = json!({ "password": "Another-Horse-8-Battery" });
    let set = admin.post(&format!("{}/password", id("ada@acme.example")), password).await;
    assert!(set.status < 300, "{set:?}");
    assert_eq!(admin.delete(&id("noah@acme.example")).await.status, 204);
    assert_eq!(admin.delete("/api/v1/organizations/initech").await.status, 204);
    let new = json!({ "id": "birch", "name": "Birch & Sons" });
    admin.post("/api/v1/organizations", new).await.created();

    let demo = Demo::start_in(demo.stop().await).await;
    let ids: Vec<&Value> = items(&demo.ready["organizations"])
        .iter()
        .map(|organization| &organization["id"])
        .collect();
    assert_eq!(ids, ["acme", "birch", "globex"]);
    let logins: Vec<&Value> =
        items(&demo.ready["users"]).iter().map(|user| &user["login"]).collect();
    assert_eq!(logins, ["ada@acme.example", "liam@acme.example", "nora@acme.example"]);
    assert_eq!(demo.user("ada@acme.example").get("password"), None, "it is another one");
    assert_eq!(demo.signed_in(demo.user("liam@acme.example")).await.1, 303);
}

#[tokio::test]
async fn demo_reports_a_reloaded_policy() {
    let mut demo = Demo::start().await;
    let mut lines = BufReader::new(demo.child.stderr.take().unwrap()).lines();
    let file = demo.folder.path().join("demo/policies/routes.toml");
    let routes = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{routes}\n# Nothing else.\n")).unwrap();
    let told = within("a line about the policy", lines.next_line()).await.unwrap().unwrap();
    assert!(told.contains("policy reloaded"), "{told}");
}

#[tokio::test]
async fn demo_start_errors_say_what_to_do() {
    let demo = Demo::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (_, port) = demo.text("gateway").rsplit_once(':').unwrap();
    std::fs::write(folder.path().join(READY), "{}").unwrap();
    let said = refused(&mut command(folder.path(), port)).await;
    assert!(said.contains("127.0.0.1") && said.contains("`--port`"), "{said}");
    assert!(!folder.path().join(READY).exists(), "the ready file of an earlier demo is gone");

    let said = refused(&mut command(demo.folder.path(), "0")).await;
    assert!(said.contains("in use by another process") && said.contains("`--data`"), "{said}");

    std::fs::write(folder.path().join("demo"), "a file").unwrap();
    let said = refused(&mut command(folder.path(), "0")).await;
    assert!(said.contains("`demo` is a file") && said.contains("`--data`"), "{said}");

    let deep = "d".repeat(120);
    let args = ["demo", "--port", "0", "--admin-port", "0", "--data", &deep];
    let said = refused(&mut portcullis(folder.path(), &args)).await;
    assert!(said.contains("too long") && said.contains("`--data`"), "{said}");
}

#[tokio::test]
async fn demo_needs_its_port_on_both_loopback_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let mut said = String::new();
    // A port that is free for IPv6 may be taken for IPv4, by a connection of another test.
    for _ in 0..16 {
        // Without IPv6 there is no other address.
        let Ok(other) = std::net::TcpListener::bind("[::1]:0") else { return };
        let port = other.local_addr().unwrap().port().to_string();
        said = refused(&mut command(folder.path(), &port)).await;
        if said.contains(&format!("[::1]:{port}")) {
            break;
        }
    }
    assert!(said.contains("[::1]:") && said.contains("`--port`"), "{said}");
}

#[tokio::test]
async fn demo_has_an_administrator_and_a_token_that_work() {
    let demo = Demo::start().await;
    let api = demo.text("admin");
    let host = api.strip_prefix("http://").unwrap();
    let mut operator = Browser::new(host.parse().unwrap(), host);
    let bearer = format!("Bearer {}", demo.text("token"));
    let headers = [("authorization", &*bearer)];
    let list = operator.send(Method::GET, "/api/v1/administrators", &headers, "").await;
    assert_eq!(list.status, 200, "{list:?}");

    let administrator = &demo.ready["administrator"];
    let secret = administrator["totp_secret"].as_str().unwrap();
    let credentials = json!({
        "login": administrator["login"],
        "password": administrator["password"],
        "code": App::new(secret).code(),
    });
    let json = [("content-type", "application/json")];
    let signed_in =
        operator.send(Method::POST, "/api/v1/session", &json, credentials.to_string()).await;
    assert_eq!(signed_in.status, 201, "{signed_in:?}");
    let session = operator.send(Method::GET, "/api/v1/session", &[], "").await;
    assert_eq!(session.status, 200, "{session:?}");
    let (page, evil) = ([("sec-fetch-site", "same-origin")], [("sec-fetch-site", "cross-site")]);
    let forged = operator.send(Method::DELETE, "/api/v1/session", &evil, "").await;
    assert_eq!(forged.status, 403, "{forged:?}");
    let out = operator.send(Method::DELETE, "/api/v1/session", &page, "").await;
    assert_eq!(out.status, 204, "{out:?}");
    let after = operator.send(Method::GET, "/api/v1/session", &[], "").await;
    assert_eq!(after.status, 401, "{after:?}");
}
