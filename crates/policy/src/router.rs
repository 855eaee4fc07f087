//! Finds the route of a request.
//!
//! There is a tree of path segments for each host that a route names, and one for all hosts. The most
//! specific *shape* of path applies: first by host, then segment by segment from the left, a literal
//! before a variable before the rest. Then the method selects among the routes of that shape, and
//! last the query. If none is left, the request is refused, and no less specific route is tried:
//! otherwise a rule for `GET /admin/users` would leave `POST /admin/users` to `/{*rest}`.
//!
//! A lookup costs one hash and one comparison a segment, allocates nothing, and does not depend on the
//! number of routes. Backtracking, from a literal to the variable beside it, visits only nodes that
//! exist, so its cost depends on the routes and not on the client.

mod twins;

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use http::Method;

pub(super) use self::twins::MAX_VISITS;
use super::path_pattern::Segment;
use super::query_rule;
use super::reading::{Reading, Readings, decoded};
use super::reason::Reason;
use super::route::Route;

/// All routes, by host and path.
#[derive(Debug, Default)]
pub(super) struct Router {
    by_host: HashMap<String, Node, RandomState>,
    every_host: Node,
    readings: Readings,
    has_uneven_literals: bool,
}

/// The routes of a shape of path, at least one. Those that share a method have query rules for the
/// same parameter and different values.
#[derive(Debug)]
pub(super) struct Shape {
    routes: Vec<Arc<Route>>,
    /// Whether the path has a variable.
    open: bool,
}

/// A node of the tree: the segments up to here have matched.
#[derive(Debug, Default)]
struct Node {
    literals: HashMap<Box<str>, Node, RandomState>,
    /// The literals by [`Readings::key`].
    by_key: HashMap<Box<str>, Vec<Literal>, RandomState>,
    variable: Option<Box<Node>>,
    end: Option<Shape>,
    rest: Option<Shape>,
}

/// A literal segment.
#[derive(Debug)]
struct Literal {
    /// In canonical form.
    canonical: Box<str>,
    /// Decoded.
    decoded: Box<str>,
}

impl Router {
    /// Without routes, with these readings enabled.
    pub(super) fn new(readings: Readings) -> Self {
        Self { readings, ..Self::default() }
    }

    /// The enabled readings.
    pub(super) fn readings(&self) -> Readings {
        self.readings
    }

    /// Whether a path without capitals and the like may still be another spelling of a literal, because
    /// a literal has capitals or the like, or a route ends in a slash.
    pub(super) fn has_uneven_literals(&self) -> bool {
        self.has_uneven_literals
    }

    /// The hosts to which a route with these hosts applies; `""` stands for those no route names.
    pub(super) fn hosts<'r>(&'r self, bound: &'r [String]) -> impl Iterator<Item = &'r str> {
        let every = if bound.is_empty() { Some(self.by_host.keys()) } else { None };
        let other = every.is_some().then_some("");
        let every = every.into_iter().flatten();
        other.into_iter().chain(bound.iter().chain(every).map(String::as_str))
    }

    /// Adds a route.
    ///
    /// # Errors
    /// An earlier route for the same requests.
    pub(super) fn insert(&mut self, route: &Arc<Route>) -> Result<(), Arc<Route>> {
        self.has_uneven_literals |= self.is_uneven(route);
        if route.hosts().is_empty() {
            return self.every_host.insert(route, self.readings);
        }
        for host in route.hosts() {
            self.by_host.entry(host.clone()).or_default().insert(route, self.readings)?;
        }
        Ok(())
    }

    fn is_uneven(&self, route: &Route) -> bool {
        let segments = route.path().segments();
        let ends_in_slash = matches!(segments, [_, .., Segment::Literal(last)] if last.is_empty());
        let differs = |segment: &Segment| match segment {
            Segment::Literal(text) => self.readings.key(&decoded(text)) != decoded(text),
            Segment::Variable(_) | Segment::Rest(_) => false,
        };
        (ends_in_slash && self.readings.has(Reading::Slash)) || segments.iter().any(differs)
    }

