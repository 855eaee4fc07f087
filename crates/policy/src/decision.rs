//! The one question: may this person do this here?
//!
//! [`decide`] is pure and total. The gateway, `explain` and the expectations ask it alike; a [`Permit`] cannot be made anywhere else. In order:
//!
//! 1. A path that a careless portal might read as none is malformed. No route has the path, or none
//!    of those that have it has the method, or none of those the query: denied, signed in or not.
//!    Nobody is asked to sign in for what does not exist.
//! 2. A WebSocket where the route does not say so: denied.
//! 3. `public` is allowed, `deny` is denied.
//! 4. No session, or one whose time is over: sign in.
//! 5. In the No Portal Access Group: denied (R8). The path names another organization: denied.
//! 6. The permissions decide. Someone who came by a secure link has none that needs a person (R3),
//!    whatever the session says.
//! 7. What is allowed so far is denied if the portal might read the path in a way that is not
//!    allowed to the same session ([`RefusedReading`]).

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

    /// Whether the person is in the No Portal Access Group (R8).
    #[must_use]
    pub fn has_no_access(&self) -> bool {
        &*self.group == built_in::NO_ACCESS
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
    /// The portal might read the path as one that is refused whatever the policy says.
    Malformed(BadTarget),
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
    reading: Option<Box<RefusedReading>>,
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

    /// The reading that refuses it, if the path as it is would be allowed.
    #[must_use]
    pub fn reading(&self) -> Option<&RefusedReading> {
        self.reading.as_deref()
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
            Self::Malformed(bad) => Reason::BadTarget(*bad),
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
            Self::Malformed(_) => None,
        }
    }

    /// The reading that refuses it, if there is one.
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
    /// Denied: the portal might read the path in a way that is not allowed.
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
    /// Malformed: the portal might read the path as one that is always refused.
    BadTarget(BadTarget),
}

impl Reason {
    /// Every reason but those of targets ([`BadTarget::ALL`]).
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

/// May this person do this here?
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
    let own = |subject: &Subject| route.concerns(&subject.organization, place.path);
    match may(policy, subject, request, (route, own), now) {
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

/// What a route says to a session.
enum Verdict {
    Allow(PermissionSet, Reason),
    Challenge(Reason),
    Deny(Reason),
    /// A denial that the route may turn into a redirection.
    Refuse(Reason),
}

/// Asks one route; `own` tells whether the path names the subject's own organization.
fn may(
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
