//! `portcullis check` and what `serve` logs: mistakes that prevent a start, and warnings.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::support::gate::HOST;
use crate::support::program::{Home, portcullis, run};
use crate::support::upstream::Upstream;

const PAGES: &str = "[[route]]\nname = \"Pages\"\npath = \"/{*page}\"\naccess = \"public\"\n";
const STAFF: &str = "[[route]]\nname = \"Staff\"\npath = \"/staff\"\naccess = \"deny\"\n";
const ALLOW: &str = "check.allow = [{ name = \"open-below\", reason = \"/staff has one page\" },
     { name = \"ambiguous-spelling\", reason = \"refusing is right\" }]\n";

async fn home(routes: &str) -> Home {
    Home::new(Upstream::start().await.address, routes)
}

/// The names of the warnings.
fn names(document: &Value) -> Vec<&str> {
    let warnings = document["warnings"].as_array().unwrap();
    warnings.iter().map(|warning| warning["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn check_refuses_the_path_syntax_of_other_programs() {
    let home = home("").await;
    for (path, ours) in [
        (
            "/secret/*",
            "`*` is not a variable in routes; write `{name}` for one segment, `{*rest}` for any \
             number of segments, or `%2A` for the text itself",
        ),
        (
            "/secret/**",
            "`**` is not a variable in routes; write `{*rest}` for any number of segments, or \
             `%2A%2A` for the text itself",
        ),
        (
            "/users/:id",
            "`:id` is not a variable in routes; write `{id}`, or `%3Aid` for the text itself",
        ),
        (
            "/files/*rest",
            "`*rest` is not a variable in routes; write `{*rest}`, or `%2Arest` for the text itself",
        ),
        ("/files/{rest:.*}", "`{rest:.*}` is not a variable in routes; write `{*rest}`"),
        ("/users/{id:[0-9]+}", "`{id:[0-9]+}` is not a variable in routes; write `{id:int}`"),
        ("/users/{id", "`{id` has no closing brace; write `{id}`"),
        (
            "/a{b",
            "`a{b` mixes text and a variable; a variable is a whole segment, as in `/{name}/`",
        ),
    ] {
        let route = format!("[[route]]\nname = \"A\"\npath = \"{path}\"\naccess = \"deny\"\n");
        home.policy("routes.toml", &route);
        for command in ["check", "serve"] {
            let said = home.run(&[command]).await.refused();
            assert!(said.ends_with(&format!("routes.toml:3: {ours}\n")), "{command}: {said}");
        }
    }
    let escaped = "[[route]]\nname = \"A\"\npath = \"/a/%2A/%3Aid\"\naccess = \"deny\"\n";
    home.policy("routes.toml", escaped);
    assert!(!home.run(&["check"]).await.done().contains("warning"));
}

#[tokio::test]
async fn check_fails_on_warnings_only_if_they_are_denied() {
    let home = home(&format!("{PAGES}{STAFF}")).await;
    let said = home.run(&["check"]).await.done();
    assert_eq!(said.matches("warning[").count(), 2, "{said}");
    let said = home.run(&["check", "--deny-warnings"]).await.refused();
    let refused = "portcullis: 2 warnings are not allowed; correct what they are about, or list \
        their names with a reason in `check.allow`\n";
    assert_eq!(said, refused);
    home.settings(ALLOW);
    let said = home.run(&["check", "--deny-warnings"]).await.done();
    let allowed = "allowed[open-below]: policies/routes.toml:5: `Staff` (/staff) does not include \
        what is below it: `Pages` (/{*page}) at routes.toml:1 allows /staff/1. If the portal serves \
        pages there, add `subtree = true` to the former. Reason: /staff has one page.";
    assert!(said.lines().any(|line| line == allowed), "{said}");
    // What is allowed and does not occur is a warning itself.
    home.policy("routes.toml", PAGES);
    let said = home.run(&["check", "--deny-warnings"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    let unused = "warning[unused-allow]: check.allow: there is no warning `open-below`; remove it.";
    assert!(said.out.lines().any(|line| line == unused), "{said:?}");
}

#[tokio::test]
async fn check_labels_errors_with_their_place_as_warnings() {
    let home = home(&format!("{PAGES}{}", STAFF.replace("deny", "dny"))).await;
    let message = "error: policies/routes.toml:8: `access` must be \"public\", \"signed-in\" or \
        \"deny\", not `dny`\n";
    let said = home.run(&["check"]).await.refused();
    assert_eq!(said, format!("portcullis: 1 error prevents a start\n{message}"));
    // A misspelt key does not make the route one for the requests of another.
    let twice = "[[route]]\nname = \"A\"\npath = \"/a\"\naccess = \"deny\"\nmethods = [\"GET\"]\n";
    let route = twice.replace("\"A\"", "\"B\"").replace("methods", "method");
    home.policy("routes.toml", &format!("{twice}{route}"));
    let said = home.run(&["check"]).await.refused();
    let message = "error: policies/routes.toml:10: unknown key `method`; did you mean `methods`?\n";
    assert_eq!(said, format!("portcullis: 1 error prevents a start\n{message}"));
}

#[tokio::test]
async fn check_reads_the_files_of_tls_to_the_portal() {
    let home = home(PAGES).await;
    home.settings("upstream.others.a = [\"https://127.0.0.1:9\"]\nupstream.tls.ca = \"ca.pem\"\n");
    for command in ["check", "serve"] {
        let said = home.run(&[command]).await.refused();
        assert!(said.ends_with("upstream.tls.ca: ca.pem: does not exist\n"), "{command}: {said}");
    }
    let made = rcgen::generate_simple_self_signed(["portal.internal".to_owned()]).unwrap();
    std::fs::write(home.path("ca.pem"), made.cert.pem()).unwrap();
    home.run(&["check"]).await.done();
}

#[tokio::test]
async fn check_finds_files_where_folders_are_required() {
    let home = home(PAGES).await;
    std::fs::write(home.path("a-file"), "").unwrap();
    home.settings("store.path = \"a-file\"\n");
    for command in ["check", "serve"] {
        let said = home.run(&[command]).await.refused();
        let expected = "store.path: `a-file` is a file; a folder is required\n";
        assert!(said.ends_with(expected), "{command}: {said}");
    }
}

#[tokio::test]
async fn check_prints_json() {
    let home = home(&format!("{PAGES}{STAFF}")).await;
    let document = home.run(&["check", "--json"]).await.json();
    assert_eq!(
        (&document["ok"], &document["errors"], names(&document)),
        (&json!(true), &json!([]), vec!["open-below", "ambiguous-spelling"])
    );
    let warning = &document["warnings"][0];
    assert_eq!(
        (&warning["file"], &warning["line"], warning.get("allowed")),
        (&json!("policies/routes.toml"), &json!(5), None)
    );
    let denied = home.run(&["check", "--json", "--deny-warnings"]).await;
    assert_eq!(denied.code, 1, "{denied:?}");
    let document: Value = serde_json::from_str(&denied.out).unwrap();
    assert_eq!(document["ok"], json!(false));
    home.settings(ALLOW);
    let document = home.run(&["check", "--json", "--deny-warnings"]).await.json();
    assert_eq!(document["ok"], json!(true));
    assert_eq!(document["warnings"][0]["allowed"], json!("/staff has one page"));

    home.settings("server.threads = 0\n");
    home.policy("routes.toml", &format!("{PAGES}{}", STAFF.replace("deny", "dny")));
    let refused = home.run(&["check", "--json"]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    let document: Value = serde_json::from_str(&refused.out).unwrap();
    let message = "`access` must be \"public\", \"signed-in\" or \"deny\", not `dny`";
    assert_eq!(
        document["errors"],
        json!([
            {
                "file": "portcullis.toml",
                "line": null,
                "message": "server.threads: `0` is not a whole number from 1 to 1024",
            },
            { "file": "policies/routes.toml", "line": 8, "message": message },
        ])
    );
    std::fs::write(home.path("portcullis.toml"), "[server\n").unwrap();
    let refused = home.run(&["check", "--json"]).await;
    let document: Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!(document["errors"][0]["file"], json!("portcullis.toml"), "{document}");
}

#[tokio::test]
async fn check_connects_to_the_portal_only_if_asked() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = Home::new(unused, PAGES);
    assert!(!home.run(&["check"]).await.done().contains("portal-unreachable"));
    let said = home.run(&["check", "--connect"]).await.done();
    let warning = format!(
        "warning[portal-unreachable]: upstream.servers: http://{unused} does not respond: \
         Connection refused (os error 111). Start the portal, or correct the address."
    );
    assert!(said.lines().any(|line| line == warning), "{said}");

    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, PAGES);
    assert!(!home.run(&["check", "--connect"]).await.done().contains("warning"));
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = Home::new(other.local_addr().unwrap(), PAGES);
    let answering = async {
        let (mut stream, _) = other.accept().await.unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
        stream
    };
    let check = ["check", "--connect"];
    let (_stream, said) = tokio::join!(answering, home.run(&check));
    assert!(said.done().contains("does not respond: what it sends is not HTTP/1.1"));
}

#[tokio::test]
async fn serve_starts_and_logs_each_warning_by_name() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = Home::new(unused, &format!("{PAGES}{STAFF}"));
    let mut parameters = rcgen::CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    std::fs::write(home.path("portal.crt"), certificate.pem()).unwrap();
    std::fs::write(home.path("portal.key"), key.serialize_pem()).unwrap();
    std::fs::set_permissions(home.path("portal.key"), Permissions::from_mode(0o604)).unwrap();
    home.settings("server.tls = { certificate = \"portal.crt\", key = \"portal.key\" }\n");
    home.settings(ALLOW);
    let mut command = portcullis(&home.path(""), &["serve", "--config", "portcullis.toml"]);
    command.env("PORTCULLIS_MAIL_FROM", "x").env("PORTCULLIS_SERVICE_PORT", "8080");
    let program = home.serve_with(command).await.unwrap();
    let log = program.logged("serving ", 1).await;
    let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut warned = Vec::new();
    for event in events.filter(|event| event.get("warning").is_some()) {
        let name = event["warning"].as_str().unwrap().to_owned();
        warned.push((name, event["level"].as_str().unwrap().to_owned()));
    }
    let expected = [
        ("ignored-variable", "WARN"),
        ("tls-with-http-url", "WARN"),
        ("certificate-expired", "WARN"),
        ("certificate-other-host", "WARN"),
        ("readable-key", "WARN"),
        ("open-below", "INFO"),
        ("ambiguous-spelling", "INFO"),
    ];
    let expected = expected.map(|(name, level)| (name.to_owned(), level.to_owned()));
    assert_eq!(warned, expected, "{log}");
    assert!(log.contains(&format!("and not for `{HOST}`")), "{log}");
    program.stop().await;
}

#[tokio::test]
async fn a_variable_with_single_underscores_is_named() {
    let home = home(PAGES).await;
    let text = std::fs::read_to_string(home.path("portcullis.toml")).unwrap();
    let without: String =
        text.lines().filter(|line| !line.contains("public_url")).flat_map(|l| [l, "\n"]).collect();
    std::fs::write(home.path("portcullis.toml"), without).unwrap();
    for command in ["check", "serve"] {
        let mut command = portcullis(&home.path(""), &[command, "--config", "portcullis.toml"]);
        command.env("PORTCULLIS_SERVER_PUBLIC_URL", "http://localhost");
        let done = command.output().await.unwrap();
        let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains("server.public_url: is required"), "{said}");
        assert!(said.contains("write `PORTCULLIS__SERVER__PUBLIC_URL`"), "{said}");
    }
}

#[tokio::test]
async fn shipped_policies_have_no_warnings_that_are_not_allowed() {
    let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let said = run(project, &["check", "--deny-warnings"], "").await.done();
    assert!(said.contains("allowed[ambiguous-spelling]: policies/routes.toml:"), "{said}");
    for example in ["dokuwiki", "helpdesk", "node-red", "tomcat"] {
        let mut command = portcullis(project, &["check", "--deny-warnings"]);
        command.env("PORTCULLIS__POLICY__DIRECTORY", format!("policies/examples/{example}"));
        command.env("PORTCULLIS__CHECK__ALLOW", "[]");
        let done = command.output().await.unwrap();
        let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        assert_eq!(done.status.code(), Some(0), "{example}: {said}");
    }
}
