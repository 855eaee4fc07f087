//! `portcullis preferences` (R12, R60).

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::console::{Console, text};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show all preferences
    Show,
    /// Change preferences
    Set(Set),
}

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Set {
    /// Require sign-in for secure links of organizations with portal users
    #[arg(long, value_name = "true|false", visible_alias = "secure-with-password")]
    secure_with_password_if_portal_users_exist: Option<bool>,
    /// Disable the portal and redirect all requests to this URL
    #[arg(long, value_name = "URL")]
    disabled_redirect_url: Option<String>,
    /// Enable the portal
    #[arg(long, conflicts_with = "disabled_redirect_url")]
    no_disabled_redirect_url: bool,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let preferences = match self {
            Self::Show => console.get(&["preferences"])?,
            Self::Set(set) => console.patch(&["preferences"], None, &set.patch())?,
        };
        let fields = [
            "secure_with_password_if_portal_users_exist",
            "disabled_redirect_url",
            "default_group",
        ];
        console.record(&preferences, fields.map(|field| (field, text(&preferences, field))))
    }
}

impl Set {
    fn patch(self) -> Value {
        let mut patch = Map::new();
        if let Some(secure) = self.secure_with_password_if_portal_users_exist {
            let key = "secure_with_password_if_portal_users_exist";
            patch.insert(key.to_owned(), secure.into());
        }
        if self.disabled_redirect_url.is_some() || self.no_disabled_redirect_url {
            let key = "disabled_redirect_url";
            patch.insert(key.to_owned(), self.disabled_redirect_url.into());
        }
        Value::Object(patch)
    }
}
