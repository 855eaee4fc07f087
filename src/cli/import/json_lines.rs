//! `portcullis users import` of a file with a JSON document on each line.
//!
//! Each line is sent to `POST /api/v1/users`, which checks it (I8). Users that exist already are
//! skipped, so that the same file can be imported again after its errors are fixed.

use std::io::BufRead;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::cli::client::ApiError;
use crate::cli::console::{Console, WouldChange, array, field, text};
use crate::cli::impact::counted;

/// The result of a line.
enum Outcome {
    Created,
    Skipped(String),
    Failed(String),
}

impl Outcome {
    const fn name(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Skipped(_) => "skipped",
            Self::Failed(_) => "failed",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Created => None,
            Self::Skipped(reason) | Self::Failed(reason) => Some(reason),
        }
    }
}

/// The results of the lines so far.
#[derive(Default)]
struct Report {
    items: Vec<Value>,
    created: usize,
    skipped: usize,
    failed: usize,
}

/// Imports the lines of a file of this name.
pub(super) fn run(
    console: &mut Console<'_>,
    file: &Path,
    lines: &mut dyn BufRead,
) -> anyhow::Result<()> {
    let mut report = Report::default();
    let read = each(lines, file, console, &mut report);
    // Report what was done even if reading stopped early.
    let Report { items, created, skipped, failed } = report;
    let document =
        json!({ "items": items, "created": created, "skipped": skipped, "failed": failed });
    let sentence = match console.is_dry_run() {
        false => format!("Created {created}, skipped {skipped}, failed {failed}."),
        true => format!(
            "Nothing was changed. Each line alone: {created} would be created, {skipped} \
                 skipped, {failed} would fail."
        ),
    };
    console.report(&document, &sentence)?;
    read?;
    if failed > 0 {
        let all = created + skipped + failed;
        bail!("{failed} of {} failed; fix them and run the import again", counted(all, "line"));
    }
    Ok(())
}

fn each(
    lines: &mut dyn BufRead,
    file: &Path,
    console: &mut Console<'_>,
    report: &mut Report,
) -> anyhow::Result<()> {
    for (number, line) in (1_usize..).zip(lines.split(b'\n')) {
        let line =
            line.with_context(|| format!("cannot read line {number} of {}", file.display()))?;
        let line = match number {
            1 => without_mark(&line, file)?,
            _ => &line,
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        let (login, outcome) = import(console, line).with_context(|| {
            format!("stopped at line {number}; import the file again to continue")
        })?;
        match &outcome {
            Outcome::Created => report.created += 1,
            Outcome::Skipped(_) => report.skipped += 1,
            Outcome::Failed(_) => report.failed += 1,
        }
        let sentence = match outcome.reason() {
            Some(reason) if login == "-" => format!("line {number}: {reason}"),
            Some(reason) => format!("line {number}: {} {login}: {reason}", outcome.name()),
            None => format!("line {number}: {} {login}", outcome.name()),
        };
        console.note(&sentence)?;
        report.items.push(json!({
            "line": number,
            "login": login,
            "outcome": outcome.name(),
            "reason": outcome.reason(),
        }));
    }
    Ok(())
}

/// The first line without the byte order mark that some editors add. A file in UTF-16 is rejected
/// as a whole: the errors of its lines would not name the cause.
fn without_mark<'a>(line: &'a [u8], file: &Path) -> anyhow::Result<&'a [u8]> {
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, ..] | [_, 0, ..] = line {
        bail!("{} is UTF-16; save it as UTF-8", file.display());
    }
    Ok(line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line))
}

/// Creates the user of a line. Returns the login and the result.
fn import(console: &Console<'_>, line: &[u8]) -> anyhow::Result<(String, Outcome)> {
    let new = match serde_json::from_slice::<Value>(line) {
        Ok(new) if new.is_object() => new,
        Ok(_) => return Ok(("-".to_owned(), Outcome::Failed("not a JSON object".to_owned()))),
        // Only its position: the text of the line may contain a password.
        Err(error) => {
            let message = format!("not valid JSON at column {}", error.column());
            return Ok(("-".to_owned(), Outcome::Failed(message)));
        }
    };
    let error = match console.post(&["users"], Some(&new)) {
        Ok(user) => return Ok((text(&user, "login"), Outcome::Created)),
        Err(error) if error.is::<WouldChange>() => {
            return Ok((login(console, &new)?, Outcome::Created));
        }
        Err(error) => error,
    };
    let refused = error.downcast::<ApiError>()?;
    let login = login(console, &new)?;
    let exists = refused.is("taken") && exists(console, &new, &login)?;
    let outcome = match exists {
        true => Outcome::Skipped("already exists".to_owned()),
        false => Outcome::Failed(refused.to_string()),
    };
    Ok((login, outcome))
}

/// The login of a line: its own, or else the email address of the end user or organization (R15).
fn login(console: &Console<'_>, new: &Value) -> anyhow::Result<String> {
    let named = |name| field(new, name).as_str();
    if let Some(login) = named("login") {
        return Ok(login.to_owned());
    }
    let Some(organization) = named("organization") else { return Ok("-".to_owned()) };
    let mut path = vec!["organizations", organization];
    if let Some(end_user) = named("end_user") {
        path.extend(["end-users", end_user]);
    }
    match console.get(&path) {
        Ok(owner) => Ok(text(&owner, "email")),
        Err(error) if error.is::<ApiError>() => Ok("-".to_owned()),
        Err(error) => Err(error),
    }
}

/// Whether the user with this login belongs to the owner that the line names.
fn exists(console: &Console<'_>, new: &Value, login: &str) -> anyhow::Result<bool> {
    let found = console.list(&["users"], &[("login", Some(login))])?;
    let same = |user: &Value| {
        ["organization", "end_user"].iter().all(|name| field(user, name) == field(new, name))
    };
    Ok(array(&found, "items").iter().any(same))
}
