//! The decision of one route on one reading of the path.

use jiff::Timestamp;

use crate::permission::PermissionSet;
use crate::policy::Policy;
use crate::reason::Reason;
use crate::request_path::RequestTarget;
use crate::route::{Access, Route};
use crate::subject::Subject;
use http::Method;

/// The parts of a request that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts<'a> {
    /// The name of the host ([`crate::Host::name`]).
    pub host: &'a str,
    /// The method.
    pub method: &'a Method,
    /// The canonical target.
    pub target: &'a RequestTarget,
    /// Whether the request is to open a WebSocket.
    pub websocket: bool,
}

/// The decision of one route.
pub(super) enum Verdict {
    Allow(PermissionSet, Reason),
    Challenge(Reason),
    Deny(Reason),
    /// A denial that the route may turn into a redirect.
    Refuse(Reason),
}

/// Decides by one route. `own` returns whether the organization in the path is the subject's.
pub(super) fn judge(
    policy: &Policy,
    subject: Option<&Subject>,
    request: &RequestFacts<'_>,
    (route, own): (&Route, impl FnOnce(&Subject) -> bool),
    now: Timestamp,
) -> Verdict {
    if request.websocket && !route.websocket() {
        return Verdict::Deny(Reason::WebsocketNotAllowed);
    }
    let requirement = match route.access() {
        Access::Public => return Verdict::Allow(PermissionSet::EMPTY, Reason::Public),
        Access::Deny if subject.is_some_and(Subject::has_no_access) => {
            return Verdict::Deny(Reason::NoPortalAccess);
        }
        Access::Deny => return Verdict::Refuse(Reason::RouteClosed),
        Access::SignedIn => None,
        Access::Require(requirement) => Some(requirement),
    };
    let Some(subject) = subject else {
        return Verdict::Challenge(Reason::NoSession);
    };
    if subject.valid_until <= now {
        return Verdict::Challenge(Reason::SessionExpired);
    }
    if subject.has_no_access() {
        return Verdict::Deny(Reason::NoPortalAccess);
    }
    if !own(subject) {
        return Verdict::Deny(Reason::OtherOrganization);
    }
    let Some(requirement) = requirement else {
        return Verdict::Allow(PermissionSet::EMPTY, Reason::SignedIn);
    };
    let held = subject.held(policy.catalogue());
    if !requirement.is_met_by(held) {
        return Verdict::Refuse(Reason::MissingPermission);
    }
    Verdict::Allow(requirement.permissions().intersection(held), Reason::Permitted)
}
