//! I3: what was answered is there after `kill -9`, whole; sessions outlive the process; and one
//! data folder belongs to one process.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::admin::{Admin, PASSWORD};
use crate::support::browser::{Browser, Form};
use crate::support::client::within;
use crate::support::gate::HOST;
use crate::support::program::Home;
use crate::support::upstream::Upstream;

const ROUTES: &str = r#"
[[route]]
name = "Whoever is signed in"
path = "/mine/{*rest}"
access = "signed-in"

[[route]]
name = "Invoices"
path = "/closed/{*rest}"
require = "invoices.view"
"#;

/// How often the program is killed.
const ROUNDS: usize = 8;
const WRITERS: usize = 4;

/// What the program has promised.
#[derive(Default)]
struct Promises {
    /// What each record was answered to be, by its path.
    records: Mutex<BTreeMap<String, Value>>,
    /// Logins that were asked for, answered or not.
    logins: Mutex<Vec<(String, String)>>,
    answered: AtomicUsize,
    more: Notify,
}

impl Promises {
    /// Asks for a write; none when the program was killed before it answered.
    async fn write(&self, admin: &Admin, method: Method, path: &str, body: Value) -> Option<Value> {
        let reply = admin.try_call(method, path, Some(body)).await.ok()?;
        let record = reply.ok();
        self.answered.fetch_add(1, Ordering::SeqCst);
        self.more.notify_one();
        Some(record)
    }

    fn keep(&self, kind: &str, record: &Value) {
        let path = format!("/api/v1/{kind}/{}", record["id"].as_str().unwrap());
        self.records.lock().insert(path, record.clone());
    }

    /// Writes on and on until the program is gone.
    async fn writer(&self, admin: &Admin, name: &str) {
        for number in 0.. {
            let title = format!("{name}-{number}");
            if self.write_some(admin, &title).await.is_none() {
                return;
            }
        }
    }

    async fn write_some(&self, admin: &Admin, title: &str) -> Option<()> {
        let new = json!({ "name": title, "email": format!("{title}@example.test") });
        let organization = self.write(admin, Method::POST, "/api/v1/organizations", new).await?;
        self.keep("organizations", &organization);
        let id = organization["id"].as_str().unwrap();
        let new = json!({ "name": title, "permissions": ["invoices.view"] });
        let group = self.write(admin, Method::POST, "/api/v1/groups", new).await?;
        self.keep("groups", &group);
        let group = group["id"].as_str().unwrap();
        self.logins.lock().push((title.to_owned(), id.to_owned()));
        let new = json!({ "organization": id, "login": title, "group": group, "invite": true });
        let user = self.write(admin, Method::POST, "/api/v1/users", new).await?;
        self.keep("users", &user);
        // An answered change of what is there already; until it is answered either may be found.
        let path = format!("/api/v1/groups/{group}");
        self.records.lock().remove(&path);
        let change = json!({ "permissions": ["invoices.view", "invoices.pay"] });
        let changed = self.write(admin, Method::PATCH, &path, change).await?;
        self.keep("groups", &changed);
        Some(())
    }

    /// Everything that was answered is there as it was answered.
    async fn are_kept(&self, admin: &Admin, round: usize) {
        let records = self.records.lock().clone();
        for (path, promised) in records {
            let found = admin.get(&path).await;
            assert_eq!(found.status, 200, "round {round}: {path} is lost: {promised}");
            for (field, value) in promised.as_object().unwrap() {
                // Counted anew at each look.
                if !["users", "portal_users", "version"].contains(&field.as_str()) {
                    assert_eq!(&found.json[field], value, "round {round}: {path}");
                }
            }
        }
    }

    /// No write is there in part: counts, lists and unique names tell of the same records.
    async fn are_whole(&self, admin: &Admin, round: usize) {
        let users = all(admin, "users").await;
        let (mut by_organization, mut by_group) = (BTreeMap::new(), BTreeMap::new());
        for user in &users {
            let text = |field: &str| user[field].as_str().unwrap().to_owned();
            *by_organization.entry(text("organization")).or_insert(0) += 1;
            *by_group.entry(text("group")).or_insert(0) += 1;
            let named = admin.get(&format!("/api/v1/users?login={}", text("login"))).await.ok();
            assert_eq!(named["items"][0]["id"], user["id"], "round {round}: {user}");
        }
        for organization in all(admin, "organizations").await {
            let id = organization["id"].as_str().unwrap();
            let counted = by_organization.remove(id).unwrap_or(0);
            assert_eq!(organization["portal_users"], counted, "round {round}: {organization}");
        }
        for group in all(admin, "groups").await {
            let counted = by_group.remove(group["id"].as_str().unwrap()).unwrap_or(0);
            assert_eq!(group["users"], counted, "round {round}: {group}");
        }
        assert!(by_organization.is_empty() && by_group.is_empty(), "round {round}: of nobody");
        // A login is taken exactly when somebody has it.
        let asked = std::mem::take(&mut *self.logins.lock());
        for (login, organization) in asked.into_iter().rev().take(WRITERS) {
            let taken = users.iter().any(|user| user["login"] == login.as_str());
            let new = json!({ "organization": organization, "login": login, "invite": true });
            let reply = admin.post("/api/v1/users", new).await;
            assert_eq!(reply.status, if taken { 409 } else { 201 }, "round {round}: {login}");
        }
    }
}

