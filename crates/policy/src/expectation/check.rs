//! Checks the expectations of a policy.

use std::sync::Arc;

use jiff::Timestamp;

use super::{As, Expectation, Expected};
use crate::decision::{Decision, RequestFacts, decide};
use crate::method_override::AmbiguousOverride;
use crate::permission::PermissionSet;
use crate::policy::Policy;
use crate::problem::{EXPECTATIONS_FILE, PolicyProblems, Problem};
use crate::request_line::RequestLine;
use crate::similar::did_you_mean;
use crate::subject::{SessionKind, Subject};

impl Expectation {
    /// The decision and its reason: a name of [`Expected`], and one of [`crate::Reason`] or [`crate::BadRequest`].
    fn decide(&self, policy: &Policy, granted: PermissionSet) -> (&'static str, &'static str) {
        // Every valid host counts as served: which ones are is a setting.
        let line = RequestLine::from_text(&self.method, &self.target, &self.host);
        let ((), target) = match line.read(|_| Ok(())) {
            Ok(read) => read,
            Err(cause) => return (Expected::BadRequest.name(), cause.as_str()),
        };
        // Any time before the session expires.
        let now = Timestamp::UNIX_EPOCH;
        let subject = self.who.group().map(|group| {
            let kind = if self.who == As::Link { SessionKind::Link } else { SessionKind::User };
            let organization = Arc::from(self.organization.as_str());
            Subject::nameless(kind, organization, (Arc::from(group), granted), Timestamp::MAX)
        });
        let request = RequestFacts {
            client: self.address,
            preflight: self.preflight.as_ref(),
            ..RequestFacts::new(&self.host, &self.method, &target)
        };
        let mut decision = decide(policy, subject.as_ref(), &request, now);
        let route = decision.route().filter(|_| matches!(decision, Decision::Allow(_)));
        if let Some(rule) = route.and_then(|route| route.method_override()) {
            // `explain` and the gateway do the same, for a header too.
            match rule.in_query(target.query()) {
                Ok(Some(method)) => {
                    let request = RequestFacts { method: &method, ..request };
                    decision = decide(policy, subject.as_ref(), &request, now);
                }
                Ok(None) => {}
                Err(AmbiguousOverride) => return (Expected::Deny.name(), "method-override"),
            }
        }
        (decision.name(), decision.reason().as_str())
    }

    fn check(&self, policy: &Policy, granted: PermissionSet) -> Result<(), String> {
        let (name, reason) = self.decide(policy, granted);
        let expected = self.expected.name();
        let reason_holds = self.reason.as_ref().is_none_or(|expected| expected == reason);
        if name == expected && reason_holds {
            return Ok(());
        }
        let wanted = match &self.reason {
            Some(reason) => format!("{expected} ({reason})"),
            None => expected.to_owned(),
        };
        Err(format!(
            "`{} {}` as {}: expected {wanted}, got {name} ({reason})",
            self.method, self.target, self.who
        ))
    }
}

impl Policy {
    /// Checks every expectation. `groups` returns the permissions of the group with an id.
    ///
    /// # Errors
    /// A problem for each that fails, and for each whose group does not exist.
    pub fn check_expectations(
        &self,
        groups: &dyn Fn(&str) -> Option<PermissionSet>,
    ) -> Result<(), PolicyProblems> {
        self.check_all(self.expectations.iter(), groups)
    }

    /// Checks the expectations about the groups of a new installation.
    pub(crate) fn check_seed_expectations(&self) -> Result<(), PolicyProblems> {
        let known = self.expectations.iter().filter(|expectation| self.has_group(expectation));
        self.check_all(known, &|id| self.seed(id).map(|seed| seed.permissions))
    }

    /// The expectations about groups that are not in `groups.toml`. Only an installation that has
    /// these groups can check them.
    pub fn unchecked_expectations(&self) -> impl Iterator<Item = &Expectation> {
        self.expectations.iter().filter(|expectation| !self.has_group(expectation))
    }

    /// The question whether a similar group was meant ([`did_you_mean`]): one of `groups.toml`, or
    /// one of the other names for `as`.
    #[must_use]
    pub fn similar_group(&self, group: &str) -> String {
        let known = self.seeds.iter().map(|seed| seed.id.as_str()).chain(["anonymous", "link"]);
        did_you_mean(group, known)
    }

    fn has_group(&self, expectation: &Expectation) -> bool {
        expectation.who.group().is_none_or(|group| self.seed(group).is_some())
    }

    fn check_all<'a>(
        &self,
        expectations: impl Iterator<Item = &'a Expectation>,
        groups: &dyn Fn(&str) -> Option<PermissionSet>,
    ) -> Result<(), PolicyProblems> {
        let problems = expectations.filter_map(|expectation| {
            let granted = match expectation.who.group() {
                None => Ok(PermissionSet::EMPTY),
                Some(group) => groups(group).ok_or_else(|| {
                    format!("there is no group `{group}`{}", self.similar_group(group))
                }),
            };
            let message = granted.and_then(|granted| expectation.check(self, granted)).err()?;
            Some(Problem { file: EXPECTATIONS_FILE.into(), line: Some(expectation.line), message })
        });
        PolicyProblems::check(problems.collect())
    }
}
