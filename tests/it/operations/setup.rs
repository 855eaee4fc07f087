//! `portcullis init` and `portcullis config show`.

use crate::support::program::{Ran, run};

const OPTIONS: [&str; 6] = [
    "--name",
    "Example \"IT\"",
    "--public-url",
    "http://localhost:8080",
    "--upstream",
    "http://127.0.0.1:9000",
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
        assert_eq!(ran.refused(), expected);
        assert!(!folder.path().join("gate").exists());
    }
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
        ran.err.contains("must begin with `http://`; write `http://127.0.0.1:9000`"),
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
