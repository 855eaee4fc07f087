//! From what an operator types to the id of a portal user.

use super::console::{Console, array, field};

/// The id of the user with this login. Text that is not a login is taken as an id.
pub(super) fn user_id(console: &Console<'_>, login_or_id: &str) -> anyhow::Result<String> {
    let found = console.list(&["users"], &[("login", Some(login_or_id))])?;
    let id = array(&found, "items").first().and_then(|user| field(user, "id").as_str());
    Ok(id.unwrap_or(login_or_id).to_owned())
}
