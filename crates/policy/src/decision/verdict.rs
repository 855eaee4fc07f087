//! The decision of one route on one reading of the path.

use std::net::IpAddr;
use std::sync::Arc;

use http::Method;
use jiff::Timestamp;

use crate::permission::PermissionSet;
use crate::policy::Policy;
use crate::reason::Reason;
use crate::request_path::RequestTarget;
use crate::route::{Access, Route};
use crate::router::Shape;
use crate::subject::{SessionKind, Subject};

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
    /// The client's address, if it is known.
    pub client: Option<IpAddr>,
    /// Of a CORS preflight: the method that it asks about (Fetch, section 3.2.2).
    pub preflight: Option<&'a Method>,
}

impl<'a> RequestFacts<'a> {
    /// A request that is neither a WebSocket nor a preflight, from an unknown address.
    #[must_use]
    pub const fn new(host: &'a str, method: &'a Method, target: &'a RequestTarget) -> Self {
        Self { host, method, target, websocket: false, client: None, preflight: None }
    }

    /// The route of a shape for the request: for a preflight, that of the method that it asks about,
    /// if its preflights are public.
    ///
    /// # Errors
    /// Why no route applies.
    pub(super) fn route<'s>(&self, shape: &'s Shape) -> Result<&'s Arc<Route>, Reason> {
        let query = self.target.query();
        let asked = self.preflight.and_then(|method| shape.route(method, query).ok());
        match asked.filter(|route| route.preflight_is_public()) {
            Some(route) => Ok(route),
            None => shape.route(self.method, query),
        }
    }

    fn is_public_preflight(&self, route: &Route) -> bool {
        route.preflight_is_public()
            && self.preflight.is_some_and(|method| route.methods().contains(method))
    }
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
    if !route.admits(request.client) {
        return Verdict::Deny(Reason::AddressNotAllowed);
    }
    if request.is_public_preflight(route) {
        return Verdict::Allow(PermissionSet::EMPTY, Reason::Public);
    }
    if request.websocket && !route.websocket() {
        return Verdict::Deny(Reason::WebsocketNotAllowed);
    }
    // On public routes too, because the portal learns who is asking there as well.
    if route.refuses_staff() && subject.is_some_and(|subject| subject.kind.is_staff()) {
        return Verdict::Deny(Reason::StaffNotAllowed);
    }
    let requirement = match route.access() {
        Access::Public => return Verdict::Allow(PermissionSet::EMPTY, Reason::Public),
        Access::Deny => {
            let reason = subject.and_then(Subject::no_access);
            return reason.map_or(Verdict::Refuse(Reason::RouteClosed), Verdict::Deny);
        }
        Access::SignedIn => None,
        Access::Require(requirement) => Some(requirement),
    };
    let Some(subject) = subject else {
        return Verdict::Challenge(Reason::NoSession);
    };
    if subject.valid_until <= now {
        return Verdict::Challenge(Reason::SessionExpired);
    }
    if let Some(reason) = subject.no_access() {
        return Verdict::Deny(reason);
    }
    if !own(subject) {
        return Verdict::Deny(Reason::OtherOrganization);
    }
    let Some(requirement) = requirement else {
        return Verdict::Allow(PermissionSet::EMPTY, Reason::SignedIn);
    };
    let held = subject.held(policy.catalogue());
    let granted = requirement.permissions().intersection(held);
    if requirement.is_met_by(held) {
        return Verdict::Allow(granted, Reason::Permitted);
    }
    match subject.kind {
        SessionKind::Trial => Verdict::Allow(granted, Reason::Trial),
        _ => Verdict::Refuse(Reason::MissingPermission),
    }
}
