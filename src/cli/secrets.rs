//! `portcullis secrets`: work on the secret key while the gateway is stopped.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::console::Console;
use super::terminal::escaped;
use crate::app::rotation::{Begun, Plan, Rotation};
use crate::clock;
use crate::config::Settings;

/// Work on the secret key in `secrets.key_file`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Replace the secret key by a new one: after it, or a backup, was exposed
    Rotate,
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// What is wrong, where, and what to do about it.
    pub(super) fn run(self, settings: &Settings, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self::Rotate = self;
        let rotation = match Rotation::open(settings)? {
            Begun::Ready(rotation) => rotation,
            Begun::Finished => {
                let sentence = "an earlier rotation was interrupted; it is finished now. Run the \
                                command again for another new key";
                return console.report(&json!({ "finished_earlier_rotation": true }), sentence);
            }
        };
        let plan = rotation.plan()?;
        let description = described(&plan);
        if console.is_dry_run() {
            let sentence = format!("{description}nothing was changed");
            return console.report(&document(&plan, None), &sentence);
        }
        if !console.is_json() {
            console.note(description.trim_end())?;
        } else if console.asks() {
            write!(io::stderr(), "{}", escaped(&description))?;
        }
        console.confirm(|_| Ok(Some("Replace the secret key?".to_owned())))?;
        let old = rotation.run(clock::now())?.display().to_string();
        console.report(
            &document(&plan, Some(&old)),
            &format!(
                "\nthe secret key was replaced. The old key is kept as `{old}`: backups from before \
                 open only with it. Move it to them, and delete it here.\nStart the gateway, and \
                 send the new links: `portcullis organizations link show ID`"
            ),
        )
    }
}

/// What `--json` prints: what changes, and where the old key is kept if it was replaced.
fn document(plan: &Plan, old_key: Option<&str>) -> Value {
    let Plan { sessions, second_factors, with_recovery_codes, links } = plan;
    let links: Vec<Value> =
        links.iter().map(|(id, name)| json!({ "organization": id, "name": name })).collect();
    json!({
        "replaced": old_key.is_some(),
        "old_key": old_key,
        "sessions_ended": sessions,
        "second_factors": second_factors,
        "recovery_codes_lost": with_recovery_codes,
        "links": links,
    })
}

fn described(plan: &Plan) -> String {
    let Plan { sessions, second_factors, with_recovery_codes, links } = plan;
    let mut text = format!(
        "A new secret key changes:\n\
         - secure links: all of them; in use now: {}, listed below\n\
         - sessions: {sessions} open, all of which end; everyone signs in or opens the link again\n\
         - recovery codes: those of all people, {with_recovery_codes} of whom have some; they need \
         new ones\n\
         - forms that are open in browsers, sign-ins between password and code, and browsers that \
         the lockout knows: they start afresh\n\
         It does not change passwords, authenticator apps ({second_factors}), tokens, and links in \
         emails.\n\
         If a copy of the store may have been exposed together with the key, reset the second \
         factors too (`portcullis users reset-mfa`): their secrets can be read with both.\n",
        links.len()
    );
    if !links.is_empty() {
        text.push_str("\nOrganizations that need a new link:\n");
    }
    for (id, name) in links {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {id}  {name}");
    }
    text
}
