//! The decision on a request.
//!
//! [`decide`] is pure and total. The gateway, `explain` and the expectations all call it, and nothing
//! else makes a [`Permit`]. In order:
//!
//! 1. A path that becomes invalid in another reading is a bad request. If no route matches the path,
//!    or none of those the method, or none of those the query: denied, with or without a session.
//!    Signing in would not help.
//! 2. A WebSocket, and the route does not allow one: denied.
//! 3. `public` is allowed, `deny` is denied.
//! 4. No session, or an expired one: sign in.
//! 5. In the No Portal Access Group: denied (R8). The path names another organization: denied.
//! 6. The permissions decide. The session of a secure link has none of those that need a person
//!    (R3), whatever its group has.
//! 7. A request that is allowed so far is denied if the session may not have the path in another
//!    reading ([`RefusedReading`]).

mod readings;

use std::sync::Arc;

use http::Method;
use jiff::Timestamp;

pub use self::readings::RefusedReading;
use self::readings::{Place, refused_reading};
use super::Policy;
use super::group::built_in;
use super::permission::{Catalogue, PermissionSet};
use super::reading::Unreadable;
use super::request_path::{BadTarget, RequestTarget};
use super::route::{Access, Route};

/// How a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// A portal user signed in.
    User,
    /// A secure link was opened: the organization is known, the person is not.
    Link,
    /// A member of the operator's staff views an organization's portal.
    Staff,
    /// A member of the operator's staff acts as a portal user.
    Impersonation,
}

impl SessionKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::User, Self::Link, Self::Staff, Self::Impersonation];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Link => "link",
            Self::Staff => "staff",
            Self::Impersonation => "impersonation",
        }
    }
}

/// The session of a request: who it is from, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// How the session began.
    pub kind: SessionKind,
    /// The organization's id.
    pub organization: Arc<str>,
    /// The portal user's id.
    pub user: Option<Arc<str>>,
    /// The portal user's login.
    pub login: Option<Arc<str>>,
    /// The id of the portal user's end user.
    pub end_user: Option<Arc<str>>,
    /// The id of the group.
    pub group: Arc<str>,
    /// The permissions of the group at this moment.
    pub granted: PermissionSet,
    /// When the session expires.
    pub valid_until: Timestamp,
}

impl Subject {
    /// A member of a group, without user, login and end user.
    #[must_use]
    pub fn nameless(
        kind: SessionKind,
        organization: Arc<str>,
        (group, granted): (Arc<str>, PermissionSet),
        valid_until: Timestamp,
    ) -> Self {
        let (user, login, end_user) = (None, None, None);
        Self { kind, organization, user, login, end_user, group, granted, valid_until }
    }

    /// Whether the person is in the No Portal Access Group (R8).
    #[must_use]
    pub fn has_no_access(&self) -> bool {
        &*self.group == built_in::NO_ACCESS
    }

    /// The effective permissions: [`Subject::granted`], without those that need a person if the
    /// session is of a secure link (R3).
    #[must_use]
    pub fn held(&self, catalogue: &Catalogue) -> PermissionSet {
        match self.kind {
            SessionKind::Link => self.granted.intersection(catalogue.without_identity()),
            SessionKind::User | SessionKind::Staff | SessionKind::Impersonation => self.granted,
        }
    }
}

/// The parts of a request that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts<'a> {
    /// The name of the host ([`super::Host::name`]).
    pub host: &'a str,
    /// The method.
    pub method: &'a Method,
    /// The canonical target.
    pub target: &'a RequestTarget,
    /// Whether the request is to open a WebSocket.
    pub websocket: bool,
}

/// The decision on a request.
#[derive(Debug)]
#[must_use]
pub enum Decision {
    /// Forward it.
    Allow(Permit),
    /// The person must sign in first.
    Challenge(Step),
    /// Refuse it.
    Deny(Denial),
    /// Refuse it, and redirect the person.
    Redirect(Redirection),
    /// The path is invalid in another reading.
    Malformed(BadTarget),
}

/// Permission to forward one request. Only [`decide`] makes one.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    route: Arc<Route>,
    granted: PermissionSet,
    reason: Reason,
}

