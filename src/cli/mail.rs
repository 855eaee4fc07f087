//! `portcullis mail`: the outbox, and recent emails.

use clap::Subcommand;
use serde_json::Value;

use super::console::{Console, text};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List waiting emails, sent invitations of the last 30 days, and resets of the last day
    List {
        /// Only emails in this state: `waiting`, `sent`, `failed`, `unconfirmed` or `not_needed`
        #[arg(long)]
        state: Option<String>,
    },
    /// Show an email
    Show {
        /// The email's id
        id: String,
    },
    /// Send a waiting or unconfirmed email now
    Retry {
        /// The email's id
        id: String,
    },
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List { state } => {
                let mails = console.list(&["mail"], &[("state", state.as_deref())])?;
                let header = [
                    "ID", "LOGIN", "TO", "OCCASION", "STATE", "WRITTEN", "ATTEMPTS", "NEXT",
                    "ERROR",
                ];
                console.table(&mails, header, |mail| {
                    [
                        "id",
                        "login",
                        "to",
                        "occasion",
                        "state",
                        "written",
                        "attempts",
                        "next",
                        "last_error",
                    ]
                    .map(|field| text(mail, field))
                })
            }
            Self::Show { id } => {
                let mail = console.get(&["mail", &id])?;
                show(console, &mail)
            }
            Self::Retry { id } => {
                let mail = console.post(&["mail", &id, "retry"], None)?;
                let to = text(&mail, "to");
                console.report(
                    &mail,
                    &format!("Sending the mail to {to}; see the result with `mail show {id}`."),
                )
            }
        }
    }
}

fn show(console: &mut Console<'_>, mail: &Value) -> anyhow::Result<()> {
    let fields = [
        ("id", "id"),
        ("to", "to"),
        ("blind copy", "blind_copy"),
        ("occasion", "occasion"),
        ("login", "login"),
        ("portal user", "user"),
        ("organization", "organization"),
        ("state", "state"),
        ("since", "at"),
        ("next attempt", "next"),
        ("attempts", "attempts"),
        ("last error", "last_error"),
        ("written", "written"),
        ("link expires", "expires"),
    ];
    console.record(mail, fields.map(|(label, field)| (label, text(mail, field))))
}
