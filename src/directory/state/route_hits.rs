//! How many requests each route of the policy has decided.
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
    /// Those from before the last reload, by the position of the route.
    earlier: Box<[Hits]>,
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

/// The counts of one thread for one route. Only that thread writes them.
#[derive(Debug, Default)]
struct Counter {
    allowed: AtomicU64,
    refused: AtomicU64,
}

impl RouteHits {
    /// Counts for a policy whose routes have decided nothing yet.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        Self::after(policy, |_| Hits::default())
    }

    /// Counts for a policy that replaces the one of these counts.
    #[must_use]
    pub fn carried_over(&self, from: &Policy, to: &Policy) -> Self {
        let counts: HashMap<&str, Hits> =
            from.routes().iter().map(|route| (route.name(), self.of(route))).collect();
        Self::after(to, |name| counts.get(name).copied().unwrap_or_default())
    }

    fn after(policy: &Policy, earlier: impl Fn(&str) -> Hits) -> Self {
        let earlier = policy.routes().iter().map(|route| earlier(route.name())).collect();
        Self { earlier, threads: ThreadLocal::new() }
    }

    /// Counts a request that the route has decided.
    pub fn count(&self, route: &Route, allowed: bool) {
        let new = || self.earlier.iter().map(|_| Counter::default()).collect();
        if let Some(counter) = self.threads.get_or(new).get(route.position()) {
            let count = if allowed { &counter.allowed } else { &counter.refused };
            count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// The counts of a route.
    #[must_use]
    pub fn of(&self, route: &Route) -> Hits {
        let at = route.position();
        let mut sum = self.earlier.get(at).copied().unwrap_or_default();
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

    use super::{Hits, RouteHits};

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
}