impl Permit {
    /// The route that allows it.
    #[must_use]
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// The permissions that the route names and the person has.
    #[must_use]
    pub fn granted(&self) -> PermissionSet {
        self.granted
    }
}

/// What must be done first. Signing in is the only step.
#[derive(Debug)]
pub struct Step {
    route: Arc<Route>,
    reason: Reason,
}

/// A refusal.
#[derive(Debug)]
pub struct Denial {
    route: Option<Arc<Route>>,
    reason: Reason,
    reading: Option<Box<RefusedReading>>,
}

/// A refusal with a redirect, because the route has `on_deny`.
#[derive(Debug)]
pub struct Redirection {
    route: Arc<Route>,
    location: String,
    reason: Reason,
}

impl Denial {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The route that denies, if one matches.
    #[must_use]
    pub fn route(&self) -> Option<&Arc<Route>> {
        self.route.as_ref()
    }

    /// The reading that is not allowed, if the path itself would be.
    #[must_use]
    pub fn reading(&self) -> Option<&RefusedReading> {
        self.reading.as_deref()
    }
}

impl Redirection {
    /// The target of the redirect: a local path or a URL, as it stands in the policy.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

impl Decision {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Allow(permit) => permit.reason,
            Self::Challenge(step) => step.reason,
            Self::Deny(denial) => denial.reason,
            Self::Redirect(redirection) => redirection.reason,
            Self::Malformed(bad) => Reason::BadTarget(*bad),
        }
    }

    /// The route that matches, if there is one.
    #[must_use]
    pub fn route(&self) -> Option<&Arc<Route>> {
        match self {
            Self::Allow(permit) => Some(&permit.route),
            Self::Challenge(step) => Some(&step.route),
            Self::Deny(denial) => denial.route.as_ref(),
            Self::Redirect(redirection) => Some(&redirection.route),
            Self::Malformed(_) => None,
        }
    }

    /// The reading that is not allowed, if that is the reason.
    #[must_use]
    pub fn reading(&self) -> Option<&RefusedReading> {
        match self {
            Self::Deny(denial) => denial.reading(),
            Self::Allow(_) | Self::Challenge(_) | Self::Redirect(_) | Self::Malformed(_) => None,
        }
    }

    /// The stable name: `allow`, `sign-in`, `deny`, `redirect` or `bad-request`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Allow(_) => "allow",
            Self::Challenge(_) => "sign-in",
            Self::Deny(_) => "deny",
            Self::Redirect(_) => "redirect",
            Self::Malformed(_) => "bad-request",
        }
    }
}

/// The reason for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Allowed: the route is public.
    Public,
    /// Allowed: the route requires only a session.
    SignedIn,
    /// Allowed: the session has the required permissions.
    Permitted,
    /// Sign in: there is no session.
    NoSession,
    /// Sign in: the session has expired.
    SessionExpired,
    /// Denied: no route matches the path.
    NoRoute,
    /// Denied: no route for the path lists the method.
    MethodNotAllowed,
    /// Denied: no route for the path and the method lists the value of the query parameter.
    QueryNotAllowed,
    /// Denied: the portal may read another value of that parameter in the query.
    AmbiguousQuery,
    /// Denied: the session may not have the path in another reading.
    AmbiguousPath,
    /// Denied: the route does not allow WebSockets.
    WebsocketNotAllowed,
    /// Denied: the route has `access = "deny"`.
    RouteClosed,
    /// Denied: the person is in the No Portal Access Group (R8).
    NoPortalAccess,
    /// Denied: the organization in the path is not the session's.
    OtherOrganization,
    /// Denied: a required permission is missing.
    MissingPermission,
    /// Bad request: the path is invalid in another reading.
    BadTarget(BadTarget),
}

impl Reason {
    /// Every reason, except those of [`BadTarget::ALL`].
    pub const ALL: [Self; 15] = [
        Self::Public,
        Self::SignedIn,
        Self::Permitted,
        Self::NoSession,
        Self::SessionExpired,
        Self::NoRoute,
        Self::MethodNotAllowed,
        Self::QueryNotAllowed,
        Self::AmbiguousQuery,
        Self::AmbiguousPath,
        Self::WebsocketNotAllowed,
        Self::RouteClosed,
        Self::NoPortalAccess,
        Self::OtherOrganization,
        Self::MissingPermission,
    ];

