//! The argument that names a portal user.

use clap::Args;
use serde_json::Value;

use super::console::{Console, text};
use super::lookup;

#[derive(Debug, Args)]
pub(super) struct User {
    /// The user's login or id
    #[arg(value_name = "USER")]
    login_or_id: String,
}

impl User {
    /// The record of the user.
    pub(super) fn find(&self, console: &Console<'_>) -> anyhow::Result<Value> {
        lookup::user(console, &self.login_or_id)
    }

    pub(super) fn id_and_login(&self, console: &Console<'_>) -> anyhow::Result<(String, String)> {
        let user = self.find(console)?;
        Ok((text(&user, "id"), text(&user, "login")))
    }
}
