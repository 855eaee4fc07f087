//! The commands of a running program, as an operator types them.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::gate::HOST;
use crate::support::program::{Home, Program, Ran, portcullis, run};
use crate::support::upstream::Upstream;

const ROUTES: &str = r#"
[[route]]
name = "Invoices"
path = "/invoices"
require = "invoices.view"
"#;

pub(super) struct Console {
    pub(super) home: Home,
    pub(super) program: Program,
    _upstream: Upstream,
}

impl Console {
    pub(super) async fn start() -> Self {
        let upstream = Upstream::start().await;
        let home = Home::new(upstream.address, ROUTES);
        let program = home.serve().await;
        Self { home, program, _upstream: upstream }
    }

    pub(super) async fn run(&self, args: &[&str]) -> Ran {
        self.home.run(args).await
    }

    /// What a command prints.
    pub(super) async fn done(&self, args: &[&str]) -> String {
        self.run(args).await.done()
    }

    pub(super) async fn json(&self, args: &[&str]) -> Value {
        self.run(&[&["--json"], args].concat()).await.json()
    }

    /// What a command is refused with.
    pub(super) async fn refused(&self, args: &[&str]) -> String {
        let ran = self.run(args).await;
        assert_eq!(ran.out, "", "a refusal goes to the error output only");
        ran.refused()
    }

    /// Runs a command with a password on its standard input.
    pub(super) async fn with_input(&self, args: &[&str], input: &str) -> Ran {
        let args = [&["--config", "portcullis.toml"], args].concat();
        run(&self.home.path("."), &args, input).await
    }

    pub(super) fn browser(&self) -> Browser {
        Browser::new(self.program.gateway, HOST)
    }
}

#[tokio::test]
async fn cli_group_commands_apply_the_rules() {
    let console = Console::start().await;
    let list = console.done(&["groups", "list"]).await;
    for shown in ["24 of 24", "2 of 18", "8 of 24", "0 of 24", "Admin Portal Group"] {
        assert!(list.contains(shown), "{shown}: {list}");
    }
    let made =
        console.json(&["groups", "create", "Buyers", "--permissions", "invoices.view"]).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["permissions"], json!(["invoices.view"]));
    let all = console.json(&["groups", "create", "Everything", "--permissions", "all"]).await;
    assert_eq!(all["permissions"].as_array().unwrap().len(), 24);
    let said =
        console.done(&["groups", "create", "Two", "--permissions", "invoices.view,invoices.pay"]);
    assert!(said.await.contains("2 of 24"));
    // Written as people write lists.
    let spaced = ["groups", "create", "Spaced", "--permissions", "invoices.view, invoices.pay "];
    assert!(console.done(&spaced).await.contains("2 of 24"));
    console.done(&["groups", "edit", id, "--grant", "invoices.pay", "--name", "Payers"]).await;
    let shown = console.json(&["groups", "show", id]).await;
    assert_eq!(shown["name"], "Payers");
    assert_eq!(shown["permissions"].as_array().unwrap().len(), 2);
    console.done(&["groups", "edit", id, "--revoke", "invoices.view"]).await;
    let shown = console.json(&["groups", "show", id]).await;
    assert_eq!(shown["permissions"], json!(["invoices.pay"]));
    console.done(&["groups", "copy", id, "--name", "Twin"]).await;
    console.done(&["groups", "create", "Chosen", "--id", "chosen"]).await;
    console.done(&["groups", "copy", "chosen", "--id", "chosen-2"]).await;
    assert_eq!(console.json(&["groups", "show", "chosen-2"]).await["name"], "Copy of Chosen");
    console.done(&["groups", "default", id]).await;
    for (args, why) in [
        (&["groups", "edit", "non-portal", "--grant", "profile.edit"][..], "profile.edit"),
        (&["groups", "edit", "admin", "--name", "X"], "built in"),
        (&["groups", "delete", "admin"], "built in"),
        (&["groups", "delete", id], "default"),
        (&["groups", "default", "non-portal"], "cannot be the default"),
        (&["groups", "create", " TWIN "], "already exists"),
        (&["groups", "create", "Other", "--id", "chosen"], "already exists"),
        (&["groups", "create", "Other", "--id", "link"], "reserved"),
        (&["groups", "show", "nobody"], "nobody"),
    ] {
        let said = console.refused(args).await;
        assert!(said.contains(why), "{args:?}: {said}");
    }
    // R3: editing this group warns.
    let warned = console.done(&["groups", "show", "non-portal"]).await;
    assert!(warned.contains("without signing in"), "{warned}");
    console.done(&["groups", "default", "limited"]).await;
    console.done(&["groups", "delete", id]).await;
    assert!(console.refused(&["groups", "show", id]).await.contains(id));
}

