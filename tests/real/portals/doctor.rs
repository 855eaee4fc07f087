//! `portcullis doctor` at portals that were not written for it: which twins each has, and that each can
//! be reached past the gateway here. None follows a method override.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::frameworks::{django, express, php};
use super::process::Process;

const ROUTES: &str = "[[route]]\nname = \"Any\"\npath = \"/{*rest}\"\naccess = \"signed-in\"\n";

/// The readings that `doctor` sees at this path: those that settings without any lack.
async fn seen(process: &mut Process, ready: &str, path: &str) -> BTreeSet<String> {
    let document = examined(process, ready, &["--path", path, "--allow-writes"]).await;
    let findings = document["findings"].as_array().unwrap();
    let about = |finding: &&Value| finding["name"].as_str().unwrap().starts_with("method-");
    let whats: Vec<_> = findings.iter().filter(about).map(|finding| &finding["what"]).collect();
    assert_eq!(whats, ["the portal follows no method override"], "{path}: {document:#}");
    let named = |name: &str| findings.iter().filter(|finding| finding["name"] == name).count();
    assert_eq!((named("twins-not-probed"), named("portal-reachable")), (0, 1), "{document:#}");
    let missing = findings.iter().filter(|finding| finding["name"] == "twin-not-enabled");
    let readings = missing.map(|finding| {
        let todo = finding["todo"].as_str().unwrap();
        todo.split('"').nth(1).unwrap().to_owned()
    });
    readings.collect()
}

/// What `doctor` finds at a portal with settings that have no readings.
async fn examined(process: &mut Process, ready: &str, args: &[&str]) -> Value {
    let headers = [("portcullis-user", "starter"), ("portcullis-request-id", "doctor")];
    process.serves(ready, &headers).await;
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    for file in ["permissions.toml", "groups.toml"] {
        std::fs::copy(shipped.join(file), policies.join(file)).unwrap();
    }
    std::fs::write(policies.join("routes.toml"), ROUTES).unwrap();
    let settings = format!(
        "server.public_url = \"http://portal.test\"\nupstream.servers = [\"http://{}\"]\n\
         upstream.readings = []\n",
        process.address
    );
    std::fs::write(folder.path().join("portcullis.toml"), settings).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["doctor", "--config", "portcullis.toml", "--json"])
        .args(["--connect-to", "127.0.0.1:1", "--portal-header", "Portcullis-User: starter"])
        .args(["--portal", &format!("http://{}", process.address)])
        .args(args)
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn are(seen: &BTreeSet<String>, expected: &[&str]) {
    let seen: Vec<_> = seen.iter().map(String::as_str).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn doctor_sees_the_twins_of_each_framework() {
    let mut express = Process::start(|address, _| express(address));
    let found = seen(&mut express, "/", "/tickets/new").await;
    are(&found, &["case", "parameters", "slash", "suffix"]);
    // Django redirects to the path with a slash, which the browser then asks for.
    let mut django = Process::start(|address, _| django(address));
    are(&seen(&mut django, "/", "/tickets/new/").await, &[]);
    let mut php = Process::start(|address, _| php(address));
    let found = seen(&mut php, "/", "/users.php").await;
    are(&found, &["path-info", "slash"]);
}

#[tokio::test]
async fn doctor_sees_the_twins_of_each_program() {
    for (name, ready, path, expected) in [
        (
            "tomcat",
            "/examples/",
            "/examples/servlets/servlet/HelloWorldExample",
            &["parameters"][..],
        ),
        ("node-red", "/editor/settings", "/editor/settings", &["case", "slash"]),
        ("helpdesk", "/kb/", "/kb/", &[]),
        ("dokuwiki", "/doku.php", "/doku.php", &["path-info", "slash"]),
    ] {
        let mut process = Process::start_script(name);
        let found = seen(&mut process, ready, path).await;
        are(&found, expected);
    }
    let mut git = Process::start(|address, folder| {
        let mut python = Command::new("/usr/bin/python3");
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        python.arg(project.join("tests/real/programs/git_server.py"));
        python.arg(address.ip().to_string()).arg(address.port().to_string()).arg(folder);
        python
    });
    are(&seen(&mut git, "/ready", "/git/site.git/HEAD").await, &[]);
}
