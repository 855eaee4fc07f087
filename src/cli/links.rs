//! `portcullis organizations link` (R10).

use clap::{Args, Subcommand};
use serde_json::json;

use super::console::{Console, text};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show the link
    Show(Of),
    /// Replace the link; the old one dies at once
    Rotate(Of),
    /// Switch the link on
    Enable(Of),
    /// Switch the link off
    Disable(Of),
}

#[derive(Debug, Args)]
pub(super) struct Of {
    /// The organization's id
    organization: String,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let (link, done) = match self {
            Self::Show(Of { organization }) => {
                (console.get(&["organizations", &organization, "link"])?, None)
            }
            Self::Rotate(Of { organization }) => {
                console.confirm(&format!("Make the secure link of {organization} useless?"))?;
                let link =
                    console.post(&["organizations", &organization, "link", "rotate"], None)?;
                (link, Some(format!("{organization} has a new secure link; the old one is dead.")))
            }
            Self::Enable(Of { organization }) => {
                let link = switch(console, &organization, true)?;
                (link, Some(format!("The secure link of {organization} is on.")))
            }
            Self::Disable(Of { organization }) => {
                let link = switch(console, &organization, false)?;
                (link, Some(format!("The secure link of {organization} is off.")))
            }
        };
        if let Some(sentence) = done {
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