#[tokio::test]
async fn cli_created_users_can_sign_in() {
    let console = Console::start().await;
    console
        .done(&["organizations", "create", "Acme", "--id", "acme", "--email", "a@acme.test"])
        .await;
    let list = console.json(&["organizations", "list"]).await;
    assert_eq!(list["items"][0]["id"], "acme");
    let contact = console
        .json(&[
            "organizations",
            "end-users",
            "create",
            "acme",
            "Anna",
            "--email",
            "anna@acme.test",
        ])
        .await;
    let contact = contact["id"].as_str().unwrap();
    let create =
        ["users", "create", "acme", "--end-user", contact, "--group", "admin", "--password-stdin"];
    console.with_input(&create, &format!("{PASSWORD}\n")).await.done();
    let weak = ["users", "create", "acme", "--login", "bert", "--password-stdin"];
    let said = console.with_input(&weak, "short\n").await.refused();
    assert!(said.contains("12") && !said.contains("short"), "{said}");
    let mut anna = console.browser();
    assert_eq!(anna.sign_in("anna@acme.test", PASSWORD).await.status, 303);
    assert_eq!(anna.fetch("/invoices").await.status, 200);
    let shown = console.done(&["users", "show", "ANNA@acme.test"]).await;
    assert!(shown.contains("anna@acme.test") && shown.contains("active"), "{shown}");
    console.done(&["users", "edit", "anna@acme.test", "--group", "limited"]).await;
    assert_eq!(anna.fetch("/invoices").await.status, 403);
    let sessions = console.json(&["users", "sessions", "anna@acme.test"]).await;
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1, "{sessions}");
    let all = console.json(&["sessions", "list", "--organization", "acme"]).await;
    assert_eq!(all["items"], sessions["items"]);
    let session = sessions["items"][0]["id"].as_str().unwrap();
    let nobody = console.refused(&["sessions", "end", "--organization", "nosuch"]).await;
    assert!(nobody.contains("there is no organization `nosuch`"), "{nobody}");
    console.done(&["sessions", "end", session]).await;
    assert_eq!(anna.fetch("/invoices").await.status, 401);
    let reset = console.done(&["users", "reset-mfa", "anna@acme.test"]).await;
    assert_eq!(reset, "Nothing changed: anna@acme.test has no second factor.\n");
    console.refused(&["users", "reset-mfa", "nobody"]).await;
    let new = "Another-Horse-8-Battery";
    let change = ["users", "password", "anna@acme.test", "--password-stdin"];
    console.with_input(&change, new).await.done();
    assert_eq!(anna.sign_in("anna@acme.test", PASSWORD).await.status, 401);
    assert_eq!(anna.sign_in("anna@acme.test", new).await.status, 303);
    let in_use = console.refused(&["groups", "delete", "limited"]).await;
    assert!(in_use.contains("1 portal user") && in_use.contains("--move-to"), "{in_use}");
    console.done(&["groups", "delete", "limited", "--move-to", "admin"]).await;
    assert_eq!(anna.fetch("/invoices").await.status, 200);
    console.done(&["sessions", "end", "--all"]).await;
    assert_eq!(anna.fetch("/invoices").await.status, 401);
    console.done(&["users", "create", "acme", "--login", "ines@acme.test", "--invite"]).await;
    let list = console.done(&["users", "list", "--organization", "acme"]).await;
    assert!(list.contains("ines") && list.contains("invited"), "{list}");
    let refused = console.refused(&["users", "invite", "anna@acme.test"]).await;
    assert!(refused.ends_with(": `portcullis users password anna@acme.test`\n"), "{refused}");
    console.done(&["users", "delete", "ines@acme.test"]).await;
    assert_eq!(console.run(&["users", "show", "ines@acme.test"]).await.code, 1);
    assert!(!console.refused(&["organizations", "delete", "acme"]).await.is_empty());
}

