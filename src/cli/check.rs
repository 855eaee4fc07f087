//! `portcullis check`: whether the gateway would start with these files.

use std::fmt;
use std::path::Path;

use super::settings::{read, source};
use crate::mail::Mailer;
use crate::net::ServerTls;
use crate::portal_pages::Appearance;
use portcullis_policy::{Policy, Portal, Readings, Route, Twin, Upstream};
use portcullis_store::sled::SledStore;

/// What is wrong, in the order in which it was checked.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    /// The value, if there is one; an error is added to the problems.
    fn keep<T, E: fmt::Display>(&mut self, result: Option<Result<T, E>>) -> Option<T> {
        match result? {
            Ok(value) => Some(value),
            Err(error) => {
                self.0.push(format!("{error:#}"));
                None
            }
        }
    }
}

/// Reads the settings, the policy and every other file that the settings refer to, checks the
/// expectations, and prints a summary with warnings.
///
/// # Errors
/// Everything that is wrong, one problem a line.
pub fn run(file: Option<&Path>, out: &mut dyn std::io::Write) -> anyhow::Result<()> {
    let (settings, references) = read(file)?;
    let mut problems = Problems::default();
    let settings = problems.keep(Some(settings));
    let appearance = problems.keep(references.branding.map(|branding| Appearance::load(&branding)));
    problems.keep(references.tls.map(|tls| ServerTls::read(&tls)));
    // Without valid settings, assume all readings, and that the servers exist that routes name.
    let unknown = || Portal { readings: Readings::all(), upstreams: None };
    let portal = settings.as_ref().map_or_else(unknown, |settings| settings.upstream.portal());
    let policy =
        problems.keep(references.policy.as_deref().map(|folder| Policy::load_for(folder, &portal)));
    match &settings {
        Some(settings) => {
            problems.keep(Some(Mailer::new(settings)));
        }
        None => {
            problems.keep(references.templates.as_deref().map(Mailer::check_templates));
        }
    }
    let (Some(settings), Some(appearance), Some(policy), []) =
        (settings, appearance, policy, &*problems.0)
    else {
        anyhow::bail!("{}", problems.0.join("\n"));
    };
    let unasked: Vec<_> = policy.unchecked_expectations().collect();
    writeln!(
        out,
        "{} and {} are valid: {} permissions, {} groups, {} routes, {} expectations met (policy \
         {}).",
        source(file).display(),
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
            "expectations.toml:{} was not checked: groups.toml does not define the group `{}`. The running gateway \
             checks it against its own groups, and refuses a reload if it has no such group.",
            expectation.line(),
            expectation.who(),
        )?;
    }
    if let Some(warning) = SledStore::mount_warning(&settings.store.path) {
        writeln!(out, "warning: {warning}.")?;
    }
    warn_of_paths(&policy, out)?;
    for (name, _) in &settings.upstream.others {
        if !policy.routes().iter().any(|route| route.upstream().map(Upstream::name) == Some(name)) {
            writeln!(out, "warning: no route uses the servers of `upstream.others.{name}`.")?;
        }
    }
    let languages: Vec<&str> = appearance.languages().collect();
    writeln!(out, "Languages of the pages: {}.", languages.join(", "))?;
    for note in &settings.branding.notes {
        writeln!(out, "{note}.")?;
    }
    Ok(())
}

/// Warns of paths that a laxer route matches, and of paths that none matches because of a slash.
fn warn_of_paths(policy: &Policy, out: &mut dyn std::io::Write) -> std::io::Result<()> {
    for Twin { strict, lax, example } in policy.twins() {
        writeln!(
            out,
            "warning: {} also matches {example}, which the portal may read as {}: users without \
             access to the latter are refused there (ambiguous-path). See `upstream.readings`.",
            described(&lax),
            described(&strict),
        )?;
    }
    for Twin { strict, lax, example } in policy.open_below() {
        writeln!(
            out,
            "warning: {} does not include what is below it: {} allows {example}. If the portal \
             serves pages there, add `subtree = true` to the former.",
            described(&strict),
            described(&lax),
        )?;
    }
    let other_slash: Vec<_> = policy.without_slash().collect();
    // Portals most often add a slash after a value at the end of a path.
    let typical = other_slash.iter().find(|(route, _)| route.path().as_str().ends_with('}'));
    if let Some((route, example)) = typical.or(other_slash.first()) {
        writeln!(
            out,
            "note: a path with a trailing slash is another path, and {} of the routes match only \
             one of the two, such as {}; {example} is denied (no-route). If the portal redirects \
             from one to the other, write `path = \"{}[/]\"`.",
            other_slash.len(),
            described(route),
            route.path().as_str().trim_end_matches('/'),
        )?;
    }
    Ok(())
}

/// Name, path and line of a route.
fn described(route: &Route) -> String {
    let (name, path, line) = (route.name(), route.path().as_str(), route.line());
    match route.file() {
        "routes.toml" => format!("`{name}` ({path}, line {line})"),
        file => format!("`{name}` ({path}, {file}:{line})"),
    }
}
