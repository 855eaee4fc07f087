//! `portcullis token`: bearer tokens for the admin API over TCP.

use std::io::Write;

use anyhow::bail;
use clap::Subcommand;
use serde_json::{Map, Value};

use super::admin::{Role, scope_ids, scope_of};
use super::console::{Console, field, text};
use super::lookup::{self, short};

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
        /// Allow to see the portal as a portal user does
        #[arg(long)]
        impersonate: bool,
        /// When the token expires, such as `2027-01-31T00:00:00Z`, or `never` [default: in 90 days]
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Revoke a token
    Revoke {
        /// The token's name or id, or the beginning of the id that `list` shows
        #[arg(value_name = "TOKEN")]
        name_or_id: String,
    },
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
                if let Some(expires) = expires {
                    let never = expires == "never";
                    let expires = if never { Value::Null } else { expires.into() };
                    body.insert("expires".to_owned(), expires);
                }
                let body = Value::Object(body);
                let token = console.post(&["tokens"], Some(&body))?;
                // On standard error, so that a script gets only the token on standard output.
                writeln!(std::io::stderr(), "Keep the token safe: it is not shown again.")?;
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
