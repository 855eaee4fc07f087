//! `portcullis audit`: the audit log, and the proof that it is whole.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use portcullis_audit::{PublicKey, Verification, Verified};
use serde_json::Value;

use super::audit_entry;
use super::console::{Console, array, field, text};
use super::lookup;
use super::user_list::{end, time};
use crate::directory::records::audit::{NOUNS, OTHER_KINDS};

/// What the line of a signature begins with (C2SP signed-note).
const SIGNATURE: &str = "\n\u{2014} ";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List entries, the newest first
    List(List),
    /// Show an entry with what it changed, before and after
    Show {
        /// The entry's number, as `list` shows it
        number: u64,
    },
    /// Write the whole log, for verification and for keeping
    Export {
        /// The file to create [default: standard output]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Sign the log as it is now; keep the output out of reach of the gateway's operators
    Checkpoint,
    /// Show that no entry was changed or removed
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only by this actor: `socket`, `token:NAME`, `administrator:LOGIN`, `portal-user:LOGIN` or
    /// `system:PART`
    #[arg(long)]
    actor: Option<String>,
    /// Only about or by this portal user, by login or id; a deleted one by id
    #[arg(long, value_name = "LOGIN")]
    user: Option<String>,
    /// Only about this organization, by id or name
    #[arg(long)]
    organization: Option<String>,
    /// Only of this kind, such as `group.changed`
    #[arg(long)]
    kind: Option<String>,
    /// Only from this date or RFC 3339 time on
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only until the end of this date (in UTC), or until this RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = end)]
    until: Option<Timestamp>,
    /// The number of entries
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// An exported log, instead of that of the running gateway; needs --key
    #[arg(long, value_name = "FILE", requires = "key")]
    file: Option<PathBuf>,
    /// A file with a checkpoint that was kept elsewhere; may be repeated
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// The public key, or a file with it; `portcullis audit checkpoint --json` prints it
    /// [default: that of the running gateway]
    #[arg(long)]
    key: Option<String>,
}

impl Command {
    /// Whether it calls the running gateway.
    pub(super) const fn is_call(&self) -> bool {
        !matches!(self, Self::Verify(Verify { file: Some(_), .. }))
    }

    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List(list) => list.run(console),
            Self::Show { number } => audit_entry::show(console, number),
            Self::Export { output } => export(console, output),
            Self::Checkpoint => {
                let checkpoint = console.get(&["audit", "checkpoint"])?;
                console.report(&checkpoint, text(&checkpoint, "checkpoint").trim_end())
            }
            Self::Verify(verify) => verify.run(console),
        }
    }
}

impl List {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self { actor, user, organization, kind, since, until, limit } = self;
        let organization =
            organization.map(|given| organization_id(console, &given)).transpose()?;
        let user = user.map(|given| user_id(console, &given)).transpose()?;
        let actor = actor.map(|given| actor_key(console, given)).transpose()?;
        let [since, until] = [since, until].map(|time| time.map(|time| time.to_string()));
        let params = [
            ("actor", actor.as_deref()),
            ("user", user.as_deref()),
            ("organization", organization.as_deref()),
            ("kind", kind.as_deref()),
            ("since", since.as_deref()),
            ("until", until.as_deref()),
        ];
        let entries = console.first(&["audit"], &params, limit)?;
        if array(&entries, "items").is_empty() && !console.is_json() {
            return console.note(&none(actor.as_deref(), kind.as_deref()));
        }
        let logins = lookup::logins_of_actors(console, &entries)?;
        console.table(
            &entries,
            ["NUMBER", "TIME", "ACTOR", "FROM", "KIND", "SUBJECT", "CHANGED"],
            |entry| {
                let subject = field(entry, "subject");
                [
                    text(entry, "number"),
                    text(entry, "time"),
                    audit_entry::actor(entry, &logins),
                    text(entry, "from"),
                    text(entry, "kind"),
                    text(subject, "name"),
                    changed(entry),
                ]
            },
        )
    }
}

/// The id of a portal user. Entries stay when their user is deleted, so an id that no longer has a
/// user is used as it is.
fn user_id(console: &Console<'_>, given: &str) -> anyhow::Result<String> {
    match lookup::user_id(console, given) {
        Err(_) if lookup::is_user_id(given) => Ok(given.to_owned()),
        found => found,
    }
}

/// The same for an organization: those that are deleted have entries too.
fn organization_id(console: &Console<'_>, given: &str) -> anyhow::Result<String> {
    let unknown = match lookup::organization_id(console, given) {
        Ok(id) => return Ok(id),
        Err(unknown) => unknown,
    };
    let entries = console.first(&["audit"], &[("organization", Some(given))], 1)?;
    if array(&entries, "items").is_empty() { Err(unknown) } else { Ok(given.to_owned()) }
}

/// What entries are filtered by for an actor: of a portal user, the id.
fn actor_key(console: &Console<'_>, given: String) -> anyhow::Result<String> {
    match given.strip_prefix("portal-user:") {
        Some(user) => Ok(format!("portal-user:{}", user_id(console, user)?)),
        None => Ok(given),
    }
}

