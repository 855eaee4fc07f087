//! I9: each kind of entry that `docs/audit.md` lists is produced, and no entry has a secret.

use std::collections::BTreeSet;
use std::fs;

use http::Method;
use mail_parser::MessageParser;
use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::authenticator::App;
use crate::support::browser::{Browser, Form, SIGN_IN};
use crate::support::gate::HOST;
use crate::support::program::{Home, Program};
use crate::support::upstream::Upstream;

const ROUTES: &str =
    "[[route]]\nname = \"All\"\npath = \"/{*rest}\"\naccess = \"signed-in\"\ntokens = true\n";
const SET_UP: &str = "/.portcullis/mfa/setup";
const CHOSEN: &str = "Chosen-9-horses!";
const ADMIN_PASSWORD: &str = "Gate keeper 11?";
const FORGOT: &str = "/.portcullis/password/forgot";

/// Kinds that take half an hour or more, an email that waits, another store, or a job that is stopped in
/// time.
const ELSEWHERE: [&str; 11] = [
    "audit.expired",
    "view.expired",
    "impersonation.expired",
    "trial.expired",
    "mail.retried",
    "store.accepted-older",
    "store.created",
    "store.rescued",
    "store.restored",
    "job.failed",
    "job.cancelled",
];

/// The kinds in the table of the documents, but those about records.
fn documented() -> BTreeSet<String> {
    let text = include_str!("../../../docs/audit.md");
    let (_, table) = text.split_once("| kind | when,").unwrap();
    let rows = table.lines().skip(3).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').nth(1).unwrap());
    let kinds = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    kinds.filter(|kind| !ELSEWHERE.contains(kind)).map(str::to_owned).collect()
}

/// What happens, and what of it is secret.
#[derive(Default)]
struct Story {
    secrets: Vec<String>,
    mails: usize,
}

impl Story {
    fn keep(&mut self, secret: impl Into<String>) -> String {
        let secret = secret.into();
        assert!(secret.len() > 5, "{secret}");
        self.secrets.push(secret.clone());
        secret
    }

    /// The target of the link in the newest mail.
    async fn mailed(&mut self, home: &Home, program: &Program) -> String {
        self.mails += 1;
        program.logged("an email was sent", self.mails).await;
        let files = fs::read_dir(home.path("mail")).unwrap().map(|file| file.unwrap().path());
        let newest = files.filter(|file| file.extension().is_some_and(|end| end == "eml"));
        let newest = newest.max_by_key(|file| fs::metadata(file).unwrap().modified().unwrap());
        let mail = fs::read(newest.unwrap()).unwrap();
        let message = MessageParser::default().parse(&mail).unwrap();
        let text = message.body_text(0).unwrap().into_owned();
        let link = text.split_whitespace().find_map(|word| word.split_once(HOST)).unwrap().1;
        self.keep(link.rsplit('/').next().unwrap());
        link.to_owned()
    }

    /// Sign-in with a second factor, wrong and right, and with a recovery code.
    async fn second_factor(&mut self, program: &Program, browser: &mut Browser) {
        let reply = browser.sign_in("ines@acme.example", CHOSEN).await;
        let page = browser.go_on(SIGN_IN, reply).await;
        let text = page.reply.text();
        let (_, secret) = text.split_once("<p class=\"key\"><code>").unwrap();
        self.keep(secret.split('<').next().unwrap().replace(' ', ""));
        let app = App::scan(&page.reply);
        let form = Form::to(text, SET_UP).set("code", &app.code());
        let codes = browser.submit(&form).await;
        let code = codes.text().split("<li").nth(1).unwrap();
        let code = code.split(['<', '>']).find(|part| part.trim().len() > 8).unwrap();
        self.keep(code.trim());
        for wrong in [true, false] {
            let mut other = Browser::new(program.gateway, HOST);
            let reply = other.sign_in("ines@acme.example", CHOSEN).await;
            let page = other.go_on(SIGN_IN, reply).await;
            let code = if wrong { app.wrong() } else { app.next() };
            let form = Form::to(page.reply.text(), "/.portcullis/mfa").set("code", &code);
            assert_eq!(other.submit(&form).await.status, if wrong { 401 } else { 303 });
            self.secrets.extend(other.cookies.into_values().filter(|value| value.len() > 20));
        }
    }