    /// The most specific shape that matches the path.
    pub(super) fn find(&self, host: &str, path: &str) -> Option<&Shape> {
        let segments = path.strip_prefix('/')?;
        // Most policies name no hosts; then nothing needs to be hashed.
        let bound = if self.by_host.is_empty() { None } else { self.by_host.get(host) };
        bound
            .and_then(|node| node.find(Some(segments)))
            .or_else(|| self.every_host.find(Some(segments)))
    }
}

impl Shape {
    /// The route for a method and a query.
    ///
    /// # Errors
    /// Why none applies.
    pub(super) fn route(
        &self,
        method: &Method,
        query: Option<&str>,
    ) -> Result<&Arc<Route>, Reason> {
        let mut routes = self.routes.iter().filter(|route| route.methods().contains(method));
        let first = routes.next().ok_or(Reason::MethodNotAllowed)?;
        let Some(rule) = first.query() else { return Ok(first) };
        let value = rule.value(query).ok_or(Reason::AmbiguousQuery)?;
        let lists = |route: &&Arc<Route>| route.query().is_some_and(|rule| rule.lists(value));
        std::iter::once(first).chain(routes).find(lists).ok_or(Reason::QueryNotAllowed)
    }
}

impl Shape {
    pub(super) fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// Whether the path has a variable, whose value the client chooses.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether a literal matches the segment at this position, from 0.
    pub(super) fn is_literal(&self, place: usize) -> bool {
        let segments = self.routes.first().map(|route| route.path().segments());
        let segment = segments.and_then(|segments| segments.get(place));
        matches!(segment, Some(Segment::Literal(_)))
    }
}

impl Node {
    fn insert(&mut self, route: &Arc<Route>, readings: Readings) -> Result<(), Arc<Route>> {
        let mut node = self;
        for segment in route.path().segments() {
            node = match segment {
                Segment::Literal(text) => node.literal(text, readings),
                Segment::Variable(_) => node.variable.get_or_insert_default(),
                Segment::Rest(_) => return add(&mut node.rest, route),
            };
        }
        add(&mut node.end, route)
    }

    /// The node of a literal, added if it does not exist.
    fn literal(&mut self, text: &str, readings: Readings) -> &mut Self {
        if !self.literals.contains_key(text) {
            let decoded = decoded(text);
            let literal = Literal { canonical: text.into(), decoded: decoded.as_ref().into() };
            let key = readings.key(&decoded);
            self.by_key.entry(key.as_ref().into()).or_default().push(literal);
        }
        self.literals.entry(text.into()).or_default()
    }

    /// `path` is the rest of the path; `None` after its last segment.
    fn find(&self, path: Option<&str>) -> Option<&Shape> {
        let Some(path) = path else { return self.end.as_ref().or(self.rest.as_ref()) };
        let (segment, tail) = match path.split_once('/') {
            Some((segment, tail)) => (segment, Some(tail)),
            None => (path, None),
        };
        let variable = || match &self.variable {
            Some(node) if !segment.is_empty() => node.find(tail),
            _ => None,
        };
        self.literals
            .get(segment)
            .and_then(|node| node.find(tail))
            .or_else(variable)
            .or(self.rest.as_ref())
    }
}

fn add(shape: &mut Option<Shape>, route: &Arc<Route>) -> Result<(), Arc<Route>> {
    let open =
        route.path().segments().iter().any(|segment| !matches!(segment, Segment::Literal(_)));
    let routes = &mut shape.get_or_insert_with(|| Shape { routes: Vec::new(), open }).routes;
    let tied = routes.iter().find(|other| {
        route.methods().shared(other.methods()).is_some()
            && query_rule::overlap(route.query(), other.query()).is_some()
    });
    match tied {
        Some(other) => Err(Arc::clone(other)),
        None => {
            routes.push(Arc::clone(route));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
