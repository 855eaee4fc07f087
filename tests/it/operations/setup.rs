//! The first steps: `portcullis init`, `portcullis config show`, and what a start says that is
//! refused.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::program::{Home, Ran, run};
use crate::support::upstream::Upstream;

const OPTIONS: [&str; 6] = [
    "--name",
    "Example \"IT\"",
    "--public-url",
    "http://localhost:8080",
    "--upstream",
    "http://127.0.0.1:9000 weight=2",
];

/// A folder in which `init` has created the gateway `gate`.
async fn created(options: &[&str]) -> (tempfile::TempDir, Ran) {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), &[&["init", "gate"], options].concat(), "").await;
    (folder, ran)
}

#[tokio::test]
async fn init_creates_a_gateway_that_check_accepts() {
    for public_url in [
        "http://localhost:8080",
        "https://portal.example.com",
        "http://portal.example.com:8000",
        "http://192.0.2.7",
    ] {
        let mut options = OPTIONS;
        options[3] = public_url;
        let (folder, ran) = created(&options).await;
        let out = ran.done();
        for next in ["cd gate\n", "portcullis check\n", "portcullis serve\n", "users create"] {
            assert!(out.contains(next), "{next}: {out}");
        }
        let gate = folder.path().join("gate");
        let checked = run(&gate, &["check"], "").await.done();
        assert!(checked.contains("6 expectations met"), "{checked}");
        let shown = run(&gate, &["config", "show", "--json"], "").await.json();
        let value = |key: &str| {
            let mut items = shown["items"].as_array().unwrap().iter();
            items.find(|item| item["key"] == key).unwrap()["value"].clone()
        };
        assert_eq!(value("server.public_url"), public_url);
        assert_eq!(value("upstream.servers"), serde_json::json!([OPTIONS[5]]));
        assert_eq!(value("branding.name"), "Example \"IT\"");
    }
}

#[tokio::test]
async fn init_without_a_terminal_names_the_missing_option() {
    for missing in ["--name", "--public-url", "--upstream"] {
        let mut options = OPTIONS.to_vec();
        let at = options.iter().position(|option| *option == missing).unwrap();
        options.drain(at..at + 2);
        let (folder, ran) = created(&options).await;
        let expected =
            format!("portcullis: `{missing}` is required if standard input is not a terminal\n");
        assert_eq!((ran.code, &*ran.err), (2, &*expected));
        assert!(!folder.path().join("gate").exists());
    }
}

#[tokio::test]
async fn init_names_all_missing_options_and_an_empty_name() {
    let (_folder, ran) = created(&[]).await;
    let expected = "portcullis: `--name`, `--public-url`, `--upstream` are required if standard \
        input is not a terminal\n";
    assert_eq!((ran.code, &*ran.err), (2, expected));
    let mut options = OPTIONS;
    options[1] = " ";
    let (_folder, ran) = created(&options).await;
    assert!(ran.err.contains("a name is required"), "{ran:?}");
}

#[tokio::test]
async fn init_overwrites_nothing() {
    let (folder, ran) = created(&OPTIONS).await;
    ran.done();
    let routes = folder.path().join("gate/policies/routes.toml");
    std::fs::write(&routes, "mine").unwrap();
    std::fs::remove_file(folder.path().join("gate/config/portcullis.toml")).unwrap();
    let again = run(folder.path(), &[&["init", "gate"], &OPTIONS[..]].concat(), "").await.refused();
    assert!(again.contains("exists, and no file is overwritten"), "{again}");
    assert_eq!(std::fs::read_to_string(&routes).unwrap(), "mine");
    assert!(!folder.path().join("gate/config/portcullis.toml").exists());
}

#[tokio::test]
async fn init_refuses_the_portals_own_address() {
    let mut options = OPTIONS;
    options[5] = "http://127.0.0.1:8080";
    let (_folder, ran) = created(&options).await;
    let refused = ran.refused();
    assert!(refused.contains("cannot both listen on 127.0.0.1:8080"), "{refused}");
}

#[tokio::test]
async fn init_explains_a_wrong_option() {
    let mut options = OPTIONS;
    options[5] = "127.0.0.1:9000";
    let (_folder, ran) = created(&options).await;
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains(
            "must begin with `http://`, `https://` or `unix:`; write `http://127.0.0.1:9000`"
        ),
        "{ran:?}"
    );
}

