//! `portcullis explain`.

use clap::Args;
use serde_json::{Value, json};

use super::console::{Console, array, field, text};
use super::lookup;
use super::terminal::escaped_line;

#[derive(Debug, Args)]
#[command(
    override_usage = "portcullis explain REFERENCE\n       portcullis explain <--user LOGIN | --link LINK | --group GROUP | --trial ORGANIZATION | --anonymous> METHOD TARGET"
)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    subject: Subject,
    /// With --group: the session's organization, by id or name
    #[arg(
        long,
        value_name = "ORGANIZATION",
        requires = "group",
        conflicts_with_all = ["user", "link", "trial", "anonymous"]
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
    /// The reference of a request that was refused, or the method of one to decide about
    #[arg(value_name = "REFERENCE|METHOD")]
    method: String,
    /// The path of the request, with its query if it has one
    #[arg(requires = "Subject")]
    target: Option<String>,
}

#[derive(Debug, Args)]
#[group(multiple = false, requires = "target")]
struct Subject {
    /// A portal user, by login or id
    #[arg(long, value_name = "LOGIN")]
    user: Option<String>,
    /// A visitor with a secure link: the link, or the id or name of its organization
    #[arg(long, value_name = "LINK")]
    link: Option<String>,
    /// A session in a group, by the group's id or name
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// A trial of the portal of an organization, by the organization's id or name
    #[arg(long, value_name = "ORGANIZATION")]
    trial: Option<String>,
    /// A visitor without a session
    #[arg(long)]
    anonymous: bool,
}

impl ExplainArgs {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Some(target) = &self.target else {
            // As it is copied from a page: `Reference: 24f9…`.
            let reference = self.method.to_lowercase().replace("reference:", "");
            let question = json!({ "reference": reference.trim() });
            return show(console, &console.post(&["explain"], Some(&question))?);
        };
        let Subject { user, link, group, trial, anonymous } = self.subject;
        let user = user.map(|user| lookup::user_id(console, &user)).transpose()?;
        let group = group.map(|group| lookup::group_id(console, &group)).transpose()?;
        let organization =
            self.organization.map(|id| lookup::organization_id(console, &id)).transpose()?;
        let trial = trial.map(|id| lookup::organization_id(console, &id)).transpose()?;
        let link = match link {
            Some(link) if !link.contains("/link/") => {
                Some(lookup::organization_id(console, &link)?)
            }
            link => link,
        };
        let question = json!({
            "user": user,
            "link": link,
            "group": group,
            "trial": trial,
            "anonymous": anonymous,
            "organization": organization,
            "address": self.address,
            "preflight": self.preflight,
            "method": self.method,
            "target": target,
            "host": self.host,
            "websocket": self.websocket,
        });
        let explanation = console.query(&["explain"], &question)?;
        show(console, &explanation)
    }
}

/// Prints a decision.
fn show(console: &mut Console<'_>, explanation: &Value) -> anyhow::Result<()> {
    console.note(&escaped_line(&text(explanation, "sentence")))?;
    console.note("")?;
    let [decision, reason, route, held, policy] =
        ["decision", "reason", "route", "held", "policy"].map(|name| text(explanation, name));
    console.rows(
        explanation,
        &[
            ("decision", format!("{decision} ({reason})")),
            ("route", route),
            ("needs", with_names(explanation, "needed")),
            ("missing", with_names(explanation, "missing")),
            ("has", held),
            ("session", session(explanation)),
            ("other reading", reading(field(explanation, "reading"))),
            ("excluded by", excluded_by(field(explanation, "excluded_by"))),
            ("nearest routes", nearest(explanation)),
            ("policy", policy),
            ("time", text(explanation, "time")),
            ("client", text(explanation, "address")),
        ]
        .into_iter()
        .filter(|(label, value)| value != "-" || ["route", "session"].contains(label))
        .collect::<Vec<_>>(),
    )
}

/// Permissions with their names: `invoices.view (Invoices – View)`.
fn with_names(explanation: &Value, permissions: &str) -> String {
    let names = field(explanation, "names");
    let all: Vec<_> = array(explanation, permissions)
        .iter()
        .filter_map(Value::as_str)
        .map(|id| match field(names, id).as_str() {
            Some(name) => format!("{id} ({name})"),
            None => id.to_owned(),
        })
        .collect();
    let is_any = all.len() > 1 && field(explanation, "access") == "any";
    match all.is_empty() {
        true => match field(explanation, "access").as_str() {
            Some("public") if permissions == "needed" => "nothing (public)".to_owned(),
            Some("signed-in") if permissions == "needed" => "a session".to_owned(),
            Some("deny") if permissions == "needed" => "closed to everyone".to_owned(),
            _ => "-".to_owned(),
        },
        false => format!("{}{}", if is_any { "any of " } else { "" }, all.join(", ")),
    }
}

fn nearest(explanation: &Value) -> String {
    let routes: Vec<_> = array(explanation, "nearest")
        .iter()
        .map(|route| {
            let [name, methods, path, file, line] =
                ["name", "methods", "path", "file", "line"].map(|name| text(route, name));
            format!("{path} [{methods}] \"{name}\" ({file}:{line})")
        })
        .collect();
    if routes.is_empty() { "-".to_owned() } else { routes.join("; ") }
}

/// The route that would apply but for its `except`.
fn excluded_by(route: &Value) -> String {
    if route.is_null() {
        return "-".to_owned();
    }
    let [name, pattern, path, file, line] =
        ["name", "pattern", "path", "file", "line"].map(|name| text(route, name));
    format!("`{pattern}` in `except` of {path} \"{name}\" ({file}:{line})")
}

/// How the portal may read the path differently, and the decision on that reading.
fn reading(reading: &Value) -> String {
    if reading.is_null() {
        return "-".to_owned();
    }
    if let Some(readings) = reading.as_str() {
        return readings.to_owned();
    }
    let [readings, route, reason] = ["readings", "route", "reason"].map(|name| text(reading, name));
    format!("{readings} (route {route}: {reason})")
}

fn session(explanation: &Value) -> String {
    let session = field(explanation, "session");
    if session.is_null() {
        return "none".to_owned();
    }
    let [kind, group] = ["kind", "group"].map(|name| text(session, name));
    let mut words = format!("{kind}, group {group}");
    if let Some(name) = field(field(explanation, "names"), &group).as_str() {
        words.push_str(&format!(" ({name})"));
    }
    for name in ["organization", "login"] {
        if let Some(value) = field(session, name).as_str().filter(|value| !value.is_empty()) {
            words.push_str(&format!(", {name} {value}"));
        }
    }
    words
}
