//! `portcullis users create`.

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::client::with_option;
use super::console::{Console, Request, array, text};
use super::question::When;
use super::terminal::shell_word;
use super::{invitations, lookup, password};

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The organization's id or name
    organization: String,
    /// The login [default: the email address]
    #[arg(long)]
    login: Option<String>,
    /// The name that the portal may display
    #[arg(long)]
    name: Option<String>,
    /// The end user that the account belongs to, by id, name or email address
    #[arg(long)]
    end_user: Option<String>,
    /// The group's id or name [default: the default group]
    #[arg(long)]
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
    /// Where to send the invitation [default: the end user's address, else the organization's, else
    /// the login]
    #[arg(long, value_name = "ADDRESS", requires = "invite")]
    send_to: Option<String>,
    /// An email address that gets a blind copy of the invitation
    #[arg(long, value_name = "ADDRESS", requires = "invite")]
    blind_copy: Option<String>,
    /// Require a second factor
    #[arg(long)]
    require_mfa: bool,
}

impl Create {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let organization = lookup::organization(console, &self.organization)?;
        let id = text(&organization, "id");
        let end_user = match &self.end_user {
            Some(end_user) => Some(text(&lookup::end_user(console, &id, end_user)?, "id")),
            None => None,
        };
        let group = self.group.map(|group| lookup::group_id(console, &group)).transpose()?;
        let mut body = json!({
            "organization": id,
            "end_user": end_user,
            "login": self.login,
            "name": self.name,
            "group": group,
            "invite": self.invite,
            "send_to": self.send_to,
            "blind_copy": self.blind_copy,
            "require_mfa": self.require_mfa,
        });
        // Whether there will be a password makes no difference to what is asked.
        let request = Request { body: Some(&body), ..Request::new(Method::POST, &["users"]) };
        let who = self.login.as_deref().unwrap_or("with the email address as login");
        let intent = format!("create the portal user {who} of {}", text(&organization, "name"));
        let impact = console
            .ask(&request, &intent, When::Warned(&invitations::ASKED))
            .map_err(|error| with_option(error, "login", "--login"))?;
        if self.password || self.password_stdin || self.password_hash_stdin {
            let given = password::read(self.password_stdin || self.password_hash_stdin)?;
            let field = if self.password_hash_stdin { "password_hash" } else { "password" };
            if let Some(body) = body.as_object_mut() {
                body.insert(field.to_owned(), given.as_str().into());
            }
        }
        let kind = if group.is_some() { "group" } else { "default group" };
        let user = console
            .post(&["users"], Some(&body))
            .map_err(|error| with_option(error, "login", "--login"))
            .map_err(|error| with_option(error, "send_to", "--send-to"))?;
        console.warn(&impact, &user)?;
        let [login, id, group] = ["login", "id", "group"].map(|field| text(&user, field));
        let group = match console.get(&["groups", &group]) {
            Ok(record) => format!(
                "{} ({} of {} permissions)",
                text(&record, "name"),
                array(&record, "permissions").len(),
                text(&record, "of")
            ),
            Err(_) => group,
        };
        let next = next_step(&user, &login);
        console.report(&user, &format!("Created {login} (id {id}) in the {kind} {group}{next}"))?;
        invitations::warn(console, &user)
    }
}

/// What happens next, or what to do.
fn next_step(user: &Value, login: &str) -> String {
    match text(user, "status").as_str() {
        "invited" => format!("; {}", invitations::sent(user)),
        "no_password" => {
            let login = shell_word(login);
            format!(
                ". There is no password yet: run `portcullis users invite {login}` or `portcullis \
                 users password {login}`."
            )
        }
        _ => ".".to_owned(),
    }
}
