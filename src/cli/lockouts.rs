//! `portcullis lockouts`: logins and addresses that are locked out after failed sign-in attempts.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::console::{Console, text};

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
        match &id {
            Some(id) => console.delete(&["lockouts", id], &[])?,
            None => {
                let params = [("login", login.as_deref()), ("address", address.as_deref())];
                console.delete(&["lockouts"], &params)?;
            }
        }
        let name = id.or(login).or(address).unwrap_or_default();
        console
            .report(&Value::Null, &format!("Released {name}; the next attempt is allowed at once."))
    }
}
