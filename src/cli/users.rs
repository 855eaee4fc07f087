//! `portcullis users`: portal users, by login or id.

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Map, Value, json};

use super::console::{Console, text};
use super::user_id::user_id;
use super::{import, password, sessions, user_tokens};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List portal users
    List {
        /// Only users of the organization with this id
        #[arg(long, value_name = "ID")]
        organization: Option<String>,
        /// Only users in the group with this id
        #[arg(long, value_name = "ID")]
        group: Option<String>,
    },
    /// Show a portal user
    Show(User),
    /// Create a portal user
    Create(Create),
    /// Create portal users from a JSON Lines file
    Import(import::Import),
    /// Change a portal user
    Edit(Edit),
    /// Set the password, which ends all sessions and tokens of the user
    Password {
        #[command(flatten)]
        user: User,
        /// Read the password from standard input instead of prompting
        #[arg(long)]
        password_stdin: bool,
    },
    /// Email an invitation to choose a password; earlier invitations stop working
    Invite {
        #[command(flatten)]
        user: User,
        /// An email address that gets a blind copy
        #[arg(long, value_name = "ADDRESS")]
        blind_copy: Option<String>,
    },
    /// Withdraw an open invitation
    Withdraw(User),
    /// Remove the second factor and its recovery codes
    ResetMfa(User),
    /// List the user's sessions
    Sessions(User),
    /// Manage the user's tokens for programs
    Tokens(user_tokens::Tokens),
    /// Delete a portal user
    Delete(User),
}

#[derive(Debug, Args)]
pub(super) struct User {
    /// The user's login or id
    #[arg(value_name = "USER")]
    login_or_id: String,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The organization's id
    organization: String,
    /// The login [default: the email address]
    #[arg(long)]
    login: Option<String>,
    /// The name that the portal may display
    #[arg(long)]
    name: Option<String>,
    /// The id of the end user that the account belongs to
    #[arg(long, value_name = "ID")]
    end_user: Option<String>,
    /// The group's id [default: the default group]
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// Prompt for a password
    #[arg(long, group = "how")]
    password: bool,
    /// Read a password from standard input
    #[arg(long, group = "how")]
    password_stdin: bool,
    /// Read a password hash of another portal from standard input
    #[arg(long, group = "how")]
    password_hash_stdin: bool,
    /// Email an invitation to choose a password
    #[arg(long, group = "how")]
    invite: bool,
    /// An email address that gets a blind copy of the invitation
    #[arg(long, value_name = "ADDRESS", requires = "invite")]
    blind_copy: Option<String>,
    /// Require a second factor
    #[arg(long)]
    require_mfa: bool,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true))]
pub(super) struct Edit {
    #[command(flatten)]
    user: User,
    /// The new login
    #[arg(long, group = "change")]
    login: Option<String>,
    /// The name that the portal may display
    #[arg(long, group = "change")]
    name: Option<String>,
    /// Remove the name; the portal then gets that of the end user
    #[arg(long, group = "change", conflicts_with = "name")]
    no_name: bool,
    /// The id of the new group
    #[arg(long, group = "change", value_name = "ID")]
    group: Option<String>,
    /// The id of the end user that the account belongs to
    #[arg(long, group = "change", value_name = "ID")]
    end_user: Option<String>,
    /// Assign the account to the organization itself
    #[arg(long, group = "change", conflicts_with = "end_user")]
    no_end_user: bool,
    /// Whether a second factor is required
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
                let header = ["ID", "LOGIN", "ORGANIZATION", "GROUP", "STATUS", "MFA"];
                console.table(&users, header, |user| {
                    ["id", "login", "organization", "group", "status", "require_mfa"]
                        .map(|field| text(user, field))
                })
            }
            Self::Show(user) => {
                let user = console.get(&["users", &user.id(console)?])?;
                show(console, &user)
            }
            Self::Create(create) => create.run(console),
            Self::Import(import) => import.run(console),
            Self::Edit(edit) => edit.run(console),
            Self::Password { user, password_stdin } => {
                let id = user.id(console)?;
                let password = password::read(password_stdin)?;
                let body = json!({ "password": password.as_str() });
                let changed = console.put(&["users", &id, "password"], &body)?;
                let login = text(&changed, "login");
                console.report(
                    &changed,
                    &format!("Set the password of `{login}` and ended all sessions and tokens of that user."),
                )
            }
            Self::Invite { user, blind_copy } => {
                let id = user.id(console)?;
                let body = json!({ "blind_copy": blind_copy });
                let invited = console.post(&["users", &id, "invitation"], Some(&body))?;
                let login = text(&invited, "login");
                console.report(&invited, &format!("Invited `{login}`; the email is in the outbox."))
            }
            Self::Withdraw(user) => {
                let id = user.id(console)?;
                console.delete(&["users", &id, "invitation"], &[])?;
                let sentence = format!("Withdrew the invitation of {}.", user.login_or_id);
                console.report(&Value::Null, &sentence)
            }
            Self::ResetMfa(user) => {
                let id = user.id(console)?;
                console.confirm(&format!("Reset the second factor of {}?", user.login_or_id))?;
                console.delete(&["users", &id, "mfa"], &[])?;
                let sentence = format!("Reset the second factor of {}.", user.login_or_id);
                console.report(&Value::Null, &sentence)
            }
            Self::Sessions(user) => {
                let id = user.id(console)?;
                sessions::print(console, &["users", &id, "sessions"], &[])
            }
            Self::Tokens(tokens) => tokens.run(console),
            Self::Delete(user) => {
                let id = user.id(console)?;
                console.confirm(&format!("Delete the portal user {}?", user.login_or_id))?;
                console.delete(&["users", &id], &[])?;
                console
                    .report(&Value::Null, &format!("Deleted the portal user {}.", user.login_or_id))
            }
        }
    }
}

impl User {
    fn id(&self, console: &Console<'_>) -> anyhow::Result<String> {
        user_id(console, &self.login_or_id)
    }
}

impl Create {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let mut body = json!({
            "organization": self.organization,
            "end_user": self.end_user,
            "login": self.login,
            "name": self.name,
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
        let next = match &*status {
            "invited" => "; the invitation is in the outbox",
            "no_password" => ", without a password",
            _ => "",
        };
        let sentence =
            format!("Created the portal user `{login}` (id {id}) in the group {group}{next}.");
        console.report(&user, &sentence)
    }
}

impl Edit {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let id = self.user.id(console)?;
        let mut patch = Map::new();
        if let Some(login) = self.login {
            patch.insert("login".to_owned(), login.into());
        }
        if self.name.is_some() || self.no_name {
            patch.insert("name".to_owned(), self.name.into());
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
        ("name", "name"),
        ("organization", "organization"),
        ("end user", "end_user"),
        ("group", "group"),
        ("status", "status"),
        ("MFA required", "require_mfa"),
        ("MFA set up", "mfa_enrolled"),
    ];
    console.record(user, fields.map(|(label, field)| (label, text(user, field))))
}
