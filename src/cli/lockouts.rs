//! `portcullis lockouts`: who may not try to sign in now.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::console::{Console, text};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Who is locked out after failed tries
    List,
    /// Forget failed tries, so that the next try is allowed at once
    Release(Release),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Release {
    /// The lockout's id
    id: Option<String>,
    /// A login, with the browsers that know it
    #[arg(long)]
    login: Option<String>,
    /// The network of an address
    #[arg(long)]
    address: Option<String>,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List => {
                let lockouts = console.get(&["lockouts"])?;
                let head = ["KIND", "LOGIN", "ADDRESS", "FAILURES", "UNTIL", "ID"];
                console.table(&lockouts, head, |lockout| {
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
        let whose = id.or(login).or(address).unwrap_or_default();
        console.told(&Value::Null, &format!("Released {whose}; the next try is allowed at once."))
    }
}
