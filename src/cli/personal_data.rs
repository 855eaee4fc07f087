//! `portcullis users export` and `erase`: what is stored about a person.

use http::Method;
use serde_json::Value;

use super::console::{Console, Request, array, field, text};
use super::question::When;

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

/// Prints everything that is stored about the portal user with this id.
pub(super) fn export(console: &mut Console<'_>, id: &str) -> anyhow::Result<()> {
    let export = console.get(&["users", id, "export"])?;
    console.document(&export)
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
