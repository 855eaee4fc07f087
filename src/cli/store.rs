//! `portcullis store`: maintenance of the store while the gateway is stopped.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::console::Console;
use crate::app::records;
use crate::clock;
use crate::config::Settings;
use crate::directory::records::audit::Occurrence;
use portcullis_store::sled::{Rescued, SledStore};

/// Work on the store in the folder `store.path`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create an empty store: if the store was lost, or if the secret key exists before the store
    Init,
    /// Accept a store that is older than the last change: after restoring a backup
    AcceptOlder,
    /// Write every readable record to a new store, and list what is missing
    Rescue {
        /// The folder of the new store; it must be empty or not exist
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// What is wrong, where, and what to do about it.
    pub(super) fn run(self, settings: &Settings, console: &mut Console<'_>) -> anyhow::Result<()> {
        let store = settings.store.path.display();
        match self {
            Self::Init => {
                records::init(settings)?;
                let created = Occurrence::of_gateway("store.created", Map::new());
                records::note(settings, created, clock::now())?;
                let document = json!({ "store": settings.store.path });
                console.report(&document, &format!("created an empty store in `{store}`"))
            }
            Self::AcceptOlder => {
                let key = records::existing_key(settings)?;
                let (before, now) = SledStore::accept_older(&settings.store.path, &key)?;
                records::note(settings, accepted(before, now), clock::now())?;
                let document =
                    json!({ "store": settings.store.path, "answered": before, "accepted": now });
                let before = before.map_or_else(
                    || "the last answered commit is not known".to_owned(),
                    |before| format!("the last answered commit was {before}"),
                );
                let sentence = format!(
                    "the store in `{store}` was accepted at commit {now}; {before}\nsessions that \
                     were open at that commit are open again; to end them, start the gateway and \
                     run `portcullis sessions end --all`"
                );
                console.report(&document, &sentence)
            }
            Self::Rescue { folder } => {
                let key = records::existing_key(settings)?;
                let rescued = SledStore::rescue(&settings.store.path, &key, &folder)?;
                // The audit log may be among what is missing.
                let noted =
                    records::note_in(&folder, settings, rescued_entry(&rescued), clock::now());
                if let Err(error) = noted {
                    console.warning(&format!(
                        "the rescue is not in the audit log of the new store: {error}"
                    ))?;
                }
                let Rescued { records, missing } = &rescued;
                let records: Map<String, Value> =
                    records.iter().map(|(kind, count)| (kind.clone(), (*count).into())).collect();
                let document =
                    json!({ "directory": folder, "records": records, "missing": missing });
                let folder = folder.display();
                let sentence = format!(
                    "written to `{folder}`:\n{}check what is missing: if the portal users that closed a secure link are lost, \
                     the link opens again. To use the new store, move `{store}` away and rename \
                     `{folder}` to `{store}`; leave `{store}.answered` where it is",
                    listed(&rescued)
                );
                console.report(&document, &sentence)
            }
        }
    }
}

/// The entry of the audit log about an older store that was accepted.
fn accepted(before: Option<u64>, now: u64) -> Occurrence {
    let commits = [("answered", before), ("accepted", Some(now))];
    let after = commits
        .into_iter()
        .filter_map(|(name, commit)| commit.map(|commit| (name.to_owned(), Value::from(commit))));
    Occurrence::of_gateway("store.accepted-older", after.collect())
}

/// The entry of the audit log of a store that was rescued.
fn rescued_entry(rescued: &Rescued) -> Occurrence {
    let records: u64 = rescued.records.iter().map(|(_, records)| records).sum();
    let after = Map::from_iter([
        ("records".to_owned(), records.into()),
        ("missing".to_owned(), rescued.missing.len().into()),
    ]);
    Occurrence::of_gateway("store.rescued", after)
}

fn listed(rescued: &Rescued) -> String {
    let mut lines: Vec<String> =
        rescued.records.iter().map(|(kind, records)| format!("  {kind} {records}")).collect();
    if rescued.missing.is_empty() {
        lines.push("nothing is known to be missing".to_owned());
    } else {
        lines.push("missing:".to_owned());
        lines.extend(rescued.missing.iter().map(|missing| format!("  {missing}")));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}