    /// The stable name, used in the decision record, `explain` and the expectations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::SignedIn => "signed-in",
            Self::Permitted => "permitted",
            Self::NoSession => "no-session",
            Self::SessionExpired => "session-expired",
            Self::NoRoute => "no-route",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::QueryNotAllowed => "query-not-allowed",
            Self::AmbiguousQuery => "ambiguous-query",
            Self::AmbiguousPath => "ambiguous-path",
            Self::WebsocketNotAllowed => "websocket-not-allowed",
            Self::RouteClosed => "route-closed",
            Self::NoPortalAccess => "no-portal-access",
            Self::OtherOrganization => "other-organization",
            Self::MissingPermission => "missing-permission",
            Self::BadTarget(bad) => bad.as_str(),
        }
    }
}

/// Decides on a request of a session, or of a visitor without one. `now` is compared with the
/// expiry of the session only.
pub fn decide(
    policy: &Policy,
    subject: Option<&Subject>,
    request: &RequestFacts<'_>,
    now: Timestamp,
) -> Decision {
    let place = Place::of(policy, request);
    let spellings = match place.spellings(policy, request) {
        Ok(spellings) => spellings,
        Err(Unreadable::Bad(bad)) => return Decision::Malformed(bad),
        Err(Unreadable::TooMany) => return deny(None, Reason::AmbiguousPath),
    };
    let route = place.shape.ok_or(Reason::NoRoute);
    let route = route.and_then(|shape| shape.route(request.method, request.target.query()));
    if request.target.has_encoded_slash() && !route.is_ok_and(|route| route.slash_is_data()) {
        return Decision::Malformed(BadTarget::EncodedSlash);
    }
    let route = match route {
        Ok(route) => route,
        Err(reason) => return deny(None, reason),
    };
    if route.query().is_some() && spellings.as_ref().is_some_and(|other| other.may_end_early) {
        return deny(Some(route), Reason::AmbiguousPath);
    }
    let own = |subject: &Subject| route.is_of_organization(&subject.organization, place.path);
    match judge(policy, subject, request, (route, own), now) {
        Verdict::Allow(granted, reason) => {
            let refused = spellings.and_then(|spellings| {
                refused_reading(policy, subject, request, (&spellings, route), now)
            });
            match refused {
                None => allow(route, granted, reason),
                Some(reading) => Decision::Deny(Denial {
                    route: Some(Arc::clone(route)),
                    reason: Reason::AmbiguousPath,
                    reading: Some(Box::new(reading)),
                }),
            }
        }
        Verdict::Challenge(reason) => challenge(route, reason),
        Verdict::Deny(reason) => deny(Some(route), reason),
        Verdict::Refuse(reason) => refuse(route, reason),
    }
}

/// The decision of one route.
enum Verdict {
    Allow(PermissionSet, Reason),
    Challenge(Reason),
    Deny(Reason),
    /// A denial that the route may turn into a redirect.
    Refuse(Reason),
}

/// Decides by one route. `own` returns whether the organization in the path is the subject's.
fn judge(
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
    let held = subject.held(&policy.catalogue);
    if !requirement.is_met_by(held) {
        return Verdict::Refuse(Reason::MissingPermission);
    }
    Verdict::Allow(requirement.permissions().intersection(held), Reason::Permitted)
}

fn allow(route: &Arc<Route>, granted: PermissionSet, reason: Reason) -> Decision {
    Decision::Allow(Permit { route: Arc::clone(route), granted, reason })
}

fn challenge(route: &Arc<Route>, reason: Reason) -> Decision {
    Decision::Challenge(Step { route: Arc::clone(route), reason })
}

fn deny(route: Option<&Arc<Route>>, reason: Reason) -> Decision {
    Decision::Deny(Denial { route: route.map(Arc::clone), reason, reading: None })
}

/// Denies, or redirects if the route has `on_deny`.
fn refuse(route: &Arc<Route>, reason: Reason) -> Decision {
    match route.on_deny() {
        Some(location) => Decision::Redirect(Redirection {
            route: Arc::clone(route),
            location: location.to_owned(),
            reason,
        }),
        None => deny(Some(route), reason),
    }
}

#[cfg(test)]
mod tests;
