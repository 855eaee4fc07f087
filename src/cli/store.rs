//! `portcullis store`: what an operator does with the store while the gateway is stopped.

use std::io::Write;
use std::path::PathBuf;

use crate::app::records;
use crate::config::Settings;
use portcullis_store::sled::SledStore;

/// Works on the folder `store.path` itself.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make an empty store, where the store is lost or the secret key was put in place beforehand
    Init,
    /// Take the store as it is for the newest one: after an older copy was put back on purpose
    AcceptOlder,
    /// Write every record that can be read to a new store, and list what is missing
    Rescue {
        /// The folder of the new store; it must be empty or not exist
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

impl Command {
    /// Does what was asked for.
    ///
    /// # Errors
    /// What is wrong, where, and the way out.
    pub(super) fn run(self, settings: &Settings, out: &mut dyn Write) -> anyhow::Result<()> {
        let store = settings.store.path.display();
        match self {
            Self::Init => {
                records::init(settings)?;
                writeln!(out, "`{store}` holds an empty store now")?;
            }
            Self::AcceptOlder => {
                let key = records::existing_key(settings)?;
                let (before, now) = SledStore::accept_older(&settings.store.path, &key)?;
                let before = before.map_or_else(
                    || "it was not known which commit was answered last".to_owned(),
                    |before| format!("commit {before} had been answered last"),
                );
                writeln!(out, "the store in `{store}` was accepted at commit {now}; {before}")?;
                writeln!(
                    out,
                    "sessions that were open then are open again; to end them, start the \
                               gateway and run `portcullis sessions end --all`"
                )?;
            }
            Self::Rescue { folder } => {
                let key = records::existing_key(settings)?;
                let rescued = SledStore::rescue(&settings.store.path, &key, &folder)?;
                writeln!(out, "written to `{}`:", folder.display())?;
                for (kind, records) in rescued.records.iter().filter(|(_, records)| *records > 0) {
                    writeln!(out, "  {} {records}", kind)?;
                }
                if rescued.missing.is_empty() {
                    writeln!(out, "nothing is known to be missing")?;
                } else {
                    writeln!(out, "missing:")?;
                    for missing in &rescued.missing {
                        writeln!(out, "  {missing}")?;
                    }
                }
                writeln!(
                    out,
                    "to use it, move `{store}` away and put `{}` in its place. Look at \
                               what is missing first: a secure link opens again when the portal \
                               users that closed it are lost",
                    folder.display()
                )?;
            }
        }
        Ok(())
    }
}
