//! `portcullis users export` and `erase`: what is stored about a person.

use std::path::PathBuf;

use clap::Args;
use http::Method;
use serde_json::Value;

use super::console::{Console, Request, array, field, text};
use super::question::When;
use super::user_list::List;
use super::{csv_export, lookup};

/// What an erasure does not reach, a line each.
const REMAINING: [&str; 7] = [
    "the audit log: entries about the person are kept for audit.retention, as evidence",
    "reports of jobs, until 30 days after the end of the job",
    "the log and decision records outside of the gateway, by the user's id or login",
    "emails that were sent, in mail.directory or at the mail server",
    "backups and copies of the store",
    "the store's own files, until their space is reused (docs/operations.md, Deleted records)",
    "what the portal stores about the person",
];

#[derive(Debug, Args)]
pub(super) struct Export {
    /// The portal user's login or id
    #[arg(value_name = "USER", required_unless_present = "format", conflicts_with = "List")]
    user: Option<String>,
    /// Write a file of portal users instead: `csv`
    #[arg(long, value_parser = ["csv"], hide_possible_values = true, conflicts_with = "user")]
    format: Option<String>,
    /// The file to create [default: standard output]
    #[arg(long, value_name = "FILE", requires = "format")]
    output: Option<PathBuf>,
    #[command(flatten)]
    list: List,
}

impl Export {
    /// Prints everything that is stored about a portal user, or writes a file of portal users.
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self { user, format, output, list } = self;
        if let Some(user) = user {
            let user = lookup::user(console, &user)?;
            let export = console.get(&["users", &text(&user, "id"), "export"])?;
            return console.document(&export);
        }
        list.with_params(console, |console, params| {
            let params = [params, &[("format", format.as_deref())]].concat();
            csv_export::write(console, output, &["users"], &params)
        })
    }
}

/// Deletes a portal user and what is stored about it.
pub(super) fn erase(console: &mut Console<'_>, user: &Value, end_user: bool) -> anyhow::Result<()> {
    let [id, login] = ["id", "login"].map(|name| text(user, name));
    let export = console.get(&["users", &id, "export"])?;
    let stored = stored(&export, end_user);
    let (path, params) = (["users", &*id], [("end_user", end_user.then_some("true"))]);
    let request = Request { params: &params, ..Request::new(Method::DELETE, &path) };
    console.carry_out(&request, &format!("erase {login} ({stored})"), When::Always)?;
    console.report(&Value::Null, &format!("Erased {login}: {stored}."))?;
    let own = field(&export, "end_user");
    if !end_user && !own.is_null() {
        let (id, name) = (text(own, "id"), text(own, "name"));
        console
            .note(&format!("The end user {name} ({id}) remains; `--end-user` deletes it too."))?;
    }
    console.note("What the gateway does not reach:")?;
    for line in REMAINING {
        console.note(&format!("- {line}"))?;
    }
    Ok(())
}

/// What an erasure deletes.
fn stored(export: &Value, end_user: bool) -> String {
    let counted = |name: &str, noun: &str| {
        let number = array(export, name).len();
        format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
    };
    let with = if end_user && !field(export, "end_user").is_null() { ", the end user" } else { "" };
    format!(
        "the portal user{with}, {}, {}, {}",
        counted("sessions", "session"),
        counted("tokens", "token"),
        counted("mails", "email")
    )
}
