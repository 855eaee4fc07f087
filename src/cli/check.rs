//! `portcullis check`: whether the gateway would start with these files, and what of them is
//! probably not meant.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use http::Method;
use serde::Serialize;

use super::client::Client;
use super::screen::{Screen, Style};
use super::settings::{file, read, source};
use crate::check::{Problem, Report, Running, Valid, Warning};
use crate::clock;
use crate::config::WarningName;

/// Arguments of `portcullis check`.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Fail if there are warnings that `check.allow` does not allow
    #[arg(long)]
    deny_warnings: bool,
    /// Also ask each server of the portal for a response
    #[arg(long)]
    connect: bool,
    /// Also ask the running gateway whether this version can take over its store and its groups
    #[arg(long)]
    for_upgrade: bool,
}

impl CheckArgs {
    /// Whether it calls the running gateway.
    pub(super) const fn calls(&self) -> bool {
        self.for_upgrade
    }

    /// Reads the settings, the policy and every other file that the settings refer to, checks the
    /// expectations, and prints a summary with warnings, or everything as JSON.
    ///
    /// # Errors
    /// Everything that prevents a start, their number first, then one error a line; or warnings that
    /// are denied.
    pub fn run(
        self,
        named: Option<&Path>,
        socket: Option<PathBuf>,
        json: bool,
        out: &mut dyn Screen,
    ) -> anyhow::Result<()> {
        let of = file(named);
        let mut report = match read(named) {
            Ok((settings, references)) => {
                Report::of(settings, &references, of, (self.connect, clock::now()))
            }
            Err(error) => Report::unread(Problem::of_settings(&error, of)),
        };
        let mut running = None;
        if self.for_upgrade
            && let Some(valid) = &report.valid
        {
            let asked = ask(socket.unwrap_or_else(|| valid.settings.admin.socket.clone()))?;
            match asked.check(valid) {
                Ok(upgraded_from) => {
                    running = Some((asked.version, upgraded_from));
                    // They have been checked with the groups of the running gateway.
                    let unchecked = WarningName::UncheckedExpectation;
                    report.warnings.retain(|warning| warning.name != unchecked);
                }
                Err(problems) => {
                    report.errors.extend(problems);
                    report.valid = None;
                }
            }
        }
        let denied = if self.deny_warnings { report.disallowed().count() } else { 0 };
        if json {
            let ok = report.errors.is_empty() && denied == 0;
            serde_json::to_writer_pretty(&mut *out, &Document::of(&report, ok))?;
            writeln!(out)?;
        } else {
            print(&report, source(named), out)?;
            if let Some((version, upgraded_from)) = running {
                print_upgrade(&version, upgraded_from, out)?;
            }
        }
        let errors: String =
            report.errors.iter().map(|error| format!("\nerror: {error}")).collect();
        match (report.errors.len(), denied) {
            (0, 0) => Ok(()),
            (0, 1) => anyhow::bail!(
                "1 warning is not allowed; correct what it is about, or list its name with a reason \
                 in `check.allow`"
            ),
            (0, denied) => anyhow::bail!(
                "{denied} warnings are not allowed; correct what they are about, or list their names \
                 with a reason in `check.allow`"
            ),
            (1, _) => anyhow::bail!("1 error prevents a start{errors}"),
            (count, _) => anyhow::bail!("{count} errors prevent a start{errors}"),
        }
    }
}

/// Asks the gateway that runs.
fn ask(socket: PathBuf) -> anyhow::Result<Running> {
    let running = Client::new(socket)?
        .send(Method::GET, "/api/v1/upgrade", None, None)
        .context("`--for-upgrade` asks the running gateway")?;
    serde_json::from_value(running).context("the running gateway is of an incompatible version")
}

