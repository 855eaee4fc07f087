//! `portcullis preferences` (R12, R60).

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Map, Value};

use super::client::with_option;
use super::console::{Console, field, managed_by, text};
use super::edit::{ExpectedVersion, intent};
use super::question::When;

/// Whether secure links require sign-in where portal users exist (R12).
const SECURE: &str = "secure_with_password_if_portal_users_exist";
/// Where all requests go while the portal is disabled (R60).
const REDIRECT: &str = "disabled_redirect_url";
/// Whether users get an email when staff acts as them (R18).
const NOTIFY: &str = "notify_impersonated";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show all preferences
    Show,
    /// Change preferences
    Set(Set),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true))]
pub(super) struct Set {
    /// Require sign-in for secure links of organizations with portal users
    #[arg(
        long,
        group = "change",
        value_name = "true|false",
        visible_alias = "secure-with-password"
    )]
    secure_with_password_if_portal_users_exist: Option<bool>,
    /// Disable the portal and redirect all requests to this URL
    #[arg(long, group = "change", value_name = "URL")]
    disabled_redirect_url: Option<String>,
    /// Enable the portal
    #[arg(long, group = "change", conflicts_with = "disabled_redirect_url")]
    no_disabled_redirect_url: bool,
    /// Email portal users when staff acts as them in the portal
    #[arg(long, group = "change", value_name = "true|false")]
    notify_impersonated: Option<bool>,
    #[command(flatten)]
    expected: ExpectedVersion,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::Show => {
                let preferences = console.get(&["preferences"])?;
                show(console, &preferences)
            }
            Self::Set(set) => set.run(console),
        }
    }
}

impl Set {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let before = console.get(&["preferences"])?;
        let patch = self.patch();
        let fields = [
            ("secure links with password", SECURE),
            ("redirect of the disabled portal", REDIRECT),
            ("email after impersonation", NOTIFY),
        ];
        let intent = intent("the preferences", (&before, &patch), &fields);
        let (asked, edit) = ((&*intent, When::IfAffected), (&before, &patch));
        let after = self
            .expected
            .carry_out(console, asked, &["preferences"], edit, &fields)
            .map_err(|error| with_option(error, REDIRECT, "--disabled-redirect-url"))?;
        let changed = |name| field(&before, name) != field(&after, name);
        let mut sentences = Vec::new();
        if changed(SECURE) {
            sentences.push(if field(&after, SECURE) == true {
                "Secure links of organizations with portal users now lead to the sign-in page."
                    .to_owned()
            } else {
                "All enabled secure links now open the portal without sign-in.".to_owned()
            });
        }
        if changed(REDIRECT) {
            sentences.push(match field(&after, REDIRECT).as_str() {
                Some(url) => format!(
                    "Disabled the portal: all requests are redirected to {url}. To enable it, run \
                     `portcullis preferences set --no-disabled-redirect-url`."
                ),
                None => "Enabled the portal.".to_owned(),
            });
        }
        if changed(NOTIFY) {
            let sentence = match field(&after, NOTIFY) == true {
                true => "Portal users now get an email when staff acts as them.",
                false => "Portal users no longer get an email when staff acts as them.",
            };
            sentences.push(sentence.to_owned());
        }
        if sentences.is_empty() {
            sentences.push("Nothing changed: the preferences already had these values.".to_owned());
        }
        console.report(&after, &sentences.join("\n"))
    }

    fn patch(&self) -> Value {
        let mut patch = Map::new();
        if let Some(secure) = self.secure_with_password_if_portal_users_exist {
            patch.insert(SECURE.to_owned(), secure.into());
        }
        if self.disabled_redirect_url.is_some() || self.no_disabled_redirect_url {
            patch.insert(REDIRECT.to_owned(), self.disabled_redirect_url.clone().into());
        }
        if let Some(notify) = self.notify_impersonated {
            patch.insert(NOTIFY.to_owned(), notify.into());
        }
        Value::Object(patch)
    }
}

fn show(console: &mut Console<'_>, preferences: &Value) -> anyhow::Result<()> {
    let portal = match field(preferences, REDIRECT).as_str() {
        Some(url) => format!("disabled; all requests are redirected to {url}"),
        None => "enabled".to_owned(),
    };
    console.record(
        preferences,
        [
            ("Portal", portal),
            ("Links ask for sign-in where portal users exist", text(preferences, SECURE)),
            ("Group of new portal users", text(preferences, "default_group")),
            ("Email to users whom staff acts as", text(preferences, NOTIFY)),
            ("Managed by", managed_by(preferences)),
        ],
    )
}