/// Every record of a kind.
async fn all(admin: &Admin, kind: &str) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let list = admin.get(&format!("/api/v1/{kind}?limit=500{after}")).await.ok();
        items.extend(list["items"].as_array().unwrap().iter().cloned());
        match list["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return items,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_answered_writes_survive_kill_9() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let promises = Arc::new(Promises::default());
    for round in 0..ROUNDS {
        let program = home.serve().await;
        promises.are_kept(&program.admin, round).await;
        promises.are_whole(&program.admin, round).await;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let promises = Arc::clone(&promises);
                let admin = Admin { socket: program.admin.socket.clone() };
                tokio::spawn(async move {
                    promises.writer(&admin, &format!("r{round}w{writer}")).await;
                })
            })
            .collect();
        // At any moment: while the others are at whatever they are at when this many are answered.
        let random = usize::try_from(RandomState::new().hash_one(round) % 40).unwrap();
        let enough = promises.answered.load(Ordering::SeqCst) + 1 + random;
        within("answers", async {
            while promises.answered.load(Ordering::SeqCst) < enough {
                promises.more.notified().await;
            }
        })
        .await;
        program.kill().await;
        for writer in writers {
            within("a writer", writer).await.unwrap();
        }
    }
    let program = home.serve().await;
    promises.are_kept(&program.admin, ROUNDS).await;
    promises.are_whole(&program.admin, ROUNDS).await;
    let kept = promises.records.lock().len();
    assert!(kept >= ROUNDS, "only {kept} records were written");
}

#[tokio::test]
async fn i3_sessions_and_sign_outs_survive_a_restart() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let mut program = home.serve().await;
    let acme = program.admin.organization("Acme").await;
    let empty = program.admin.organization("Empty").await;
    program.admin.user(&acme, "anna", "admin").await;
    let mut anna = Browser::new(program.gateway, HOST);
    assert_eq!(anna.sign_in("anna", PASSWORD).await.status, 303);
    let link = program.admin.secure_link(&empty).await;
    let link = anna.local(&link);
    let mut visitor = Browser::new(program.gateway, HOST);
    assert_eq!(visitor.open(&link).await.status, 303);
    let mut ended = Browser::new(program.gateway, HOST);
    assert_eq!(ended.sign_in("anna", PASSWORD).await.status, 303);
    let kept = ended.cookies.clone();
    let page = ended.open("/.portcullis/sign-out").await;
    let form = Form::to(page.text(), "/.portcullis/sign-out");
    assert_eq!(ended.submit(&form).await.status, 303);
    for killed in [false, true] {
        if killed {
            program.kill().await;
        } else {
            program.stop().await;
        }
        program = home.serve().await;
        let again = |browser: &Browser| {
            let mut again = Browser::new(program.gateway, HOST);
            again.cookies = browser.cookies.clone();
            again
        };
        assert_eq!(again(&anna).fetch("/closed/a").await.status, 200, "killed: {killed}");
        assert_eq!(again(&visitor).fetch("/mine/a").await.status, 200, "killed: {killed}");
        let mut ended = Browser::new(program.gateway, HOST);
        ended.cookies = kept.clone();
        assert_eq!(ended.fetch("/mine/a").await.status, 401, "killed: {killed}");
        // The links that were given away still lead in.
        let mut new = Browser::new(program.gateway, HOST);
        assert_eq!(new.open(&link).await.header("location"), Some("/"), "killed: {killed}");
    }
}

#[tokio::test]
async fn second_process_on_the_same_data_is_refused() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let program = home.serve().await;
    program.admin.organization("Acme").await;
    let second = home.run(&["serve"]).await;
    let said = second.refused();
    assert!(said.contains("data") && said.contains("in use by another process"), "{said}");
    // The first goes on as if nothing had been.
    program.admin.organization("Other").await;
    assert_eq!(home.run(&["organizations", "list"]).await.code, 0);
    assert_eq!(Browser::new(program.gateway, HOST).fetch("/mine/a").await.status, 401);
    program.stop().await;
    // Afterwards the folder is free.
    let program = home.serve().await;
    assert_eq!(all(&program.admin, "organizations").await.len(), 2);
}
