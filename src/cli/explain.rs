//! `portcullis explain`.

use clap::Args;
use serde_json::{Value, json};

use super::console::{Console, field, text};
use super::policy::needs;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    who: Who,
    /// With --group: the organization of whoever asks
    #[arg(
        long,
        value_name = "ID",
        requires = "group",
        conflicts_with_all = ["user", "link", "anonymous"]
    )]
    organization: Option<String>,
    /// The host that is asked [default: the one of the public URL]
    #[arg(long)]
    host: Option<String>,
    /// The request wants to become a WebSocket
    #[arg(long)]
    websocket: bool,
    /// The request's method
    method: String,
    /// The request's path, and perhaps a query
    target: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Who {
    /// A portal user asks, by login or id
    #[arg(long, value_name = "LOGIN")]
    user: Option<String>,
    /// Somebody asks who has opened the secure link of an organization
    #[arg(long, value_name = "ORGANIZATION")]
    link: Option<String>,
    /// Anybody in a group asks
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// Somebody asks who is not signed in
    #[arg(long)]
    anonymous: bool,
}

impl ExplainArgs {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Who { user, link, group, anonymous } = self.who;
        let question = json!({
            "user": user,
            "link": link,
            "group": group,
            "anonymous": anonymous,
            "organization": self.organization,
            "method": self.method,
            "target": self.target,
            "host": self.host,
            "websocket": self.websocket,
        });
        let answer = console.post(&["explain"], Some(&question))?;
        let [decision, reason, route, held, policy] =
            ["decision", "reason", "route", "held", "policy"].map(|name| text(&answer, name));
        console.record(
            &answer,
            [
                ("decision", decision),
                ("reason", reason),
                ("route", route),
                ("reading", reading(field(&answer, "reading"))),
                ("needed", needs(&answer, "needed")),
                ("held", held),
                ("session", session(field(&answer, "session"))),
                ("policy", policy),
            ],
        )
    }
}

/// What the portal might read instead, and what is decided about that.
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