/// Of `Correct-Horse-7`, made by PHP.
const OLD_HASH: &str = "$2y$04$pHd/d..F/BcmsDc6S0u6EOLniKGIzLXorDBRNxkv8aLljNI7Hnyy2";

#[tokio::test]
async fn cli_escapes_text_direction_marks() {
    let console = Console::start().await;
    let said = console.refused(&["groups", "show", "a\u{202e}b\u{9b}1m"]).await;
    assert!(said.contains("a\\u202eb\\u009b1m"), "{said}");
}

#[tokio::test]
async fn cli_refuses_invalid_email_addresses() {
    let console = Console::start().await;
    let long = format!("{}@example.com", "x".repeat(65));
    for bad in ["a..b@example.com", "a@example.com.", &long] {
        let args = ["organizations", "create", "Acme", "--email", bad];
        let said = console.refused(&args).await;
        assert!(said.contains("is not an email address: "), "{said}");
    }
    let args =
        ["organizations", "create", "Acme", "--id", "acme", "--email", "info@m\u{fc}ller.example"];
    console.done(&args).await;
    console.done(&["users", "create", "acme", "--invite"]).await;
    let mailed = console.done(&["mail", "list"]).await;
    assert!(mailed.contains("info@m\u{fc}ller.example"), "{mailed}");
}

#[tokio::test]
async fn cli_imports_users_with_hashes_once() {
    let console = Console::start().await;
    console.done(&["organizations", "create", "Acme", "--id", "acme"]).await;
    console.done(&["organizations", "create", "Other", "--id", "other"]).await;
    let lines = [
        json!({ "organization": "acme", "login": "ann", "password_hash": OLD_HASH }).to_string(),
        String::new(),
        json!({ "organization": "acme", "login": "bob", "group": "limited" }).to_string(),
    ];
    let import = async |lines: &[String], args: &[&str]| {
        std::fs::write(console.home.path("users.jsonl"), lines.join("\n")).unwrap();
        console.run(&[&["users", "import", "users.jsonl"], args].concat()).await
    };
    let said = import(&lines, &[]).await.done();
    assert!(said.contains("line 1: created ann\nline 3: created bob\nCreated 2,"), "{said}");
    assert_eq!(console.browser().sign_in("ann", "Correct-Horse-7").await.status, 303);
    assert_eq!(console.browser().sign_in("ann", "Correct-Horse-8").await.status, 401);
    let before = console.json(&["users", "list"]).await;
    let again = import(&lines, &["--json"]).await.json();
    assert_eq!(
        (&again["created"], &again["skipped"], &again["failed"]),
        (&0.into(), &2.into(), &0.into())
    );
    assert_eq!(again["items"][0]["outcome"], "skipped");
    assert_eq!(console.json(&["users", "list"]).await, before, "nothing more was changed");
    // A line that cannot be done keeps none of the others from being done.
    let wrong = [
        "{".to_owned(),
        "[]".to_owned(),
        json!({ "organization": "acme", "login": "x", "password_hash": "hunter2" }).to_string(),
        json!({ "organization": "acme", "login": "x", "pasword": "hunter2" }).to_string(),
        json!({ "organization": "nowhere", "login": "x" }).to_string(),
        json!({ "organization": "other", "login": "ANN" }).to_string(),
        json!({ "organization": "acme" }).to_string(),
        json!({ "organization": "acme", "login": "eve" }).to_string(),
    ];
    let ran = import(&wrong, &[]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("Created 1, skipped 0, failed 7."), "{ran:?}");
    assert!(ran.out.contains("line 3: failed x: password_hash: "), "{ran:?}");
    assert!(ran.out.contains("line 4: failed x: ") && ran.out.contains("pasword"), "{ran:?}");
    assert!(ran.out.contains("line 6: failed ANN: "), "of another organization: {ran:?}");
    assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"), "{ran:?}");
    // Neither does one that is no text, nor is the report lost of those before it.
    let fay = json!({ "organization": "acme", "login": "fay" }).to_string();
    let gil = json!({ "organization": "acme", "login": "gil" }).to_string();
    let bytes = [fay.as_bytes(), b"\n{\"login\": \"\xff\"}\n", gil.as_bytes()].concat();
    std::fs::write(console.home.path("latin.jsonl"), bytes).unwrap();
    let ran = console.run(&["--json", "users", "import", "latin.jsonl"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&report["created"], &report["failed"]), (&2.into(), &1.into()), "{report}");
    assert_eq!(
        (&report["items"][1]["line"], &report["items"][2]["login"]),
        (&2.into(), &"gil".into())
    );
    // As some editors save it, with a byte order mark, or in another encoding.
    let hal = json!({ "organization": "acme", "login": "hal" }).to_string();
    std::fs::write(console.home.path("marked.jsonl"), format!("\u{feff}{hal}\n")).unwrap();
    let said = console.done(&["users", "import", "marked.jsonl"]).await;
    assert!(said.contains("line 1: created hal\n"), "{said}");
    for mark in ["\u{feff}", ""] {
        let units: Vec<u16> = format!("{mark}{hal}\r\n").encode_utf16().collect();
        for bytes in [
            units.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<u8>>(),
            units.iter().flat_map(|unit| unit.to_be_bytes()).collect::<Vec<u8>>(),
        ] {
            std::fs::write(console.home.path("wide.jsonl"), bytes).unwrap();
            let said = console.run(&["users", "import", "wide.jsonl"]).await.refused();
            assert!(said.contains("wide.jsonl is UTF-16; save it as UTF-8"), "{said}");
        }
    }
    let missing = console.refused(&["users", "import", "nothing.jsonl"]).await;
    assert!(missing.contains("nothing.jsonl"), "{missing}");
}

