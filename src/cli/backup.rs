//! `portcullis backup` and `restore`: all records as one file.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use serde_json::{Map, Value, json};

use super::console::Console;
use super::settings::settings;
use crate::app::records;
use crate::backup::{Pace, lower_priority};
use crate::clock;
use crate::config::Settings;
use crate::directory::records::audit::Occurrence;
use portcullis_store::StoreKey;
use portcullis_store::backup::{Header, NewFile, Reader};
use portcullis_store::sled::{Restored, SledStore};

/// How much of a file is read at a time.
const BUFFER: usize = 256 * 1024;

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to create, or with --verify the file to read
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Include open sessions, so that they are open again after a restore
    #[arg(long, conflicts_with = "verify")]
    with_sessions: bool,
    /// Verify the file with the secret key of the settings; needs no running gateway
    #[arg(long)]
    pub(super) verify: bool,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl BackupArgs {
    /// Writes a backup of the running gateway to a new file.
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self { file, with_sessions, .. } = self;
        // The gateway may be on this machine.
        lower_priority();
        let shown = file.display();
        let mut new = NewFile::create(&file).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                anyhow!("`{shown}` exists; name a new file, or remove that one")
            }
            _ => anyhow!("cannot create `{shown}`: {error}"),
        })?;
        let written = |error: io::Error| {
            anyhow!("cannot write `{shown}`: {error}; the unfinished file was removed")
        };
        let params = [("sessions", with_sessions.then_some("true"))];
        console
            .read_with(&["backup"], &params, &mut |part| new.write_all(part).map_err(written))?;
        new.sync().map_err(written)?;
        // What was sent may have been cut off.
        let mut pace = Pace::start();
        let header = verified(new.draft(), None, &mut || pace.pause())
            .with_context(|| format!("`{shown}`: the unfinished file was removed"))?;
        new.finish().map_err(written)?;
        let sentence = format!("wrote {} to `{shown}`", described(&header));
        console.report(&document(&file, &header), &sentence)
    }

    /// Verifies a file.
    pub(super) fn verify(
        &self,
        settings: &Settings,
        console: &mut Console<'_>,
    ) -> anyhow::Result<()> {
        let shown = self.file.display();
        let key = records::existing_key(settings)?;
        let header =
            verified(&self.file, Some(&key), &mut || {}).with_context(|| format!("`{shown}`"))?;
        let sentence = format!("`{shown}` is whole: {}", described(&header));
        console.report(&document(&self.file, &header), &sentence)
    }
}

impl RestoreArgs {
    /// Creates the store from a file.
    pub(super) fn run(
        self,
        config: Option<&Path>,
        console: &mut Console<'_>,
    ) -> anyhow::Result<()> {
        let settings = settings(config)?;
        let key = records::existing_key(&settings).with_context(|| {
            format!(
                "a backup opens only with the secret key that was in use when it was made; put that \
                 key into `{}`",
                settings.key_file.display()
            )
        })?;
        let Restored { header, .. } = SledStore::restore(&settings.store.path, &key, &self.file)?;
        records::note(&settings, restored(&header), clock::now())?;
        let mut sentence =
            format!("restored {} to `{}`", described(&header), settings.store.path.display());
        if header.fact("sessions") == Some("true") {
            sentence += "\nthe sessions in it are open again; to end them, start the gateway and run \
                         `portcullis sessions end --all`";
        }
        console.report(&document(&self.file, &header), &sentence)
    }
}

/// Reads the whole file.
fn verified(
    file: &Path,
    key: Option<&StoreKey>,
    pause: &mut dyn FnMut(),
) -> anyhow::Result<Header> {
    let input = BufReader::with_capacity(BUFFER, File::open(file)?);
    Ok(Reader::open(input, key)?.verify_with(pause)?)
}

fn described(header: &Header) -> String {
    let time = header.fact("time").unwrap_or("an unknown time");
    let sessions = match header.fact("sessions") {
        Some("true") => "with sessions",
        _ => "without sessions",
    };
    let counts: Vec<_> =
        header.kinds.iter().map(|(kind, records)| format!("{records} {kind}")).collect();
    format!("{} records of {time}, {sessions} ({})", header.records(), counts.join(", "))
}

/// What `--json` prints.
fn document(file: &Path, header: &Header) -> Value {
    let mut document: Map<String, Value> =
        header.facts.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let kinds: Map<String, Value> =
        header.kinds.iter().map(|(kind, records)| (kind.clone(), (*records).into())).collect();
    document.insert("sessions".to_owned(), (header.fact("sessions") == Some("true")).into());
    document.insert("file".to_owned(), json!(file));
    document.insert("commit".to_owned(), header.sequence.into());
    document.insert("store_format".to_owned(), header.schema.into());
    document.insert("records".to_owned(), kinds.into());
    document.into()
}

/// The entry of the audit log about a restore.
fn restored(header: &Header) -> Occurrence {
    let mut after = Map::from_iter([
        ("records".to_owned(), header.records().into()),
        ("commit".to_owned(), header.sequence.into()),
    ]);
    after.extend(header.fact("time").map(|time| ("backup".to_owned(), time.into())));
    Occurrence::of_gateway("store.restored", after)
}
