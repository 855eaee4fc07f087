//! `portcullis sessions`.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::console::{Console, text};
use super::impact::{OpenSessions, counted};
use super::lookup;

/// The kinds of sessions.
const KINDS: [&str; 4] = ["user", "link", "staff", "impersonation"];

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List open sessions
    List {
        /// Only sessions of a portal user, by login or id
        #[arg(long)]
        user: Option<String>,
        /// Only sessions of an organization, by id or name
        #[arg(long, conflicts_with = "user")]
        organization: Option<String>,
        /// Only sessions of this kind: `user`, `link` for those of secure links, `staff` for views of
        /// the portal by staff, or `impersonation`
        #[arg(long, value_parser = KINDS, hide_possible_values = true)]
        kind: Option<String>,
    },
    /// End sessions
    End(End),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct End {
    /// The session's id, or the beginning of it that `list` shows
    id: Option<String>,
    /// All sessions of a portal user, by login or id
    #[arg(long)]
    user: Option<String>,
    /// All sessions of an organization and its portal users, by id or name
    #[arg(long)]
    organization: Option<String>,
    /// All sessions
    #[arg(long)]
    all: bool,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List { user, organization, kind } => {
                let user = user.map(|user| lookup::user_id(console, &user)).transpose()?;
                let organization =
                    organization.map(|id| lookup::organization_id(console, &id)).transpose()?;
                let params = [
                    ("user", user.as_deref()),
                    ("organization", organization.as_deref()),
                    ("kind", kind.as_deref()),
                ];
                print(console, &["sessions"], &params)
            }
            Self::End(end) => end.run(console),
        }
    }
}

impl End {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let sentence = match self {
            Self { id: Some(id), .. } => {
                let id = lookup::session_id(console, &id)?;
                console.delete(&["sessions", &id], &[])?;
                format!("Ended the session {}.", lookup::short(&id))
            }
            Self { user: Some(user), .. } => {
                let user = lookup::user(console, &user)?;
                let [id, login] = ["id", "login"].map(|field| text(&user, field));
                let open = OpenSessions::of_user(console, &id)?;
                console.confirm(|_| Ok(question(open, &format!("of {login}"))))?;
                console.delete(&["users", &id, "sessions"], &[])?;
                ended(open, &format!(" of {login}"))
            }
            Self { organization: Some(organization), .. } => {
                let organization = lookup::organization(console, &organization)?;
                let [id, name] = ["id", "name"].map(|field| text(&organization, field));
                let open = OpenSessions::of_organization(console, &id)?;
                console.confirm(|_| Ok(question(open, &format!("of {name}"))))?;
                console.delete(&["sessions"], &[("organization", Some(&id))])?;
                ended(open, &format!(" of {name}"))
            }
            Self { .. } => {
                let open = OpenSessions::count(console, &[], |_| true)?;
                console.confirm(|_| Ok(question(open, "of the portal")))?;
                console.delete(&["sessions"], &[])?;
                ended(open, "")
            }
        };
        console.report(&Value::Null, &sentence)
    }
}

/// How many sessions were open, and ended.
fn ended(open: OpenSessions, whose: &str) -> String {
    match open.all() {
        0 => format!("Nothing changed: no session{whose} is open."),
        number => format!("Ended {}{whose}.", counted(number, "open session")),
    }
}

/// Asks before sessions end; `None` if none is open.
fn question(open: OpenSessions, whose: &str) -> Option<String> {
    let OpenSessions { users, links } = open;
    let kinds = match (users, links) {
        (0, 0) => return None,
        (_, 0) => String::new(),
        (0, _) => " that a secure link started".to_owned(),
        (_, _) => format!(", {users} of portal users and {links} of secure links"),
    };
    Some(format!("End {} {whose}{kinds}?", counted(open.all(), "open session")))
}

/// Prints a list of sessions.
pub(super) fn print(
    console: &mut Console<'_>,
    path: &[&str],
    params: &[(&str, Option<&str>)],
) -> anyhow::Result<()> {
    let sessions = console.list(path, params)?;
    let logins = lookup::logins_of(console, &sessions)?;
    let header =
        ["ID", "KIND", "ORGANIZATION", "USER", "ACTOR", "LAST SEEN", "VALID UNTIL", "ADDRESS"];
    console.table(&sessions, header, |session| {
        let [id, kind, organization, last_seen, valid_until, address] =
            ["id", "kind", "organization", "last_seen", "valid_until", "address"]
                .map(|field| text(session, field));
        let user = text(session, "user");
        let user = logins.get(&user).cloned().unwrap_or(user);
        let actor = text(session, "actor");
        [lookup::short(&id), kind, organization, user, actor, last_seen, valid_until, address]
    })
}