#[tokio::test]
async fn cli_creates_a_user_with_a_foreign_hash() {
    let console = Console::start().await;
    console.done(&["organizations", "create", "Acme", "--id", "acme"]).await;
    let create = ["users", "create", "acme", "--login", "ann", "--password-hash-stdin"];
    let refused = console.with_input(&create, "hunter2\n").await.refused();
    assert!(refused.contains("password_hash"), "{refused}");
    console.with_input(&create, &format!("{OLD_HASH}\n")).await.done();
    assert_eq!(console.browser().sign_in("ann", "Correct-Horse-7").await.status, 303);
}

#[tokio::test]
async fn cli_links_and_preferences_take_effect() {
    let console = Console::start().await;
    console.done(&["organizations", "create", "Acme", "--id", "acme"]).await;
    let link = console.json(&["organizations", "link", "show", "acme"]).await;
    let mut visitor = console.browser();
    let path = visitor.local(link["url"].as_str().unwrap());
    assert_eq!(visitor.open(&path).await.status, 303);
    let rotated = console.json(&["organizations", "link", "rotate", "acme"]).await;
    assert_ne!(rotated["url"], link["url"]);
    assert_eq!(visitor.open(&path).await.status, 404);
    let path = visitor.local(rotated["url"].as_str().unwrap());
    console.done(&["organizations", "link", "disable", "acme"]).await;
    assert_eq!(visitor.open(&path).await.status, 404);
    console.done(&["organizations", "link", "enable", "acme"]).await;
    assert_eq!(visitor.open(&path).await.header("location"), Some("/"));
    // R60
    let url = "https://status.example/";
    console.done(&["preferences", "set", "--disabled-redirect-url", url]).await;
    assert_eq!(visitor.open("/invoices").await.header("location"), Some(url));
    let said = console.refused(&["preferences", "set", "--disabled-redirect-url", "status"]).await;
    assert!(said.contains("https://"), "{said}");
    console.done(&["preferences", "set", "--no-disabled-redirect-url"]).await;
    assert_eq!(visitor.fetch("/invoices").await.status, 403);
    // R12, R13
    console.done(&["users", "create", "acme", "--login", "ines@acme.test", "--invite"]).await;
    assert_eq!(visitor.fetch("/invoices").await.status, 401);
    console.done(&["preferences", "set", "--secure-with-password", "false"]).await;
    let shown = console.json(&["preferences", "show"]).await;
    assert_eq!(shown["secure_with_password_if_portal_users_exist"], false);
    assert_eq!(console.browser().open(&path).await.header("location"), Some("/"));
}

