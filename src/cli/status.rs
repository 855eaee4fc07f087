//! `portcullis status`: the running gateway at a glance.

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::console::{Console, array, field, text};
use super::impact::counted;
use crate::clock;

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Only say whether requests can be answered; exit code 1 if not
    #[arg(long)]
    ready: bool,
}

impl StatusArgs {
    pub(super) fn run(&self, console: &mut Console<'_>) -> anyhow::Result<()> {
        if self.ready {
            let answer = console.probe()?;
            return console.report(&answer, "ready");
        }
        let status = console.get(&["status"])?;
        print(console, &status, clock::now())
    }
}

fn print(console: &mut Console<'_>, status: &Value, now: Timestamp) -> anyhow::Result<()> {
    let [policy, portal, users, sessions, mail] =
        ["policy", "portal", "users", "sessions", "mail"].map(|name| field(status, name));
    let mut rows = vec![
        ("Portcullis", format!("{}, {}", text(status, "version"), since(status, now))),
        ("portal", portal_state(status, portal)),
    ];
    rows.extend(array(portal, "servers").iter().map(|server| ("server", server_state(server))));
    let [version, folder] = ["version", "directory"].map(|name| text(policy, name));
    let routes = counted(number(policy, "routes"), "route");
    rows.push(("policy", format!("{version}, {routes}, read from {folder}")));
    rows.push(("", text(policy, "files")));
    rows.push(("organizations", text(status, "organizations")));
    rows.push((
        "portal users",
        listed(
            users,
            &[
                ("active", "active"),
                ("invited", "invited"),
                ("no_password", "without a password"),
                ("disabled", "disabled"),
            ],
        ),
    ));
    rows.push((
        "open sessions",
        listed(
            sessions,
            &[("user", "of portal users"), ("link", "of secure links"), ("staff", "of staff")],
        ),
    ));
    let mails = [("waiting", "waiting"), ("failed", "failed"), ("unconfirmed", "unconfirmed")];
    let email = match listed(mail, &mails) {
        // There may be sent ones.
        none if none == "none" => "none waiting".to_owned(),
        counts => counts,
    };
    rows.push(("email", email));
    rows.push(("lockouts", text(status, "lockouts")));
    rows.push(("backups", backups(field(status, "backup"))));
    for warning in array(status, "warnings") {
        let [name, detail] = ["name", "detail"].map(|name| text(warning, name));
        rows.push(("warning", format!("{name}: {}", detail.replace('\n', "; "))));
    }
    console.rows(status, &rows)
}

/// Since when it runs, with the time that has passed: `up 3 h 12 min (since …)`.
fn since(status: &Value, now: Timestamp) -> String {
    let started = text(status, "started");
    let Ok(at) = field(status, "started").as_str().unwrap_or_default().parse::<Timestamp>() else {
        return format!("up since {started}");
    };
    format!("up {} (since {started})", duration(now.duration_since(at)))
}

/// The two largest units of a duration.
fn duration(passed: SignedDuration) -> String {
    let minutes = passed.as_mins().max(0);
    let (days, hours, rest) = (minutes / (24 * 60), minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) => format!("{rest} min"),
        (0, _) => format!("{hours} h {rest} min"),
        (_, _) => format!("{days} d {hours} h"),
    }
}

fn portal_state(status: &Value, portal: &Value) -> String {
    let url = text(status, "public_url");
    match field(portal, "disabled_redirect_url").as_str() {
        Some(target) => format!("{url}, disabled: all requests are redirected to {target}"),
        None => format!("{url}, enabled"),
    }
}

fn server_state(server: &Value) -> String {
    let address = text(server, "address");
    let name = match field(server, "upstream").as_str() {
        Some(name) => format!(" ({name})"),
        None => String::new(),
    };
    format!("{address}{name}, {}", server_condition(server))
}

