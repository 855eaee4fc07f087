//! `portcullis policy`, `permissions` and `routes`: the policy in force, and what helps
//! to write it.

use clap::Subcommand;
use serde_json::{Value, json};

use super::console::{Console, field, text};
use super::suggest::SuggestArgs;
use super::trials::{self, TryArgs};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Read the policy files again; if they have errors, the policy in force stays
    Reload,
    /// Suggest routes for the requests in decision records
    Suggest(SuggestArgs),
    /// Open everything that is not closed in one browser, for up to 60 minutes, to find out the
    /// portal's requests
    Try(TryArgs),
    /// Trials of the portal: what was seen, and the routes proposed for it
    #[command(subcommand)]
    Trials(trials::Command),
}

impl Command {
    /// Whether it calls the running gateway.
    pub(super) fn is_call(&self) -> bool {
        match self {
            Self::Reload | Self::Try(_) | Self::Trials(_) => true,
            Self::Suggest(_) => false,
        }
    }

    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::Reload => {
                let reloaded = console.post(&["policy", "reload"], None)?;
                let [version, routes] = ["version", "routes"].map(|field| text(&reloaded, field));
                let sentence = format!("Loaded policy {version} with {routes} routes.");
                console.report(&reloaded, &sentence)
            }
            Self::Suggest(args) => args.run(console),
            Self::Try(args) => args.run(console),
            Self::Trials(command) => command.run(console),
        }
    }
}

pub(super) fn permissions(console: &mut Console<'_>) -> anyhow::Result<()> {
    let permissions = console.get(&["permissions"])?;
    console.table(&permissions, ["ID", "NAME", "NEEDS SIGN-IN"], |permission| {
        ["id", "name", "identity"].map(|field| text(permission, field))
    })
}

pub(super) fn routes(console: &mut Console<'_>, only_unused: bool) -> anyhow::Result<()> {
    let mut routes = console.get(&["routes"])?;
    if only_unused && let Some(items) = routes.get_mut("items").and_then(Value::as_array_mut) {
        items.retain(|route| *field(route, "hits") == json!({ "allowed": 0, "refused": 0 }));
    }
    console.table(&routes, ["METHODS", "PATH", "NEEDS", "ALLOWED", "REFUSED", "NAME"], |route| {
        let [methods, path, name] = ["methods", "path", "name"].map(|field| text(route, field));
        let hits = field(route, "hits");
        let [allowed, refused] = ["allowed", "refused"].map(|field| text(hits, field));
        let mut needed = needs(route, "permissions");
        if field(route, "staff") == "never" {
            needed.push_str(", never staff");
        }
        [methods, path, needed, allowed, refused, name]
    })
}

/// The requirement of a route, as text.
pub(super) fn needs(document: &Value, permissions: &str) -> String {
    let named = text(document, permissions);
    match field(document, "access").as_str() {
        Some("all") => named,
        Some("any") => format!("any of {named}"),
        Some(other) => other.to_owned(),
        None => "-".to_owned(),
    }
}
