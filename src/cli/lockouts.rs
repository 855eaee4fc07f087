//! `portcullis lockouts`: logins and addresses that are locked out after failed sign-in attempts.

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::ApiError;
use super::console::{Console, array, text};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List current lockouts
    List,
    /// Clear failed attempts, so that the next attempt is allowed at once
    Release(Release),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Release {
    /// The lockout's id
    id: Option<String>,
    /// A login, including browsers that have signed in with it
    #[arg(long)]
    login: Option<String>,
    /// An IP address; for IPv6, its /64 network
    #[arg(long)]
    address: Option<String>,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List => {
                let lockouts = console.get(&["lockouts"])?;
                let header = ["KIND", "LOGIN", "ADDRESS", "FAILURES", "UNTIL", "ID"];
                console.table(&lockouts, header, |lockout| {
                    ["kind", "login", "address", "failures", "until", "id"]
                        .map(|field| text(lockout, field))
                })
            }
            Self::Release(release) => release.run(console),
        }
    }
}

impl Release {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self { id, login, address } = self;
        let before = number(console)?;
        let named = id.as_ref().or(login.as_ref()).or(address.as_ref());
        console.intends(&format!("clear the failed attempts of {}", named.map_or("", |it| it)));
        let released = match &id {
            Some(id) => console.delete(&["lockouts", id], &[]),
            None => {
                let params = [("login", login.as_deref()), ("address", address.as_deref())];
                console.delete(&["lockouts"], &params)
            }
        };
        released.map_err(with_list)?;
        let name = id.or(login).or(address).unwrap_or_default();
        let sentence = match number(console)? < before {
            true => format!("Released {name}; the next attempt is allowed at once."),
            false => format!("{name} was not locked; its failed attempts were cleared."),
        };
        console.report(&Value::Null, &sentence)
    }
}

/// The number of current lockouts.
fn number(console: &Console<'_>) -> anyhow::Result<usize> {
    Ok(array(&console.get(&["lockouts"])?, "items").len())
}

/// Adds the command that lists lockouts to the error for an unknown one.
fn with_list(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<ApiError>() {
        Some(missing) if missing.is("not-found") => {
            anyhow!("{missing}; list them with `portcullis lockouts list`")
        }
        _ => error,
    }
}
