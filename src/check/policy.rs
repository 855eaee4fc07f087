//! Warnings of a policy that is valid and probably not meant.

use std::path::Path;

use portcullis_policy::{Policy, PolicyProblems, Route, Twin, Upstream};

use super::warning::Warning;
use crate::config::{Settings, WarningName};

/// Warnings of a policy whose files are in a folder.
pub(super) fn warnings(policy: &Policy, folder: &Path) -> Vec<Warning> {
    let at = |name, route: &Route, detail: String| {
        Warning::new(name, detail).at(folder.join(route.file()), route.line())
    };
    let mut warnings = Vec::new();
    for route in policy.routes() {
        if let Some(segment) = route.path().foreign_segment() {
            let detail = format!(
                "{} matches only the text `{segment}` itself in its path. Write a variable such as \
                 `{{name}}`, `{{name:int}}` or `{{file:*.pdf}}`, or escape the characters (`%2A` \
                 for `*`)",
                described(route),
            );
            warnings.push(at(WarningName::ForeignSyntax, route, detail));
        }
        if let Some(name) = route.foreign_except() {
            let detail = format!(
                "`{name}.*` in `except` of {} excludes only names that begin with `{name}.`: it is \
                 not a regular expression. Write `{name}*` for all names that begin with `{name}`",
                described(route),
            );
            warnings.push(at(WarningName::ForeignSyntax, route, detail));
        }
    }
    for Twin { strict, lax, example } in policy.open_with_other_slash() {
        let form = match strict.path().as_str().strip_suffix('/') {
            Some(without) => format!("{without}[/]"),
            None => format!("{}[/]", strict.path().as_str()),
        };
        let detail = format!(
            "{} does not include {example}, which {} at {}:{} allows. If the portal reads both as \
             one path, write `path = \"{form}\"` in the former",
            described(&strict),
            described(&lax),
            lax.file(),
            lax.line(),
        );
        warnings.push(at(WarningName::OpenWithSlash, &strict, detail));
    }
    for Twin { strict, lax, example } in policy.open_below() {
        let detail = format!(
            "{} does not include what is below it: {} at {}:{} allows {example}. If the portal \
             serves pages there, add `subtree = true` to the former",
            described(&strict),
            described(&lax),
            lax.file(),
            lax.line(),
        );
        warnings.push(at(WarningName::OpenBelow, &strict, detail));
    }
    for Twin { strict, lax, example } in policy.twins() {
        let detail = format!(
            "{} also matches {example}, which the portal may read as {} at {}:{}: users without \
             access to the latter are refused there (ambiguous-path). See `upstream.readings`",
            described(&lax),
            described(&strict),
            strict.file(),
            strict.line(),
        );
        warnings.push(at(WarningName::AmbiguousSpelling, &lax, detail));
    }
    warnings
}

/// Further servers of the settings that no route uses.
pub(super) fn unused_upstreams(policy: &Policy, settings: &Settings) -> Vec<Warning> {
    let is_used = |name: &str| {
        policy.routes().iter().any(|route| route.upstream().map(Upstream::name) == Some(name))
    };
    let names = settings.upstream.others.iter().map(|(name, _)| name);
    let unused = names.filter(|name| !is_used(name));
    unused
        .map(|name| {
            let detail = format!(
                "no route uses the servers of `upstream.others.{name}`. Remove them, or write \
                 `upstream = \"{name}\"` in routes"
            );
            Warning::new(WarningName::UnusedUpstream, detail)
        })
        .collect()
}

/// Expectations that could not be checked, because `groups.toml` does not define their group.
pub(super) fn unchecked_expectations(policy: &Policy, folder: &Path) -> Vec<Warning> {
    policy
        .unchecked_expectations()
        .map(|expectation| {
            let group = expectation.who().to_string();
            let proposal = policy.similar_group(&group);
            let end = if proposal.is_empty() { "." } else { &proposal };
            let detail = format!(
                "the expectation was not checked: groups.toml does not define the group \
                 `{group}`{end} The running gateway checks it against its own groups, and refuses a \
                 reload if it has no such group"
            );
            let file = folder.join("expectations.toml");
            Warning::new(WarningName::UncheckedExpectation, detail).at(file, expectation.line())
        })
        .collect()
}

/// Expectations that fail with the groups of the running gateway.
pub(super) fn failed_expectations(problems: &PolicyProblems, folder: &Path) -> Vec<Warning> {
    let warning = |problem: &portcullis_policy::Problem| Warning {
        file: Some(folder.join(&*problem.file)),
        line: problem.line,
        ..Warning::new(
            WarningName::FailedExpectation,
            format!(
                "the policy is in force, but a reload of it would be refused: {}",
                problem.message
            ),
        )
    };
    problems.iter().map(warning).collect()
}

/// The name and the path of a route.
fn described(route: &Route) -> String {
    format!("`{}` ({})", route.name(), route.path().as_str())
}
