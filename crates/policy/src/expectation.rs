//! Expectations: decisions that operators require. A policy that decides otherwise is not put in
//! force.

use std::fmt;
use std::sync::Arc;

use http::Method;
use jiff::Timestamp;

use super::decision::{Reason, RequestFacts, SessionKind, Subject, decide};
use super::document::{At, Entry, File};
use super::group::built_in;
use super::host::Host;
use super::permission::PermissionSet;
use super::problem::{PolicyProblems, Problem};
use super::request_line::{BadRequest, RequestLine};
use super::{Policy, load};

/// The organization and the host of expectations that do not name one.
const DEFAULT_ORGANIZATION: &str = "expectation";
const DEFAULT_HOST: &str = "localhost";

/// A request and the decision that is required on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    who: As,
    organization: String,
    method: Method,
    target: String,
    host: String,
    expected: Expected,
    reason: Option<String>,
    line: usize,
}

/// Who sends the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum As {
    /// A visitor without a session.
    Anonymous,
    /// The session of a secure link.
    Link,
    /// A portal user in the group with this id.
    Group(String),
}

impl As {
    /// The group whose permissions apply, if there is one.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        match self {
            Self::Anonymous => None,
            Self::Link => Some(built_in::NON_PORTAL),
            Self::Group(id) => Some(id),
        }
    }
}

impl fmt::Display for As {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "anonymous",
            Self::Link => "link",
            Self::Group(id) => id,
        })
    }
}

/// The required decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// It is forwarded.
    Allow,
    /// The person must sign in.
    SignIn,
    /// It is refused.
    Deny,
    /// It is refused with a redirect.
    Redirect,
    /// The request is invalid.
    BadRequest,
}

impl Expected {
    /// All of them.
    pub(super) const ALL: [Self; 5] =
        [Self::Allow, Self::SignIn, Self::Deny, Self::Redirect, Self::BadRequest];

    /// The stable name.
    #[must_use]
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::SignIn => "sign-in",
            Self::Deny => "deny",
            Self::Redirect => "redirect",
            Self::BadRequest => "bad-request",
        }
    }
}

impl Expectation {
    /// Who sends the request.
    #[must_use]
    pub fn who(&self) -> &As {
        &self.who
    }

    /// File and line.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", load::EXPECTATIONS_FILE, self.line)
    }

    /// The decision and its reason: a name of [`Expected`], and one of [`Reason`] or [`BadRequest`].
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
            host: &self.host,
            method: &self.method,
            target: &target,
            websocket: false,
        };
        let decision = decide(policy, subject.as_ref(), &request, now);
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
    pub(super) fn check_seed_expectations(&self) -> Result<(), PolicyProblems> {
        let known = self.expectations.iter().filter(|expectation| self.has_group(expectation));
        self.check_all(known, &|id| self.seed(id).map(|seed| seed.permissions))
    }

    /// The expectations about groups that are not in `groups.toml`. Only an installation that has
    /// these groups can check them.
    pub fn unchecked_expectations(&self) -> impl Iterator<Item = &Expectation> {
        self.expectations.iter().filter(|expectation| !self.has_group(expectation))
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
                Some(group) => groups(group).ok_or_else(|| format!("there is no group `{group}`")),
            };
            let message = granted.and_then(|granted| expectation.check(self, granted)).err()?;
            Some(Problem { file: load::EXPECTATIONS_FILE, line: Some(expectation.line), message })
        });
        PolicyProblems::check(problems.collect())
    }
}

/// Reads `expectations.toml`. Problems are added to the file.
pub(super) fn compile(file: &File<'_>) -> Vec<Expectation> {
    let mut expectations = Vec::new();
    for mut entry in file.entries("expect") {
        let expectation = compile_one(file, &mut entry);
        entry.finish();
        expectations.extend(expectation);
    }
    expectations
}

fn compile_one(file: &File<'_>, entry: &mut Entry<'_>) -> Option<Expectation> {
    let who = entry.required_string("as");
    let organization = entry.string("organization");
    let request = entry.required_string("request");
    let expected = entry.required_string("decision");
    let host = entry.string("host");
    let reason = entry.string("reason");

    let request = request.and_then(|request| split_request(file, &request));
    let expected = expected.and_then(|expected| {
        let known = Expected::ALL.into_iter().find(|known| known.name() == expected.value);
        if known.is_none() {
            let names = Expected::ALL.map(Expected::name).join(", ");
            let message = format!("`{}` is not a decision; use one of {names}", expected.value);
            file.problem(expected.line, message);
        }
        known
    });
    let host = match host.map(|host| (host.line, Host::parse(&host.value))) {
        None => Some(DEFAULT_HOST.to_owned()),
        Some((_, Ok(host))) => Some(host.name().to_owned()),
        Some((line, Err(cause))) => {
            file.problem(line, cause.to_string());
            None
        }
    };
    let mut reasons = Reason::ALL.iter().map(|reason| reason.as_str()).chain(BadRequest::names());
    if let Some(reason) = &reason
        && !reasons.any(|known| known == reason.value)
    {
        file.problem(
            reason.line,
            format!("`{}` is not a reason; docs/policies.md lists them", reason.value),
        );
    }

    let (method, target) = request?;
    Some(Expectation {
        who: match who?.value.as_str() {
            "anonymous" => As::Anonymous,
            "link" => As::Link,
            group => As::Group(group.to_owned()),
        },
        organization: organization.map_or(DEFAULT_ORGANIZATION.to_owned(), |id| id.value),
        method,
        target,
        host: host?,
        expected: expected?,
        reason: reason.map(|reason| reason.value),
        line: entry.line(),
    })
}

/// `GET /x`: a method, one space, and a target, which may be invalid.
fn split_request(file: &File<'_>, request: &At<String>) -> Option<(Method, String)> {
    let parsed = request.value.split_once(' ').and_then(|(method, target)| {
        Some((Method::from_bytes(method.as_bytes()).ok()?, target.to_owned()))
    });
    if parsed.is_none() {
        let message = format!("`{}` is not a request (e.g. `GET /tickets`)", request.value);
        file.problem(request.line, message);
    }
    parsed
}
