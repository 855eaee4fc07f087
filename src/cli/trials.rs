//! `portcullis policy try` and `policy trials`: trying the portal out to find out its requests.

use std::io::Write as _;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::console::{Console, array, field, text};
use super::lookup;

#[derive(Debug, Args)]
pub(super) struct TryArgs {
    /// How long, in minutes, at most 60
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..=60))]
    minutes: u8,
    /// The id or name of the organization whose portal is tried [default: the only one]
    #[arg(long)]
    organization: Option<String>,
    /// Why, for the audit log
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List trials of the last 14 days
    List,
    /// Show a trial and what was seen in it
    Show(Target),
    /// End a trial; what was seen in it stays
    Stop(Target),
    /// Print routes for what was seen in a trial and has none; all of them are closed
    Proposal(Target),
}

#[derive(Debug, Args)]
pub(super) struct Target {
    /// The trial's id
    #[arg(value_name = "TRIAL")]
    id: String,
}

impl TryArgs {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self { minutes, organization, reason } = self;
        let organization = match organization {
            Some(organization) => Some(lookup::organization_id(console, &organization)?),
            None => None,
        };
        let body = json!({ "organization": organization, "minutes": minutes, "reason": reason });
        let link = console.post(&["policy", "trials"], Some(&body))?;
        // On standard error, so that a script gets only the link on standard output.
        writeln!(
            std::io::stderr(),
            "Open this link in a browser within 60 seconds; it works once. For {minutes} minutes, \
             everything that is not closed is open in that browser. This is trial {}.",
            text(&link, "id")
        )?;
        console.report(&link, &text(&link, "url"))
    }
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let path = |id| ["policy", "trials", id];
        match self {
            Self::List => {
                let trials = console.get(&["policy", "trials"])?;
                let header = ["ID", "STATE", "CREATED", "MINUTES", "ORGANIZATION", "BY", "REASON"];
                console.table(&trials, header, |trial| {
                    ["id", "state", "created", "minutes", "organization", "actor", "reason"]
                        .map(|name| text(trial, name))
                })
            }
            Self::Show(Target { id }) => {
                let mut trial = console.get(&path(&id))?;
                let others = field(&trial, "others").as_u64().unwrap_or_default();
                if !console.is_json() {
                    trial = json!({ "items": field(&trial, "seen") });
                    if others > 0 {
                        writeln!(std::io::stderr(), "{others} more requests are not listed.")?;
                    }
                }
                let header = ["REQUESTS", "METHOD", "PATH", "STATUS", "CONTENT", "QUERY", "ROUTE"];
                console.table(&trial, header, |seen| {
                    let [requests, method, path, route] =
                        ["requests", "method", "path", "route"].map(|name| text(seen, name));
                    let statuses = field(seen, "statuses").as_object().into_iter().flatten();
                    let statuses: Vec<_> = statuses.map(|(status, _)| status.clone()).collect();
                    let [content, query] = ["content", "query"].map(|name| names(seen, name));
                    [requests, method, path, statuses.join(", "), content, query, route]
                })
            }
            Self::Stop(Target { id }) => {
                console.delete(&path(&id), &[])?;
                console.report(&json!({ "id": id }), &format!("Ended trial {id}."))
            }
            Self::Proposal(Target { id }) => console.copy(&["policy", "trials", &id, "proposal"]),
        }
    }
}

fn names(seen: &Value, name: &str) -> String {
    let names = array(seen, name).iter().filter_map(Value::as_str);
    names.collect::<Vec<_>>().join(", ")
}
