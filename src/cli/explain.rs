//! `portcullis explain`.

use clap::Args;
use serde_json::{Value, json};

use super::console::{Console, field, text};
use super::policy::needs;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    subject: Subject,
    /// With --group: the id of the session's organization
    #[arg(
        long,
        value_name = "ID",
        requires = "group",
        conflicts_with_all = ["user", "link", "anonymous"]
    )]
    organization: Option<String>,
    /// The host of the request [default: that of the public URL]
    #[arg(long)]
    host: Option<String>,
    /// The request is a WebSocket handshake
    #[arg(long)]
    websocket: bool,
    /// The client's address, for routes with `from`
    #[arg(long, value_name = "ADDRESS")]
    address: Option<std::net::IpAddr>,
    /// The request is a CORS preflight that asks about this method
    #[arg(long, value_name = "METHOD")]
    preflight: Option<String>,
    /// The method of the request
    method: String,
    /// The path of the request, with its query if it has one
    target: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Subject {
    /// A portal user, by login or id
    #[arg(long, value_name = "LOGIN")]
    user: Option<String>,
    /// A visitor with the secure link of an organization
    #[arg(long, value_name = "ORGANIZATION")]
    link: Option<String>,
    /// A session in a group, by the group's id
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// A visitor without a session
    #[arg(long)]
    anonymous: bool,
}

impl ExplainArgs {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Subject { user, link, group, anonymous } = self.subject;
        let question = json!({
            "user": user,
            "link": link,
            "group": group,
            "anonymous": anonymous,
            "organization": self.organization,
            "address": self.address,
            "preflight": self.preflight,
            "method": self.method,
            "target": self.target,
            "host": self.host,
            "websocket": self.websocket,
        });
        let explanation = console.post(&["explain"], Some(&question))?;
        let [decision, reason, route, held, policy] =
            ["decision", "reason", "route", "held", "policy"].map(|name| text(&explanation, name));
        console.record(
            &explanation,
            [
                ("decision", decision),
                ("reason", reason),
                ("route", route),
                ("reading", reading(field(&explanation, "reading"))),
                ("needed", needs(&explanation, "needed")),
                ("held", held),
                ("session", session(field(&explanation, "session"))),
                ("policy", policy),
            ],
        )
    }
}

/// How the portal may read the path differently, and the decision on that reading.
fn reading(reading: &Value) -> String {
    if reading.is_null() {
        return "-".to_owned();
    }
    let [readings, route, reason] = ["readings", "route", "reason"].map(|name| text(reading, name));
    format!("{readings} (route {route}: {reason})")
}

fn session(session: &Value) -> String {
    if session.is_null() {
        return "none".to_owned();
    }
    let [kind, group] = ["kind", "group"].map(|name| text(session, name));
    let mut words = format!("{kind}, group {group}");
    for name in ["organization", "login"] {
        if let Some(value) = field(session, name).as_str().filter(|value| !value.is_empty()) {
            words.push_str(&format!(", {name} {value}"));
        }
    }
    words
}
