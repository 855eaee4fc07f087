//! `portcullis policy`, `permissions` and `routes`: the policy in force, and `policy suggest`.

use clap::Subcommand;
use serde_json::Value;

use super::console::{Console, field, text};
use super::suggest::SuggestArgs;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Read the policy files again; if they have errors, the policy in force stays
    Reload,
    /// Suggest routes for the requests in decision records
    Suggest(SuggestArgs),
}

impl Command {
    /// Whether it calls the running gateway.
    pub(super) fn is_call(&self) -> bool {
        match self {
            Self::Reload => true,
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
        }
    }
}

pub(super) fn permissions(console: &mut Console<'_>) -> anyhow::Result<()> {
    let permissions = console.get(&["permissions"])?;
    console.table(&permissions, ["ID", "NAME", "NEEDS SIGN-IN"], |permission| {
        ["id", "name", "identity"].map(|field| text(permission, field))
    })
}

pub(super) fn routes(console: &mut Console<'_>) -> anyhow::Result<()> {
    let routes = console.get(&["routes"])?;
    console.table(&routes, ["METHODS", "PATH", "NEEDS", "NAME"], |route| {
        let [methods, path, name] = ["methods", "path", "name"].map(|field| text(route, field));
        [methods, path, needs(route, "permissions"), name]
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
