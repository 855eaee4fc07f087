//! `portcullis token`: bearer tokens for the admin API over TCP.

use std::io::Write;

use anyhow::bail;
use clap::{Args, Subcommand};
use http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::admin::{Role, of_scope, scope_ids, scope_of};
use super::console::{Console, Request, field, text};
use super::edit::{ExpectedVersion, report_edit};
use super::lookup::{self, short};
use super::question::When;
use super::user_list::time;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List tokens
    List,
    /// Create a token and print it; it cannot be shown again
    Create {
        /// What the token is used for
        name: String,
        /// The email address that gets blind copies of invitations sent with the token
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// What requests with the token may do
        #[arg(long, value_enum, default_value = "owner")]
        role: Role,
        /// The organizations that the token is limited to, by id or name; repeat it for several
        #[arg(long, value_name = "ORGANIZATION")]
        scope: Vec<String>,
        /// Allow acting in the portal as a portal user (`portcullis impersonate`)
        #[arg(long)]
        impersonate: bool,
        /// When the token expires: a date, an RFC 3339 time, or `never` [default: in 90 days]
        #[arg(long, value_name = "TIME", value_parser = expiry)]
        expires: Option<Expiry>,
    },
    /// Change what a token is called, may do, or when it expires; the token itself stays the same
    Edit(Edit),
    /// Revoke a token
    Revoke {
        /// The token's name or id, or the beginning of the id that `list` shows
        #[arg(value_name = "TOKEN")]
        name_or_id: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Edit {
    /// The token's name or id, or the beginning of the id that `list` shows
    #[arg(value_name = "TOKEN")]
    name_or_id: String,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    expected: ExpectedVersion,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Changes {
    /// What the token is used for
    #[arg(long)]
    name: Option<String>,
    /// What requests with the token may do
    #[arg(long, value_enum)]
    role: Option<Role>,
    /// The organizations that the token is limited to, by id or name; repeat it for several
    #[arg(long, value_name = "ORGANIZATION", conflicts_with = "no_scope")]
    scope: Vec<String>,
    /// Remove the limit to some organizations
    #[arg(long)]
    no_scope: bool,
    /// Allow acting in the portal as a portal user (`portcullis impersonate`)
    #[arg(long, conflicts_with = "no_impersonate")]
    impersonate: bool,
    /// No longer allow it
    #[arg(long)]
    no_impersonate: bool,
    /// The email address that gets blind copies of invitations sent with the token
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_email")]
    email: Option<String>,
    /// Remove the email address
    #[arg(long)]
    no_email: bool,
    /// When the token expires: a date, an RFC 3339 time, or `never`
    #[arg(long, value_name = "TIME", value_parser = expiry)]
    expires: Option<Expiry>,
}

impl Edit {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let before = find(console, &self.name_or_id)?;
        let [id, called] = ["id", "name"].map(|field| text(&before, field));
        let Changes {
            name,
            role,
            scope,
            no_scope,
            impersonate,
            no_impersonate,
            email,
            no_email,
            expires,
        } = self.changes;
        let scope = match !scope.is_empty() || no_scope {
            true => Some(scope_ids(console, &scope)?),
            false => None,
        };
        let given = [
            ("name", name.map(Value::from)),
            ("role", role.map(|role| role.name().into())),
            ("scope", scope),
            ("impersonate", (impersonate || no_impersonate).then(|| impersonate.into())),
            ("email", (email.is_some() || no_email).then(|| email.into())),
            ("expires", expires.map(|Expiry(time)| time.map(|time| time.to_string()).into())),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let patch = Value::Object(given.collect());
        let fields = [
            ("name", "name"),
            ("role", "role"),
            ("scope", "scope"),
            ("right to impersonate", "impersonate"),
            ("email address", "email"),
            ("expiry", "expires"),
        ];
        let subject = format!("the token \"{called}\"");
        let (path, edit) = (["tokens", &*id], (&before, &patch));
        let after = self.expected.write(console, (&subject, &path), edit, &fields)?;
        report_edit(console, &subject, (&before, &after), &fields)
    }
}

/// The token with this name or id.
fn find(console: &Console<'_>, given: &str) -> anyhow::Result<Value> {
    let tokens = console.list(&["tokens"], &[])?;
    match lookup::token(&tokens, given)? {
        Some(token) => Ok(token.clone()),
        None => bail!("there is no token `{given}`; list them with `portcullis token list`"),
    }
}

/// When a token expires; `None` for never.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expiry(Option<Timestamp>);

fn expiry(text: &str) -> anyhow::Result<Expiry> {
    Ok(Expiry(if text == "never" { None } else { Some(time(text)?) }))
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List => {
                let tokens = console.list(&["tokens"], &[])?;
                let header = ["ID", "NAME", "ROLE", "SCOPE", "EMAIL", "EXPIRES", "LAST USED"];
                console.table(&tokens, header, |token| {
                    let [id, name, role, email, expires, last_used] =
                        ["id", "name", "role", "email", "expires", "last_used"]
                            .map(|name| text(token, name));
                    let never = |name, given| match field(token, name).is_null() {
                        true => "never".to_owned(),
                        false => given,
                    };
                    let (expires, last_used) =
                        (never("expires", expires), never("last_used", last_used));
                    [short(&id), name, role, scope_of(token), email, expires, last_used]
                })
            }
            Self::Create { name, email, role, scope, impersonate, expires } => {
                console
                    .intends(&format!("create the token \"{name}\" with the role {}", role.name()));
                let mut body = Map::from_iter([
                    ("name".to_owned(), name.into()),
                    ("email".to_owned(), email.into()),
                    ("role".to_owned(), role.name().into()),
                    ("scope".to_owned(), scope_ids(console, &scope)?),
                    ("impersonate".to_owned(), impersonate.into()),
                ]);
                if let Some(Expiry(expires)) = expires {
                    let expires = expires.map(|time| time.to_string());
                    body.insert("expires".to_owned(), expires.into());
                }
                let body = Value::Object(body);
                let token = console.post(&["tokens"], Some(&body))?;
                // On standard error, so that a script gets only the token on standard output.
                let [role, expires] = ["role", "expires"].map(|name| text(&token, name));
                let until = match field(&token, "expires").is_null() {
                    true => "never expires".to_owned(),
                    false => format!("expires {expires}"),
                };
                writeln!(
                    std::io::stderr(),
                    "The token has the role {role}{} and {until}. Keep it safe: it is not shown \
                     again.",
                    of_scope(&token)
                )?;
                console.report(&token, &text(&token, "token"))
            }
            Self::Edit(edit) => edit.run(console),
            Self::Revoke { name_or_id } => {
                let token = find(console, &name_or_id)?;
                let [id, name] = ["id", "name"].map(|field| text(&token, field));
                let called = format!("the token \"{name}\" ({})", short(&id));
                let path = ["tokens", &*id];
                let intent = format!("revoke {called}: requests with it are refused at once");
                console.carry_out(&Request::new(Method::DELETE, &path), &intent, When::Always)?;
                console.report(&Value::Null, &format!("Revoked {called}."))
            }
        }
    }
}