#[tokio::test]
async fn cli_token_gives_access_to_the_api_over_tcp() {
    let console = Console::start().await;
    let mut api = Browser::new(console.program.admin_address, "localhost");
    let groups = "/api/v1/groups";
    let reply = api.fetch(groups).await;
    assert_eq!(reply.status, 401);
    assert_eq!(reply.problem()["type"], "urn:portcullis:problem:token-missing");
    for probe in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(api.fetch(probe).await.status, 200, "{probe}");
    }
    let made = console.run(&["token", "create", "a script"]).await;
    assert!(made.err.contains("not shown again"), "{made:?}");
    let token = made.done();
    let bearer = format!("Bearer {}", token.trim());
    let ask = async |api: &mut Browser, bearer: &str| {
        api.send(http::Method::GET, groups, &[("authorization", bearer)], "").await
    };
    let reply = ask(&mut api, &bearer).await;
    assert_eq!(reply.status, 200);
    let list: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 4);
    for wrong in [format!("{bearer}x"), bearer.replace("Bearer", "Basic"), "Bearer ".to_owned()] {
        assert_eq!(ask(&mut api, &wrong).await.status, 401, "{wrong}");
    }
    // A page of another site gets nowhere, even with it.
    let foreign = [("authorization", &*bearer), ("origin", "http://evil.example")];
    let reply = api.send(http::Method::GET, groups, &foreign, "").await;
    assert_eq!(reply.status, 403);
    let tokens = console.json(&["token", "list"]).await;
    assert_eq!(tokens["items"][0]["name"], "a script");
    assert!(!tokens.to_string().contains(token.trim()), "it is not shown again");
    console.done(&["token", "revoke", tokens["items"][0]["id"].as_str().unwrap()]).await;
    assert_eq!(ask(&mut api, &bearer).await.status, 401);
    // A session of the portal is nothing here.
    api.cookies.insert("portcullis".to_owned(), token.trim().to_owned());
    assert_eq!(api.fetch(groups).await.status, 401);
}