/// Whether a server of the portal accepts connections, passes its health checks, and is draining.
pub(super) fn server_condition(server: &Value) -> String {
    let mut condition = match (field(server, "error").as_str(), field(server, "healthy").as_bool())
    {
        (Some(error), _) => format!("unreachable: {error}"),
        (None, Some(false)) => format!("unhealthy: {}", text(server, "problem")),
        (None, _) => "reachable".to_owned(),
    };
    if field(server, "draining") == true {
        condition.insert_str(0, "draining, ");
    }
    condition
}

/// `every 1day to /var/backups/portcullis, last 2026-11-25T09:00:00Z`.
fn backups(schedule: &Value) -> String {
    if schedule.is_null() {
        return "not scheduled".to_owned();
    }
    let last = match field(schedule, "last") {
        Value::Null => "none yet".to_owned(),
        last => format!("last {}", text(last, "at")),
    };
    format!("every {} to {}, {last}", text(schedule, "every"), text(schedule, "directory"))
}

/// The counts that are not zero: `9 active, 2 invited`.
fn listed(counts: &Value, labels: &[(&str, &str)]) -> String {
    let parts: Vec<_> = labels
        .iter()
        .filter(|(name, _)| number(counts, name) > 0)
        .map(|(name, label)| format!("{} {label}", text(counts, name)))
        .collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn number(document: &Value, name: &str) -> usize {
    field(document, name).as_u64().and_then(|number| number.try_into().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::super::console::Options;
    use super::*;

    fn printed(status: &Value) -> String {
        let mut out = Vec::new();
        let mut console = Console::new(PathBuf::new(), Options::default(), &mut out).unwrap();
        print(&mut console, status, "2026-11-26T10:00:00Z".parse().unwrap()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn status_is_that_of_the_snapshot() {
        let mut status = json!({
            "version": "1.2.3",
            "public_url": "https://portal.example",
            "started": "2026-11-23T08:30:00Z",
            "policy": {
                "version": "8a6b38732689", "directory": "policies", "permissions": 24, "routes": 48,
                "files": ["permissions.toml", "groups.toml", "routes.toml"],
            },
            "portal": {
                "enabled": true, "disabled_redirect_url": null,
                "servers": [
                    { "upstream": null, "address": "10.0.0.7:9000", "reachable": true, "error": null },
                    { "upstream": "files", "address": "10.0.0.8:9100", "reachable": false,
                      "error": "connection refused" },
                    { "upstream": "files", "address": "10.0.0.9:9100", "reachable": true,
                      "error": null, "healthy": false, "problem": "/health responds with 503",
                      "draining": true },
                ],
            },
            "organizations": 4,
            "users": { "active": 9, "invited": 2, "no_password": 0, "disabled": 1 },
            "sessions": { "user": 5, "link": 3, "staff": 0 },
            "mail": { "waiting": 0, "failed": 0, "unconfirmed": 0 },
            "lockouts": 0,
            "backup": {
                "directory": "/var/backups/portcullis", "every": "1day", "keep": 7, "problem": null,
                "last": { "at": "2026-11-25T09:00:00Z", "file": "f", "bytes": 1 },
                "next": "2026-11-26T09:00:00Z",
            },
            "warnings": [
                { "name": "portal-unreachable", "detail": "10.0.0.8:9100: connection refused" },
            ],
        });
        let up = printed(&status);
        status["portal"]["disabled_redirect_url"] = "https://status.example/".into();
        status["backup"] = Value::Null;
        let disabled = printed(&status);
        let line = |name| disabled.lines().find(|line| line.starts_with(name)).unwrap();
        let (portal, backups) = (line("portal "), line("backups "));
        insta::assert_snapshot!("status", format!("{up}\n{portal}\n{backups}"));
    }

    #[test]
    fn uptime_has_its_two_largest_units() {
        for (seconds, expected) in [
            (-5, "0 min"),
            (59, "0 min"),
            (61, "1 min"),
            (3 * 3600 + 60, "3 h 1 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(SignedDuration::from_secs(seconds)), expected);
        }
    }
}
