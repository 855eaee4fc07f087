//! What operators say the answers must be: a policy that answers otherwise is not put in force.

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

/// The organization and the host of an expectation that names none: none that a route names.
const DEFAULT_ORGANIZATION: &str = "expectation";
const DEFAULT_HOST: &str = "localhost";

/// One line of what must hold.
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

/// As whom it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum As {
    /// Without a session.
    Anonymous,
    /// With the session of a secure link.
    Link,
    /// As a portal user in the group with this id.
    Group(String),
}

impl As {
    /// The group whose permissions count, if there is one.
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

/// What must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It is forwarded.
    Allow,
    /// The person is sent to sign in.
    SignIn,
    /// It is refused.
    Deny,
    /// It is refused, and the person sent elsewhere.
    Redirect,
    /// The target has no single reading.
    BadRequest,
}

impl Expected {
    /// Every answer.
    pub const ALL: [Self; 5] =
        [Self::Allow, Self::SignIn, Self::Deny, Self::Redirect, Self::BadRequest];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
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
    /// As whom it is asked.
    #[must_use]
    pub fn who(&self) -> &As {
        &self.who
    }

    /// Where it stands: file and line.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", load::EXPECTATIONS_FILE, self.line)
    }

    /// The answer to the question, and why: a name of [`Expected`] and one of [`Reason`] or
    /// [`BadRequest`].
    fn answer(&self, policy: &Policy, granted: PermissionSet) -> (&'static str, &'static str) {
        // Every host is served that is one: which ones are, the settings say.
        let line = RequestLine::written(&self.method, &self.target, &self.host);
        let ((), target) = match line.read(|_| Ok(())) {
            Ok(read) => read,
            Err(cause) => return (Expected::BadRequest.name(), cause.as_str()),
        };
        // Time plays no part here, so any moment before the end of the session will do.
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
        let (name, reason) = self.answer(policy, granted);
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
    /// Asks every expectation, with the permissions that `groups` knows for a group's id.
    ///
    /// # Errors
    /// A problem for each that does not hold, and for each whose group is unknown.
    pub fn check_expectations(
        &self,
        groups: &dyn Fn(&str) -> Option<PermissionSet>,
    ) -> Result<(), PolicyProblems> {
        self.ask(self.expectations.iter(), groups)
    }

    /// Asks the expectations that can be judged by the groups an installation starts with.
    pub(super) fn check_seed_expectations(&self) -> Result<(), PolicyProblems> {
        let judged = self.expectations.iter().filter(|asked| self.judges(asked));
        self.ask(judged, &|id| self.seed(id).map(|seed| seed.permissions))
    }

    /// The expectations about groups that the policy does not come with: only an installation in
    /// which there is such a group can answer them.
    pub fn unasked_expectations(&self) -> impl Iterator<Item = &Expectation> {
        self.expectations.iter().filter(|asked| !self.judges(asked))
    }

    fn judges(&self, expectation: &Expectation) -> bool {
        expectation.who.group().is_none_or(|group| self.seed(group).is_some())
    }

    fn ask<'a>(
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

/// Reads `expectations.toml`; what is wrong goes to the file's problems.
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
            let message = format!("`{}` is no decision: {names}", expected.value);
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
        file.problem(reason.line, format!("there is no reason `{}`", reason.value));
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

/// `GET /x`: a method, one space, and the target as it stands, which may well be a bad one.
fn split_request(file: &File<'_>, request: &At<String>) -> Option<(Method, String)> {
    let parsed = request.value.split_once(' ').and_then(|(method, target)| {
        Some((Method::from_bytes(method.as_bytes()).ok()?, target.to_owned()))
    });
    if parsed.is_none() {
        let message = format!("`{}` is no request: a method, a space, a path", request.value);
        file.problem(request.line, message);
    }
    parsed
}
