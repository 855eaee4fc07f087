//! `portcullis export` and `apply`: groups, organizations, portal users and preferences as a file.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;

use super::console::{Console, array, field, text};
use super::impact::{self, counted, separated};
use super::progress;
use super::terminal::escaped_line;

#[derive(Debug, Args)]
pub(super) struct Export {
    /// Only these sections, separated by commas: groups, organizations (with their end users), users,
    /// preferences
    #[arg(long, value_name = "SECTIONS")]
    what: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Apply {
    /// The file; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Delete the records that the file managed and no longer has
    #[arg(long)]
    prune: bool,
    /// The name to mark the records with, and the commit of the file [default: the file's name]
    #[arg(long, value_name = "NAME[@COMMIT]")]
    source: Option<String>,
}

impl Export {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        console.copy_with(&["export"], &[("what", self.what.as_deref())])
    }
}

impl Apply {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let source = self.source()?;
        let file = read(&self.file)?;
        let prune = self.prune.then_some("true");
        let params = [("source", Some(&*source)), ("prune", prune)];
        let send = |console: &Console<'_>, dry_run: bool| {
            let dry_run = [("dry_run", dry_run.then_some("true"))];
            let params = [&params[..], &dry_run].concat();
            console.upload(&["apply"], &params, "application/toml", &file)
        };
        let tried = send(console, true)?;
        let plan = field(&tried, "plan");
        if console.is_dry_run() && console.is_json() {
            return console.document(&tried);
        }
        show(console, &tried)?;
        let refused = number(plan, "refused");
        if console.is_dry_run() {
            console.note("Nothing was changed.")?;
            return match refused {
                0 => Ok(()),
                _ => bail!("{} cannot be written", counted(refused, "record")),
            };
        }
        if array(plan, "records").is_empty() {
            return console.report(&tried, "Nothing was changed.");
        }
        console.confirm(|_| Ok(Some("Apply these changes?".to_owned())))?;
        let job = send(console, false)?;
        progress::wait(console, &text(&job, "id"))?;
        let job = console.get(&["jobs", &text(&job, "id")])?;
        match number(field(&job, "counts"), "skipped") {
            0 => Ok(()),
            skipped => {
                bail!("{} could not be written; all others were", counted(skipped, "record"))
            }
        }
    }

    /// The mark of the records. The folder of the file is no part of it, so that a file has the same
    /// mark wherever it is checked out.
    fn source(&self) -> anyhow::Result<String> {
        if let Some(source) = &self.source {
            return Ok(source.clone());
        }
        match self.file.file_name().and_then(|name| name.to_str()) {
            Some("-") | None => bail!("name the file with `--source NAME`"),
            Some(name) => Ok(name.to_owned()),
        }
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    let text = fs::read_to_string(file);
    text.with_context(|| format!("cannot read {}", file.display()))
}

/// Prints what applying a file would do: a line for each record, and the consequences.
fn show(console: &mut Console<'_>, tried: &Value) -> anyhow::Result<()> {
    let plan = field(tried, "plan");
    for record in array(plan, "records") {
        console.note(&line(record))?;
    }
    let all: usize =
        ["created", "changed", "removed", "released"].map(|it| number(plan, it)).iter().sum();
    let listed = array(plan, "records").len();
    if all > listed {
        console.note(&format!("… and {}", counted(all - listed, "further record")))?;
    }
    let counts =
        ["created", "changed", "removed", "released", "unchanged", "refused"].map(|name| {
            let number = number(plan, name);
            (number > 0).then(|| format!("{} {name}", separated(number)))
        });
    let counts: Vec<_> = counts.into_iter().flatten().collect();
    let counts = if counts.is_empty() { "no records".to_owned() } else { counts.join(", ") };
    console.note(&format!("Plan: {counts}."))?;
    let changes = field(tried, "changes");
    for sentence in impact::sentences(changes) {
        console.note(&format!("- {}", escaped_line(&sentence)))?;
    }
    for warning in array(changes, "warnings") {
        let [name, detail] = ["name", "detail"].map(|field| text(warning, field));
        console.note(&escaped_line(&format!("warning: {detail} ({name})")))?;
    }
    Ok(())
}

/// A record of a plan in a line.
fn line(record: &Value) -> String {
    let [action, kind, id, name] = ["action", "kind", "id", "name"].map(|it| text(record, it));
    let what = match &*kind {
        "preferences" => kind,
        "user" => format!("user {name}"),
        _ if id == name => format!("{kind} {id}"),
        _ => format!("{kind} {id} ({name})"),
    };
    let at = match field(record, "line").as_u64() {
        Some(line) => format!(" (line {line})"),
        None => String::new(),
    };
    let mut fields = String::new();
    if action == "change" {
        let changes = array(record, "fields").iter().map(|change| {
            let [before, after] = ["before", "after"].map(|side| shown(field(change, side)));
            format!("{} {before} → {after}", text(change, "field"))
        });
        fields = format!(": {}", changes.collect::<Vec<_>>().join("; "));
    }
    let refused = field(record, "refused");
    let refused = match field(refused, "reason").as_str() {
        Some(reason) => format!(" — refused: {reason}"),
        None => String::new(),
    };
    escaped_line(&format!("{action} {what}{at}{fields}{refused}")).into_owned()
}

/// A value in a line.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

fn number(document: &Value, name: &str) -> usize {
    field(document, name).as_u64().and_then(|it| usize::try_from(it).ok()).unwrap_or(0)
}
