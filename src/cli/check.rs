//! `portcullis check`: would the gateway start with these files?

use std::fmt;
use std::path::Path;

use anyhow::Context;

use crate::mail::MailRoom;
use crate::net::TlsFiles;
use crate::portal_pages::Appearance;
use crate::telemetry;
use portcullis_policy::{Policy, Readings, Route, Twin};
use portcullis_store::sled::SledStore;

/// What is wrong, in the order in which it was looked at.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    /// What was read, if it could be; otherwise it is noted why not.
    fn keep<T, E: fmt::Display>(&mut self, read: Option<Result<T, E>>) -> Option<T> {
        match read? {
            Ok(read) => Some(read),
            Err(error) => {
                self.0.push(format!("{error:#}"));
                None
            }
        }
    }
}

/// Reads the settings, the files they name, the policy and the mail templates, runs the
/// expectations, and says what is there.
///
/// # Errors
/// All that is wrong with them.
pub fn run(file: Option<&Path>, out: &mut dyn std::io::Write) -> anyhow::Result<()> {
    let (settings, named) = super::read(file)?;
    let mut wrong = Problems::default();
    let settings = wrong.keep(Some(settings));
    wrong.keep(named.log.map(|log| telemetry::parse(&log).context("telemetry.log")));
    let appearance = wrong.keep(named.branding.map(|branding| Appearance::load(&branding)));
    wrong.keep(named.tls.map(|tls| TlsFiles::read(&tls)));
    // Settings that are wrong are reported anyway; the policy is then read for any portal.
    let readings = settings.as_ref().map_or_else(Readings::all, |s| s.upstream.readings);
    let policy =
        wrong.keep(named.policy.as_deref().map(|folder| Policy::load_for(folder, readings)));
    match &settings {
        Some(settings) => {
            wrong.keep(Some(MailRoom::new(settings)));
        }
        None => {
            wrong.keep(named.templates.as_deref().map(MailRoom::check_templates));
        }
    }
    let (Some(settings), Some(appearance), Some(policy), []) =
        (settings, appearance, policy, &*wrong.0)
    else {
        anyhow::bail!("{}", wrong.0.join("\n"));
    };
    let unasked: Vec<_> = policy.unasked_expectations().collect();
    writeln!(
        out,
        "{} and {} are in order: {} permissions, {} groups, {} routes, {} expectations hold \
         (policy {}).",
        super::settings_file(file).unwrap_or(Path::new(super::THE_ENVIRONMENT)).display(),
        settings.policy.directory.display(),
        policy.catalogue().permissions().len(),
        policy.seeds().len(),
        policy.routes().len(),
        policy.expectations().len() - unasked.len(),
        policy.version(),
    )?;
    for expectation in unasked {
        writeln!(
            out,
            "{} was not asked: the policy does not come with the group `{}`. The running gateway \
             asks it of its own groups, and refuses a reload when it has none of that id.",
            expectation.place(),
            expectation.who(),
        )?;
    }
    if let Some(warning) = SledStore::mount_warning(&settings.store.path) {
        writeln!(out, "warning: {warning}.")?;
    }
    for Twin { strict, lax, example } in policy.twins() {
        writeln!(
            out,
            "warning: {} also matches {example}, which the portal may take for {}: people without \
             access to the latter are refused there (ambiguous-path). See `upstream.readings`.",
            described(&lax),
            described(&strict),
        )?;
    }
    let without_slash: Vec<_> = policy.without_slash().collect();
    // Values at the end of a path are what portals add a slash to.
    let telling = without_slash.iter().find(|(route, _)| route.path().as_str().ends_with('}'));
    if let Some((route, example)) = telling.or(without_slash.first()) {
        writeln!(
            out,
            "A slash at the end makes another path: {} of the routes have none for it, such as {}; \
             {example} is denied (no-route).",
            without_slash.len(),
            described(route),
        )?;
    }
    let languages: Vec<&str> = appearance.languages().collect();
    writeln!(out, "The pages speak {}.", languages.join(", "))?;
    for note in &settings.branding.notes {
        writeln!(out, "{note}.")?;
    }
    Ok(())
}

/// A route by name, path and line.
fn described(route: &Route) -> String {
    format!("`{}` ({}, line {})", route.name(), route.path().as_str(), route.line())
}