#[tokio::test]
async fn cli_manages_tokens_of_portal_users() {
    let console = Console::start().await;
    console.done(&["organizations", "create", "Acme", "--id", "acme"]).await;
    let create = ["users", "create", "acme", "--login", "anna", "--password-stdin"];
    console.with_input(&create, PASSWORD).await.done();
    let tokens = |args: &[&'static str]| [&["users", "tokens", "anna"], args].concat();
    let made = console.run(&tokens(&["create", "Build server", "--expires", "2199-01-31"])).await;
    assert!(made.err.contains("not shown again"), "{made:?}");
    let token = made.done();
    let bearer = format!("Bearer {}", token.trim());
    let status = async || {
        let sent = [("authorization", &*bearer)];
        console.browser().send(http::Method::GET, "/invoices", &sent, "").await.status
    };
    assert_eq!(status().await, 200);
    let list = console.json(&tokens(&["list"])).await;
    assert_eq!(list["items"][0]["name"], "Build server");
    assert_eq!(list["items"][0]["expires"], "2199-01-31T00:00:00Z");
    let table = console.done(&tokens(&["list"])).await;
    assert!(table.contains("Build server") && !table.contains(token.trim()), "{table}");
    let refused = console.refused(&tokens(&["create", "build server"])).await;
    assert!(refused.contains("already exists"), "{refused}");
    let wrong = console.run(&tokens(&["create", "x", "--expires", "tomorrow"])).await;
    assert!(wrong.code == 2 && wrong.err.contains("not a date"), "{wrong:?}");
    let refused = console.refused(&tokens(&["revoke", "another"])).await;
    assert!(refused.contains("no token `another`"), "{refused}");
    assert_eq!(status().await, 200);
    console.done(&tokens(&["revoke", "Build server"])).await;
    assert_eq!(status().await, 401);
}

#[tokio::test]
async fn routes_count_the_requests_that_they_decide() {
    let console = Console::start().await;
    let unused = console.done(&["routes", "--unused"]).await;
    assert!(unused.contains("/invoices"), "{unused}");
    for target in ["/invoices", "/invoices", "/elsewhere"] {
        console.browser().fetch(target).await;
    }
    console.program.admin.acme_with_user("ann", "admin").await;
    let mut ann = console.browser();
    ann.sign_in("ann", PASSWORD).await;
    assert_eq!(ann.fetch("/invoices").await.status, 200);
    let hits = console.json(&["routes"]).await["items"][0]["hits"].clone();
    assert_eq!(hits, json!({ "allowed": 1, "refused": 2 }));
    console.done(&["policy", "reload"]).await;
    assert!(!console.done(&["routes", "--unused"]).await.contains("/invoices"));
}

#[tokio::test]
async fn cli_reports_that_no_gateway_is_running() {
    let console = Console::start().await;
    let permissions = console.json(&["permissions"]).await;
    assert_eq!(permissions["items"].as_array().unwrap().len(), 24);
    assert!(console.done(&["routes"]).await.contains("/invoices"));
    let elsewhere = console.refused(&["groups", "list", "--socket", "/nowhere.sock"]).await;
    assert!(elsewhere.contains("/nowhere.sock") && elsewhere.contains("serve"), "{elsewhere}");
    let Console { home, program, _upstream } = console;
    program.stop().await;
    let said = home.run(&["groups", "list"]).await.refused();
    assert!(said.contains("no gateway is running"), "{said}");
}

#[tokio::test]
async fn cli_ends_quietly_when_its_output_is_closed() {
    let console = Console::start().await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let args = ["--config", "portcullis.toml", "groups", "list"];
    let mut command = portcullis(&console.home.path("."), &args);
    let done = command.stdout(writer).output().await.unwrap();
    assert_eq!((done.status.code(), &*done.stderr), (Some(0), &b""[..]), "{done:?}");
}

#[tokio::test]
async fn cli_reads_settings_from_the_environment_alone() {
    let folder = tempfile::tempdir().unwrap();
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let check = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = portcullis(folder.path(), args);
        command.env("PORTCULLIS__POLICY__DIRECTORY", &policies);
        command.envs(variables.iter().copied());
        async move {
            let done = command.output().await.unwrap();
            let said = [done.stdout, done.stderr].concat();
            (done.status.code(), String::from_utf8(said).unwrap())
        }
    };
    let enough = [
        ("PORTCULLIS__SERVER__PUBLIC_URL", "http://localhost:8080"),
        ("PORTCULLIS__UPSTREAM__SERVERS", "http://127.0.0.1:9000"),
    ];
    let (code, said) = check(&["check"], &enough).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("the environment and "), "{said}");
    // Too little says where the rest could have come from.
    let (code, said) = check(&["check"], &enough[..1]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("config/portcullis.toml") && said.contains("upstream.servers"), "{said}");
    // An empty one is told by its key, and a socket needs no other settings to be asked at.
    let empty = [enough[0], enough[1], ("PORTCULLIS__ADMIN__SOCKET", "")];
    let (code, said) = check(&["check"], &empty).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("admin.socket: must not be empty"), "{said}");
    let (code, said) = check(&["routes"], &[("PORTCULLIS__ADMIN__SOCKET", "/nowhere.sock")]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no gateway is running at /nowhere.sock"), "{said}");
    // A file that was named must be there, and the default one must be readable if it is there.
    let (code, said) = check(&["check", "--config", "config/portcullis.toml"], &enough).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cannot be read"), "{said}");
    std::fs::create_dir_all(folder.path().join("config/portcullis.toml")).unwrap();
    let (code, said) = check(&["check"], &enough).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cannot be read"), "{said}");
}

