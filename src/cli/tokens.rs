//! `portcullis token`: bearer tokens for the admin API over TCP.

use std::io::Write;

use anyhow::bail;
use clap::Subcommand;
use serde_json::{Value, json};

use super::console::{Console, array, field, text};

/// How much of a token's id is shown and suffices to name it.
const SHORT: usize = 12;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// All tokens, by what they are for
    List,
    /// Make a token and print it, this once
    Create {
        /// What it is for
        name: String,
        /// The address of who uses it, for blind copies of invitations
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
    },
    /// Make a token worthless
    Revoke {
        /// The token's id, or the beginning of it that `list` shows
        id: String,
    },
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List => {
                let tokens = console.list(&["tokens"], &[])?;
                console.table(&tokens, ["ID", "NAME", "EMAIL", "CREATED"], |token| {
                    let [id, name, email, created] =
                        ["id", "name", "email", "created"].map(|field| text(token, field));
                    [id.chars().take(SHORT).collect(), name, email, created]
                })
            }
            Self::Create { name, email } => {
                let body = json!({ "name": name, "email": email });
                let token = console.post(&["tokens"], Some(&body))?;
                // Apart from the token itself, so that a script can keep just that.
                writeln!(std::io::stderr(), "Keep it safe: it is not shown again.")?;
                console.told(&token, &text(&token, "token"))
            }
            Self::Revoke { id } => {
                let id = whole_id(console, &id)?;
                console.confirm("Make the token worthless?")?;
                console.delete(&["tokens", &id], &[])?;
                console.told(&Value::Null, &format!("Revoked the token {id}."))
            }
        }
    }
}

fn whole_id(console: &Console<'_>, start: &str) -> anyhow::Result<String> {
    let tokens = console.list(&["tokens"], &[])?;
    let mut ids = array(&tokens, "items")
        .iter()
        .filter_map(|token| field(token, "id").as_str())
        .filter(|id| start.len() >= SHORT && id.starts_with(start));
    match (ids.next(), ids.next()) {
        (Some(id), None) => Ok(id.to_owned()),
        (None, _) => bail!("there is no token `{start}`; `portcullis token list` shows them"),
        (Some(_), Some(_)) => bail!("several tokens begin with `{start}`; give more of the id"),
    }
}
