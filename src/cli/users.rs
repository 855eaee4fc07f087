//! `portcullis users`: portal users, by login or id.

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Map, Value, json};

use super::console::{Console, array, field, text};
use super::{password, sessions};

mod import;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// All portal users
    List {
        /// Only those of the organization with this id
        #[arg(long, value_name = "ID")]
        organization: Option<String>,
        /// Only those in the group with this id
        #[arg(long, value_name = "ID")]
        group: Option<String>,
    },
    /// One portal user
    Show(Who),
    /// Make a portal user
    Create(Create),
    /// Make the portal users that a file describes, a line each
    Import(import::Import),
    /// Change a portal user
    Edit(Edit),
    /// Set a password, which ends all of the user's sessions
    Password {
        #[command(flatten)]
        who: Who,
        /// Read the password from the standard input instead of asking
        #[arg(long)]
        password_stdin: bool,
    },
    /// Mail an invitation to choose a password; an older one is worth nothing then
    Invite {
        #[command(flatten)]
        who: Who,
        /// The address that gets a blind copy
        #[arg(long, value_name = "ADDRESS")]
        blind_copy: Option<String>,
    },
    /// Withdraw an invitation that has not been claimed
    Withdraw(Who),
    /// Take the second factor and its recovery codes away: the next sign-in sets it up anew
    ResetMfa(Who),
    /// Where the user is signed in
    Sessions(Who),
    /// Delete a portal user
    Delete(Who),
}

#[derive(Debug, Args)]
pub(super) struct Who {
    /// The user's login or id
    #[arg(value_name = "USER")]
    user: String,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The organization's id
    organization: String,
    /// The login [default: the email address]
    #[arg(long)]
    login: Option<String>,
    /// The id of the end user whose sign-in it is
    #[arg(long, value_name = "ID")]
    end_user: Option<String>,
    /// The group's id [default: the default group]
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// Ask for a password
    #[arg(long, group = "how")]
    password: bool,
    /// Read a password from the standard input
    #[arg(long, group = "how")]
    password_stdin: bool,
    /// Read from the standard input the hash that another portal keeps of the password
    #[arg(long, group = "how")]
    password_hash_stdin: bool,
    /// Mail an invitation to choose a password
    #[arg(long, group = "how")]
    invite: bool,
    /// The address that gets a blind copy of the invitation
    #[arg(long, value_name = "ADDRESS", requires = "invite")]
    blind_copy: Option<String>,
    /// Ask for a second factor
    #[arg(long)]
    require_mfa: bool,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true))]
pub(super) struct Edit {
    #[command(flatten)]
    who: Who,
    /// Another login
    #[arg(long, group = "change")]
    login: Option<String>,
    /// Another group's id
    #[arg(long, group = "change", value_name = "ID")]
    group: Option<String>,
    /// The id of the end user whose sign-in it is
    #[arg(long, group = "change", value_name = "ID")]
    end_user: Option<String>,
    /// Make it the organization's own
    #[arg(long, group = "change", conflicts_with = "end_user")]
    no_end_user: bool,
    /// Whether to ask for a second factor
    #[arg(long, group = "change", value_name = "true|false")]
    require_mfa: Option<bool>,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List { organization, group } => {
                let params =
                    [("organization", organization.as_deref()), ("group", group.as_deref())];
                let users = console.list(&["users"], &params)?;
                let head = ["ID", "LOGIN", "ORGANIZATION", "GROUP", "STATUS", "MFA"];
                console.table(&users, head, |user| {
                    ["id", "login", "organization", "group", "status", "require_mfa"]
                        .map(|field| text(user, field))
                })
            }
            Self::Show(who) => {
                let user = console.get(&["users", &who.id(console)?])?;
                show(console, &user)
            }
            Self::Create(create) => create.run(console),
            Self::Import(import) => import.run(console),
            Self::Edit(edit) => edit.run(console),
            Self::Password { who, password_stdin } => {
                let id = who.id(console)?;
                let password = password::read(password_stdin)?;
                let body = json!({ "password": password.as_str() });
                let user = console.put(&["users", &id, "password"], &body)?;
                let login = text(&user, "login");
                console.told(
                    &user,
                    &format!("Set the password of `{login}`; all sessions of that user are over."),
                )
            }
            Self::Invite { who, blind_copy } => {
                let id = who.id(console)?;
                let body = json!({ "blind_copy": blind_copy });
                let user = console.post(&["users", &id, "invitation"], Some(&body))?;
                let login = text(&user, "login");
                console.told(&user, &format!("Invited `{login}`; the mail is on its way."))
            }
            Self::Withdraw(who) => {
                let id = who.id(console)?;
                console.delete(&["users", &id, "invitation"], &[])?;
                let sentence = format!("Withdrew the invitation of {}.", who.user);
                console.told(&Value::Null, &sentence)
            }
            Self::ResetMfa(who) => {
                let id = who.id(console)?;
                console.confirm(&format!("Reset the second factor of {}?", who.user))?;
                console.delete(&["users", &id, "mfa"], &[])?;
                let sentence = format!("Reset the second factor of {}.", who.user);
                console.told(&Value::Null, &sentence)
            }
            Self::Sessions(who) => {
                let id = who.id(console)?;
                sessions::print(console, &["users", &id, "sessions"], &[])
            }
            Self::Delete(who) => {
                let id = who.id(console)?;
                console.confirm(&format!("Delete the portal user {}?", who.user))?;
                console.delete(&["users", &id], &[])?;
                console.told(&Value::Null, &format!("Deleted the portal user {}.", who.user))
            }
        }
    }
}

