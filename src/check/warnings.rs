//! All warnings of settings, files and policy.

use std::path::Path;

use jiff::Timestamp;
use portcullis_policy::{Policy, PolicyProblems};

use super::settings::ignored_variables;
use super::warning::{Warning, allow};
use super::{certificate, policy, portal, settings};
use crate::config::{IgnoredVariable, ListenAddress, Settings, Tls, WarningName};

/// What is checked. Parts with errors are missing; warnings of the others are still reported.
#[derive(Debug)]
pub struct Checked<'a> {
    /// The settings.
    pub settings: Option<&'a Settings>,
    /// Where the gateway listens for portal traffic, if it runs: sockets of the service manager are
    /// not in the settings.
    pub listens: &'a [ListenAddress],
    /// `server.tls`, `server.certificates`, `admin.tls` and `upstream.tls`
    pub certificates: &'a [&'a Tls],
    /// The policy, and its folder.
    pub policy: Option<(&'a Policy, &'a Path)>,
    /// Environment variables that are not read.
    pub ignored_variables: &'a [IgnoredVariable],
    /// How the expectations are checked.
    pub expectations: Expectations<'a>,
    /// Whether to ask the portal's servers for a response.
    pub connect: bool,
    /// The current time.
    pub now: Timestamp,
}

/// How the expectations of the policy are checked.
#[derive(Debug)]
pub enum Expectations<'a> {
    /// With the groups of `groups.toml` only. A policy with which one of them fails is not loaded.
    Files,
    /// With the groups of the running gateway.
    Running(Result<(), &'a PolicyProblems>),
}

/// All warnings, those that are allowed included.
#[must_use]
pub fn warnings(checked: &Checked<'_>) -> Vec<Warning> {
    let mut warnings = ignored_variables(checked.ignored_variables);
    if let Some(settings) = checked.settings {
        warnings.extend(settings::warnings(settings, checked.listens));
    }
    warnings.extend(certificate::warnings(checked.certificates, checked.settings, checked.now));
    if let Some((policy, folder)) = checked.policy {
        if let Some(settings) = checked.settings {
            warnings.extend(policy::unused_upstreams(policy, settings));
        }
        warnings.extend(policy::warnings(policy, folder));
        match checked.expectations {
            Expectations::Files => {
                warnings.extend(policy::unchecked_expectations(policy, folder));
            }
            Expectations::Running(Err(problems)) => {
                warnings.extend(policy::failed_expectations(problems, folder));
            }
            Expectations::Running(Ok(())) => {}
        }
    }
    if let Some(settings) = checked.settings {
        if checked.connect {
            warnings.extend(portal::warnings(settings));
        }
        let is_running = matches!(checked.expectations, Expectations::Running(_));
        allow(&mut warnings, &settings.allowed_warnings, |name| match name {
            WarningName::PortalUnreachable => checked.connect,
            WarningName::UncheckedExpectation => !is_running,
            WarningName::FailedExpectation => is_running,
            // Without a policy, its warnings are not known. At a start, it is too late to say.
            _ => checked.policy.is_some() && !is_running,
        });
    }
    warnings.sort_by_key(|warning| warning.name);
    warnings
}

/// Logs the warnings: those that are allowed as information.
pub fn log(warnings: &[Warning]) {
    for warning in warnings {
        let name = warning.name.as_str();
        match &warning.allowed {
            None => tracing::warn!(warning = name, "{warning}"),
            Some(reason) => tracing::info!(warning = name, reason, "allowed: {warning}"),
        }
    }
}
