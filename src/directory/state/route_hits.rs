//! How many requests each route of the policy has decided, and how long the portal took for them.
//!
//! Each thread counts for itself, so that counting costs no request a wait for another thread. The
//! counts are not stored: they begin again with the process. A reload keeps those of routes with the
//! same name; requests that it overtakes may be missing from them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_policy::{Policy, Route};
use serde::Serialize;
use thread_local::ThreadLocal;

/// The counts of all routes of one policy.
#[derive(Debug)]
pub struct RouteHits {
    /// How many policies were in force before.
    generation: u64,
    /// Those from before the last reload, by the position of the route.
    earlier: Box<[(Hits, PortalTime)]>,
    threads: ThreadLocal<Box<[Counter]>>,
}

/// The requests that a route has decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Hits {
    /// Those that were sent to the portal.
    pub allowed: u64,
    /// The others: denied, redirected, or asked to sign in.
    pub refused: u64,
}

/// The responses of the portal to requests of a route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PortalTime {
    /// How many there were.
    pub responses: u64,
    /// Microseconds from the decision to the head of the response, summed.
    pub micros: u64,
}

/// A route of one policy, for a count that is made later.
#[derive(Debug, Clone, Copy)]
pub struct CountedRoute {
    generation: u64,
    position: usize,
}

/// The counts of one thread for one route. Only that thread writes them.
#[derive(Debug, Default)]
struct Counter {
    allowed: AtomicU64,
    refused: AtomicU64,
    responses: AtomicU64,
    micros: AtomicU64,
}

/// Adds to a count that only this thread writes.
fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

impl RouteHits {
    /// Counts for a policy whose routes have decided nothing yet.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        Self::after(policy, 0, |_| <_>::default())
    }

    /// Counts for a policy that replaces the one of these counts.
    #[must_use]
    pub fn carried_over(&self, from: &Policy, to: &Policy) -> Self {
        let of = |route| (self.of(route), self.portal_time(route));
        let counts: HashMap<&str, _> =
            from.routes().iter().map(|route| (route.name(), of(route))).collect();
        let generation = self.generation.wrapping_add(1);
        Self::after(to, generation, |name| counts.get(name).copied().unwrap_or_default())
    }

    fn after(
        policy: &Policy,
        generation: u64,
        earlier: impl Fn(&str) -> (Hits, PortalTime),
    ) -> Self {
        let earlier = policy.routes().iter().map(|route| earlier(route.name())).collect();
        Self { generation, earlier, threads: ThreadLocal::new() }
    }

    /// The counts of this thread for the route at this position.
    fn counter(&self, position: usize) -> Option<&Counter> {
        let new = || self.earlier.iter().map(|_| Counter::default()).collect();
        self.threads.get_or(new).get(position)
    }

    /// Counts a request that the route has decided.
    pub fn count(&self, route: &Route, allowed: bool) {
        if let Some(counter) = self.counter(route.position()) {
            add(if allowed { &counter.allowed } else { &counter.refused }, 1);
        }
    }

    /// The route, for [`answered`](Self::answered).
    #[must_use]
    pub fn counted(&self, route: &Route) -> CountedRoute {
        CountedRoute { generation: self.generation, position: route.position() }
    }

    /// Counts a response of the portal to a request of the route, unless another policy is in force
    /// by now.
    pub fn answered(&self, route: CountedRoute, micros: u64) {
        if route.generation == self.generation
            && let Some(counter) = self.counter(route.position)
        {
            add(&counter.responses, 1);
            add(&counter.micros, micros);
        }
    }

    /// The responses of the portal to requests of a route.
    #[must_use]
    pub fn portal_time(&self, route: &Route) -> PortalTime {
        let at = route.position();
        let mut sum = self.earlier.get(at).map(|(_, time)| *time).unwrap_or_default();
        for counter in self.threads.iter().filter_map(|counters| counters.get(at)) {
            sum.responses = sum.responses.wrapping_add(counter.responses.load(Ordering::Relaxed));
            sum.micros = sum.micros.wrapping_add(counter.micros.load(Ordering::Relaxed));
        }
        sum
    }

    /// The counts of a route.
    #[must_use]
    pub fn of(&self, route: &Route) -> Hits {
        let at = route.position();
        let mut sum = self.earlier.get(at).map(|(hits, _)| *hits).unwrap_or_default();
        for counter in self.threads.iter().filter_map(|counters| counters.get(at)) {
            sum.allowed = sum.allowed.wrapping_add(counter.allowed.load(Ordering::Relaxed));
            sum.refused = sum.refused.wrapping_add(counter.refused.load(Ordering::Relaxed));
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use portcullis_policy::{Policy, PolicyFiles};

    use super::{Hits, PortalTime, RouteHits};

    fn policy(names: &[&str]) -> Policy {
        let route = |name: &&str| {
            format!("[[route]]\nname = \"{name}\"\npath = \"/{name}\"\naccess = \"deny\"\n")
        };
        let file = |name: &str| std::fs::read_to_string(format!("policies/{name}.toml")).unwrap();
        let files = PolicyFiles {
            permissions: file("permissions"),
            groups: file("groups"),
            routes: names.iter().map(route).collect(),
            ..PolicyFiles::default()
        };
        Policy::compile(&files).unwrap()
    }

    #[test]
    fn hits_of_all_threads_are_summed_by_route() {
        let policy = policy(&["one", "two"]);
        let [one, two] = [&policy.routes()[0], &policy.routes()[1]];
        let hits = RouteHits::new(&policy);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|n| hits.count(one, n % 4 == 0)));
            }
        });
        assert_eq!(hits.of(one), Hits { allowed: 100, refused: 300 });
        assert_eq!(hits.of(two), Hits::default());
    }

    #[test]
    fn reload_keeps_the_hits_of_routes_with_the_same_name() {
        let (before, after) = (policy(&["one", "two"]), policy(&["three", "two"]));
        let hits = RouteHits::new(&before);
        before.routes().iter().for_each(|route| hits.count(route, true));
        let hits = hits.carried_over(&before, &after);
        hits.count(&after.routes()[1], false);
        assert_eq!(hits.of(&after.routes()[0]), Hits::default());
        assert_eq!(hits.of(&after.routes()[1]), Hits { allowed: 1, refused: 1 });
    }

    #[test]
    fn portal_time_of_a_replaced_policy_is_kept_but_not_added_to() {
        let (before, after) = (policy(&["one", "two"]), policy(&["two", "one"]));
        let hits = RouteHits::new(&before);
        let two = hits.counted(&before.routes()[1]);
        hits.answered(two, 30);
        let hits = hits.carried_over(&before, &after);
        hits.answered(two, 500);
        hits.answered(hits.counted(&after.routes()[0]), 12);
        let time = PortalTime { responses: 2, micros: 42 };
        assert_eq!(hits.portal_time(&after.routes()[0]), time);
        assert_eq!(hits.portal_time(&after.routes()[1]), PortalTime::default());
    }
}