/// That no entry matches, and what could be meant instead.
fn none(actor: Option<&str>, kind: Option<&str>) -> String {
    let mut text = "No entries.".to_owned();
    if let Some(kind) = kind {
        text.push_str(&format!(
            " `--kind {kind}`: kinds are {} with `.created`, `.changed` or `.deleted`, and {}.",
            listed(&NOUNS),
            listed(&OTHER_KINDS)
        ));
    }
    if let Some(actor) = actor {
        text.push_str(&format!(
            " `--actor {actor}`: actors are `socket`, `token:NAME`, `administrator:LOGIN`, \
             `portal-user:LOGIN` and `system:PART`."
        ));
    }
    text
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// The names of the fields that an entry changed.
fn changed(entry: &Value) -> String {
    let Some(after) = field(entry, "after").as_object() else { return String::new() };
    if field(entry, "before").is_null() {
        return String::new();
    }
    after.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn export(console: &mut Console<'_>, output: Option<PathBuf>) -> anyhow::Result<()> {
    let segments = ["audit", "export"];
    let Some(path) = output else { return console.copy(&segments) };
    let file = File::create_new(&path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => anyhow!(
            "{} exists already, and is not overwritten; name another file, or remove it first",
            path.display()
        ),
        _ => anyhow!("cannot create {}: {error}", path.display()),
    })?;
    let mut file = BufWriter::new(file);
    console.read(&segments, &mut |part| Ok(file.write_all(part)?))?;
    file.flush()?;
    console.note(&format!("Wrote the audit log to {}.", path.display()))
}

impl Verify {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self { file, against, key } = self;
        let key = match key {
            Some(key) => read_key(&key)?,
            None => {
                let checkpoint = console.get(&["audit", "checkpoint"])?;
                PublicKey::parse(&text(&checkpoint, "key"))?
            }
        };
        let mut notes = Vec::new();
        for path in &against {
            let note = fs::read_to_string(path);
            let note = note.with_context(|| format!("cannot read {}", path.display()))?;
            // Each alone, so that the error names its file.
            Verification::new(&key, [&*note]).map_err(|error| match note.contains(SIGNATURE) {
                true => anyhow!("{}: {error}", path.display()),
                false => anyhow!(
                    "{} is not a checkpoint; `portcullis audit checkpoint` prints one",
                    path.display()
                ),
            })?;
            notes.push(note);
        }
        let mut verification = Verification::new(&key, notes.iter().map(String::as_str))?;
        let verified = match file {
            Some(path) => {
                let file = File::open(&path);
                let file = file.with_context(|| format!("cannot open {}", path.display()))?;
                if against.is_empty() && file.metadata()?.len() == 0 {
                    bail!(
                        "{} is empty, so nothing can be verified; write the log to a file with \
                         `portcullis audit export --output FILE`",
                        path.display()
                    );
                }
                for line in BufReader::new(file).lines() {
                    verification.line(&line?)?;
                }
                verification.finish()?.whole()?
            }
            None => {
                verify_running(console, &mut verification)?;
                verification.finish()?
            }
        };
        console.report(&summary(&verified), &sentence(&verified))
    }
}

/// Verifies the log of the running gateway, line by line.
fn verify_running(console: &Console<'_>, verification: &mut Verification) -> anyhow::Result<()> {
    let mut rest = Vec::new();
    console.read(&["audit", "export"], &mut |part| {
        rest.extend_from_slice(part);
        let mut read = 0;
        while let Some(length) = rest.iter().skip(read).position(|byte| *byte == b'\n') {
            let line = rest.get(read..read + length).unwrap_or_default();
            verification.line(str::from_utf8(line)?)?;
            read += length + 1;
        }
        rest.drain(..read);
        Ok(())
    })?;
    if !rest.is_empty() {
        bail!("the exported log ends within a line");
    }
    Ok(())
}

/// The key itself, or the one in the file of that name.
fn read_key(text: &str) -> anyhow::Result<PublicKey> {
    if let Ok(key) = PublicKey::parse(text) {
        return Ok(key);
    }
    let file = fs::read_to_string(text)
        .with_context(|| format!("`{text}` is neither a public key nor a file that can be read"))?;
    PublicKey::parse(&file).with_context(|| text.to_owned())
}

fn sentence(verified: &Verified) -> String {
    let Verified { size, removed, uncovered, own, outside } = verified;
    let unchanged = match (removed, uncovered) {
        (0, 0) => "none of them changed.".to_owned(),
        (removed, 0) => format!(
            "of which the first {removed} were removed at the end of their retention, and none of \
             the others was changed."
        ),
        (removed, uncovered) => {
            let signed = size.saturating_sub(*removed).saturating_sub(*uncovered);
            let removed = match removed {
                0 => String::new(),
                removed => format!("the first {removed} removed at the end of their retention; "),
            };
            format!(
                "{removed}{signed} of them signed and not changed; {uncovered} after the last \
                 checkpoint are covered by nothing."
            )
        }
    };
    let separator = if *uncovered == 0 { ',' } else { ';' };
    let mut text = format!("{size} entries{separator} {unchanged}");
    match (outside, own) {
        (Some(outside), _) => text.push_str(&format!(
            "\nThe log begins with the {} entries of the checkpoint of {}.",
            outside.size, outside.time
        )),
        (None, Some(own)) => text.push_str(&format!(
            "\nEntries removed from the end after {} would not show; compare with a checkpoint kept \
             elsewhere (--against FILE).",
            own.time
        )),
        // Without either, verification has failed.
        (None, None) => {}
    }
    text
}

fn summary(verified: &Verified) -> Value {
    let size = |checkpoint: &Option<portcullis_audit::Checkpoint>| {
        checkpoint.map(
            |checkpoint| serde_json::json!({ "size": checkpoint.size, "time": checkpoint.time }),
        )
    };
    serde_json::json!({
        "size": verified.size,
        "removed": verified.removed,
        "uncovered": verified.uncovered,
        "own": size(&verified.own),
        "outside": size(&verified.outside),
    })
}