/// Says that this version can take over from `version`.
fn print_upgrade(version: &str, upgraded_from: Option<u64>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "Version {} can take over from the running gateway (version {version}): its store, its secret \
         key and its groups.",
        env!("CARGO_PKG_VERSION"),
    )?;
    if let Some(format) = upgraded_from {
        writeln!(
            out,
            "The store will be upgraded from format {format}; version {version} cannot open it then, \
             so make a backup first.",
        )?;
    }
    Ok(())
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'r> {
    ok: bool,
    errors: Vec<ErrorDocument<'r>>,
    warnings: Vec<WarningDocument<'r>>,
}

#[derive(Serialize)]
struct ErrorDocument<'r> {
    file: Option<&'r Path>,
    line: Option<usize>,
    message: &'r str,
}

#[derive(Serialize)]
struct WarningDocument<'r> {
    name: &'static str,
    detail: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'r Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// The reason of `check.allow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<&'r str>,
}

impl<'r> Document<'r> {
    fn of(report: &'r Report, ok: bool) -> Self {
        let error = |Problem { file, line, message, .. }: &'r Problem| ErrorDocument {
            file: file.as_deref(),
            line: *line,
            message,
        };
        let warning = |warning: &'r Warning| WarningDocument {
            name: warning.name.as_str(),
            detail: &warning.detail,
            file: warning.file.as_deref(),
            line: warning.line,
            allowed: warning.allowed.as_deref(),
        };
        Self {
            ok,
            errors: report.errors.iter().map(error).collect(),
            warnings: report.warnings.iter().map(warning).collect(),
        }
    }
}

fn print(report: &Report, source: &Path, out: &mut dyn Screen) -> io::Result<()> {
    if let Some(Valid { settings, policy, .. }) = &report.valid {
        let unchecked = policy.unchecked_expectations().count();
        writeln!(
            out,
            "{} and {} are valid: {} permissions, {} groups, {} routes, {} expectations met \
             (policy {}).",
            source.display(),
            settings.policy.directory.display(),
            policy.catalogue().permissions().len(),
            policy.seeds().len(),
            policy.routes().len(),
            policy.expectations().len() - unchecked,
            policy.version(),
        )?;
    }
    for warning in &report.warnings {
        match &warning.allowed {
            None => {
                out.styled(Style::Warning, &format!("warning[{}]:", warning.name))?;
                writeln!(out, " {warning}.")?;
            }
            Some(reason) => {
                let reason = reason.trim_end_matches('.');
                writeln!(out, "allowed[{}]: {warning}. Reason: {reason}.", warning.name)?;
            }
        }
    }
    if let Some(valid) = &report.valid {
        print_notes(valid, out)?;
    }
    Ok(())
}

/// What is good to know and nothing to warn of.
fn print_notes(Valid { policy, appearance, .. }: &Valid, out: &mut dyn Write) -> io::Result<()> {
    let other_slash: Vec<_> = policy.without_slash().collect();
    // Portals most often add a slash after a value at the end of a path.
    let typical = other_slash.iter().find(|(route, _)| route.path().as_str().ends_with('}'));
    if let Some((route, example)) = typical.or(other_slash.first()) {
        let path = route.path().as_str();
        writeln!(
            out,
            "A path with a slash at its end is another path: {} of {} routes match only one of the \
             two, such as `{}` ({path}), and {example} is denied (no-route). If the portal \
             redirects from one to the other, write `path = \"{}[/]\"`.",
            other_slash.len(),
            policy.routes().len(),
            route.name(),
            path.trim_end_matches('/'),
        )?;
    }
    let without_staff: Vec<_> = policy.routes().iter().filter(|it| it.refuses_staff()).collect();
    if let Some(route) = without_staff.first() {
        writeln!(
            out,
            "Sessions of staff are refused by {} of {} routes (`staff = \"never\"`), such as `{}`.",
            without_staff.len(),
            policy.routes().len(),
            route.name(),
        )?;
    }
    let languages: Vec<&str> = appearance.languages().collect();
    writeln!(out, "Languages of the pages: {}.", languages.join(", "))
}
