//! The decision record: one line for each request that was decided.
//!
//! A line never contains a token, a cookie, the value of a query parameter or a body
//! ([`recordable`], `query_names`).

mod format;
mod journal;
mod log;
mod output;
pub(super) mod query_names;
pub mod recordable;
mod traces;

use std::io::Write as _;
use std::net::IpAddr;

use http::StatusCode;
use http::header::HeaderName;
use jiff::Timestamp;

pub use self::log::{DecisionLog, OpenLine};
pub use self::output::Output;
pub use self::traces::{TraceExporter, traces};

use super::{AccessRequest, Verdict};
use crate::credential::token::TokenHash;
use portcullis_policy::{Readings, RefusedReading, Route, Subject};

/// Dropped headers that are named in a line, and bytes of each name.
const MOST_NAMES: usize = 16;
const LONGEST_NAME: usize = 64;

/// One decision. A field that is `None` or empty is left out of the line, except for the strings
/// that are always known.
#[derive(Debug)]
pub struct Entry<'a> {
    /// When the request arrived; microseconds in the line.
    pub time: Timestamp,
    /// The request's id, as the portal gets it.
    pub request: &'a str,
    /// The client's address: the peer's, or the one that a trusted proxy names.
    pub client: IpAddr,
    /// The contract in which another proxy asks about the request.
    pub via: Option<&'static str>,
    /// The caller's span, if the request has a valid one (W3C Trace Context).
    pub traceparent: Option<&'a str>,
    /// The method.
    pub method: &'a str,
    /// The canonical path; `None` when the target has none.
    pub path: Option<&'a str>,
    /// The target as it came, without its query; `None` when its path is `path`.
    pub target: Option<String>,
    /// The query, of which only the names of parameters are recorded.
    pub query: Option<&'a str>,
    /// Whether the request asks to become a WebSocket.
    pub websocket: bool,
    /// `allow`, `sign-in`, `deny`, `redirect`, `bad-request` or `unavailable`.
    pub decision: &'static str,
    /// Why, from the closed list of reasons.
    pub reason: &'static str,
    /// The route that decided.
    pub route: Option<&'a str>,
    /// How the portal might have read the path, when that is the reason.
    pub reading: Option<Readings>,
    /// The kind of session.
    pub session: Option<&'a str>,
    /// The id of the token that the session is of.
    pub token: Option<TokenHash>,
    /// The organization's id.
    pub organization: Option<&'a str>,
    /// The portal user's id.
    pub user: Option<&'a str>,
    /// The group's id.
    pub group: Option<&'a str>,
    /// Who of the operator's staff is behind the session.
    pub actor: Option<&'a str>,
    /// The policy's version; empty when the policy was not asked.
    pub policy: &'a str,
    /// Headers that the portal does not get because they are reserved.
    pub dropped: &'a [&'a HeaderName],
    /// Microseconds from the request's head to the decision.
    pub micros: u64,
}

/// The text of a time without fractions of a second, which many lines in a row share.
#[derive(Debug, Default)]
struct Second {
    second: Option<i64>,
    text: String,
}

