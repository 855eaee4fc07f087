//! `portcullis sessions`.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::console::{Console, text};
use super::user_id::user_id;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List sessions
    List {
        /// Only sessions of a portal user, by login or id
        #[arg(long)]
        user: Option<String>,
        /// Only sessions of an organization, by id
        #[arg(long, value_name = "ID", conflicts_with = "user")]
        organization: Option<String>,
    },
    /// End sessions
    End(End),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct End {
    /// The session's id
    id: Option<String>,
    /// All sessions of a portal user, by login or id
    #[arg(long)]
    user: Option<String>,
    /// All sessions of an organization, by id
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// All sessions
    #[arg(long)]
    all: bool,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List { user, organization } => {
                let user = user.map(|user| user_id(console, &user)).transpose()?;
                let params = [("user", user.as_deref()), ("organization", organization.as_deref())];
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
                console.delete(&["sessions", &id], &[])?;
                format!("Ended the session {id}.")
            }
            Self { user: Some(user), .. } => {
                let id = user_id(console, &user)?;
                console.delete(&["users", &id, "sessions"], &[])?;
                format!("Ended all sessions of {user}.")
            }
            Self { organization: Some(organization), .. } => {
                console.delete(&["sessions"], &[("organization", Some(&organization))])?;
                format!("Ended all sessions of {organization}.")
            }
            Self { .. } => {
                console.confirm("End all sessions of all users?")?;
                console.delete(&["sessions"], &[])?;
                "Ended all sessions.".to_owned()
            }
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
    let header = ["KIND", "ORGANIZATION", "USER", "LAST SEEN", "VALID UNTIL", "ADDRESS", "ID"];
    console.table(&sessions, header, |session| {
        ["kind", "organization", "user", "last_seen", "valid_until", "address", "id"]
            .map(|field| text(session, field))
    })
}
