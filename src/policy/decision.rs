//! The one question: may this person do this here?
//!
//! [`decide`] is pure and total. The gateway, `explain` and the expectations ask it alike; a [`Permit`] cannot be made anywhere else. In order:
//!
//! 1. No route has the path, or none of those that have it has the method, or none of those the
//!    query: denied, signed in or not. Nobody is asked to sign in for what does not exist. What the
//!    portal might read as a request for another route is denied too.
//! 2. A WebSocket where the route does not say so: denied.
//! 3. `public` is allowed, `deny` is denied.
//! 4. No session, or one whose time is over: sign in.
//! 5. In the No Portal Access Group: denied (R8). The path names another organization: denied.
//! 6. The permissions decide. Someone who came by a secure link has none that needs a person (R3),
//!    whatever the session says.

use std::sync::Arc;

use http::Method;
use jiff::Timestamp;

use super::Policy;
use super::group::built_in;
use super::permission::{Catalogue, PermissionSet};
use super::request_path::RequestTarget;
use super::route::{Access, Route};

/// How a session came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// A portal user signed in.
    User,
    /// A secure link was opened: an organization is known, no person.
    Link,
    /// The operator's staff look at an organization's portal.
    Staff,
    /// The operator's staff look through a portal user's eyes.
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

/// Who asks, as far as a session says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// How the session came to be.
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
    /// What the group may do, at this moment.
    pub granted: PermissionSet,
    /// From when on the session is over.
    pub valid_until: Timestamp,
}

impl Subject {
    /// Somebody in a group, of whom no more is known.
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

    /// What counts of [`Subject::granted`]: nothing that needs a person when there is none (R3).
    #[must_use]
    pub fn held(&self, catalogue: &Catalogue) -> PermissionSet {
        match self.kind {
            SessionKind::Link => self.granted.intersection(catalogue.without_identity()),
            SessionKind::User | SessionKind::Staff | SessionKind::Impersonation => self.granted,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts<'a> {
    /// The name of the host ([`super::Host::name`]).
    pub host: &'a str,
    /// The method.
    pub method: &'a Method,
    /// The target in its one spelling.
    pub target: &'a RequestTarget,
    /// Whether the request wants to become a WebSocket.
    pub websocket: bool,
}

/// The answer.
#[derive(Debug)]
#[must_use]
pub enum Decision {
    /// Forward it.
    Allow(Permit),
    /// Something must be done first.
    Challenge(Step),
    /// Refuse it.
    Deny(Denial),
    /// Refuse it, and send the person elsewhere.
    Redirect(Redirection),
}

/// Leave to forward one request. Only [`decide`] makes one.
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

    /// Those of the permissions the route names that the person has.
    #[must_use]
    pub fn granted(&self) -> PermissionSet {
        self.granted
    }
}

/// What must be done first: sign in, which is the only step there is.
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
}

/// A refusal that leads elsewhere, because the route says so.
#[derive(Debug)]
pub struct Redirection {
    route: Arc<Route>,
    location: String,
    reason: Reason,
}

impl Denial {
    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The route that denies, if the path is on one.
    #[must_use]
    pub fn route(&self) -> Option<&Arc<Route>> {
        self.route.as_ref()
    }
}

impl Redirection {
    /// Where to: a local path or a whole URL, as the policy has it.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

impl Decision {
    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Allow(permit) => permit.reason,
            Self::Challenge(step) => step.reason,
            Self::Deny(denial) => denial.reason,
            Self::Redirect(redirection) => redirection.reason,
        }
    }

    /// The route that led to it, if one did.
    #[must_use]
    pub fn route(&self) -> Option<&Arc<Route>> {
        match self {
            Self::Allow(permit) => Some(&permit.route),
            Self::Challenge(step) => Some(&step.route),
            Self::Deny(denial) => denial.route.as_ref(),
            Self::Redirect(redirection) => Some(&redirection.route),
        }
    }

    /// The stable name: `allow`, `sign-in`, `deny` or `redirect`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Allow(_) => "allow",
            Self::Challenge(_) => "sign-in",
            Self::Deny(_) => "deny",
            Self::Redirect(_) => "redirect",
        }
    }
}

