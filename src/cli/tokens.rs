//! `portcullis token`: bearer tokens for the admin API over TCP.

use std::io::Write;

use anyhow::bail;
use clap::Subcommand;
use serde_json::{Value, json};

use super::console::{Console, array, field, text};

/// The length of the prefix of an id that is shown, and that suffices to select a token.
pub(super) const ID_PREFIX: usize = 12;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List tokens
    List,
    /// Create a token and print it; it cannot be shown again
    Create {
        /// What the token is used for
        name: String,
        /// The email address that gets blind copies of invitations sent with the token
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
    },
    /// Revoke a token
    Revoke {
        /// The token's id, or the prefix of it that `list` shows
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
                    [id.chars().take(ID_PREFIX).collect(), name, email, created]
                })
            }
            Self::Create { name, email } => {
                let body = json!({ "name": name, "email": email });
                let token = console.post(&["tokens"], Some(&body))?;
                // On standard error, so that a script gets only the token on standard output.
                writeln!(std::io::stderr(), "Keep the token safe: it is not shown again.")?;
                console.report(&token, &text(&token, "token"))
            }
            Self::Revoke { id } => {
                let id = full_id(console, &id)?;
                console.confirm(&format!("Revoke the token {id}?"))?;
                console.delete(&["tokens", &id], &[])?;
                console.report(&Value::Null, &format!("Revoked the token {id}."))
            }
        }
    }
}

fn full_id(console: &Console<'_>, prefix: &str) -> anyhow::Result<String> {
    let tokens = console.list(&["tokens"], &[])?;
    match with_prefix(&tokens, prefix)? {
        Some(token) => Ok(text(token, "id")),
        None => bail!("there is no token `{prefix}`; list tokens with `portcullis token list`"),
    }
}

/// The token whose id has this prefix.
pub(super) fn with_prefix<'a>(
    tokens: &'a Value,
    prefix: &str,
) -> anyhow::Result<Option<&'a Value>> {
    let has_prefix = |token: &&Value| {
        let id = field(token, "id").as_str();
        prefix.len() >= ID_PREFIX && id.is_some_and(|id| id.starts_with(prefix))
    };
    let mut tokens = array(tokens, "items").iter().filter(has_prefix);
    match (tokens.next(), tokens.next()) {
        (token, None) => Ok(token),
        (_, Some(_)) => {
            bail!("several tokens start with `{prefix}`; use more characters of the id")
        }
    }
}
