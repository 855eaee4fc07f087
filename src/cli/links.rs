//! `portcullis organizations link` (R10).

use clap::{Args, Subcommand};
use serde_json::json;

use super::console::{Console, text};

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
    /// The organization's id
    organization: String,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let (link, result) = match self {
            Self::Show(Target { organization }) => {
                (console.get(&["organizations", &organization, "link"])?, None)
            }
            Self::Rotate(Target { organization }) => {
                console.confirm(&format!("Revoke the current secure link of {organization}?"))?;
                let link =
                    console.post(&["organizations", &organization, "link", "rotate"], None)?;
                (
                    link,
                    Some(format!(
                        "{organization} has a new secure link; the old one no longer works."
                    )),
                )
            }
            Self::Enable(Target { organization }) => {
                let link = switch(console, &organization, true)?;
                (link, Some(format!("Enabled the secure link of {organization}.")))
            }
            Self::Disable(Target { organization }) => {
                let link = switch(console, &organization, false)?;
                (link, Some(format!("Disabled the secure link of {organization}.")))
            }
        };
        if let Some(sentence) = result {
            console.note(&sentence)?;
        }
        let [url, enabled] = ["url", "enabled"].map(|field| text(&link, field));
        console.record(&link, [("url", url), ("enabled", enabled)])
    }
}

fn switch(
    console: &Console<'_>,
    organization: &str,
    enabled: bool,
) -> anyhow::Result<serde_json::Value> {
    console.patch(&["organizations", organization, "link"], None, &json!({ "enabled": enabled }))
}
