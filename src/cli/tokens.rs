//! `portcullis token`: bearer tokens for the admin API over TCP.

use std::io::Write;

use anyhow::bail;
use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::admin::{Role, of_scope, scope_ids, scope_of};
use super::console::{Console, field, text};
use super::lookup::{self, short};
use super::user_list::time;

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
        /// What requests with the token may do
        #[arg(long, value_enum, default_value = "owner")]
        role: Role,
        /// The organizations that the token is limited to, by id or name; repeat it for several
        #[arg(long, value_name = "ORGANIZATION")]
        scope: Vec<String>,
        /// Allow viewing the portal as a portal user does; nothing uses this right yet
        #[arg(long)]
        impersonate: bool,
        /// When the token expires: a date, an RFC 3339 time, or `never` [default: in 90 days]
        #[arg(long, value_name = "TIME", value_parser = expiry)]
        expires: Option<Expiry>,
    },
    /// Revoke a token
    Revoke {
        /// The token's name or id, or the beginning of the id that `list` shows
        #[arg(value_name = "TOKEN")]
        name_or_id: String,
    },
}

/// When a token expires; `None` for never.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expiry(Option<Timestamp>);

fn expiry(text: &str) -> anyhow::Result<Expiry> {
    Ok(Expiry(if text == "never" { None } else { Some(time(text)?) }))
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List => {
                let tokens = console.list(&["tokens"], &[])?;
                let header = ["ID", "NAME", "ROLE", "SCOPE", "EMAIL", "EXPIRES", "LAST USED"];
                console.table(&tokens, header, |token| {
                    let [id, name, role, email, expires, last_used] =
                        ["id", "name", "role", "email", "expires", "last_used"]
                            .map(|name| text(token, name));
                    let never = |name, given| match field(token, name).is_null() {
                        true => "never".to_owned(),
                        false => given,
                    };
                    let (expires, last_used) =
                        (never("expires", expires), never("last_used", last_used));
                    [short(&id), name, role, scope_of(token), email, expires, last_used]
                })
            }
            Self::Create { name, email, role, scope, impersonate, expires } => {
                let mut body = Map::from_iter([
                    ("name".to_owned(), name.into()),
                    ("email".to_owned(), email.into()),
                    ("role".to_owned(), role.name().into()),
                    ("scope".to_owned(), scope_ids(console, &scope)?),
                    ("impersonate".to_owned(), impersonate.into()),
                ]);
                if let Some(Expiry(expires)) = expires {
                    let expires = expires.map(|time| time.to_string());
                    body.insert("expires".to_owned(), expires.into());
                }
                let body = Value::Object(body);
                let token = console.post(&["tokens"], Some(&body))?;
                // On standard error, so that a script gets only the token on standard output.
                let [role, expires] = ["role", "expires"].map(|name| text(&token, name));
                let until = match field(&token, "expires").is_null() {
                    true => "never expires".to_owned(),
                    false => format!("expires {expires}"),
                };
                writeln!(
                    std::io::stderr(),
                    "The token has the role {role}{} and {until}. Keep it safe: it is not shown \
                     again.",
                    of_scope(&token)
                )?;
                console.report(&token, &text(&token, "token"))
            }
            Self::Revoke { name_or_id } => {
                let tokens = console.list(&["tokens"], &[])?;
                let Some(token) = lookup::token(&tokens, &name_or_id)? else {
                    bail!(
                        "there is no token `{name_or_id}`; list them with `portcullis token list`"
                    );
                };
                let [id, name] = ["id", "name"].map(|field| text(token, field));
                let called = format!("the token \"{name}\" ({})", short(&id));
                console.confirm(|_| {
                    Ok(Some(format!("Revoke {called}? Requests with it are refused at once.")))
                })?;
                console.delete(&["tokens", &id], &[])?;
                console.report(&Value::Null, &format!("Revoked {called}."))
            }
        }
    }
}
