//! `portcullis preferences` (R12, R60).

use clap::{ArgGroup, Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::client::with_option;
use super::console::{Console, Request, field, managed_by, text};
use super::edit::ExpectedVersion;
use super::impact::{Impact, OpenSessions, counted, sessions_end};

/// Whether secure links require sign-in where portal users exist (R12).
const SECURE: &str = "secure_with_password_if_portal_users_exist";
/// Where all requests go while the portal is disabled (R60).
const REDIRECT: &str = "disabled_redirect_url";

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
        console.confirm(|console| question(console, &before, &patch))?;
        let fields =
            [("secure links with password", SECURE), ("redirect of the disabled portal", REDIRECT)];
        let after = self
            .expected
            .write(console, &["preferences"], (&before, &patch), &fields)
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
        Value::Object(patch)
    }
}

/// Asks before the portal is disabled, and before secure links change what they open.
fn question(
    console: &Console<'_>,
    before: &Value,
    patch: &Value,
) -> anyhow::Result<Option<String>> {
    let new = |name| patch.get(name).filter(|value| field(before, name) != *value);
    let mut sentences = Vec::new();
    if let Some(secure) = new(SECURE).and_then(Value::as_bool) {
        let request = Request::new(Method::PATCH, &["preferences"]);
        let body = json!({ SECURE: secure });
        let impact = Impact::of(console, &Request { body: Some(&body), ..request })?;
        let links = counted(
            if secure { impact.closed_links() } else { impact.gaining_access() },
            "organization",
        );
        sentences.push(if secure {
            format!(
                "The secure links of {links} with portal users will lead to the sign-in page, and {}.",
                sessions_end(impact.sessions())
            )
        } else {
            format!(
                "The secure links of {links} with portal users will open the portal without \
                 sign-in, with the permissions of the Non-Portal User Group."
            )
        });
    }
    if let Some(url) = new(REDIRECT).and_then(Value::as_str) {
        let open = OpenSessions::count(console, &[], |_| true)?.all();
        let included = match open {
            0 => String::new(),
            _ => format!(", those of {} included,", counted(open, "open session")),
        };
        sentences.push(format!(
            "The portal will be disabled: all requests{included} are redirected to {url}."
        ));
    }
    if sentences.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!("{} Continue?", sentences.join(" "))))
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
            ("Managed by", managed_by(preferences)),
        ],
    )
}
