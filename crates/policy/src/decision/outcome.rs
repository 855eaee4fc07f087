//! What is decided: the decision, and the permit without which nothing is forwarded.
//!
//! The functions that make them are private to `decision`.

use std::sync::Arc;

use super::readings::RefusedReading;
use crate::permission::PermissionSet;
use crate::reason::Reason;
use crate::request_path::BadTarget;
use crate::route::Route;

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

/// Permission to forward one request. Only [`decide`](super::decide) makes one.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    route: Arc<Route>,
    granted: PermissionSet,
    reason: Reason,
}

impl Permit {
    /// The route that allows it. In a trial of the portal it may be one that no file has.
    #[must_use]
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// The route that the request is for; `None` in a trial of the portal, if it is for none.
    #[must_use]
    pub fn written_route(&self) -> Option<&Arc<Route>> {
        Some(&self.route).filter(|route| !route.is_of_trials())
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
    on_public_path: bool,
}

/// A refusal with a redirect, because the route has `on_deny`.
#[derive(Debug)]
pub struct Redirection {
    route: Arc<Route>,
    location: String,
    reason: Reason,
    on_public_path: bool,
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

    /// Whether a route for the path is public, for this request or for others. Then it is no secret
    /// that the path exists, and signing in would not help.
    #[must_use]
    pub fn is_on_public_path(&self) -> bool {
        self.on_public_path
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

    /// The same as [`Denial::is_on_public_path`].
    #[must_use]
    pub fn is_on_public_path(&self) -> bool {
        self.on_public_path
    }
}

impl Decision {
    /// Sets whether the path has a public route. `is_public` is called only for refusals.
    pub(super) fn set_on_public_path(&mut self, is_public: impl FnOnce() -> bool) {
        match self {
            Self::Deny(denial) => denial.on_public_path = is_public(),
            Self::Redirect(redirection) => redirection.on_public_path = is_public(),
            Self::Allow(_) | Self::Challenge(_) | Self::Malformed(_) => {}
        }
    }

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
            Self::Allow(permit) => permit.written_route(),
            Self::Challenge(step) => Some(&step.route).filter(|route| !route.is_of_trials()),
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

pub(super) fn allow(route: &Arc<Route>, granted: PermissionSet, reason: Reason) -> Decision {
    Decision::Allow(Permit { route: Arc::clone(route), granted, reason })
}

pub(super) fn challenge(route: &Arc<Route>, reason: Reason) -> Decision {
    Decision::Challenge(Step { route: Arc::clone(route), reason })
}

pub(super) fn deny(route: Option<&Arc<Route>>, reason: Reason) -> Decision {
    let route = route.map(Arc::clone);
    Decision::Deny(Denial { route, reason, reading: None, on_public_path: false })
}

/// Denies a request that the route, or a trial of the portal, would allow, because of another reading
/// of the path.
pub(super) fn deny_for(route: Option<&Arc<Route>>, reading: RefusedReading) -> Decision {
    Decision::Deny(Denial {
        route: route.map(Arc::clone),
        reason: Reason::AmbiguousPath,
        reading: Some(Box::new(reading)),
        on_public_path: false,
    })
}

/// Denies, or redirects if the route has `on_deny`.
pub(super) fn refuse(route: &Arc<Route>, reason: Reason) -> Decision {
    match route.on_deny() {
        Some(location) => Decision::Redirect(Redirection {
            route: Arc::clone(route),
            location: location.to_owned(),
            reason,
            on_public_path: false,
        }),
        None => deny(Some(route), reason),
    }
}
