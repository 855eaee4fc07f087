//! Expectations: decisions that operators require. A policy that decides otherwise is not put in
//! force.

mod check;

use std::fmt;
use std::net::IpAddr;

use http::Method;

use super::document::{At, Entry, File};
use super::group::built_in;
use super::host::Host;
use super::reason::Reason;
use super::request_line::BadRequest;
use super::similar::did_you_mean;

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
    address: Option<IpAddr>,
    preflight: Option<Method>,
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

    /// The line in `expectations.toml`.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
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
    let address = parsed(file, entry, "address", "is not an IP address", |text| text.parse().ok());
    let preflight = parsed(file, entry, "preflight", "is not a method", |text| {
        Method::from_bytes(text.as_bytes()).ok()
    });

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
    let reasons = || Reason::ALL.iter().map(|reason| reason.as_str()).chain(BadRequest::names());
    if let Some(reason) = &reason
        && !reasons().any(|known| known == reason.value)
    {
        let proposal = did_you_mean(&reason.value, reasons());
        let advice = if proposal.is_empty() { "; docs/policies.md lists them" } else { &proposal };
        file.problem(reason.line, format!("`{}` is not a reason{advice}", reason.value));
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
        address: address?,
        preflight: preflight?,
        expected: expected?,
        reason: reason.map(|reason| reason.value),
        line: entry.line(),
    })
}

/// A string that `read` accepts; `Some(None)` without the key.
fn parsed<T>(
    file: &File<'_>,
    entry: &mut Entry<'_>,
    key: &str,
    wrong: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Option<Option<T>> {
    if !entry.has(key) {
        return Some(None);
    }
    let text = entry.string(key)?;
    let value = read(&text.value);
    if value.is_none() {
        file.problem(text.line, format!("`{}` {wrong}", text.value));
    }
    value.map(Some)
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
