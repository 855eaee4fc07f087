//! `portcullis users edit`, `disable` and `enable`.

use clap::{ArgGroup, Args};
use http::Method;
use serde_json::{Map, Value, json};

use super::console::{Console, Request, field, text};
use super::edit::{ExpectedVersion, report_edit};
use super::invitations::warn;
use super::lookup;
use super::question::When;
use super::user::User;

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
    /// The new group, by id or name
    #[arg(long, group = "change")]
    group: Option<String>,
    /// The end user that the account belongs to, by id, name or email address
    #[arg(long, group = "change")]
    end_user: Option<String>,
    /// Assign the account to the organization itself
    #[arg(long, group = "change", conflicts_with = "end_user")]
    no_end_user: bool,
    /// Whether a second factor is required
    #[arg(long, group = "change", value_name = "true|false")]
    require_mfa: Option<bool>,
    #[command(flatten)]
    expected: ExpectedVersion,
}

impl Edit {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let before = self.user.find(console)?;
        let [id, login, organization] =
            ["id", "login", "organization"].map(|field| text(&before, field));
        let mut patch = Map::new();
        if let Some(login) = self.login {
            patch.insert("login".to_owned(), login.into());
        }
        if self.name.is_some() || self.no_name {
            patch.insert("name".to_owned(), self.name.into());
        }
        if let Some(group) = self.group {
            patch.insert("group".to_owned(), lookup::group_id(console, &group)?.into());
        }
        if let Some(end_user) = self.end_user {
            let end_user = lookup::end_user(console, &organization, &end_user)?;
            patch.insert("end_user".to_owned(), field(&end_user, "id").clone());
        } else if self.no_end_user {
            patch.insert("end_user".to_owned(), Value::Null);
        }
        if let Some(require_mfa) = self.require_mfa {
            patch.insert("require_mfa".to_owned(), require_mfa.into());
        }
        let fields = [
            ("login", "login"),
            ("name", "name"),
            ("group", "group"),
            ("end user", "end_user"),
            ("MFA required", "require_mfa"),
        ];
        let edit = (&before, &Value::Object(patch));
        let after = self.expected.write(console, (&login, &["users", &id]), edit, &fields)?;
        match console.is_json() {
            true => report_edit(console, &login, (&before, &after), &fields)?,
            false => {
                let named = (&named(console, &before), &named(console, &after));
                report_edit(console, &login, named, &fields)?;
            }
        }
        warn(console, &after)
    }
}

/// The record with the names of its group and end user in place of their ids.
fn named(console: &Console<'_>, user: &Value) -> Value {
    let [organization, group, end_user] =
        ["organization", "group", "end_user"].map(|field| text(user, field));
    let mut named = user.clone();
    for (field, path) in [
        ("group", &["groups", &*group][..]),
        ("end_user", &["organizations", &organization, "end-users", &end_user]),
    ] {
        if !named.get(field).is_none_or(Value::is_null)
            && let Ok(record) = console.get(path)
            && let Some(named) = named.get_mut(field)
        {
            *named = text(&record, "name").into();
        }
    }
    named
}

/// Disables or enables a portal user.
pub(super) fn set_disabled(
    console: &mut Console<'_>,
    user: &User,
    disabled: bool,
) -> anyhow::Result<()> {
    let before = user.find(console)?;
    let [id, login] = ["id", "login"].map(|field| text(&before, field));
    let state = if disabled { "disabled" } else { "enabled" };
    let is_same = field(&before, "disabled") == disabled;
    let (path, body) = (["users", &*id], json!({ "disabled": disabled }));
    let request = Request { body: Some(&body), ..Request::new(Method::PATCH, &path) };
    let intent = match disabled {
        true => format!("disable {login}, who can then neither sign in nor use open sessions"),
        false => format!("enable {login}"),
    };
    let when = if disabled && !is_same { When::Always } else { When::Warned(&[]) };
    let (after, _) = console.carry_out(&request, &intent, when)?;
    let sentence = match (is_same, disabled) {
        (true, _) => format!("Nothing changed: {login} was already {state}."),
        (false, true) => format!("Disabled {login}: sign-in and requests are refused."),
        (false, false) => format!("Enabled {login}."),
    };
    console.report(&after, &sentence)
}