/// Why a decision is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Allowed: the route is public.
    Public,
    /// Allowed: the route asks for a session and no more.
    SignedIn,
    /// Allowed: the person has the permissions.
    Permitted,
    /// Sign in: there is no session.
    NoSession,
    /// Sign in: the session's time is over.
    SessionExpired,
    /// Denied: no route has the path.
    NoRoute,
    /// Denied: no route of the path has the method.
    MethodNotAllowed,
    /// Denied: the routes of the path and the method are for other values of a query parameter.
    QueryNotAllowed,
    /// Denied: the portal might read another value of that parameter in the query.
    AmbiguousQuery,
    /// Denied: the portal might read the path in a way that falls on another route.
    AmbiguousPath,
    /// Denied: the route does not say that a WebSocket may be opened.
    WebsocketNotAllowed,
    /// Denied: the route is closed to everybody.
    RouteClosed,
    /// Denied: the person is in the No Portal Access Group (R8).
    NoPortalAccess,
    /// Denied: the path names another organization than the session's.
    OtherOrganization,
    /// Denied: the person lacks a permission.
    MissingPermission,
}

impl Reason {
    /// Every reason.
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
        }
    }
}

/// May this person do this here?
pub fn decide(
    policy: &Policy,
    subject: Option<&Subject>,
    request: &RequestFacts<'_>,
    now: Timestamp,
) -> Decision {
    let path = request.target.path();
    let Some(shape) = policy.router.find(request.host, path) else {
        return deny(None, Reason::NoRoute);
    };
    let route = match shape.route(request.method, request.target.query()) {
        Ok(route) => route,
        Err(reason) => return deny(None, reason),
    };
    let same_shape = |reading: Result<RequestTarget, _>| {
        let read = reading.ok().and_then(|read| policy.router.find(request.host, read.path()));
        read.is_some_and(|read| std::ptr::eq(read, shape))
    };
    let other_query = route.query().is_some() && request.target.may_end_early();
    if other_query || !request.target.careless_readings().all(same_shape) {
        return deny(Some(route), Reason::AmbiguousPath);
    }
    if request.websocket && !route.websocket() {
        return deny(Some(route), Reason::WebsocketNotAllowed);
    }
    let no_access = |subject: &Subject| &*subject.group == built_in::NO_ACCESS;
    let requirement = match route.access() {
        Access::Public => return allow(route, PermissionSet::EMPTY, Reason::Public),
        Access::Deny if subject.is_some_and(no_access) => {
            return deny(Some(route), Reason::NoPortalAccess);
        }
        Access::Deny => return refuse(route, Reason::RouteClosed),
        Access::SignedIn => None,
        Access::Require(requirement) => Some(requirement),
    };
    let Some(subject) = subject else {
        return challenge(route, Reason::NoSession);
    };
    if subject.valid_until <= now {
        return challenge(route, Reason::SessionExpired);
    }
    if no_access(subject) {
        return deny(Some(route), Reason::NoPortalAccess);
    }
    if !route.concerns(&subject.organization, path) {
        return deny(Some(route), Reason::OtherOrganization);
    }
    let Some(requirement) = requirement else {
        return allow(route, PermissionSet::EMPTY, Reason::SignedIn);
    };
    let held = subject.held(&policy.catalogue);
    if !requirement.is_met_by(held) {
        return refuse(route, Reason::MissingPermission);
    }
    allow(route, requirement.permissions().intersection(held), Reason::Permitted)
}

fn allow(route: &Arc<Route>, granted: PermissionSet, reason: Reason) -> Decision {
    Decision::Allow(Permit { route: Arc::clone(route), granted, reason })
}

fn challenge(route: &Arc<Route>, reason: Reason) -> Decision {
    Decision::Challenge(Step { route: Arc::clone(route), reason })
}

fn deny(route: Option<&Arc<Route>>, reason: Reason) -> Decision {
    Decision::Deny(Denial { route: route.map(Arc::clone), reason })
}

/// Denies, or redirects where the route says so.
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
