//! A trial of the portal: a session of the operator's staff that may have everything which is not
//! closed, to find out which requests the portal has.
//!
//! Allowed, and refused to every other session:
//!
//! - a path that no route matches,
//! - a method or a query that no route of the path lists,
//! - a request whose permissions the session does not have (`verdict`).
//!
//! The rest is the *floor*, and stays refused: routes with `access = "deny"` or `staff = "never"`,
//! names in `except`, another organization than the session's, addresses that the route does not
//! admit, WebSockets on routes that allow none, methods that no route can list, invalid and ambiguous
//! paths and queries.
//!
//! A request that no route is for is refused if any route of its path is closed to the session,
//! whatever its methods, also one with a less specific pattern, and in any reading of the path. One
//! exception lets the other actions of a single page be found: if `access = "deny"` closes a query
//! only, a GET or HEAD whose query is clearly another is not refused for it.

use http::Method;
use jiff::Timestamp;

use super::verdict::{RequestFacts, Verdict, judge};
use crate::policy::Policy;
use crate::reason::Reason;
use crate::route::{NamedBy, PathReading, Route};
use crate::router::Shape;
use crate::subject::{SessionKind, Subject};

/// A request, with its policy, its session and the time.
type Asked<'a> = (&'a Policy, Option<&'a Subject>, &'a RequestFacts<'a>, Timestamp);

/// Whether the session is a trial.
pub(super) fn is_of(subject: Option<&Subject>) -> bool {
    subject.is_some_and(|subject| subject.kind == SessionKind::Trial)
}

/// The same session as one that only views the portal; `None` if it is no trial.
pub(super) fn as_view(subject: Option<&Subject>) -> Option<Subject> {
    let trial = subject.filter(|subject| subject.kind == SessionKind::Trial)?;
    Some(Subject { kind: SessionKind::Staff, ..trial.clone() })
}

/// Whether a trial may send the method where no route lists it: routes could.
pub(super) fn may_send(method: &Method) -> bool {
    !matches!(*method, Method::CONNECT | Method::TRACE)
        && !method.as_str().bytes().any(|byte| byte.is_ascii_lowercase())
}

/// Why a path with these routes is closed to a trial, for a request that none of the most specific
/// routes is for. `None` if each of them is open to it.
pub(super) fn closed_by(
    shape: &Shape,
    path: PathReading<'_>,
    (policy, subject, request, now): Asked<'_>,
) -> Option<Reason> {
    let named = NamedBy { host: request.host, path, query: request.target.query() };
    let closed = |route: &Route| {
        let own = |subject: &Subject| route.is_of_organization(&subject.organization, &named);
        match judge(policy, subject, request, (route, own), now) {
            Verdict::Allow(..) => None,
            Verdict::Challenge(reason) | Verdict::Deny(reason) | Verdict::Refuse(reason) => {
                Some(reason)
            }
        }
    };
    match request.route(shape) {
        Ok(route) => return closed(route),
        Err(Reason::MethodNotAllowed | Reason::QueryNotAllowed) => {}
        Err(reason) => return Some(reason),
    }
    let reads = matches!(*request.method, Method::GET | Method::HEAD);
    // Portals that read the parameter from a body read it there.
    let is_other = |route: &Route| {
        reads && route.query().is_some_and(|rule| rule.is_clearly_other(named.query))
    };
    shape.routes().iter().find_map(|route| {
        closed(route).filter(|reason| *reason != Reason::RouteClosed || !is_other(route))
    })
}
