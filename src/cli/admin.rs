//! `portcullis admin`: the accounts of the operator's own staff.

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::{Map, Value, json};

use super::console::{Console, Request, array, field, text};
use super::edit::ExpectedVersion;
use super::lookup::{self, short};
use super::password;
use super::question::When;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List administrators
    List,
    /// Create an administrator, and show the second factor this once
    Create(Create),
    /// Change an administrator's role, scope, right to impersonate or email address
    Edit(Edit),
    /// Delete an administrator; open sessions end
    Delete {
        /// The administrator's login or id
        login: String,
    },
    /// Set a new password; open sessions end
    ResetPassword {
        /// The administrator's login or id
        login: String,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Issue a new second factor, and show it this once; open sessions end
    ResetMfa {
        /// The administrator's login or id
        login: String,
    },
    /// List the sessions of an administrator
    Sessions {
        /// The administrator's login or id
        login: String,
    },
    /// End all sessions of an administrator
    EndSessions {
        /// The administrator's login or id
        login: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The login
    login: String,
    /// What the administrator may do
    #[arg(long, value_enum)]
    role: Role,
    /// The organizations that the administrator is limited to, by id or name; repeat it for several
    #[arg(long, value_name = "ORGANIZATION")]
    scope: Vec<String>,
    /// Allow acting in the portal as a portal user (`portcullis impersonate`)
    #[arg(long)]
    impersonate: bool,
    /// The email address that gets blind copies of invitations
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Issue no second factor; the first sign-in sets one up, unless `admin.require_mfa` is off
    #[arg(long)]
    no_mfa: bool,
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
pub(super) struct Edit {
    /// The administrator's login or id
    login: String,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    expected: ExpectedVersion,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Changes {
    /// What the administrator may do
    #[arg(long, value_enum)]
    role: Option<Role>,
    /// The organizations that the administrator is limited to, by id or name; repeat it for several
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
    /// The email address that gets blind copies of invitations
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_email")]
    email: Option<String>,
    /// Remove the email address
    #[arg(long)]
    no_email: bool,
}

/// The roles, as the API names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    /// Everything, administrators and tokens included
    Owner,
    /// Organizations, people, groups, preferences, the policy
    Administrator,
    /// Reads everything but administrators and tokens, and helps portal users: passwords, second
    /// factors, invitations, lockouts
    Technician,
    /// Reads everything but administrators and tokens, and exports the audit log
    Auditor,
}

impl Role {
    /// The name in the API.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Administrator => "administrator",
            Self::Technician => "technician",
            Self::Auditor => "auditor",
        }
    }
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List => list(console),
            Self::Create(create) => create.run(console),
            Self::Edit(edit) => edit.run(console),
            Self::Delete { login } => {
                let (id, login) = find(console, &login)?;
                let path = ["administrators", &*id];
                let intent = format!("delete the administrator {login}");
                console.carry_out(&Request::new(Method::DELETE, &path), &intent, When::Always)?;
                console.report(&Value::Null, &format!("Deleted {login}."))
            }
            Self::ResetPassword { login, password_stdin } => {
                let (id, login) = find(console, &login)?;
                let password = password::read(password_stdin)?;
                let body = json!({ "password": *password });
                console.intends(&format!("set a new password for the administrator {login}"));
                let changed = console.put(&["administrators", &id, "password"], &body)?;
                console
                    .report(&changed, &format!("Set a new password for {login}; sessions ended."))
            }
            Self::ResetMfa { login } => {
                let (id, login) = find(console, &login)?;
                let path = ["administrators", &*id, "mfa"];
                let intent = format!(
                    "issue a new second factor for {login}: the app and the recovery codes in use \
                     stop working"
                );
                let request = Request::new(Method::POST, &path);
                let (issued, _) = console.carry_out(&request, &intent, When::Always)?;
                let sentence = format!("Issued a new second factor for {login}.");
                console.report(&issued, &with_factor(&issued, sentence))
            }
            Self::Sessions { login } => {
                let (id, _) = find(console, &login)?;
                let sessions = console.list(&["administrators", &id, "sessions"], &[])?;
                let header = ["ID", "CREATED", "LAST SEEN", "ADDRESS"];
                console.table(&sessions, header, |session| {
                    let [id, created, seen, address] =
                        ["id", "created", "last_seen", "address"].map(|name| text(session, name));
                    [short(&id), created, seen, address]
                })
            }
            Self::EndSessions { login } => {
                let (id, login) = find(console, &login)?;
                console.intends(&format!("end the sessions of the administrator {login}"));
                console.delete(&["administrators", &id, "sessions"], &[])?;
                console.report(&Value::Null, &format!("Ended the sessions of {login}."))
            }
        }
    }
}

