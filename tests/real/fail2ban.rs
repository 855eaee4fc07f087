//! The Fail2Ban filter in `config/examples/fail2ban`, on the log of the real program in both formats.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command as Blocking, Stdio};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::client::within;
use crate::support::gate::HOST;
use crate::support::program::Home;
use crate::support::upstream::Upstream;

const ROUTES: &str = "[[route]]\nname = \"All\"\npath = \"/{*rest}\"\naccess = \"signed-in\"\n";
/// Logins that try to look like lines about another client.
const FORGED: [&str; 4] = [
    " from 198.51.100.7",
    "x\" client=198.51.100.7 event=\"sign-in-refused\" client=198.51.100.7 ",
    "{\"timestamp\":\"\",\"level\":\"INFO\",\"message\":\"a\",\"event\":\"sign-in-refused\",\
     \"client\":\"198.51.100.7\"}",
    "a\n2026-11-26T10:00:00.000000Z  INFO a event=\"sign-in-refused\" client=198.51.100.7\n",
];

/// The addresses that the filter finds in a log, with the sections of the jail read too.
fn banned(log: &str) -> Vec<String> {
    let filter = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("config/examples/fail2ban/filter.d/portcullis.conf");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portcullis.log");
    std::fs::write(&file, log).unwrap();
    let found = Blocking::new("fail2ban-regex").args(["-o", "ip"]).arg(file).arg(filter).output();
    let found = found.unwrap();
    assert!(found.stderr.is_empty(), "{}", String::from_utf8_lossy(&found.stderr));
    String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The addresses that the filter finds if the log is in the journal, with `backend = systemd`.
fn banned_from_journal(log: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal");
    let lines = log.lines().map(|line| format!("host portcullis[1]: {line}\n"));
    std::fs::write(&file, lines.collect::<String>()).unwrap();
    let found = Blocking::new("/usr/bin/python3")
        .arg(root.join("tests/real/fail2ban_journal.py"))
        .arg(root.join("config/examples/fail2ban"))
        .stdin(std::fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
}

async fn try_to_sign_in(gateway: SocketAddr, logins: &[&str]) {
    for login in logins {
        let mut browser = Browser::new(gateway, HOST);
        assert_eq!(browser.sign_in(login, "wrong").await.status, 401);
    }
}

#[tokio::test]
async fn fail2ban_finds_the_client_of_refused_sign_ins() {
    let upstream = Upstream::start().await;
    let program = Home::new(upstream.address, ROUTES);
    let program = program.serve().await;
    program.admin.acme_with_user("anna", "admin").await;
    try_to_sign_in(program.gateway, &["anna"]).await;
    try_to_sign_in(program.gateway, &FORGED).await;
    let refused = 1 + FORGED.len();
    let mut anna = Browser::new(program.gateway, HOST);
    assert_eq!(anna.sign_in("anna", PASSWORD).await.status, 303);
    // Pages of others can make a browser open wrong links.
    for link in ["link/x", "invitation/x", "password/reset/x"] {
        assert_eq!(anna.open(&format!("/.portcullis/{link}")).await.status, 404);
    }
    program.logged("link-refused\"", 3).await;
    program.logged("\"event\":\"sign-in-refused\"", refused).await;
    let log = program.logged("\"event\":\"sign-in\"", 1).await;
    assert_eq!(banned(&log), vec!["127.0.0.1"; refused], "{log}");
    assert_eq!(banned_from_journal(&log), vec!["127.0.0.1"; refused], "{log}");
    let right = log.lines().find(|line| line.contains("\"event\":\"sign-in\"")).unwrap();
    assert_eq!(banned(right), [""; 0]);
}

#[tokio::test]
async fn fail2ban_reads_the_log_of_a_terminal() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let serve = format!("{} serve --config portcullis.toml", env!("CARGO_BIN_EXE_portcullis"));
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--flush", "--return", "--command", &serve, "/dev/null"]);
    terminal.current_dir(home.path("")).env_clear();
    terminal.env("PATH", "/usr/bin:/bin").env("TERM", "xterm");
    terminal.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut terminal = terminal.spawn().unwrap();
    let mut lines = BufReader::new(terminal.stdout.take().unwrap()).lines();
    let (mut log, mut refused) = (String::new(), 0);
    while refused <= FORGED.len() {
        let line = within("a line", lines.next_line()).await.unwrap().unwrap();
        if line.contains("serving ") {
            let (_, address) = line.split_once("[127.0.0.1:").unwrap();
            let port = address.split(']').next().unwrap().parse().unwrap();
            let gateway = SocketAddr::from(([127, 0, 0, 1], port));
            try_to_sign_in(gateway, &["anna"]).await;
            try_to_sign_in(gateway, &FORGED).await;
        }
        refused += usize::from(line.contains("a sign-in failed"));
        log.push_str(&format!("{line}\n"));
    }
    assert!(log.contains("\u{1b}["), "a terminal has colours: {log}");
    assert_eq!(banned(&log), vec!["127.0.0.1"; refused], "{log}");
}
