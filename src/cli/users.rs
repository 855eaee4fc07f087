//! `portcullis users`: portal users, by login or id.

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::client::with_command;
use super::console::{Console, Request, field, managed_by, text};
use super::impact::{Impact, sessions_end};
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
    /// Create portal users from a JSON Lines file
    Import(import::Import),
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
    /// Print everything that is stored about a portal user, as JSON
    Export(User),
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
                let (id, _) = user.id_and_login(console)?;
                let password = password::read(password_stdin)?;
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
                if send_to.is_none() {
                    console.confirm(|console| invitations::question(console, &user))?;
                }
                let body = json!({ "send_to": send_to, "blind_copy": blind_copy });
                let invited =
                    console.post(&["users", &id, "invitation"], Some(&body)).map_err(|error| {
                        let set = format!("portcullis users password {}", shell_word(&login));
                        with_command(error, "has-password", &set)
                    })?;
                let [login, invitation] = [text(&invited, "login"), invitations::sent(&invited)];
                console.report(&invited, &format!("Invited {login}; {invitation}"))?;
                invitations::warn(console, &invited)
            }
            Self::Withdraw(user) => {
                let (id, login) = user.id_and_login(console)?;
                console.delete(&["users", &id, "invitation"], &[])?;
                console.report(&Value::Null, &format!("Withdrew the invitation of {login}."))
            }
            Self::ResetMfa(user) => {
                let user = user.find(console)?;
                let [id, login] = ["id", "login"].map(|field| text(&user, field));
                if field(&user, "mfa_enrolled") != true {
                    let sentence = format!("Nothing changed: {login} has no second factor.");
                    return console.report(&Value::Null, &sentence);
                }
                console.confirm(|_| Ok(Some(second_factor_question(&user, &login))))?;
                console.delete(&["users", &id, "mfa"], &[])?;
                console.report(&Value::Null, &format!("Reset the second factor of {login}."))
            }
            Self::Sessions(user) => {
                let (id, _) = user.id_and_login(console)?;
                sessions::print(console, &["users", &id, "sessions"], &[])
            }
            Self::Tokens(tokens) => tokens.run(console),
            Self::Export(user) => personal_data::export(console, &user.id_and_login(console)?.0),
            Self::Erase { user, end_user } => {
                let user = user.find(console)?;
                personal_data::erase(console, &user, end_user, deletion_question)
            }
            Self::Delete(user) => {
                let user = user.find(console)?;
                let [id, login] = ["id", "login"].map(|field| text(&user, field));
                console.confirm(|console| {
                    let what = format!("Delete the portal user {login}");
                    deletion_question(console, &user, &what).map(Some)
                })?;
                console.delete(&["users", &id], &[])?;
                console.report(&Value::Null, &format!("Deleted the portal user {login}."))
            }
        }
    }
}

fn second_factor_question(user: &Value, login: &str) -> String {
    let next = match field(user, "require_mfa") == true {
        true => "The next sign-in asks for a new one",
        false => "The password alone will be enough to sign in",
    };
    format!("Remove the second factor and the recovery codes of {login}? {next}.")
}

/// Deleting the last portal user of an organization opens its secure link again (R11, R12).
fn deletion_question(console: &Console<'_>, user: &Value, what: &str) -> anyhow::Result<String> {
    let [id, organization] = ["id", "organization"].map(|name| text(user, name));
    let path = ["users", &*id];
    let impact = Impact::of(console, &Request::new(Method::DELETE, &path))?;
    let ended = sessions_end(impact.sessions());
    let organization = console.get(&["organizations", &organization])?;
    let name = text(&organization, "name");
    let link = match impact.warns("link-opens") {
        true => format!(
            " {name} has no other portal user: its secure link will open the portal without sign-in."
        ),
        false => String::new(),
    };
    Ok(format!("{what} of {name}? {}.{link}", capitalized(&ended)))
}

fn capitalized(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
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
