//! `portcullis secrets`: work on the secret key while the gateway is stopped.

use std::io::{self, BufRead as _, IsTerminal as _, Write};

use anyhow::bail;

use super::console::Options;
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
    pub(super) fn run(
        self,
        settings: &Settings,
        Options { yes, dry_run, .. }: Options,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let Self::Rotate = self;
        let rotation = match Rotation::open(settings)? {
            Begun::Ready(rotation) => rotation,
            Begun::Finished => {
                writeln!(
                    out,
                    "an earlier rotation was interrupted; it is finished now. Run the command again \
                     for another new key"
                )?;
                return Ok(());
            }
        };
        let plan = rotation.plan()?;
        describe(&plan, out)?;
        if dry_run {
            writeln!(out, "nothing was changed")?;
            return Ok(());
        }
        confirm(yes)?;
        let old = rotation.run(clock::now())?;
        writeln!(
            out,
            "\nthe secret key was replaced. The old key is kept as `{}`: backups from before open \
             only with it. Move it to them, and delete it here.\nStart the gateway, and send the \
             new links: `portcullis organizations link show ID`",
            old.display()
        )?;
        Ok(())
    }
}

fn describe(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let Plan { sessions, second_factors, with_recovery_codes, links } = plan;
    writeln!(
        out,
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
         factors too (`portcullis users reset-mfa`): their secrets can be read with both.",
        links.len()
    )?;
    if !links.is_empty() {
        writeln!(out, "\nOrganizations that need a new link:")?;
    }
    for (id, name) in links {
        writeln!(out, "  {}  {}", escaped(id), escaped(name))?;
    }
    Ok(())
}

/// Asks at a terminal.
fn confirm(yes: bool) -> anyhow::Result<()> {
    if yes || !io::stdin().is_terminal() {
        return Ok(());
    }
    write!(io::stderr(), "Replace the secret key? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if !matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        bail!("aborted; nothing was changed");
    }
    Ok(())
}
