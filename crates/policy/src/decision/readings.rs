//! Decides on the other readings of a path. A request is allowed only if the session may have the
//! path in every reading; the first that is not allowed is the reason.

use std::sync::Arc;

use jiff::Timestamp;

use super::trial;
use super::verdict::{RequestFacts, Verdict, judge};
use crate::policy::Policy;
use crate::reading::{Matched, Part, Reading, Readings, Spellings, Unreadable};
use crate::reason::Reason;
use crate::route::{Access, NamedBy, PathReading, Route};
use crate::router::{MAX_VISITS, Shape};
use crate::subject::Subject;

/// A reading of the path that the session may not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedReading {
    readings: Readings,
    route: Option<Arc<Route>>,
    reason: Reason,
}

impl RefusedReading {
    /// The changes to the path that make up this reading. Empty if there are too many readings.
    #[must_use]
    pub fn readings(&self) -> Readings {
        self.readings
    }

    /// The route that matches the path in this reading.
    #[must_use]
    pub fn route(&self) -> Option<&Arc<Route>> {
        self.route.as_ref()
    }

    /// Why the session may not have it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

impl From<Unreadable> for RefusedReading {
    /// Only for too many readings: a path that is invalid in one was refused before.
    fn from(_: Unreadable) -> Self {
        Self { readings: Readings::NONE, route: None, reason: Reason::AmbiguousPath }
    }
}

/// What the path of a request matches as it is.
pub(super) struct Place<'p> {
    /// The path that is matched.
    pub(super) path: &'p str,
    pub(super) shape: Option<&'p Shape>,
}

impl<'p> Place<'p> {
    /// Finds the shape of the path. If there is none, a session id that servlet containers add to
    /// the path of the first page (`/sign-up;jsessionid=1`) is removed.
    pub(super) fn of(policy: &'p Policy, request: &RequestFacts<'p>) -> Self {
        let path = request.target.path();
        let shape = policy.router().find(request.host, path);
        if shape.is_none()
            && policy.router().readings().has(Reading::Parameters)
            && let Some(path) = without_session(path)
            && let Some(shape) = policy.router().find(request.host, path)
        {
            return Self { path, shape: Some(shape) };
        }
        Self { path, shape }
    }

    /// The route for the request.
    ///
    /// # Errors
    /// Why no route applies.
    pub(super) fn route(&self, request: &RequestFacts<'_>) -> Result<&'p Arc<Route>, Reason> {
        let shape = self.shape.ok_or(Reason::NoRoute)?;
        let route = request.route(shape)?;
        if shape.excludes(route, self.path) { Err(Reason::NoRoute) } else { Ok(route) }
    }

    /// Whether a route for the path is public, for any method and query.
    pub(super) fn is_public(&self) -> bool {
        self.shape.is_some_and(|shape| {
            shape.routes().iter().any(|route| route.access() == Access::Public)
        })
    }

    /// The other spellings of the path; `None` for most paths, which have none.
    ///
    /// # Errors
    /// When the path is invalid in one of them, or there are too many.
    pub(super) fn spellings(
        &self,
        policy: &Policy,
        request: &RequestFacts<'_>,
    ) -> Result<Option<Spellings<'p>>, Unreadable> {
        let router = &policy.router();
        let one_reading = !request.target.is_ambiguous() && !router.has_uneven_literals();
        if one_reading || self.shape.is_some_and(|shape| !shape.is_open()) {
            return Ok(None);
        }
        let count = self.path.split('/').skip(1).count();
        let matched =
            |place| self.shape.map_or(Matched::Other, |shape| shape.matched(place, count));
        Spellings::of(self.path, matched, router.readings()).map(Some)
    }
}

/// The path without a `;jsessionid=` and a plain value at its end.
fn without_session(path: &str) -> Option<&str> {
    let (before, parameters) = path.split_once(';')?;
    let (name, value) = parameters.split_once('=')?;
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'!');
    let is_session = name.eq_ignore_ascii_case("jsessionid")
        && !value.is_empty()
        && value.bytes().all(plain)
        && !before.ends_with('/');
    is_session.then_some(before)
}