impl<'a> Entry<'a> {
    /// An entry for this request, without a decision.
    #[must_use]
    pub fn new(
        time: Timestamp,
        (request, client): (&'a str, IpAddr),
        method: &'a str,
        micros: u64,
    ) -> Self {
        Self {
            time,
            request,
            client,
            via: None,
            traceparent: None,
            method,
            path: None,
            target: None,
            query: None,
            websocket: false,
            decision: "",
            reason: "",
            route: None,
            reading: None,
            session: None,
            token: None,
            organization: None,
            user: None,
            group: None,
            actor: None,
            policy: "",
            dropped: &[],
            micros,
        }
    }

    /// The entry with the subject of the request.
    #[must_use]
    pub fn by(self, subject: Option<&'a Subject>) -> Self {
        Self {
            session: subject.map(|subject| subject.kind.name()),
            organization: subject.map(|subject| &*subject.organization),
            user: subject.and_then(|subject| subject.user.as_deref()),
            group: subject.map(|subject| &*subject.group),
            actor: subject.and_then(|subject| subject.actor.as_deref()),
            ..self
        }
    }

    /// The entry with what the request is about.
    #[must_use]
    pub fn about(self, request: &'a AccessRequest) -> Self {
        Self {
            path: Some(recordable::path(request.target().path())),
            query: request.target().query(),
            websocket: request.is_websocket(),
            ..self
        }
    }

    /// The entry with what was decided about the request.
    #[must_use]
    pub fn decided(self, request: &'a AccessRequest, verdict: &'a Verdict<'_>) -> Self {
        let outcome = verdict.outcome();
        let policy =
            if outcome.is_by_policy() { verdict.snapshot().policy().version() } else { "" };
        Self {
            decision: outcome.name(),
            reason: outcome.reason(),
            route: outcome.route().map(Route::name),
            reading: outcome.reading().map(RefusedReading::readings),
            policy,
            token: verdict.token(),
            ..self.about(request).by(verdict.subject())
        }
    }

    /// Appends the line, up to the portal's status. It is written field by field, because a
    /// serializer costs more than the decision itself.
    fn write(&self, line: &mut Vec<u8>, second: &mut Second) {
        line.extend_from_slice(b"{\"time\":\"");
        second.write(self.time, line);
        line.push(b'"');
        plain(line, ",\"request\":\"", self.request);
        line.extend_from_slice(b",\"client\":\"");
        address(line, self.client);
        line.push(b'"');
        if let Some(via) = self.via {
            plain(line, ",\"via\":\"", via);
        }
        if let Some(parent) = self.traceparent {
            plain(line, ",\"traceparent\":\"", parent);
        }
        text(line, ",\"method\":\"", Some(self.method));
        text(line, ",\"path\":\"", self.path);
        text(line, ",\"target\":\"", self.target.as_deref());
        if let Some(query) = self.query {
            query_names::write(line, query);
        }
        if self.websocket {
            line.extend_from_slice(b",\"websocket\":true");
        }
        plain(line, ",\"decision\":\"", self.decision);
        plain(line, ",\"reason\":\"", self.reason);
        text(line, ",\"route\":\"", self.route);
        if let Some(reading) = self.reading {
            plain(line, ",\"reading\":\"", &reading.to_string());
        }
        if let Some(session) = self.session {
            plain(line, ",\"session\":\"", session);
        }
        if let Some(token) = self.token {
            plain(line, ",\"token\":\"", &token.to_string());
        }
        text(line, ",\"organization\":\"", self.organization);
        text(line, ",\"user\":\"", self.user);
        text(line, ",\"group\":\"", self.group);
        text(line, ",\"actor\":\"", self.actor);
        plain(line, ",\"policy\":\"", self.policy);
        if !self.dropped.is_empty() {
            names(line, self.dropped);
        }
        line.extend_from_slice(b",\"micros\":");
        decimal(line, self.micros);
    }
}

/// Ends a line, with the portal's status if it has answered, and the microseconds from the decision
/// to the head of its response.
fn end(line: &mut Vec<u8>, answer: Option<(StatusCode, u64)>) {
    if let Some((status, micros)) = answer {
        line.extend_from_slice(b",\"status\":");
        line.extend_from_slice(status.as_str().as_bytes());
        line.extend_from_slice(b",\"portal_micros\":");
        decimal(line, micros);
    }
    line.extend_from_slice(b"}\n");
}

impl Second {
    fn write(&mut self, time: Timestamp, line: &mut Vec<u8>) {
        let second = time.as_nanosecond().div_euclid(1_000_000_000);
        let second = i64::try_from(second).unwrap_or_default();
        if self.second != Some(second) {
            self.second = Some(second);
            self.text = Timestamp::from_second(second).unwrap_or_default().to_string();
        }
        let micros = time.as_microsecond().rem_euclid(1_000_000);
        line.extend_from_slice(self.text.trim_end_matches('Z').as_bytes());
        line.push(b'.');
        for place in [100_000, 10_000, 1000, 100, 10, 1] {
            // The remainder is less than ten.
            line.push(b'0' + u8::try_from(micros / place % 10).unwrap_or_default());
        }
        line.push(b'Z');
    }
}

/// Appends an address.
fn address(line: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let [first, rest @ ..] = address.octets();
            decimal(line, first.into());
            for octet in rest {
                line.push(b'.');
                decimal(line, octet.into());
            }
        }
        // Writing to memory cannot fail.
        IpAddr::V6(address) => drop(write!(line, "{address}")),
    }
}

/// Appends a number. This costs less than the machinery of `write!`.
fn decimal(line: &mut Vec<u8>, mut number: u64) {
    let end = line.len();
    loop {
        // The remainder is less than ten.
        line.push(b'0' + u8::try_from(number % 10).unwrap_or_default());
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = line.get_mut(end..) {
        digits.reverse();
    }
}

/// Appends a field that may need escapes; `name` with its comma, quotes and colon, and the quote
/// before the value.
fn text(line: &mut Vec<u8>, name: &'static str, value: Option<&str>) {
    let Some(value) = value else { return };
    if value.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        plain(line, name, value);
    } else {
        line.extend_from_slice(name.trim_end_matches('"').as_bytes());
        json(line, value);
    }
}

/// Appends a field whose value needs no escapes: a name of ours, an id or a hash; `name` as in
/// [`text`].
fn plain(line: &mut Vec<u8>, name: &'static str, value: &str) {
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(value.as_bytes());
    line.push(b'"');
}

/// Appends the names of dropped headers, within bounds, because the client chooses them.
fn names(line: &mut Vec<u8>, names: &[&HeaderName]) {
    let mut before = ",\"dropped\":[";
    for name in names.iter().take(MOST_NAMES) {
        line.extend_from_slice(before.as_bytes());
        // Names are ASCII, so this cuts no character in two.
        let name = name.as_str();
        json(line, name.get(..LONGEST_NAME).unwrap_or(name));
        before = ",";
    }
    line.push(b']');
}

fn json<T: serde::Serialize + ?Sized>(line: &mut Vec<u8>, value: &T) {
    // Serializing text and numbers into memory cannot fail.
    let _ = serde_json::to_writer(line, value);
}

#[cfg(test)]
mod tests;
