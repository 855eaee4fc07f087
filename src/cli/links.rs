//! `portcullis organizations link` (R10).

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::console::{Console, Request, field, text};
use super::lookup;
use super::question::When;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show the link
    Show(Target),
    /// Replace the link; the old one stops working at once
    Rotate(Target),
    /// Enable the link
    Enable(Target),
    /// Disable the link
    Disable(Target),
}

#[derive(Debug, Args)]
pub(super) struct Target {
    /// The organization's id or name
    organization: String,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let (Self::Show(target)
        | Self::Rotate(target)
        | Self::Enable(target)
        | Self::Disable(target)) = &self;
        let organization = lookup::organization(console, &target.organization)?;
        let [id, name] = ["id", "name"].map(|field| text(&organization, field));
        let (link, result) = match self {
            Self::Show(_) => (console.get(&["organizations", &id, "link"])?, None),
            Self::Rotate(_) => {
                let path = ["organizations", &*id, "link", "rotate"];
                let request = Request::new(Method::POST, &path);
                let intent = format!("replace the secure link of {name}");
                let (link, _) = console.carry_out(&request, &intent, When::Always)?;
                let sentence = format!(
                    "Replaced the secure link of {name}; the previous one no longer works."
                );
                (link, Some(sentence))
            }
            Self::Enable(_) => {
                let intent = format!("enable the secure link of {name}");
                (
                    switch(console, &organization, true, &intent)?,
                    Some(format!("Enabled the secure link of {name}.")),
                )
            }
            Self::Disable(_) => {
                let intent = format!("disable the secure link of {name}");
                (
                    switch(console, &organization, false, &intent)?,
                    Some(format!("Disabled the secure link of {name}.")),
                )
            }
        };
        if let Some(sentence) = result {
            console.note(&sentence)?;
        }
        let url = text(&link, "url");
        let enabled = match leads_to_sign_in(console, &organization)? {
            true if field(&link, "enabled") == true => {
                "yes; leads to the sign-in page, because portal users exist".to_owned()
            }
            _ => text(&link, "enabled"),
        };
        console.record(&link, [("url", url), ("enabled", enabled)])
    }
}

/// Whether the link of an organization opens the sign-in page instead of the portal (R12).
fn leads_to_sign_in(console: &Console<'_>, organization: &Value) -> anyhow::Result<bool> {
    if console.is_json() || field(organization, "portal_users") == 0 {
        return Ok(false);
    }
    let preferences = console.get(&["preferences"])?;
    Ok(field(&preferences, "secure_with_password_if_portal_users_exist") == true)
}

fn switch(
    console: &Console<'_>,
    organization: &Value,
    enabled: bool,
    intent: &str,
) -> anyhow::Result<Value> {
    let id = text(organization, "id");
    let (path, body) = (["organizations", &*id, "link"], json!({ "enabled": enabled }));
    let is_closing = !enabled && field(organization, "link_enabled") == true;
    let request = Request { body: Some(&body), ..Request::new(Method::PATCH, &path) };
    let when = if is_closing { When::Always } else { When::IfAffected };
    Ok(console.carry_out(&request, intent, when)?.0)
}
