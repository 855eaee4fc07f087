//! `portcullis jobs`.

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::console::{Console, array, field, text};
use super::progress;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List jobs, the newest first
    List,
    /// Show a job
    Show(Target),
    /// Wait for the end of a job, and show its progress
    Wait(Target),
    /// Show what a job did about each person
    Report {
        #[command(flatten)]
        target: Target,
        /// Only what was `created`, `updated`, `unchanged` or `skipped`
        #[arg(
            long,
            value_parser = ["created", "updated", "unchanged", "skipped"],
            hide_possible_values = true
        )]
        result: Option<String>,
        /// Output CSV
        #[arg(long, conflicts_with = "result")]
        csv: bool,
    },
    /// Cancel a job; what it has done stays
    Cancel(Target),
}

#[derive(Debug, Args)]
pub(super) struct Target {
    /// The job's id [default: the newest job]
    #[arg(value_name = "JOB")]
    id: Option<String>,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List => {
                let jobs = console.list(&["jobs"], &[])?;
                let header = ["ID", "KIND", "STATE", "DONE", "CREATED", "BY", "SUMMARY"];
                console.table(&jobs, header, |job| {
                    let [id, kind, state, created, actor, summary] =
                        ["id", "kind", "state", "created", "actor", "summary"]
                            .map(|name| text(job, name));
                    [id, kind, state, done(job), created, actor, summary]
                })
            }
            Self::Show(target) => {
                let job = console.get(&["jobs", &target.id(console)?])?;
                show(console, &job)
            }
            Self::Wait(target) => {
                let id = target.id(console)?;
                progress::wait(console, &id)
            }
            Self::Report { target, result, csv } => {
                let id = target.id(console)?;
                report(console, &id, result.as_deref(), csv)
            }
            Self::Cancel(target) => {
                let id = target.id(console)?;
                console.delete(&["jobs", &id], &[])?;
                let job = console.get(&["jobs", &id])?;
                console.report(&job, &format!("Cancelled the job {id} after {}.", done(&job)))
            }
        }
    }
}

impl Target {
    fn id(self, console: &Console<'_>) -> anyhow::Result<String> {
        if let Some(id) = self.id {
            return Ok(id);
        }
        let jobs = console.first(&["jobs"], &[], 1)?;
        let newest = array(&jobs, "items").first().map(|job| text(job, "id"));
        newest.ok_or_else(|| anyhow!("there is no job; `portcullis bulk` queues one"))
    }
}

fn done(job: &Value) -> String {
    format!("{} of {}", text(job, "done"), text(job, "total"))
}

fn show(console: &mut Console<'_>, job: &Value) -> anyhow::Result<()> {
    let [id, kind, summary, state, reason] =
        ["id", "kind", "summary", "state", "reason"].map(|name| text(job, name));
    let [actor, created, started, ended] =
        ["actor", "created", "started", "ended"].map(|name| text(job, name));
    console.record(
        job,
        [
            ("id", id),
            ("kind", kind),
            ("summary", summary),
            ("state", state),
            ("reason", reason),
            ("done", done(job)),
            ("result", progress::counts(job)),
            ("queued by", actor),
            ("queued", created),
            ("started", started),
            ("ended", ended),
        ],
    )
}

/// Prints a report: as a table, as CSV, or with `--json` as lines of JSON.
fn report(
    console: &mut Console<'_>,
    id: &str,
    result: Option<&str>,
    csv: bool,
) -> anyhow::Result<()> {
    let path = ["jobs", id, "report"];
    if csv {
        return console.copy_with(&path, &[("format", Some("csv"))]);
    }
    if console.is_json() && result.is_none() {
        return console.copy(&path);
    }
    let mut text_of_report = Vec::new();
    console.read(&path, &mut |part| {
        text_of_report.extend_from_slice(part);
        Ok(())
    })?;
    let lines = text_of_report.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut items = lines.map(serde_json::from_slice).collect::<Result<Vec<Value>, _>>()?;
    items.retain(|line| result.is_none_or(|result| field(line, "result") == result));
    if console.is_json() {
        return items.iter().try_for_each(|line| console.line(line));
    }
    let header = ["RESULT", "KIND", "ID", "ORGANIZATION", "LOGIN", "REASON"];
    console.table(&json!({ "items": items }), header, |line| {
        ["result", "kind", "id", "organization", "login", "reason"].map(|name| text(line, name))
    })
}
