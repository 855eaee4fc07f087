//! `portcullis mail`: the outbox, recent emails, and test emails.

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::with_command;
use super::console::{Console, field, text};
use super::lookup;
use super::terminal::{escaped_line, shell_word};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List waiting emails, and sent ones of the last 30 days (resets: 1 day)
    List {
        /// Only emails in this state: `waiting`, `sent`, `failed`, `unconfirmed` or `not_needed`
        #[arg(
            long,
            value_parser = ["waiting", "sent", "failed", "unconfirmed", "not_needed"],
            hide_possible_values = true
        )]
        state: Option<String>,
        /// Only emails to a portal user, by login or id
        #[arg(long)]
        user: Option<String>,
    },
    /// Show an email
    Show(Target),
    /// Send a waiting or unconfirmed email now
    Retry(Target),
    /// Send a test email now and show the mail server's answer
    Test {
        /// The email address to send it to
        #[arg(value_name = "ADDRESS")]
        to: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Target {
    /// The email's id, or the login of a portal user for the last email to that user
    #[arg(value_name = "EMAIL")]
    id_or_login: String,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List { state, user } => {
                let user = user.map(|user| lookup::user_id(console, &user)).transpose()?;
                let mut mails = console.list(&["mail"], &[("state", state.as_deref())])?;
                if let (Some(user), Some(items)) =
                    (user, mails.get_mut("items").and_then(Value::as_array_mut))
                {
                    items.retain(|mail| field(mail, "user") == &user);
                }
                let header = [
                    "ID", "LOGIN", "TO", "OCCASION", "STATE", "CREATED", "ATTEMPTS", "NEXT",
                    "ERROR",
                ];
                console.table(&mails, header, |mail| {
                    [
                        "id",
                        "login",
                        "to",
                        "occasion",
                        "state",
                        "written",
                        "attempts",
                        "next",
                        "last_error",
                    ]
                    .map(|field| shown(mail, field))
                })
            }
            Self::Show(target) => {
                let mail = lookup::mail(console, &target.id_or_login)?;
                show(console, &mail)
            }
            Self::Retry(target) => {
                let mail = lookup::mail(console, &target.id_or_login)?;
                let [id, login] = ["id", "login"].map(|field| text(&mail, field));
                console.intends(&format!("send the email to {} again", text(&mail, "to")));
                let mail = console.post(&["mail", &id, "retry"], None).map_err(|error| {
                    let invite = format!("portcullis users invite {}", shell_word(&login));
                    match field(&mail, "occasion") == "invitation" {
                        true => with_command(error, "mail-done", &invite),
                        false => error,
                    }
                })?;
                let to = text(&mail, "to");
                console.report(
                    &mail,
                    &format!("Sending the email to {to}; see the result with `portcullis mail show {id}`."),
                )
            }
            Self::Test { to } => test(console, &to),
        }
    }
}

/// Fails if the email was not sent. With `--json`, the result is printed in either case.
fn test(console: &mut Console<'_>, to: &str) -> anyhow::Result<()> {
    console.intends(&format!("send a test email to {to}"));
    let result = console.post(&["mail", "test"], Some(&json!({ "to": to })))?;
    let [to, via, code, reply, error, advice] =
        ["to", "via", "code", "reply", "error", "advice"].map(|field| text(&result, field));
    if field(&result, "sent") != &Value::Bool(true) {
        if console.is_json() {
            console.document(&result)?;
        }
        bail!("the test email was not sent: {}\n{advice}", escaped_line(&error));
    }
    let sentence = match text(&result, "transport") == "smtp" {
        true => {
            let reply = format!("{code} {reply}");
            format!("Sent to {to}. {via} answered: {}", escaped_line(reply.trim_end()))
        }
        false => format!(
            "Written to {via}. With mail.transport = \"directory\", the gateway sends no emails; \
             another program must send the files."
        ),
    };
    console.report(&result, &sentence)
}

fn show(console: &mut Console<'_>, mail: &Value) -> anyhow::Result<()> {
    let fields = [
        ("id", "id"),
        ("to", "to"),
        ("blind copy", "blind_copy"),
        ("occasion", "occasion"),
        ("login", "login"),
        ("portal user", "user"),
        ("organization", "organization"),
        ("state", "state"),
        ("state since", "at"),
        ("next attempt", "next"),
        ("attempts", "attempts"),
        ("last error", "last_error"),
        ("created", "written"),
        ("link expires", "expires"),
    ];
    console.record(mail, fields.map(|(label, field)| (label, shown(mail, field))))
}

/// A field for a person: an occasion of two words has a space.
fn shown(mail: &Value, name: &str) -> String {
    let text = text(mail, name);
    if name == "occasion" { text.replace('_', " ") } else { text }
}
