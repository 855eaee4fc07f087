//! `portcullis users tokens`: tokens of portal users, for programs.

use std::io::Write;

use anyhow::bail;
use clap::{Args, Subcommand};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::console::{Console, Request, text};
use super::lookup::{self, short};
use super::question::When;
use super::user_list::time;

#[derive(Debug, Args)]
pub(super) struct Tokens {
    /// The user's login or id
    #[arg(value_name = "USER")]
    login_or_id: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List tokens
    List,
    /// Create a token and print it; it cannot be shown again
    Create {
        /// What the token is used for
        name: String,
        /// When the token expires: a date or an RFC 3339 time [default: never]
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires: Option<Timestamp>,
    },
    /// Revoke a token
    Revoke {
        /// The token's name or id, or the beginning of the id that `list` shows
        #[arg(value_name = "TOKEN")]
        name_or_id: String,
    },
}

impl Tokens {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self { login_or_id, command } = self;
        let user = lookup::user(console, &login_or_id)?;
        let [user, login] = ["id", "login"].map(|field| text(&user, field));
        let path = ["users", &user, "tokens"];
        match command {
            Command::List => {
                let tokens = console.get(&path)?;
                let header = ["ID", "NAME", "CREATED BY", "CREATED", "EXPIRES", "LAST USED"];
                console.table(&tokens, header, |token| {
                    let [id, name, by, created, expires, used] =
                        ["id", "name", "created_by", "created", "expires", "last_used"]
                            .map(|field| text(token, field));
                    [short(&id), name, by, created, expires, used]
                })
            }
            Command::Create { name, expires } => {
                let body = json!({ "name": name, "expires": expires });
                console.intends(&format!("create a token for programs of {login}"));
                let token = console.post(&path, Some(&body))?;
                // On standard error, so that a script gets only the token on standard output.
                writeln!(std::io::stderr(), "Keep the token safe: it is not shown again.")?;
                console.report(&token, &text(&token, "token"))
            }
            Command::Revoke { name_or_id } => {
                let tokens = console.get(&path)?;
                let Some(token) = lookup::token(&tokens, &name_or_id)? else {
                    bail!(
                        "{login} has no token `{name_or_id}`; list them with `portcullis users tokens \
                         {login} list`"
                    );
                };
                let [id, name] = ["id", "name"].map(|field| text(token, field));
                let called = format!("the token \"{name}\" ({}) of {login}", short(&id));
                let path = ["users", &*user, "tokens", &*id];
                let intent = format!("revoke {called}: requests with it are refused at once");
                console.carry_out(&Request::new(Method::DELETE, &path), &intent, When::Always)?;
                console.report(&Value::Null, &format!("Revoked {called}."))
            }
        }
    }
}
