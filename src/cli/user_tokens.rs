//! `portcullis users tokens`: tokens of portal users, for programs.

use std::io::Write;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::console::{Console, array, field, text};
use super::tokens::{ID_PREFIX, with_prefix};
use super::user_id::user_id;

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
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Revoke a token
    Revoke {
        /// The token's name or id, or the prefix of the id that `list` shows
        #[arg(value_name = "TOKEN")]
        name_or_id: String,
    },
}

impl Tokens {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self { login_or_id, command } = self;
        let user = user_id(console, &login_or_id)?;
        let path = ["users", &user, "tokens"];
        match command {
            Command::List => {
                let tokens = console.get(&path)?;
                let header = ["ID", "NAME", "CREATED BY", "CREATED", "EXPIRES", "LAST USED"];
                console.table(&tokens, header, |token| {
                    let [id, name, by, created, expires, used] =
                        ["id", "name", "created_by", "created", "expires", "last_used"]
                            .map(|field| text(token, field));
                    [id.chars().take(ID_PREFIX).collect(), name, by, created, expires, used]
                })
            }
            Command::Create { name, expires } => {
                let expires = expires.map(|text| time(&text)).transpose()?;
                let body = json!({ "name": name, "expires": expires });
                let token = console.post(&path, Some(&body))?;
                // On standard error, so that a script gets only the token on standard output.
                writeln!(std::io::stderr(), "Keep the token safe: it is not shown again.")?;
                console.report(&token, &text(&token, "token"))
            }
            Command::Revoke { name_or_id } => {
                let tokens = console.get(&path)?;
                let (id, name) = find(&tokens, &name_or_id)?;
                console.confirm(&format!("Revoke the token {name} of {login_or_id}?"))?;
                console.delete(&["users", &user, "tokens", &id], &[])?;
                console.report(&Value::Null, &format!("Revoked the token {name}."))
            }
        }
    }
}

/// The id and the name of a token.
fn find(tokens: &Value, name_or_id: &str) -> anyhow::Result<(String, String)> {
    let named = |token: &&Value| field(token, "name").as_str() == Some(name_or_id);
    let token = match array(tokens, "items").iter().find(named) {
        Some(token) => Some(token),
        None => with_prefix(tokens, name_or_id)?,
    };
    match token {
        Some(token) => Ok((text(token, "id"), text(token, "name"))),
        None => bail!("the user has no token `{name_or_id}`"),
    }
}

/// A time, or the beginning of a date in UTC.
fn time(text: &str) -> anyhow::Result<Timestamp> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let at_midnight = |date: Date| date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    Date::strptime("%Y-%m-%d", text).and_then(at_midnight).with_context(|| {
        format!(
            "`{text}` is not a date (e.g. `2027-01-31`) or a time (e.g. `2027-01-31T12:00:00Z`)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_a_time_or_the_beginning_of_a_date() {
        for (given, read) in [
            ("2027-01-31", "2027-01-31T00:00:00Z"),
            ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z"),
            ("2027-01-31T12:00:00+02:00", "2027-01-31T10:00:00Z"),
        ] {
            assert_eq!(time(given).unwrap().to_string(), read, "{given}");
        }
        for invalid in ["", "tomorrow", "2027-02-30", "2027-01-31T12:00:00"] {
            assert!(time(invalid).is_err(), "{invalid}");
        }
    }
}
