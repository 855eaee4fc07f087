//! `portcullis users`: portal users, by login or id.

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::client::{with_command, with_option};
use super::console::{Console, Request, field, managed_by, text};
use super::question::When;
use super::terminal::shell_word;
use super::user::User;
use super::user_list::{mfa, status};
use super::{
    import, invitations, password, personal_data, sessions, user_create, user_edit, user_list,
    user_tokens,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List portal users
    List(user_list::List),
    /// Show a portal user
    Show(User),
    /// Create a portal user
    Create(user_create::Create),
    /// Create or change portal users from a CSV file, or create them from JSON documents
    Import(import::Users),
    /// Change a portal user
    Edit(user_edit::Edit),
    /// Refuse sign-in and all requests of a portal user, without deleting anything
    Disable(User),
    /// Allow a disabled portal user to sign in again
    Enable(User),
    /// Set the password, which ends all sessions and tokens of the user
    Password {
        #[command(flatten)]
        user: User,
        /// Read the password from standard input instead of prompting
        #[arg(long)]
        password_stdin: bool,
    },
    /// Email an invitation to choose a password; earlier links stop working
    Invite {
        #[command(flatten)]
        user: User,
        /// Where to send it [default: the end user's address, else the organization's, else the
        /// login]
        #[arg(long, value_name = "ADDRESS")]
        send_to: Option<String>,
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
    /// Print everything that is stored about a portal user, as JSON, or write portal users to a CSV
    /// file
    Export(personal_data::Export),
    /// Delete a portal user, with sessions, tokens and emails
    Delete(User),
    /// Delete everything that is stored about a person, and list what the gateway cannot delete
    Erase {
        #[command(flatten)]
        user: User,
        /// Delete the end user that the account belongs to, too
        #[arg(long)]
        end_user: bool,
    },
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List(list) => list.run(console),
            Self::Show(user) => {
                let user = user.find(console)?;
                show(console, &user)
            }
            Self::Create(create) => create.run(console),
            Self::Import(import) => import.run(console),
            Self::Edit(edit) => edit.run(console),
            Self::Disable(user) => user_edit::set_disabled(console, &user, true),
            Self::Enable(user) => user_edit::set_disabled(console, &user, false),
            Self::Password { user, password_stdin } => {
                let (id, login) = user.id_and_login(console)?;
                let password = password::read(password_stdin)?;
                console.intends(&format!("set the password of {login}"));
                let body = json!({ "password": password.as_str() });
                let changed = console.put(&["users", &id, "password"], &body)?;
                let login = text(&changed, "login");
                let sentence = format!(
                    "Set the password of {login}, and ended all sessions and tokens of that user."
                );
                console.report(&changed, &sentence)
            }
            Self::Invite { user, send_to, blind_copy } => {
                let user = user.find(console)?;
                let [id, login] = ["id", "login"].map(|field| text(&user, field));
                let body = json!({ "send_to": send_to, "blind_copy": blind_copy });
                let path = ["users", &*id, "invitation"];
                let request = Request { body: Some(&body), ..Request::new(Method::POST, &path) };
                let intent = format!("invite {login}");
                let invited =
                    console.carry_out(&request, &intent, When::Warned(&invitations::ASKED));
                let (invited, _) = invited.map_err(|error| {
                    let set = format!("portcullis users password {}", shell_word(&login));
                    let error = with_command(error, "has-password", &set);
                    with_option(error, "send_to", "--send-to")
                })?;
                let [login, invitation] = [text(&invited, "login"), invitations::sent(&invited)];
                console.report(&invited, &format!("Invited {login}; {invitation}"))?;
                invitations::warn(console, &invited)
            }
            Self::Withdraw(user) => {
                let (id, login) = user.id_and_login(console)?;
                let path = ["users", &*id, "invitation"];
                let request = Request::new(Method::DELETE, &path);
                let intent = format!("withdraw the invitation of {login}");
                console.carry_out(&request, &intent, When::Warned(&["link-stays-closed"]))?;
                console.report(&Value::Null, &format!("Withdrew the invitation of {login}."))
            }
            Self::ResetMfa(user) => {
                let user = user.find(console)?;
                let [id, login] = ["id", "login"].map(|field| text(&user, field));
                if field(&user, "mfa_enrolled") != true {
                    let sentence = format!("Nothing changed: {login} has no second factor.");
                    return console.report(&Value::Null, &sentence);
                }
                let next = match field(&user, "require_mfa") == true {
                    true => "after which the next sign-in asks for a new one",
                    false => "after which the password alone is enough to sign in",
                };
                let path = ["users", &*id, "mfa"];
                let intent =
                    format!("remove the second factor and the recovery codes of {login}, {next}");
                console.carry_out(&Request::new(Method::DELETE, &path), &intent, When::Always)?;
                console.report(&Value::Null, &format!("Reset the second factor of {login}."))
            }
            Self::Sessions(user) => {
                let (id, _) = user.id_and_login(console)?;
                sessions::print(console, &["users", &id, "sessions"], &[])
            }
            Self::Tokens(tokens) => tokens.run(console),
            Self::Export(export) => export.run(console),
            Self::Erase { user, end_user } => {
                let user = user.find(console)?;
                personal_data::erase(console, &user, end_user)
            }
            Self::Delete(user) => {
                let user = user.find(console)?;
                let [id, login] = ["id", "login"].map(|field| text(&user, field));
                let path = ["users", &*id];
                let intent = format!("delete the portal user {login}");
                console.carry_out(&Request::new(Method::DELETE, &path), &intent, When::Always)?;
                console.report(&Value::Null, &format!("Deleted the portal user {login}."))
            }
        }
    }
}

fn show(console: &mut Console<'_>, user: &Value) -> anyhow::Result<()> {
    let [id, login, name, organization, end_user, group, last] =
        ["id", "login", "name", "organization", "end_user", "group", "last_sign_in"]
            .map(|field| text(user, field));
    let named = |kind: &str, id: String| match console.get(&[kind, &id]) {
        Ok(record) => format!("{id} ({})", text(&record, "name")),
        Err(_) => id,
    };
    let (organization, group) = match console.is_json() {
        true => (organization, group),
        false => (named("organizations", organization), named("groups", group)),
    };
    let invitation = field(user, "invitation");
    let invited = match field(invitation, "sent_to").as_str() {
        Some(to) => format!("sent to {to}, valid until {}", text(invitation, "expires")),
        None => "-".to_owned(),
    };
    console.record(
        user,
        [
            ("id", id),
            ("login", login),
            ("name", name),
            ("organization", organization),
            ("end user", end_user),
            ("group", group),
            ("status", status(user).to_owned()),
            ("invitation", invited),
            ("second factor", mfa(user).to_owned()),
            ("last sign-in", last),
            ("managed by", managed_by(user)),
        ],
    )
}