#[tokio::test]
async fn config_show_has_values_and_sources_but_no_secrets() {
    let (folder, ran) = created(&OPTIONS).await;
    ran.done();
    let gate = folder.path().join("gate");
    let file = gate.join("config/portcullis.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let more = "smtp = { host = \"m\", username = \"u\", password = \"hunter2\" }\n";
    std::fs::write(&file, text + more).unwrap();
    let shown = run(&gate, &["config", "show"], "").await.done();
    let line = |key: &str| {
        let mut lines = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines.find(|line| line[0] == key).unwrap_or_else(|| panic!("{key}: {shown}")).join(" ")
    };
    assert_eq!(
        line("server.public_url"),
        "server.public_url \"http://localhost:8080\" config/portcullis.toml:5"
    );
    assert_eq!(line("server.backlog"), "server.backlog 4096 default");
    assert_eq!(line("audit.retention"), "audit.retention \"365d\" default");
    assert_eq!(line("identity.end_user"), "identity.end_user \"Portcullis-End-User\" default");
    assert_eq!(line("identity.email"), "identity.email false default");
    assert_eq!(line("branding.logo"), "branding.logo not set default");
    assert!(
        line("mail.smtp.password").starts_with("mail.smtp.password set config/portcullis.toml:")
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    let json = run(&gate, &["--json", "config", "show"], "").await.done();
    assert!(json.contains("\"is_set\": true") && !json.contains("hunter2"), "{json}");
    std::fs::write(&file, "[server]\nlisten = [\":443\"]").unwrap();
    let refused = run(&gate, &["config", "show"], "").await.refused();
    assert!(refused.contains("server.listen: `:443` has no address"), "{refused}");
}

/// The message of a start that is refused, in a folder that is prepared so.
async fn refused_start(prepare: impl FnOnce(&Home)) -> String {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, "");
    prepare(&home);
    let message = home.run(&["serve"]).await.refused();
    message.lines().last().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_start_that_is_refused_says_what_to_do() {
    let write = |home: &Home, file: &str, content: &[u8]| {
        std::fs::create_dir_all(home.path(file).parent().unwrap()).unwrap();
        std::fs::write(home.path(file), content).unwrap();
    };
    let message = refused_start(|home| write(home, "data", b"")).await;
    let expected = "store.path: `data` is a file; a folder is required";
    assert!(message.ends_with(expected), "{message}");
    for (content, expected) in [
        (&[b'k'; 5][..], "`secrets/secret.key` has 5 bytes, not 32; restore it from a backup"),
        (&[b'k'; 33][..], "remove it with `truncate -s 32`"),
    ] {
        let message = refused_start(|home| {
            write(home, "secrets/secret.key", content);
            let private = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(home.path("secrets/secret.key"), private).unwrap();
        })
        .await;
        assert!(message.contains(expected), "{message}");
    }
    let folder = "`secrets/secret.key` is not a file, but must be one of 32 bytes";
    let message = refused_start(|home| {
        std::fs::create_dir_all(home.path("secrets/secret.key")).unwrap();
    })
    .await;
    assert!(message.contains(folder), "{message}");
    let message = refused_start(|home| {
        let settings = std::fs::read_to_string(home.path("portcullis.toml")).unwrap();
        let settings = settings.replace(r#"["127.0.0.1:0"]"#, r#"["192.0.2.1:8080"]"#);
        write(home, "portcullis.toml", settings.as_bytes());
    })
    .await;
    assert!(message.contains("this machine does not have the address"), "{message}");
    let used = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = used.local_addr().unwrap().port();
    let message = refused_start(|home| {
        let settings = std::fs::read_to_string(home.path("portcullis.toml")).unwrap();
        let listen = format!(r#"["127.0.0.1:{port}"]"#);
        write(home, "portcullis.toml", settings.replace(r#"["127.0.0.1:0"]"#, &listen).as_bytes());
    })
    .await;
    assert!(message.contains("another socket uses it (`ss -ltnp` shows"), "{message}");
    drop(used);
    let message = refused_start(|home| {
        let settings = std::fs::read_to_string(home.path("portcullis.toml")).unwrap();
        let listen = format!(r#"["[::]:{port}", "0.0.0.0:{port}"]"#);
        write(home, "portcullis.toml", settings.replace(r#"["127.0.0.1:0"]"#, &listen).as_bytes());
    })
    .await;
    let expected = format!("cannot listen on 0.0.0.0:{port} (`server.listen`): [::]:{port}");
    assert!(message.contains(&expected) && message.ends_with("leave one of them out"), "{message}");
    let message = refused_start(|home| home.settings("admin.socket = \"portcullis.toml\"\n")).await;
    assert!(message.contains("a file with that name exists (admin.socket)"), "{message}");
}

#[tokio::test]
async fn a_portal_that_is_down_is_reported_at_the_start() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let portal = free.local_addr().unwrap();
    drop(free);
    let home = Home::new(portal, "");
    let program = home.serve().await;
    let log = program.logged("the portal does not accept connections", 1).await;
    assert!(log.contains(&portal.to_string()) && log.contains("that `upstream` has its address"));
    let _portal = tokio::net::TcpListener::bind(portal).await.unwrap();
    program.logged("the portal accepts connections now", 1).await;
    program.stop().await;

    let upstream = Upstream::start().await;
    let program = Home::new(upstream.address, "").serve().await;
    let log = program.logged("serving http", 1).await;
    assert!(!log.contains("does not accept connections"), "{log}");
    program.stop().await;
}