/// The first reading that the session may not have. `allowed` is the route that allows the path
/// itself.
pub(super) fn refused_reading(
    policy: &Policy,
    subject: Option<&Subject>,
    request: &RequestFacts<'_>,
    (spellings, allowed): (&Spellings<'_>, &Arc<Route>),
    now: Timestamp,
) -> Option<RefusedReading> {
    let mut visits = MAX_VISITS;
    let asked = Asked { policy, subject, request, now, spellings, allowed };
    spellings.all.iter().find_map(|spelling| {
        let endings = match spelling.endings(policy.router().readings()) {
            Ok(endings) => endings,
            Err(too_many) => return Some(too_many.into()),
        };
        endings.iter().find_map(|(parts, by)| asked.refused(parts, *by, &mut visits).err())
    })
}

/// The request and its session.
struct Asked<'a> {
    policy: &'a Policy,
    subject: Option<&'a Subject>,
    request: &'a RequestFacts<'a>,
    now: Timestamp,
    spellings: &'a Spellings<'a>,
    allowed: &'a Arc<Route>,
}

impl Asked<'_> {
    /// Decides on a list of segments, each in all of its readings.
    fn refused(
        &self,
        parts: &[&Part<'_>],
        by: Readings,
        visits: &mut usize,
    ) -> Result<(), RefusedReading> {
        let Self { policy, request, .. } = self;
        let mut lacks_a_route = None;
        let each = |shape: &Shape, readings: Readings| {
            let refused = |route, reason| RefusedReading { readings, route, reason };
            let enabled = policy.router().readings();
            let route = match request.route(shape) {
                Ok(route) => route,
                Err(reason) => {
                    lacks_a_route = Some(readings);
                    return match trial::is_of(self.subject) {
                        true => Ok(()),
                        false => Err(refused(None, reason)),
                    };
                }
            };
            if let Some(by) = shape.excluding_reading(route, parts, enabled)? {
                let readings = readings.and(by);
                return Err(RefusedReading { readings, route: None, reason: Reason::NoRoute });
            }
            self.judge(route, parts).map_err(|(route, reason)| refused(route, reason))
        };
        let complete = policy.router().each_twin(request.host, (parts, by), visits, each)?;
        if let Some(readings) = lacks_a_route.or((!complete).then_some(by))
            && trial::is_of(self.subject)
            && let Some(reason) = self.without_route(parts, visits)
        {
            return Err(RefusedReading { readings, route: None, reason });
        }
        if complete || by.may_lack_a_route() || trial::is_of(self.subject) {
            Ok(())
        } else {
            Err(RefusedReading { readings: by, route: None, reason: Reason::NoRoute })
        }
    }

    /// Why a path that has routes in this reading, none of which is for the request, is closed to a
    /// trial: by one of the routes that it has in any reading, however specific.
    fn without_route(&self, parts: &[&Part<'_>], visits: &mut usize) -> Option<Reason> {
        let Self { policy, request, subject, now, spellings, .. } = self;
        let enabled = policy.router().readings();
        let refused = |reason| RefusedReading { readings: Readings::NONE, route: None, reason };
        let each = |shape: &Shape| {
            for route in shape.routes() {
                if shape.excluding_reading(route, parts, enabled)?.is_some() {
                    return Err(refused(Reason::NoRoute));
                }
                if spellings.may_end_early && route.query().is_some() {
                    return Err(refused(Reason::AmbiguousPath));
                }
            }
            let path = PathReading::Other(parts, enabled);
            let closed = trial::closed_by(shape, path, (*policy, *subject, *request, *now));
            closed.map_or(Ok(()), |reason| Err(refused(reason)))
        };
        let walked = policy.router().every_twin(request.host, parts, visits, each);
        walked.err().map(|refused: RefusedReading| refused.reason)
    }

    fn judge(
        &self,
        route: &Arc<Route>,
        parts: &[&Part<'_>],
    ) -> Result<(), (Option<Arc<Route>>, Reason)> {
        let Self { policy, request, .. } = self;
        let readings = policy.router().readings();
        if Arc::ptr_eq(route, self.allowed) && route.organization().is_none() {
            return Ok(());
        }
        let slash_is_data = route.slash_is_data() || !request.target.has_encoded_slash();
        let other_query = route.query().is_some() && self.spellings.may_end_early;
        let path = PathReading::Other(parts, readings);
        let named = NamedBy { host: request.host, path, query: request.target.query() };
        let own = |subject: &Subject| route.is_of_organization(&subject.organization, &named);
        let reason = if !slash_is_data || other_query {
            Reason::AmbiguousPath
        } else {
            match judge(policy, self.subject, request, (route, own), self.now) {
                Verdict::Allow(..) => return Ok(()),
                Verdict::Challenge(reason) | Verdict::Deny(reason) | Verdict::Refuse(reason) => {
                    reason
                }
            }
        };
        Err((Some(Arc::clone(route)), reason))
    }
}
