//! `portcullis view` and `portcullis impersonate`: one-time links that open the portal for staff (R17,
//! R18).

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::console::{Console, text};
use super::lookup;

#[derive(Debug, Args)]
pub(super) struct ViewArgs {
    /// The organization's id or name
    organization: String,
    /// Why, for the audit log
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
pub(super) struct ImpersonateArgs {
    /// The portal user's login or id
    #[arg(value_name = "LOGIN")]
    login_or_id: String,
    /// Why, for the audit log
    #[arg(long)]
    reason: String,
}

impl ViewArgs {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let organization = lookup::organization_id(console, &self.organization)?;
        let body = json!({ "organization": organization, "reason": self.reason });
        print(console, "views", &body)
    }
}

impl ImpersonateArgs {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let user = lookup::user_id(console, &self.login_or_id)?;
        let body = json!({ "user": user, "reason": self.reason });
        print(console, "impersonations", &body)
    }
}

fn print(console: &mut Console<'_>, path: &str, body: &serde_json::Value) -> anyhow::Result<()> {
    let link = console.post(&[path], Some(body))?;
    // On standard error, so that a script gets only the link on standard output.
    writeln!(std::io::stderr(), "Open this link in a browser within 60 seconds; it works once.")?;
    console.report(&link, &text(&link, "url"))
}