fn list(console: &mut Console<'_>) -> anyhow::Result<()> {
    let administrators = console.list(&["administrators"], &[])?;
    let header = ["LOGIN", "ROLE", "SCOPE", "IMPERSONATE", "MFA", "LAST SIGN-IN", "EMAIL", "ID"];
    console.table(&administrators, header, |administrator| {
        let [login, role, impersonate, mfa, last, email, id] =
            ["login", "role", "impersonate", "mfa_enrolled", "last_sign_in", "email", "id"]
                .map(|name| text(administrator, name));
        [login, role, scope_of(administrator), impersonate, mfa, last, email, id]
    })
}

impl Create {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self { login, role, scope, impersonate, email, no_mfa, password_stdin } = self;
        let scope = scope_ids(console, &scope)?;
        let password = password::read(password_stdin)?;
        let body = json!({
            "login": login,
            "role": role.name(),
            "scope": scope,
            "impersonate": impersonate,
            "email": email,
            "mfa": !no_mfa,
            "password": *password,
        });
        console.intends(&format!("create the {} {login}", role.name()));
        let issued = console.post(&["administrators"], Some(&body))?;
        let (login, of_scope) = (text(&issued, "login"), of_scope(&issued));
        let mut sentence = format!("Created the {} {login}{of_scope}.", role.name());
        if no_mfa {
            sentence.push_str(
                " The first sign-in to the admin UI sets up a second factor, unless \
                 `admin.require_mfa` is off.",
            );
        }
        console.report(&issued, &with_factor(&issued, sentence))
    }
}

impl Edit {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Changes { role, scope, no_scope, impersonate, no_impersonate, email, no_email } =
            self.changes;
        let before = administrator(console, &self.login)?;
        let [id, login] = ["id", "login"].map(|field| text(&before, field));
        let mut patch = Map::new();
        if let Some(role) = role {
            patch.insert("role".to_owned(), role.name().into());
        }
        if !scope.is_empty() || no_scope {
            patch.insert("scope".to_owned(), scope_ids(console, &scope)?);
        }
        if impersonate || no_impersonate {
            patch.insert("impersonate".to_owned(), impersonate.into());
        }
        if email.is_some() || no_email {
            patch.insert("email".to_owned(), email.into());
        }
        let fields = [
            ("role", "role"),
            ("scope", "scope"),
            ("right to impersonate", "impersonate"),
            ("email address", "email"),
        ];
        let (path, edit) = (["administrators", &*id], (&before, &Value::Object(patch)));
        let changed = self.expected.write(console, (&login, &path), edit, &fields)?;
        let sentence = format!(
            "{login} is now {} {}{}.",
            if text(&changed, "role").starts_with(['a', 'o']) { "an" } else { "a" },
            text(&changed, "role"),
            of_scope(&changed)
        );
        console.report(&changed, &sentence)
    }
}

/// The ids of the organizations of a scope, for the API: `null` without any.
pub(super) fn scope_ids(console: &Console<'_>, given: &[String]) -> anyhow::Result<Value> {
    if given.is_empty() {
        return Ok(Value::Null);
    }
    let ids = given.iter().map(|given| lookup::organization_id(console, given).map(Value::from));
    ids.collect::<anyhow::Result<Vec<_>>>().map(Value::from)
}

/// The scope of an account or a token in a table.
pub(super) fn scope_of(record: &Value) -> String {
    if field(record, "scope").is_null() {
        return "all".to_owned();
    }
    let ids: Vec<_> = array(record, "scope").iter().filter_map(Value::as_str).collect();
    ids.join(", ")
}

/// The scope in a sentence.
pub(super) fn of_scope(record: &Value) -> String {
    let ids: Vec<_> = array(record, "scope").iter().filter_map(Value::as_str).collect();
    match &*ids {
        [] => String::new(),
        [only] => format!(" for {only} only"),
        [first @ .., last] => format!(" for {} and {last} only", first.join(", ")),
    }
}

/// The id and the login of an administrator.
fn find(console: &Console<'_>, given: &str) -> anyhow::Result<(String, String)> {
    let one = administrator(console, given)?;
    Ok((text(&one, "id"), text(&one, "login")))
}

fn administrator(console: &Console<'_>, given: &str) -> anyhow::Result<Value> {
    let all = console.list(&["administrators"], &[])?;
    let is_named = |one: &&Value| {
        text(one, "id") == given || text(one, "login").to_lowercase() == given.to_lowercase()
    };
    match array(&all, "items").iter().find(is_named) {
        Some(one) => Ok(one.clone()),
        None => {
            bail!("there is no administrator `{given}`; list them with `portcullis admin list`")
        }
    }
}

/// The sentence, and the second factor that was just issued.
fn with_factor(issued: &Value, sentence: String) -> String {
    let factor = field(issued, "second_factor");
    if factor.is_null() {
        return sentence;
    }
    let codes: Vec<_> = array(factor, "recovery_codes").iter().filter_map(Value::as_str).collect();
    format!(
        "{sentence}\n\nFor the authenticator app; it is not shown again:\n  key   {}\n  URL   {}\n\n\
         Recovery codes, each for one sign-in without the app:\n  {}",
        text(factor, "secret"),
        text(factor, "url"),
        codes.join("\n  ")
    )
}
