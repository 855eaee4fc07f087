//! Schemathesis, a program that derives requests from a description in OpenAPI, valid and invalid
//! ones, and compares the responses with it: `/openapi.json` describes what the API does.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::support::admin::Admin;
use crate::support::program::portcullis;

/// What is compared. `positive_data_acceptance` is left out, because rules of the portal, such as
/// those of passwords, refuse what the schemas admit; `object_level_authorization` needs the
/// accounts of two callers.
const CHECKS: [&str; 12] = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "use_after_free",
    "ensure_resource_availability",
];

/// Operations that are not called: the first could revoke the token that the requests are sent with,
/// and the tool cannot write the TOML of the second.
const LEFT_OUT: [&str; 2] = ["tokens.revoke", "files.apply"];

/// How long all requests may take on a busy machine; a minute is usual.
const LIMIT: Duration = Duration::from_secs(120);

/// How long the demo may take to start on a busy machine.
const START: Duration = Duration::from_secs(90);

/// The demo, whose ready file has a token of an owner.
struct Demo {
    ready: Value,
    folder: tempfile::TempDir,
    _child: Child,
}

impl Demo {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ready.json");
        let log = File::create(folder.path().join("log")).unwrap();
        let args = ["demo", "--port", "0", "--admin-port", "0", "--data", "demo", "--ready-file"];
        let mut command = portcullis(folder.path(), &[&args[..], &["ready.json"]].concat());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let starting = async {
            let mut tries = tokio::time::interval(Duration::from_millis(20));
            loop {
                match std::fs::read_to_string(&file) {
                    Ok(text) => return serde_json::from_str(&text).unwrap(),
                    Err(_) => tries.tick().await,
                };
            }
        };
        let ready = tokio::time::timeout(START, starting).await.expect("the demo starts");
        Self { ready, folder, _child: child }
    }

    fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    async fn description(&self) -> Value {
        Admin { socket: self.text("socket").into() }.get("/openapi.json").await.ok()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program with a description. Returns whether it found nothing wrong, and its output.
    async fn test(&self, description: &Value, more: &[&str]) -> (bool, String) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::write(self.file("openapi.json"), description.to_string()).unwrap();
        let mut command = Command::new(root.join("target/tools/schemathesis/bin/schemathesis"));
        let running = command
            .arg("--config-file")
            .arg(root.join("tests/real/schemathesis/schemathesis.toml"))
            .args(["run", "openapi.json", "--no-color", "--url", self.text("admin")])
            .args(["--header", &format!("Authorization: Bearer {}", self.text("token"))])
            .args(["--checks", &CHECKS.join(","), "--generation-database", "none"])
            .args(["--max-examples", "5", "--no-shrink", "--continue-on-failure"])
            .args(more)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = match tokio::time::timeout(LIMIT, running).await {
            Ok(output) => output.expect("Schemathesis is installed (make setup-real)"),
            Err(_) => panic!("Schemathesis took longer than {LIMIT:?}"),
        };
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }
}

/// The ids of all operations.
fn operations(description: &Value) -> BTreeSet<&str> {
    let paths = description["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    operations.map(|operation| operation["operationId"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn schemathesis_finds_no_fault_in_the_description() {
    let demo = Demo::start().await;
    let description = demo.description().await;
    let all = operations(&description);
    assert!(LEFT_OUT.iter().all(|id| all.contains(id)));
    let left_out: Vec<_> = LEFT_OUT.iter().flat_map(|id| ["--exclude-operation-id", id]).collect();
    let (is_right, output) = demo.test(&description, &left_out).await;
    assert!(is_right, "{output}");
    let tested = format!("Tested: {}\n", all.len() - LEFT_OUT.len());
    assert!(output.contains(&tested), "{output}");
    let log = std::fs::read_to_string(demo.file("log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
}

#[tokio::test]
async fn schemathesis_finds_faults_in_a_wrong_description() {
    let demo = Demo::start().await;
    let mut description = demo.description().await;
    let group = &mut description["components"]["schemas"]["Group"];
    group["properties"]["name"] = json!({ "type": "integer" });
    let paths = description["paths"].as_object_mut().unwrap();
    let responses = &mut paths["/api/v1/groups/{id}"]["get"]["responses"];
    responses.as_object_mut().unwrap().remove("404").unwrap();
    let only = ["--include-operation-id", "groups.list", "--include-operation-id", "groups.show"];
    let (is_right, output) = demo.test(&description, &only).await;
    assert!(!is_right, "{output}");
    for fault in ["Response violates schema", "Undocumented status code"] {
        assert!(output.contains(fault), "{fault}: {output}");
    }
}
