//! The program's own log: its lines and the names of their fields, which operators search for.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::gate::HOST;
use crate::support::program::Home;
use crate::support::upstream::Upstream;

const ROUTES: &str = "[[route]]\nname = \"All\"\npath = \"/{*rest}\"\naccess = \"signed-in\"\n";

/// Level, message and fields of every line from the start to the end of the program.
const LINES: [&str; 9] = [
    "INFO serving http://portal.test (admin, gateway, socket)",
    "INFO a change was made (action, actor, event, id, kind, via)",
    "INFO a change was made (action, actor, event, id, kind, via)",
    "INFO a sign-in failed (cause, client, event, login, organization.id, request.id, user.id)",
    "INFO a portal user signed in (client, event, login, organization.id, request.id, user.id)",
    "INFO policy reloaded (policy.version)",
    "ERROR policy not reloaded, the old one stays in force: (no fields)",
    "INFO stopping (connections)",
    "INFO stopped (no fields)",
];

/// The line of a signed checkpoint of the audit log.
const SIGNED: &str = "INFO audit checkpoint signed (audit.checkpoint, audit.root, audit.size)";

/// A line of the log: level, the first line of the message, and the names of the other fields.
fn described(line: &str) -> String {
    let mut event: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
    let mut text = |name: &str| event.remove(name).unwrap().as_str().unwrap().to_owned();
    let (level, message) = (text("level"), text("message"));
    text("timestamp");
    text("target");
    let mut fields: Vec<_> = event.keys().map(String::as_str).collect();
    fields.sort_unstable();
    let fields = if fields.is_empty() { "no fields".to_owned() } else { fields.join(", ") };
    format!("{level} {} ({fields})", message.lines().next().unwrap())
}

#[tokio::test]
async fn log_lines_keep_their_fields() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let program = home.serve().await;
    program.admin.acme_with_user("anna", "admin").await;
    let mut anna = Browser::new(program.gateway, HOST);
    assert_eq!(anna.sign_in("anna", "wrong").await.status, 401);
    assert_eq!(anna.sign_in("anna", PASSWORD).await.status, 303);
    home.policy("routes.toml", &ROUTES.replace("signed-in", "public"));
    program.logged("policy reloaded", 1).await;
    home.policy("routes.toml", "nonsense");
    program.logged("policy not reloaded", 1).await;
    program.signal(Signal::TERM);
    let log = program.logged("\"stopped\"", 1).await;
    let mut lines: Vec<_> = log.lines().map(described).collect();
    // Checkpoints are signed at times of their own.
    let count = lines.len();
    lines.retain(|line| line != SIGNED);
    assert!(lines.len() < count, "no checkpoint was signed");
    assert_eq!(lines, LINES);
}