#[tokio::test]
async fn cli_check_reports_all_problems_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    for made in ["policies", "mails"] {
        std::fs::create_dir(folder.path().join(made)).unwrap();
    }
    write("logo.png", "a picture of nothing");
    write("mails/reset.en.txt", "Subject: {{ nonsense }}");
    write("policies/routes.toml", "[[route]]\nname = \"A\"\npath = \"/a\"\n");
    write(
        "portcullis.toml",
        "server.threads = 0\nupstream.servers = [\"http://127.0.0.1:9\"]\n\
         server.tls = { certificate = \"none.crt\", key = \"none.key\" }\n\
         branding.logo = \"logo.png\"\nmail.templates = \"mails\"\ntelemetry.log = \"a=b=c\"\n",
    );
    let check = ["--config", "portcullis.toml", "check"];
    let said = run(folder.path(), &check, "").await.refused();
    for told in [
        "server.public_url: is required",
        "server.threads: ",
        "telemetry.log: ",
        "logo.png: ",
        "none.crt",
        "permissions.toml: cannot be read",
        "groups.toml: cannot be read",
        "routes.toml:1: ",
        "reset.en.txt",
    ] {
        assert_eq!(said.matches(told).count(), 1, "{told}: {said}");
    }
    // A folder that is not there is one problem, by its setting.
    std::fs::remove_dir_all(folder.path().join("policies")).unwrap();
    let said = run(folder.path(), &check, "").await.refused();
    assert!(said.contains("policy.directory: `policies` cannot be read"), "{said}");
    assert!(!said.contains("groups.toml"), "{said}");
}

#[tokio::test]
async fn cli_invitation_says_where_it_goes() {
    let console = Console::start().await;
    let acme = ["organizations", "create", "Acme", "--id", "acme", "--email", "office@acme.test"];
    console.done(&acme).await;
    let create = ["users", "create", "acme", "--login", "eve@acme.test", "--invite"];
    let said = console.done(&create).await;
    for part in [
        "in the default group Admin Portal Group (24 of 24 permissions); the invitation is sent to office@acme.test and valid",
        "(default-group-has-all-permissions)",
        "the invitation goes to office@acme.test, not to eve@acme.test",
        "`portcullis users edit eve@acme.test --group limited`",
        "`portcullis users invite eve@acme.test --send-to eve@acme.test`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let invite = ["users", "invite", "eve@acme.test", "--send-to", "eve@acme.test"];
    let said = console.done(&invite).await;
    assert!(said.contains("the invitation is sent to eve@acme.test and valid until"), "{said}");
    assert!(!said.contains("warning"), "{said}");
}

#[tokio::test]
async fn cli_erase_deletes_what_export_shows() {
    let console = Console::start().await;
    console.done(&["organizations", "create", "Acme", "--id", "acme"]).await;
    for login in ["eve@acme.test", "bob"] {
        let create =
            ["users", "create", "acme", "--login", login, "--group", "limited", "--password-stdin"];
        console.with_input(&create, PASSWORD).await.done();
        console.browser().sign_in(login, PASSWORD).await;
    }
    let export = console.done(&["users", "export", "eve@acme.test"]).await;
    let export: Value = serde_json::from_str(&export).unwrap();
    assert_eq!(export["user"]["login"], "eve@acme.test");
    assert_eq!(export["sessions"].as_array().unwrap().len(), 1);
    let said = console.done(&["users", "erase", "eve@acme.test"]).await;
    assert!(said.contains("Erased eve@acme.test: the portal user, 1 session, 0 tokens"), "{said}");
    assert!(said.contains("backups"), "{said}");
    console.refused(&["users", "export", "eve@acme.test"]).await;
    console.refused(&["users", "erase", "eve@acme.test"]).await;
    let sessions = console.json(&["sessions", "list"]).await;
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1, "bob's session");
}
