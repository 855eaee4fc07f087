//! What a probe has found.

use serde::Serialize;

/// Every name of a finding, besides those of the warnings of `check`, in the order of the reference.
#[cfg(test)]
pub(super) const NAMES: [&str; 54] = [
    "settings",
    "settings-error",
    "policy-error",
    "clock",
    "store",
    "certificate",
    "certificate-expires",
    "certificate-untrusted",
    "mail",
    "gateway-running",
    "gateway-not-running",
    "gateway-not-responding",
    "gateway-warning",
    "other-version",
    "settings-not-loaded",
    "policy-not-loaded",
    "public-url-unreachable",
    "public-url",
    "other-gateway",
    "not-compared",
    "not-the-gateway",
    "open-without-session",
    "host-not-passed",
    "error-pages-replaced",
    "plain-http",
    "cookie",
    "cached",
    "identity-headers",
    "forwarded-headers",
    "target-headers",
    "verify-reachable",
    "client-address",
    "rewritten-paths",
    "forward-auth-limit",
    "portal-unreachable",
    "portal-certificate",
    "portal-reachable",
    "portal-on-network",
    "portal-address",
    "portal-not-reached",
    "portal-receives",
    "identity-not-sent",
    "client-headers-arrive",
    "session-arrives",
    "path-changed",
    "method-changed",
    "host-changed",
    "twins-not-probed",
    "twin",
    "twin-not-enabled",
    "twins-not-seen",
    "twins-always-refused",
    "method-override",
    "method-override-not-refused",
];

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is as it should be.
    Ok,
    /// Good to know. Nothing is wrong, or it could not be probed.
    Note,
    /// Probably not meant.
    Warning,
    /// The gateway does not protect the portal, or does not work.
    Error,
}

/// One finding. The texts are sentences without the last full stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The stable name.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is the case.
    pub what: String,
    /// Why it matters, unless `what` says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to do, unless `what` says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
}

impl Severity {
    /// The word before a finding.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Finding {
    pub(super) fn ok(name: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Ok, name, what)
    }

    pub(super) fn note(name: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Note, name, what)
    }

    pub(super) fn warning(name: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Warning, name, what)
    }

    pub(super) fn error(name: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Error, name, what)
    }

    fn new(severity: Severity, name: &'static str, what: impl Into<String>) -> Self {
        Self { name, severity, what: what.into(), why: None, todo: None }
    }

    /// The same with the reason why it matters.
    pub(super) fn because(self, why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..self }
    }

    /// The same with what to do.
    pub(super) fn fix(self, todo: impl Into<String>) -> Self {
        Self { todo: Some(todo.into()), ..self }
    }

    /// The sentences, each with a full stop.
    #[must_use]
    pub fn sentences(&self) -> String {
        let mut sentences = ended(&self.what);
        for part in [&self.why, &self.todo].into_iter().flatten() {
            let part = ended(part);
            let mut chars = part.chars();
            sentences.push(' ');
            sentences.extend(chars.next().into_iter().flat_map(char::to_uppercase));
            sentences.push_str(chars.as_str());
        }
        sentences
    }
}

/// On one line, with a full stop.
fn ended(part: &str) -> String {
    let part = part.trim().replace('\n', "; ");
    if part.ends_with(['.', '!', '?']) { part } else { format!("{part}.") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_finding_is_documented() {
        let reference = include_str!("../../docs/doctor.md");
        let (_, section) = reference.split_once("\n## Findings\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let documented: BTreeSet<_> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        assert_eq!(documented, NAMES.into());
    }

    #[test]
    fn finding_is_one_line_of_sentences() {
        let finding =
            Finding::error("cookie", "the cookie is changed").because("why").fix("do\nit.");
        assert_eq!(finding.sentences(), "the cookie is changed. Why. Do; it.");
        assert_eq!(Finding::ok("cookie", "fine").sentences(), "fine.");
    }

    #[test]
    fn severities_are_ordered() {
        assert!(Severity::Error > Severity::Warning && Severity::Warning > Severity::Note);
        assert!(Severity::Note > Severity::Ok);
    }
}
