//! Where an invitation goes: which warnings are asked about before it is sent, and what is printed
//! afterwards.

use serde_json::Value;

use super::console::{Console, array, field, text};
use super::terminal::shell_word;

/// The warnings for which it is asked before an invitation is sent.
pub(super) const ASKED: [&str; 2] = ["invitation-sent-elsewhere", "link-closes"];

/// Where the invitation of a user was sent.
pub(super) fn sent(user: &Value) -> String {
    let invitation = field(user, "invitation");
    if invitation.is_null() {
        return "the invitation is in the outbox.".to_owned();
    }
    let [to, expires] = ["sent_to", "expires"].map(|field| text(invitation, field));
    format!("the invitation is sent to {to} and valid until {expires}.")
}

/// Prints the warnings in a response, with the commands that help.
pub(super) fn warn(console: &mut Console<'_>, user: &Value) -> anyhow::Result<()> {
    for warning in array(user, "warnings") {
        let [name, detail] = ["name", "detail"].map(|field| text(warning, field));
        let detail = match &*name {
            // It was asked before.
            "invitation-sent-elsewhere" if console.asks() => continue,
            "invitation-sent-elsewhere" => elsewhere(console, user)?,
            "default-group-has-all-permissions" => in_default_group(user),
            _ => detail,
        };
        console.note(&format!("warning: {detail} ({name})"))?;
    }
    Ok(())
}

/// An invitation that went to another address than the login.
fn elsewhere(console: &Console<'_>, user: &Value) -> anyhow::Result<String> {
    let [login, organization] = ["login", "organization"].map(|name| text(user, name));
    let to = text(field(user, "invitation"), "sent_to");
    let end_users = console.list(&["organizations", &organization, "end-users"], &[])?;
    let has_address = |end_user: &&Value| {
        field(end_user, "email").as_str().is_some_and(|email| is_same(email, &login))
    };
    let word = shell_word(&login);
    let way_out = match array(&end_users, "items").iter().find(has_address) {
        Some(end_user) if field(user, "end_user").is_null() => {
            let [id, name] = ["id", "name"].map(|field| text(end_user, field));
            format!(
                "{name} has this address: run `portcullis users edit {word} --end-user {id}`, then \
                 `portcullis users invite {word}`"
            )
        }
        _ => format!(
            "to send it to that address, run `portcullis users invite {word} --send-to {word}`"
        ),
    };
    Ok(format!("the invitation goes to {to}, not to {login}; {way_out}"))
}

/// A new user in a default group that has all permissions.
fn in_default_group(user: &Value) -> String {
    let [login, group] = ["login", "group"].map(|name| text(user, name));
    let word = shell_word(&login);
    format!(
        "{login} is in the default group {group}, which has all permissions; for fewer, run \
         `portcullis users edit {word} --group limited`"
    )
}

fn is_same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}
