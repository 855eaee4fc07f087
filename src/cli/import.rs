//! `import`: creates or changes records from a file.
//!
//! A CSV file is sent to the gateway, which checks it and imports its rows by a job. The command waits
//! for that, and prints the rows that were skipped. Portal users can also be read from a file with a
//! JSON document on each line ([`json_lines`]).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use serde_json::{Value, json};

use super::console::{Console, field, text};
use super::impact::counted;
use super::{lookup, progress};

mod json_lines;

/// The largest file that the gateway accepts, in bytes.
const LARGEST: u64 = 32 << 20;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create or change organizations from a CSV file
    Organizations(Organizations),
    /// Create or change end users from a CSV file
    EndUsers(EndUsers),
    /// Create or change portal users from a CSV file
    Users(Users),
}

#[derive(Debug, Args)]
pub(super) struct Organizations {
    /// The CSV file, whose first row names the columns; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct EndUsers {
    /// The CSV file, whose first row names the columns; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The organization of rows that name none, by id or name
    #[arg(long)]
    organization: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Users {
    /// The file: CSV whose first row names the columns, or a JSON document on each line; `-` for
    /// standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The organization of rows that name none, by id or name
    #[arg(long)]
    organization: Option<String>,
    /// The group of new users whose row names none, by id or name [default: the default group]
    #[arg(long)]
    group: Option<String>,
    /// Invite new users whose row has neither a password nor an answer of its own
    #[arg(long)]
    invite: bool,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::Organizations(import) => import.run(console),
            Self::EndUsers(import) => import.run(console),
            Self::Users(import) => import.run(console),
        }
    }
}

impl Organizations {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let file = read(&mut open(&self.file)?, &self.file)?;
        send(console, "organizations", &[], file)
    }
}

impl EndUsers {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let file = read(&mut open(&self.file)?, &self.file)?;
        let organization = organization_id(console, self.organization.as_deref())?;
        send(console, "end-users", &[("organization", organization.as_deref())], file)
    }
}

impl Users {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let mut lines = open(&self.file)?;
        if is_json(&mut lines, &self.file)? {
            if self.organization.is_some() || self.group.is_some() || self.invite {
                bail!("`--organization`, `--group` and `--invite` have no effect with JSON");
            }
            return json_lines::run(console, &self.file, &mut lines);
        }
        let file = read(&mut lines, &self.file)?;
        let organization = organization_id(console, self.organization.as_deref())?;
        let group = self.group.as_deref().map(|group| lookup::group_id(console, group));
        let group = group.transpose()?;
        let params = [
            ("organization", organization.as_deref()),
            ("group", group.as_deref()),
            ("invite", self.invite.then_some("true")),
        ];
        send(console, "users", &params, file)
    }
}

/// Sends a file, waits until it is imported, and prints what was skipped.
fn send(
    console: &mut Console<'_>,
    kind: &str,
    params: &[(&str, Option<&str>)],
    file: Bytes,
) -> anyhow::Result<()> {
    let job = console.post_csv(&["import", kind], params, file)?;
    let id = text(&job, "id");
    let job = progress::until_ended(console, &id)?;
    let mut items = Vec::new();
    let is_json = console.is_json();
    for line in lines(console, &id)? {
        if is_json {
            items.push(line);
        } else if field(&line, "result") == "skipped" {
            console.note(&skipped(&line))?;
        }
    }
    let sentence = format!("The job {id} is {}: {}.", text(&job, "state"), progress::counts(&job));
    console.report(&json!({ "job": job, "items": items }), &sentence)?;
    let skipped = field(field(&job, "counts"), "skipped").as_u64().unwrap_or(0);
    match field(&job, "state").as_str() {
        Some("done") if skipped == 0 => Ok(()),
        Some("done") => {
            let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
            bail!("skipped {}; fix them and import the file again", counted(skipped, "row"))
        }
        _ => bail!(
            "the job {id} is {} ({}); what it has done stays, and importing the file again continues",
            text(&job, "state"),
            text(&job, "reason")
        ),
    }
}

fn skipped(line: &Value) -> String {
    let [number, reason] = ["line", "reason"].map(|name| text(line, name));
    match field(line, "login").as_str() {
        Some(login) => format!("line {number}: skipped {login}: {reason}"),
        None => format!("line {number}: skipped: {reason}"),
    }
}

/// The lines of a job's report.
fn lines(console: &Console<'_>, job: &str) -> anyhow::Result<Vec<Value>> {
    let mut report = Vec::new();
    console.read(&["jobs", job, "report"], &mut |part| {
        report.extend_from_slice(part);
        Ok(())
    })?;
    let lines = report.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(serde_json::from_slice).collect::<Result<_, _>>()?)
}

fn organization_id(console: &Console<'_>, given: Option<&str>) -> anyhow::Result<Option<String>> {
    given.map(|given| lookup::organization_id(console, given)).transpose()
}

fn open(file: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    Ok(Box::new(BufReader::new(opened)))
}

/// The whole file.
fn read(from: &mut dyn BufRead, file: &Path) -> anyhow::Result<Bytes> {
    let mut bytes = Vec::new();
    let read = from.take(LARGEST + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("cannot read {}", file.display()))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
        bail!("{} is larger than {} MiB; split it", file.display(), LARGEST >> 20);
    }
    Ok(bytes.into())
}

/// Whether a file has JSON documents: by its name, or else by its first character.
fn is_json(from: &mut dyn BufRead, file: &Path) -> anyhow::Result<bool> {
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match &*extension.to_ascii_lowercase() {
        "csv" | "tsv" | "tab" | "txt" => return Ok(false),
        "json" | "jsonl" | "ndjson" => return Ok(true),
        _ => {}
    }
    let begin = from.fill_buf().with_context(|| format!("cannot read {}", file.display()))?;
    let first = begin.iter().find(|byte| byte.is_ascii_graphic());
    Ok(matches!(first, Some(b'{' | b'[')))
}