    /// What administrators do.
    async fn administrators(&mut self, home: &Home, program: &Program) {
        let new =
            json!({ "login": "root", "role": "owner", "password": self.keep(ADMIN_PASSWORD) });
        let issued = program.admin.post("/api/v1/administrators", new).await.ok();
        let secret = self.keep(issued["second_factor"]["secret"].as_str().unwrap());
        for code in issued["second_factor"]["recovery_codes"].as_array().unwrap() {
            self.keep(code.as_str().unwrap());
        }
        let host = program.admin_address.to_string();
        let mut browser = Browser::new(program.admin_address, &host);
        let json = [("content-type", "application/json")];
        for (code, status) in [(App::new(&secret).wrong(), 401), (App::new(&secret).code(), 201)] {
            let body = json!({ "login": "root", "password": ADMIN_PASSWORD, "code": code });
            let reply =
                browser.send(Method::POST, "/api/v1/session", &json, body.to_string()).await;
            assert_eq!(reply.status, status, "{reply:?}");
        }
        let unknown = json!({ "login": "toor", "password": self.keep("Wrong horses 12!") });
        browser.send(Method::POST, "/api/v1/session", &json, unknown.to_string()).await;
        self.secrets.extend(browser.cookies.clone().into_values());
        let invented = format!("Bearer portcullis_{}", "x".repeat(43));
        let mut stranger = Browser::new(program.admin_address, &host);
        let refused = [("authorization", &*invented)];
        assert_eq!(stranger.send(Method::GET, "/api/v1/groups", &refused, "").await.status, 401);
        let token = home.run(&["token", "create", "ci", "--role", "technician"]).await.done();
        let token = token.split_whitespace().find(|word| word.starts_with("portcullis_")).unwrap();
        self.keep(token);
        let bearer = format!("Bearer {token}");
        let body = json!({ "password": self.keep("Set-by-staff-13!") }).to_string();
        let headers = [("authorization", &*bearer), json[0]];
        let anna = program.admin.get("/api/v1/users?login_prefix=anna").await.ok();
        let path = format!("/api/v1/users/{}/password", anna["items"][0]["id"].as_str().unwrap());
        let set = stranger.send(Method::PUT, &path, &headers, body).await;
        assert_eq!(set.status, 200, "{set:?}");
        let body = "{\"name\":\"x\",\"permissions\":[]}";
        let refused = stranger.send(Method::POST, "/api/v1/groups", &headers, body).await;
        assert_eq!(refused.status, 403, "{refused:?}");
    }

