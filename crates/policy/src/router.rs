//! Finds the route of a request.
//!
//! There is a tree of path segments for each host that a route names, and one for all hosts. The most
//! specific *shape* of path applies: first by host, then segment by segment from the left (`tree`).
//! Then the method selects among the routes of that shape, and last the query. If none is left, the
//! request is refused, and no less specific route is tried: otherwise a rule for `GET /admin/users`
//! would leave `POST /admin/users` to `/{*rest}`.
//!
//! A lookup costs one hash and one comparison a segment, allocates nothing, and does not depend on the
//! number of routes. Backtracking, from a literal to the variable beside it, visits only nodes that
//! exist, so its cost depends on the routes and not on the client.

mod literals;
mod other_readings;
mod shape;
mod tree;

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

pub(super) use self::other_readings::MAX_VISITS;
pub(super) use self::shape::Shape;
pub(super) use self::tree::Conflict;

use self::tree::Node;
use super::host_pattern::HostPattern;
use super::reading::{Reading, Readings, decoded};
use super::route::Route;

/// All routes, by host and path.
#[derive(Debug, Default)]
pub(super) struct Router {
    by_host: HashMap<String, Node, RandomState>,
    /// By what follows the first label of the host.
    by_parent: HashMap<String, Node, RandomState>,
    every_host: Node,
    readings: Readings,
    has_uneven_literals: bool,
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
    pub(super) fn hosts(&self, bound: &[HostPattern]) -> Vec<String> {
        if !bound.is_empty() {
            return bound.iter().map(HostPattern::example).collect();
        }
        let below = self.by_parent.keys().map(|parent| {
            HostPattern::Below { variable: String::new(), parent: parent.clone() }.example()
        });
        std::iter::once(String::new()).chain(self.by_host.keys().cloned()).chain(below).collect()
    }

    /// Adds a route.
    ///
    /// # Errors
    /// An earlier route that it conflicts with.
    pub(super) fn insert(&mut self, route: &Arc<Route>) -> Result<(), Conflict> {
        self.has_uneven_literals |= self.is_uneven(route);
        for form in route.path().forms() {
            if route.hosts().is_empty() {
                self.every_host.insert(route, form, self.readings)?;
            }
            for host in route.hosts() {
                let node = match host {
                    HostPattern::Name(name) => self.by_host.entry(name.clone()),
                    HostPattern::Below { parent, .. } => self.by_parent.entry(parent.clone()),
                };
                node.or_default().insert(route, form, self.readings)?;
            }
        }
        Ok(())
    }

    fn is_uneven(&self, route: &Route) -> bool {
        let differs = |text: &str| self.readings.key(&decoded(text)) != decoded(text);
        (route.path().needs_slash() && self.readings.has(Reading::Slash))
            || route.path().forms().iter().any(|form| form.literals().any(differs))
    }

    /// The most specific shape that matches the path.
    pub(super) fn find(&self, host: &str, path: &str) -> Option<&Shape> {
        let segments = path.strip_prefix('/')?;
        self.trees(host).find_map(|tree| tree.find(Some(segments)))
    }

    /// Every shape that matches the path, in no order.
    pub(super) fn all(&self, host: &str, path: &str) -> Vec<&Shape> {
        let mut shapes = Vec::new();
        if let Some(segments) = path.strip_prefix('/') {
            self.trees(host).for_each(|tree| tree.add_all(Some(segments), &mut shapes));
        }
        shapes
    }

    /// The trees of a host, from the most specific. Most policies name no hosts; then nothing needs
    /// to be hashed.
    fn trees(&self, host: &str) -> impl Iterator<Item = &Node> {
        let by_name = if self.by_host.is_empty() { None } else { self.by_host.get(host) };
        let by_parent = if self.by_parent.is_empty() {
            None
        } else {
            host.split_once('.').and_then(|(_, parent)| self.by_parent.get(parent))
        };
        by_name.into_iter().chain(by_parent).chain([&self.every_host])
    }
}

#[cfg(test)]
mod tests;
