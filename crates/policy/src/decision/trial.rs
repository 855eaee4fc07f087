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
//! admit, WebSockets on routes that allow none, invalid and ambiguous paths and queries. A method
//! that no route of a path lists is refused if one of these routes is closed to the session, whatever
//! its methods, and a path if it is closed in any of its readings.

use jiff::Timestamp;

use super::verdict::{RequestFacts, Verdict, judge};
use crate::policy::Policy;
use crate::query_rule::QueryRule;
use crate::reason::Reason;
use crate::route::{Access, NamedBy, PathReading};
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

/// Why a trial may not have a path which has routes, none of them for the request for this reason.
/// `None` if it may: each of the routes is open to it.
pub(super) fn closed_by(
    shape: &Shape,
    reason: Reason,
    path: PathReading<'_>,
    (policy, subject, request, now): Asked<'_>,
) -> Option<Reason> {
    if !matches!(reason, Reason::MethodNotAllowed | Reason::QueryNotAllowed) {
        return Some(reason);
    }
    let named = NamedBy { host: request.host, path, query: request.target.query() };
    shape.routes().iter().find_map(|route| {
        let is_other = |rule: &QueryRule| rule.matches(named.query) == Some(false);
        if route.access() == Access::Deny && route.query().is_some_and(is_other) {
            // Only other requests are closed.
            return None;
        }
        let own = |subject: &Subject| route.is_of_organization(&subject.organization, &named);
        match judge(policy, subject, request, (route, own), now) {
            Verdict::Allow(..) => None,
            Verdict::Challenge(reason) | Verdict::Deny(reason) | Verdict::Refuse(reason) => {
                Some(reason)
            }
        }
    })
}
