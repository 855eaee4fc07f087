//! The README's first deployment: its commands are run as they are written, in a new folder, and the
//! invited person sees the portal in Chromium.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use mail_parser::MessageParser;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::admin::PASSWORD;
use crate::support::chrome::Chrome;
use crate::support::client::within;
use crate::support::upstream::Upstream;

/// The command that does not end.
const SERVE: &str = "portcullis serve";

/// The commands of the section, without those that build and install the program.
fn commands() -> Vec<String> {
    let readme = std::fs::read_to_string(project().join("README.md")).unwrap();
    let (_, section) = readme.split_once("\n## A first deployment\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```").skip(1).step_by(2);
    let blocks = blocks.filter_map(|block| block.strip_prefix("sh\n"));
    let lines = blocks.flat_map(str::lines).map(str::trim).filter(|line| !line.is_empty());
    let lines = lines.filter(|line| !line.starts_with("make ") && !line.starts_with("sudo "));
    lines.map(str::to_owned).collect()
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A shell in which `portcullis` is the program.
fn shell(folder: &Path, script: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_portcullis")).parent().unwrap();
    let mut command = Command::new("bash");
    command
        .args(["-e", "-c", script])
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
        // The port of the default may be in use.
        .env("PORTCULLIS__ADMIN__LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn run(folder: &Path, script: &str) -> String {
    let ran = within("the end of the commands", shell(folder, script).output()).await.unwrap();
    let err = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{script}\n{err}");
    String::from_utf8(ran.stdout).unwrap()
}

/// Starts the gateway, and waits until it serves.
async fn serve(folder: &Path, script: &str) -> Child {
    let mut child = shell(folder, script).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let serving = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            assert!(!line.contains("\"WARN\"") && !line.contains("\"ERROR\""), "{line}");
            if line.contains("serving http") {
                return;
            }
        }
        panic!("it did not start");
    };
    within("the line that says where it serves", serving).await;
    // Its log must be read, so that it can go on.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    child
}

/// The link in the only email of a folder, once it is there.
async fn link(mails: PathBuf, origin: &str) -> String {
    let looking = async {
        loop {
            let files =
                std::fs::read_dir(&mails).into_iter().flatten().map(|file| file.unwrap().path());
            let mut files = files.filter(|file| file.extension().is_some_and(|end| end == "eml"));
            match files.next() {
                Some(file) => return std::fs::read(file).unwrap(),
                None => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
    };
    let message = within("the invitation", looking).await;
    let message = MessageParser::default().parse(&message).unwrap();
    assert_eq!(message.to().unwrap().first().unwrap().address(), Some("ada@acme.example"));
    let text = message.body_text(0).unwrap().into_owned();
    let link = text.split_whitespace().find(|word| word.starts_with(origin));
    link.unwrap_or_else(|| panic!("no link in {text}")).to_owned()
}

#[tokio::test]
async fn the_readme_leads_to_the_portal_in_a_browser() {
    let portal = Upstream::start().await;
    let page = "<!doctype html><title>Portal</title><h1>Your tickets</h1>";
    let length = page.len();
    portal.answer_bytes(
        "/",
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{page}"
        ),
    );
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let origin = format!("http://localhost:{port}");
    let commands: Vec<String> = commands()
        .iter()
        .map(|line| line.replace("http://localhost:8080", &origin))
        .map(|line| line.replace("127.0.0.1:9000", &portal.address.to_string()))
        .collect();
    let at = commands.iter().position(|line| line == SERVE).unwrap();
    let (before, after) = (commands[..at].join("\n"), commands[at + 1..].join("\n"));
    let folder = tempfile::tempdir().unwrap();
    let checked = run(folder.path(), &before).await;
    assert!(checked.contains("expectations met"), "{checked}");
    assert!(!checked.contains("warning"), "{checked}");
    let change = commands.iter().find(|line| line.starts_with("cd ")).unwrap();
    let gateway = serve(folder.path(), &format!("{change}; exec {SERVE}")).await;
    run(folder.path(), &format!("{change}\n{after}")).await;
    let gate = folder.path().join(change.strip_prefix("cd ").unwrap());
    let link = link(gate.join("mail"), &origin).await;

    let chrome = Chrome::at(&origin).await;
    chrome.goto("/").await;
    chrome.sees("Sign in").await;
    chrome.goto(&link).await;
    chrome.sees("Choose your password").await;
    chrome.fill("password", PASSWORD).await;
    chrome.press("Set password").await;
    chrome.sees("Your password is set").await;
    chrome.fill("password", PASSWORD).await;
    chrome.press("Sign in").await;
    chrome.arrives("/").await;
    chrome.sees("Your tickets").await;
    // What the starter policy does not allow.
    chrome.goto("/admin/users").await;
    assert!(!chrome.text().await.contains("Your tickets"));
    let users = run(&gate, "portcullis users list").await;
    assert!(users.contains("ada@acme.example") && users.contains("limited"), "{users}");
    drop(gateway);
}