impl Who {
    fn id(&self, console: &Console<'_>) -> anyhow::Result<String> {
        id(console, &self.user)
    }
}

/// The id of the user with this login; whatever is no login is taken for an id.
pub(super) fn id(console: &Console<'_>, user: &str) -> anyhow::Result<String> {
    let found = console.list(&["users"], &[("login", Some(user))])?;
    let id = array(&found, "items").first().and_then(|user| field(user, "id").as_str());
    Ok(id.unwrap_or(user).to_owned())
}

impl Create {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let mut body = json!({
            "organization": self.organization,
            "end_user": self.end_user,
            "login": self.login,
            "group": self.group,
            "invite": self.invite,
            "blind_copy": self.blind_copy,
            "require_mfa": self.require_mfa,
        });
        if self.password || self.password_stdin || self.password_hash_stdin {
            let given = password::read(self.password_stdin || self.password_hash_stdin)?;
            let field = if self.password_hash_stdin { "password_hash" } else { "password" };
            if let Some(body) = body.as_object_mut() {
                body.insert(field.to_owned(), given.as_str().into());
            }
        }
        let user = console.post(&["users"], Some(&body))?;
        let [login, id, group, status] =
            ["login", "id", "group", "status"].map(|field| text(&user, field));
        let sentence = format!(
            "Made the portal user `{login}` with the id {id}, in the group {group} ({status})."
        );
        console.told(&user, &sentence)
    }
}

impl Edit {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let id = self.who.id(console)?;
        let mut patch = Map::new();
        if let Some(login) = self.login {
            patch.insert("login".to_owned(), login.into());
        }
        if let Some(group) = self.group {
            patch.insert("group".to_owned(), group.into());
        }
        if self.end_user.is_some() || self.no_end_user {
            patch.insert("end_user".to_owned(), self.end_user.into());
        }
        if let Some(require_mfa) = self.require_mfa {
            patch.insert("require_mfa".to_owned(), require_mfa.into());
        }
        let user = console.patch(&["users", &id], None, &Value::Object(patch))?;
        show(console, &user)
    }
}

fn show(console: &mut Console<'_>, user: &Value) -> anyhow::Result<()> {
    let fields = [
        ("id", "id"),
        ("login", "login"),
        ("organization", "organization"),
        ("end user", "end_user"),
        ("group", "group"),
        ("status", "status"),
        ("MFA required", "require_mfa"),
        ("MFA set up", "mfa_enrolled"),
    ];
    console.record(user, fields.map(|(label, field)| (label, text(user, field))))
}