    /// All of it.
    async fn tell(&mut self, home: &Home, program: &Program) {
        let admin = &program.admin;
        let acme = admin.organization("Acme").await;
        let person = json!({ "name": "Ines", "email": "ines@acme.example" });
        admin.post(&format!("/api/v1/organizations/{acme}/end-users"), person).await.created();
        let anna = admin.user(&acme, "anna", "limited").await;
        self.keep(PASSWORD);
        let nothing = json!({ "users": [anna], "action": "enable" });
        admin.post("/api/v1/users/bulk", nothing).await.created();
        let globex = admin.organization("Globex").await;
        let link = admin.secure_link(&globex).await;
        let mut visitor = Browser::new(program.gateway, HOST);
        let target = visitor.local(&link);
        self.keep(target.rsplit('/').next().unwrap());
        assert_eq!(visitor.open(&target).await.status, 303);
        visitor.open("/.portcullis/link/invented-token").await;
        self.secrets.extend(visitor.cookies.clone().into_values().filter(|value| value.len() > 20));

        let invited = json!({
            "organization": acme, "login": "ines@acme.example", "invite": true, "require_mfa": true,
        });
        admin.post("/api/v1/users", invited).await.created();
        let invitation = self.mailed(home, program).await;
        let mut ines = Browser::new(program.gateway, HOST);
        let page = ines.open(&invitation).await;
        let form = Form { action: invitation, ..Form::to(page.text(), "") };
        assert_eq!(ines.submit(&form.set("password", &self.keep(CHOSEN))).await.status, 303);
        ines.open("/.portcullis/invitation/invented-token").await;
        self.second_factor(program, &mut ines).await;

        let mut browser = Browser::new(program.gateway, HOST);
        let page = browser.open(FORGOT).await;
        let form = Form::to(page.text(), FORGOT).set("login", "nobody@acme.example");
        browser.submit(&form).await;
        program.logged("\"event\":\"reset-refused\"", 1).await;
        let typed = self.keep("My-password-in-the-wrong-field-7");
        assert_eq!(browser.sign_in(&typed, PASSWORD).await.status, 401);
        for _ in 0..5 {
            assert_eq!(browser.sign_in("anna", "wrong").await.status, 401);
        }
        home.run(&["lockouts", "release", "--login", "anna"]).await.done();
        let servers = admin.get("/api/v1/portal-servers").await.ok();
        let portal = servers["items"][0]["address"].as_str().unwrap();
        for command in ["drain", "resume"] {
            home.run(&["portal-servers", command, portal]).await.done();
        }
        let token = json!({ "name": "sync" });
        let token = admin.post(&format!("/api/v1/users/{anna}/tokens"), token).await.ok();
        self.keep(token["token"].as_str().unwrap());
        let invented = format!("Bearer portcullis_user_{}", "x".repeat(43));
        browser.send(Method::GET, "/x", &[("authorization", &*invented)], "").await;
        assert_eq!(browser.sign_in("anna", PASSWORD).await.status, 303);
        self.secrets.extend(browser.cookies.clone().into_values().filter(|value| value.len() > 20));
        self.administrators(home, program).await;
        let ways = [
            ("views", json!({ "organization": acme, "reason": "Ticket 7" })),
            ("impersonations", json!({ "user": anna, "reason": "Ticket 8" })),
            ("policy/trials", json!({ "organization": acme, "reason": "Ticket 9" })),
        ];
        for (path, body) in ways {
            let link = admin.post(&format!("/api/v1/{path}"), body).await.ok();
            let mut staff = Browser::new(program.gateway, HOST);
            let target = staff.local(link["url"].as_str().unwrap());
            self.keep(target.rsplit('/').next().unwrap());
            assert_eq!(staff.open(&target).await.status, 303);
            self.keep(staff.session().unwrap());
            let page = staff.open("/.portcullis/view/stop").await;
            let form = Form::to(page.text(), "/.portcullis/view/stop");
            assert_eq!(staff.submit(&form).await.status, 303);
        }
        home.run(&["groups", "create", "Night shift", "--permissions", "portal.access"])
            .await
            .done();
        admin.patch("/api/v1/preferences", json!({ "disabled_redirect_url": null })).await.ok();
        home.run(&["users", "export", "anna"]).await.done();
        home.run(&["policy", "reload"]).await.done();
        home.run(&["mail", "test", "ops@example.com"]).await.done();
        home.run(&["sessions", "end", "--all", "--yes"]).await.done();
        home.run(&["export"]).await.done();
        fs::write(home.path("portal.toml"), "[preferences]\n").unwrap();
        home.run(&["apply", "portal.toml"]).await.done();
        home.run(&["audit", "export"]).await.done();
        home.run(&["backup", "backup"]).await.done();
    }
}

#[tokio::test]
async fn i9_every_documented_kind_is_produced_without_secrets() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let program = home.serve().await;
    let mut story = Story::default();
    story.tell(&home, &program).await;
    program.stop().await;
    home.run(&["secrets", "rotate", "--yes"]).await.done();
    let program = home.serve().await;

    let list = home.run(&["audit", "list", "--json", "--limit", "1000"]).await.json();
    let entries = list["items"].as_array().unwrap();
    let kinds: BTreeSet<_> = entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    for kind in documented() {
        let is_there = match kind.contains('.') {
            true => kinds.contains(&*kind) || kind.starts_with('.'),
            false => kinds.iter().any(|produced| produced.starts_with(&format!("{kind}."))),
        };
        assert!(is_there, "{kind} is not among {kinds:?}");
    }
    let by_token: Vec<&Value> =
        entries.iter().filter(|entry| entry["actor"]["kind"] == "token").collect();
    assert_eq!(by_token[0]["actor"]["role"], "technician");
    assert_eq!(by_token[0]["from"], "127.0.0.1");

    let log = home.run(&["audit", "export"]).await.done();
    for secret in story.secrets.iter().map(String::as_str).chain(["argon2", "$2y$", "$2b$"]) {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    let refused = entries.iter().filter(|entry| entry["kind"] == "user.sign-in-refused");
    let wrong = refused.filter(|entry| entry["reason"] == "wrong-password");
    let counts: Vec<_> = wrong.map(|entry| entry["after"]["count"].as_u64().unwrap()).collect();
    assert_eq!(counts.iter().sum::<u64>(), 5);
    assert!(counts.len() < 5, "equal refusals are few entries: {counts:?}");
    program.stop().await;
}
