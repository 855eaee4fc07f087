//! The routes of one shape of path, and the choice among them.

use std::sync::Arc;

use http::Method;

use crate::name_pattern::NamePattern;
use crate::path_pattern::{Form, Segment};
use crate::query_rule;
use crate::reading::{Matched, Part, Readings, Unreadable};
use crate::reason::Reason;
use crate::route::Route;
use crate::segment_type::SegmentType;

/// The routes of a shape of path, at least one. For those that share a method, the query decides.
#[derive(Debug)]
pub(crate) struct Shape {
    routes: Vec<Arc<Route>>,
    segments: Box<[Matched]>,
    /// The number of literals after the rest, if there is one.
    tail: Option<usize>,
    /// Whether a route matches the path without the slash at its end too. Then the slash is no
    /// literal: the path without it may be another route's.
    has_optional_slash: bool,
}

impl Shape {
    /// Without routes yet.
    pub(super) fn new(form: &Form) -> Self {
        let matched = |segment: &Segment| match segment {
            Segment::Literal(_) => Matched::Literal,
            Segment::Variable(_, SegmentType::Extension(_)) => Matched::Extension,
            Segment::Variable(..) => Matched::Other,
        };
        Self {
            routes: Vec::new(),
            segments: form.segments.iter().map(matched).collect(),
            tail: form.rest.as_ref().map(Vec::len),
            has_optional_slash: false,
        }
    }

    /// Adds a route.
    ///
    /// # Errors
    /// An earlier route for the same requests.
    pub(super) fn add(&mut self, route: &Arc<Route>, form: &Form) -> Result<(), Arc<Route>> {
        let tied = self.routes.iter().find(|other| {
            route.methods().shared(other.methods()).is_some()
                && query_rule::overlap(route.query(), other.query()).is_some()
        });
        match tied {
            Some(other) => Err(Arc::clone(other)),
            None => {
                self.routes.push(Arc::clone(route));
                self.has_optional_slash |= form.has_optional_slash;
                Ok(())
            }
        }
    }

    /// The route for a method and a query.
    ///
    /// # Errors
    /// Why none applies.
    pub(crate) fn route(
        &self,
        method: &Method,
        query: Option<&str>,
    ) -> Result<&Arc<Route>, Reason> {
        let mut reason = Reason::MethodNotAllowed;
        for route in self.routes.iter().filter(|route| route.methods().contains(method)) {
            let Some(rule) = route.query() else { return Ok(route) };
            match rule.matches(query) {
                Some(true) => return Ok(route),
                Some(false) if reason == Reason::AmbiguousQuery => {}
                Some(false) => reason = Reason::QueryNotAllowed,
                None => reason = Reason::AmbiguousQuery,
            }
        }
        Err(reason)
    }

    pub(crate) fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// Whether the path has a variable or a rest, whose values the client chooses, or a slash that is
    /// optional.
    pub(crate) fn is_open(&self) -> bool {
        self.has_optional_slash
            || self.tail.is_some()
            || self.segments.iter().any(|matched| *matched != Matched::Literal)
    }

    /// What matches the segment at this position, from 0, of a path with `count` segments.
    pub(crate) fn matched(&self, place: usize, count: usize) -> Matched {
        match (self.segments.get(place), self.tail) {
            _ if self.has_optional_slash && place + 1 == count => Matched::Other,
            (Some(matched), _) => *matched,
            (None, Some(tail)) if place + tail >= count => Matched::Literal,
            (None, _) => Matched::Other,
        }
    }

    /// Whether a route has an exception for a segment that the rest matches.
    pub(crate) fn excludes(&self, route: &Route, path: &str) -> bool {
        self.exception(route, path).is_some()
    }

    /// A route's exception for a segment that the rest matches.
    pub(crate) fn exception<'r>(&self, route: &'r Route, path: &str) -> Option<&'r NamePattern> {
        if route.except().is_empty() {
            return None;
        }
        let segments = || path.split('/').skip(1 + self.segments.len());
        let rest = segments().count().saturating_sub(self.tail.unwrap_or(0));
        segments().take(rest).find_map(|segment| {
            // A canonical segment has all characters of an exception unescaped.
            let named = |text| route.except().iter().find(|name| name.matches(text));
            segment.split("%2F").find_map(named)
        })
    }

    /// The same for another reading of the path, for all that may be cut off each segment: the
    /// reading in which a segment is excepted.
    ///
    /// # Errors
    /// When there are too many readings.
    pub(crate) fn excluding_reading(
        &self,
        route: &Route,
        parts: &[&Part<'_>],
        enabled: Readings,
    ) -> Result<Option<Readings>, Unreadable> {
        if route.except().is_empty() {
            return Ok(None);
        }
        let is_excepted = |text: &str| {
            text.split('\0').any(|text| route.except().iter().any(|name| name.matches(text)))
        };
        let open = parts.iter().enumerate().skip(self.segments.len());
        for (place, part) in open.filter(|(_, part)| part.literal.is_none()) {
            for (text, by) in part.cuts(place + 1 == parts.len(), enabled)? {
                let key = enabled.key(text);
                if is_excepted(text) {
                    return Ok(Some(by));
                } else if is_excepted(&key) {
                    return Ok(Some(by.and(enabled.folding(text, &key))));
                }
            }
        }
        Ok(None)
    }
}
