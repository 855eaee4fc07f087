//! The decision on a request.
//!
//! [`decide`] is pure and total. The gateway, `explain` and the expectations all call it, and nothing
//! else makes a [`Permit`]. In order:
//!
//! 1. A path that becomes invalid in another reading is a bad request. If no route matches the path,
//!    or none of those the method, or none of those the query: denied, with or without a session.
//!    Signing in would not help; visitors are still answered as if it might, unless a route for the
//!    path is public ([`Denial::is_on_public_path`]), so that they do not learn which paths exist.
//! 2. The client's address is not one of those of the route: denied. A CORS preflight, and the route
//!    answers those without a session: allowed. A WebSocket, and the route does not allow one: denied.
//!    A session of the operator's staff, and the route has `staff = "never"`: denied.
//! 3. `public` is allowed, `deny` is denied; visitors are answered as in 1, also with `on_deny`.
//! 4. No session, or an expired one: sign in.
//! 5. The organization is parked, the account is disabled, or the group is the No Portal Access Group:
//!    denied (R8). The path names another organization: denied.
//! 6. The permissions decide. The session of a secure link has none of those that need a person
//!    (R3), whatever its group has.
//! 7. A request that is allowed so far is denied if the session may not have the path in another
//!    reading ([`RefusedReading`]).
//!
//! In a trial of the portal, 1 and 6 deny less (`trial`); everything else is the same.

mod outcome;
mod readings;
mod trial;
mod verdict;

use std::sync::Arc;

use jiff::Timestamp;

pub use self::outcome::{Decision, Denial, Permit, Redirection, Step};
pub use self::readings::RefusedReading;
pub use self::verdict::RequestFacts;

use self::outcome::{allow, challenge, deny, deny_for, refuse};
use self::readings::{Place, refused_reading};
use self::verdict::{Verdict, judge};
use super::permission::PermissionSet;
use super::policy::Policy;
use super::reading::{Spellings, Unreadable};
use super::reason::Reason;
use super::request_path::BadTarget;
use super::route::{NamedBy, PathReading, Route};
use super::subject::Subject;

/// Decides on a request of a session, or of a visitor without one. `now` is compared with the
/// expiry of the session only.
pub fn decide(
    policy: &Policy,
    subject: Option<&Subject>,
    request: &RequestFacts<'_>,
    now: Timestamp,
) -> Decision {
    let place = Place::of(policy, request);
    let mut decision = decide_at(&place, policy, subject, request, now);
    decision.set_on_public_path(|| place.is_public());
    decision
}

/// The route that a request is for, with or without a session; `None` if no route matches.
#[must_use]
pub fn route_for<'p>(policy: &'p Policy, request: &RequestFacts<'p>) -> Option<&'p Arc<Route>> {
    Place::of(policy, request).route(request).ok()
}

/// A route that matches the path of a request, whatever its methods and its query; `None` if no
/// route does.
#[must_use]
pub fn route_of_path<'p>(policy: &'p Policy, request: &RequestFacts<'p>) -> Option<&'p Arc<Route>> {
    Place::of(policy, request).shape?.routes().first()
}

fn decide_at(
    place: &Place<'_>,
    policy: &Policy,
    subject: Option<&Subject>,
    request: &RequestFacts<'_>,
    now: Timestamp,
) -> Decision {
    let spellings = match place.spellings(policy, request) {
        Ok(spellings) => spellings,
        Err(Unreadable::Bad(bad)) => return Decision::Malformed(bad),
        Err(Unreadable::TooMany) => return deny(None, Reason::AmbiguousPath),
    };
    let route = place.route(request);
    if request.target.has_encoded_slash() && !route.is_ok_and(|route| route.slash_is_data()) {
        return Decision::Malformed(BadTarget::EncodedSlash);
    }
    let route = match route {
        Ok(route) => route,
        Err(_) if trial::is_of(subject) => {
            let at = (place, spellings.as_ref());
            return in_trial(at, policy, subject, request, now);
        }
        Err(reason) => return deny(None, reason),
    };
    if route.query().is_some() && spellings.as_ref().is_some_and(|other| other.may_end_early) {
        return deny(Some(route), Reason::AmbiguousPath);
    }
    let named = NamedBy {
        host: request.host,
        path: PathReading::Itself(place.path),
        query: request.target.query(),
    };
    let own = |subject: &Subject| route.is_of_organization(&subject.organization, &named);
    match judge(policy, subject, request, (route, own), now) {
        Verdict::Allow(granted, reason) => {
            let others = spellings.as_ref().map(|spellings| (spellings, route));
            let refused =
                others.and_then(|others| refused_reading(policy, subject, request, others, now));
            // Whether the session would be refused for another reading if it were no trial.
            let is_opened = || {
                let Some((view, others)) = trial::as_view(subject).zip(others) else {
                    return false;
                };
                refused_reading(policy, Some(&view), request, others, now).is_some()
            };
            match refused {
                None if is_opened() => allow(route, granted, Reason::Trial),
                None => allow(route, granted, reason),
                Some(reading) => deny_for(Some(route), reading),
            }
        }
        Verdict::Challenge(reason) => challenge(route, reason),
        Verdict::Deny(reason) => deny(Some(route), reason),
        Verdict::Refuse(reason) => refuse(route, reason),
    }
}

/// Decides about a request of a trial that no route is for.
fn in_trial(
    (place, spellings): (&Place<'_>, Option<&Spellings<'_>>),
    policy: &Policy,
    subject: Option<&Subject>,
    request: &RequestFacts<'_>,
    now: Timestamp,
) -> Decision {
    if !trial::may_send(request.method) {
        return deny(None, Reason::MethodNotAllowed);
    }
    let may_end_early = spellings.is_some_and(|other| other.may_end_early);
    for shape in policy.router().all(request.host, place.path) {
        if shape.routes().iter().any(|route| shape.excludes(route, place.path)) {
            return deny(None, Reason::NoRoute);
        }
        if may_end_early && shape.routes().iter().any(|route| route.query().is_some()) {
            return deny(None, Reason::AmbiguousPath);
        }
        let path = PathReading::Itself(place.path);
        if let Some(reason) = trial::closed_by(shape, path, (policy, subject, request, now)) {
            return deny(None, reason);
        }
    }
    let route = policy.route_of_trials();
    match judge(policy, subject, request, (route, |_: &Subject| true), now) {
        Verdict::Allow(..) => {
            let refused = spellings.and_then(|spellings| {
                refused_reading(policy, subject, request, (spellings, route), now)
            });
            match refused {
                None => allow(route, PermissionSet::EMPTY, Reason::Trial),
                Some(reading) => deny_for(None, reading),
            }
        }
        Verdict::Challenge(reason) => challenge(route, reason),
        Verdict::Deny(reason) | Verdict::Refuse(reason) => deny(None, reason),
    }
}

#[cfg(test)]
mod tests;
