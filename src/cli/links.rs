//! `portcullis organizations link` (R10).

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::console::{Console, Request, field, text};
use super::impact::{Impact, sessions_end};
use super::lookup;

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
                console.confirm(|console| {
                    let path = ["organizations", &*id, "link", "rotate"];
                    let impact = Impact::of(console, &Request::new(Method::POST, &path))?;
                    let ended = sessions_end(impact.sessions());
                    Ok(Some(format!(
                        "Replace the secure link of {name}? The current link stops working, and \
                         {ended}."
                    )))
                })?;
                let link = console.post(&["organizations", &id, "link", "rotate"], None)?;
                let sentence = format!(
                    "Replaced the secure link of {name}; the previous one no longer works."
                );
                (link, Some(sentence))
            }
            Self::Enable(_) => {
                (switch(console, &id, true)?, Some(format!("Enabled the secure link of {name}.")))
            }
            Self::Disable(_) => {
                console.confirm(|console| {
                    if field(&organization, "link_enabled") == false {
                        return Ok(None);
                    }
                    let (path, body) =
                        (["organizations", &*id, "link"], json!({ "enabled": false }));
                    let request = Request::new(Method::PATCH, &path);
                    let impact = Impact::of(console, &Request { body: Some(&body), ..request })?;
                    let ended = sessions_end(impact.sessions());
                    Ok(Some(format!(
                        "Disable the secure link of {name}? It stops working, and {ended}."
                    )))
                })?;
                (switch(console, &id, false)?, Some(format!("Disabled the secure link of {name}.")))
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

fn switch(console: &Console<'_>, organization: &str, enabled: bool) -> anyhow::Result<Value> {
    console.patch(&["organizations", organization, "link"], None, &json!({ "enabled": enabled }))
}
