//! `portcullis sessions`.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::Value;

use super::console::{Console, Request, text};
use super::impact::counted;
use super::lookup;
use super::question::When;

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
        let (path, organization, whose) = match self {
            Self { id: Some(id), .. } => {
                let id = lookup::session_id(console, &id)?;
                console.intends(&format!("end the session {}", lookup::short(&id)));
                console.delete(&["sessions", &id], &[])?;
                let sentence = format!("Ended the session {}.", lookup::short(&id));
                return console.report(&Value::Null, &sentence);
            }
            Self { user: Some(user), .. } => {
                let user = lookup::user(console, &user)?;
                let [id, login] = ["id", "login"].map(|field| text(&user, field));
                (vec!["users".to_owned(), id, "sessions".to_owned()], None, format!(" of {login}"))
            }
            Self { organization: Some(organization), .. } => {
                let organization = lookup::organization(console, &organization)?;
                let [id, name] = ["id", "name"].map(|field| text(&organization, field));
                (vec!["sessions".to_owned()], Some(id), format!(" of {name}"))
            }
            Self { .. } => (vec!["sessions".to_owned()], None, String::new()),
        };
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let params = [("organization", organization.as_deref())];
        let request = Request { params: &params, ..Request::new(Method::DELETE, &path) };
        let intent = format!("end all sessions{whose}");
        let (_, impact) = console.carry_out(&request, &intent, When::IfAffected)?;
        let sentence = match impact.sessions() {
            0 => format!("Nothing changed: no session{whose} is open."),
            number => format!("Ended {}{whose}.", counted(number, "open session")),
        };
        console.report(&Value::Null, &sentence)
    }
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
