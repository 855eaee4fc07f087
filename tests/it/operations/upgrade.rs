//! `portcullis check --for-upgrade`: whether a version can take over from the gateway that runs.

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixListener;

use crate::support::program::{Home, Ran, run};
use crate::support::upstream::Upstream;

const ROUTES: &str =
    "[[route]]\nname = \"Invoices\"\npath = \"/invoices\"\nrequire = \"invoices.view\"\n";

/// A home, and in `next.toml` the settings for the next version, with a policy of its own.
async fn home() -> Home {
    let home = Home::new(Upstream::start().await.address, ROUTES);
    std::fs::create_dir(home.path("next")).unwrap();
    for file in ["permissions.toml", "groups.toml", "routes.toml"] {
        std::fs::copy(home.path("policies").join(file), home.path("next").join(file)).unwrap();
    }
    next(&home, "");
    home
}

/// Writes the settings for the next version, with these lines.
fn next(home: &Home, lines: &str) {
    let settings = std::fs::read_to_string(home.path("portcullis.toml")).unwrap();
    let text = format!("{settings}policy.directory = \"next\"\n{lines}");
    std::fs::write(home.path("next.toml"), text).unwrap();
}

async fn check(home: &Home, more: &[&str]) -> Ran {
    let args = [&["check", "--for-upgrade", "--config", "next.toml"], more].concat();
    run(&home.path(""), &args, "").await
}

fn expect(home: &Home, group: &str, decision: &str) {
    let expectation = format!(
        "[[expect]]\nas = \"{group}\"\nrequest = \"GET /invoices\"\ndecision = \"{decision}\"\n"
    );
    std::fs::write(home.path("next/expectations.toml"), expectation).unwrap();
}

#[tokio::test]
async fn upgrade_check_uses_the_groups_of_the_running_gateway() {
    let home = home().await;
    let program = home.serve().await;
    let books = program.admin.group("Books", &["invoices.view"]).await;
    for (group, decision, fails) in [
        (&*books, "allow", None),
        (&books, "deny", Some("expected deny, got allow")),
        ("nobody", "allow", Some("nobody")),
    ] {
        expect(&home, group, decision);
        let said = check(&home, &[]).await;
        match fails {
            None => {
                let said = said.done();
                assert!(said.contains("can take over from the running gateway"), "{said}");
                assert!(!said.contains("unchecked-expectation"), "{said}");
            }
            Some(problem) => {
                let error = said.refused();
                assert!(error.contains("1 error prevents a start"), "{error}");
                assert!(
                    error.contains("next/expectations.toml:1") && error.contains(problem),
                    "{error}"
                );
            }
        }
    }
    let said = check(&home, &["--json"]).await;
    assert_eq!(said.code, 1);
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&document["ok"], &document["errors"][0]["line"]), (&json!(false), &json!(1)));
    program.stop().await;
}

#[tokio::test]
async fn upgrade_check_refuses_another_store_or_key() {
    let home = home().await;
    let program = home.serve().await;
    assert!(check(&home, &[]).await.done().contains("can take over"));
    std::fs::write(home.path("other.key"), [7; 32]).unwrap();
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(home.path("other.key"), permissions).unwrap();
    for (lines, problem) in [
        ("store.path = \"elsewhere\"\n", "store.path: the running gateway has its store in `"),
        ("secrets.key_file = \"other.key\"\n", "`other.key` is not the secret key"),
        ("secrets.key_file = \"missing.key\"\n", "the secret key `missing.key` cannot be read"),
    ] {
        next(&home, lines);
        let error = check(&home, &[]).await.refused();
        assert!(error.contains(problem), "{error}");
    }
    program.stop().await;
    next(&home, "");
    let error = check(&home, &[]).await.refused();
    assert!(error.contains("`--for-upgrade` asks the running gateway"), "{error}");
}

#[tokio::test]
async fn upgrade_check_refuses_a_store_of_a_later_format() {
    let home = home().await;
    let program = home.serve().await;
    let mut running = program.admin.get("/api/v1/upgrade").await.ok();
    let format = running["store"]["format"].as_u64().unwrap();
    let socket = UnixListener::bind(home.path("later.sock")).unwrap();
    for (format, expected) in [
        (format, "its secret key and its groups.\n"),
        (format - 1, "will be upgraded from format"),
        (format + 1, "opens stores up to format"),
    ] {
        running["store"]["format"] = format.into();
        let body = running.to_string();
        let answer = async {
            let (stream, _) = socket.accept().await.unwrap();
            let mut lines = BufReader::new(stream).lines();
            while !lines.next_line().await.unwrap().unwrap().is_empty() {}
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ";
            let answer = format!("{head}{}\r\n\r\n{body}", body.len());
            lines.get_mut().write_all(answer.as_bytes()).await.unwrap();
        };
        let ((), said) = tokio::join!(answer, check(&home, &["--socket", "later.sock"]));
        let text = format!("{}{}", said.out, said.err);
        assert!(text.contains(expected), "{text}");
        assert_eq!(said.code != 0, expected.contains("opens"), "{text}");
    }
    program.stop().await;
}
