//! `portcullis mail`: mails to portal users, waiting and done with.

use clap::Subcommand;
use serde_json::Value;

use super::console::{Console, text};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Mails that wait, and those of the last 30 days
    List {
        /// Only those that are `waiting`, `sent`, `failed`, `unconfirmed` or `not_needed`
        #[arg(long)]
        state: Option<String>,
    },
    /// One mail
    Show {
        /// The mail's id
        id: String,
    },
    /// Try a mail now that waits, or that may not have arrived
    Retry {
        /// The mail's id
        id: String,
    },
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List { state } => {
                let mails = console.list(&["mail"], &[("state", state.as_deref())])?;
                let head = ["ID", "TO", "OCCASION", "STATE", "WRITTEN", "TRIES", "NEXT", "ERROR"];
                console.table(&mails, head, |mail| {
                    ["id", "to", "occasion", "state", "written", "attempts", "next", "last_error"]
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
                console.told(
                    &mail,
                    &format!("The mail to {to} is tried now; `mail show {id}` tells how it went."),
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
        ("next try", "next"),
        ("tries", "attempts"),
        ("last error", "last_error"),
        ("written", "written"),
        ("link expires", "expires"),
    ];
    console.record(mail, fields.map(|(label, field)| (label, text(mail, field))))
}
