//! git over HTTP, with a token of a portal user as the password.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::process::Process;
use crate::support::gate::{HOST, TestGate};

const ROUTES: &str = r#"
[[route]]
name = "Fetch"
methods = ["GET", "POST"]
path = "/git/{*repository}"
require = "invoices.view"
tokens = true
[[route]]
name = "Push"
methods = ["POST"]
path = "/git/{*repository}/git-receive-pack"
require = "invoices.pay"
tokens = true
"#;

struct Repository {
    gate: TestGate,
    server: Process,
    folder: tempfile::TempDir,
}

impl Repository {
    async fn start() -> Self {
        let mut server = Process::start(|address, folder| {
            let mut command = std::process::Command::new("/usr/bin/python3");
            let project = Path::new(env!("CARGO_MANIFEST_DIR"));
            command.arg(project.join("tests/real/programs/git_server.py"));
            command.arg(address.ip().to_string()).arg(address.port().to_string()).arg(folder);
            command
        });
        let gate = TestGate::builder()
            .policy(ROUTES)
            .setting("upstream.servers", &format!("[\"http://{}\"]", server.address))
            .start()
            .await;
        server.serves("/ready", &[]).await;
        Self { gate, server, folder: tempfile::tempdir().unwrap() }
    }

    /// Creates a portal user with these permissions; answers a token.
    async fn token(&self, login: &str, permissions: &[&str]) -> String {
        let admin = &self.gate.admin;
        let acme = admin.organization("Acme").await;
        let group = admin.group(login, permissions).await;
        let user = admin.user(&acme, login, &group).await;
        let path = format!("/api/v1/users/{user}/tokens");
        let created = admin.post(&path, json!({ "name": "git" })).await.ok();
        let token = created["token"].as_str().unwrap().to_owned();
        self.gate.is_secret(&token);
        token
    }

    /// Runs git, which must do it or be refused with this message.
    async fn git(&self, at: &Path, args: &[&str], refused: Option<&str>) {
        let done = tokio::process::Command::new("git")
            .current_dir(at)
            .args(["-c", &format!("http.extraHeader=Host: {HOST}")])
            .args(["-c", "user.name=Anna", "-c", "user.email=anna@acme.test"])
            .args(args)
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.success(), refused.is_none(), "git {args:?}: {said}");
        assert!(said.contains(refused.unwrap_or_default()), "git {args:?}: {said}");
    }

    /// The address of the repository, with a login and a password.
    fn url(&self, login: &str, password: &str) -> String {
        let login = login.replace('@', "%40");
        format!("http://{login}:{password}@{}/git/site.git", self.gate.address)
    }

    async fn clone(&self, url: &str, to: &str) -> PathBuf {
        self.git(self.folder.path(), &["clone", "--quiet", url, to], None).await;
        self.folder.path().join(to)
    }
}

#[tokio::test]
async fn git_clones_and_pushes_with_a_token() {
    let repository = Repository::start().await;
    let anna = repository.token("anna@acme.test", &["invoices.view", "invoices.pay"]).await;
    let ludwig = repository.token("ludwig", &["invoices.view"]).await;
    let stranger = repository.token("stranger", &["portal.access"]).await;

    let work = repository.clone(&repository.url("anna@acme.test", &anna), "anna").await;
    assert_eq!(std::fs::read_to_string(work.join("README")).unwrap(), "Acme\n");
    let of_ludwig = repository.clone(&repository.url("ludwig", &ludwig), "ludwig").await;
    for (login, token, refused) in [
        ("stranger", &*stranger, "403"),
        ("ludwig", &*anna, "Authentication failed"),
        ("anna@acme.test", &anna[..anna.len() - 1], "Authentication failed"),
        ("anna@acme.test", "Correct-Horse-7-Battery", "Authentication failed"),
    ] {
        let url = repository.url(login, token);
        let clone = ["clone", "--quiet", &url, "refused"];
        repository.git(repository.folder.path(), &clone, Some(refused)).await;
    }

    for (at, refused) in [(&of_ludwig, Some("403")), (&work, None)] {
        std::fs::write(at.join("README"), format!("{}\n", at.display())).unwrap();
        repository.git(at, &["commit", "--quiet", "--all", "--message", "Change"], None).await;
        repository.git(at, &["push", "--quiet"], refused).await;
    }
    let again = repository.clone(&repository.url("ludwig", &ludwig), "again").await;
    let pushed = std::fs::read_to_string(again.join("README")).unwrap();
    assert_eq!(pushed, format!("{}\n", work.display()));
    assert!(!repository.server.file("authorization").exists(), "the server got a token");
}
