//! Changes of the state of the portal's servers.
//!
//! A change rebuilds the rotation of the server's group, so requests look at no more than that.

use std::sync::atomic::Ordering;

use super::rotation::Group;
use super::server_state::ServerState;
use super::upstream::{Server, Upstreams};

impl Upstreams {
    /// The state of the server at this position in the order of the settings, and how many requests
    /// it works on.
    #[must_use]
    pub fn state(&self, position: usize) -> Option<(ServerState, usize)> {
        let open = self.requests.get(position)?.open();
        Some((self.servers.get(position)?.state.lock().clone(), open))
    }

    /// Records the result of a health check of the server with this address.
    pub fn set_checked(&self, address: &str, result: &Result<(), String>) {
        for server in self.servers_at(address) {
            let mut state = server.state.lock();
            state.problem = result.as_ref().err().cloned();
            if result.is_ok() {
                // Only changes are reported, and a server counts as healthy at first.
                state.healthy.get_or_insert(true);
            }
        }
    }

    /// Records that enough health checks of the server with this address have passed or failed, so
    /// that it gets requests or gets none.
    pub fn set_healthy(&self, address: &str, healthy: bool) {
        self.change(address, |state| state.healthy = Some(healthy));
        let problem =
            self.servers_at(address).find_map(|server| server.state.lock().problem.clone());
        if let Some(error) = problem.filter(|_| !healthy) {
            tracing::warn!(upstream.server = address, error, "a portal server is unhealthy");
        } else {
            tracing::warn!(upstream.server = address, "a portal server is healthy again");
        }
    }

    /// Lets the servers with this address get no new requests, or get them again. Requests that they
    /// work on continue. Returns whether there is such a server.
    pub fn set_draining(&self, address: &str, draining: bool) -> bool {
        self.change(address, |state| state.draining = draining);
        for server in self.servers_at(address).filter(|_| draining) {
            server.close_idle();
        }
        let is_known = self.servers_at(address).next().is_some();
        if is_known {
            tracing::info!(upstream.server = address, draining, "a portal server was changed");
        }
        is_known
    }

    fn change(&self, address: &str, change: impl Fn(&mut ServerState)) {
        // Two changes at once could each leave the other one out of the rotation.
        let _rebuilding = self.rebuilding.lock();
        for server in self.servers_at(address) {
            change(&mut server.state.lock());
        }
        for group in &self.groups {
            self.rebuild(group);
        }
    }

    /// The healthy servers of a group take turns; if none is healthy, all. Those that are draining
    /// never do.
    pub(super) fn rebuild(&self, group: &Group) {
        let states: Vec<_> = group
            .servers
            .clone()
            .filter_map(|index| Some((index, self.servers.get(index)?)))
            .map(|(index, server)| (index, server, server.state.lock().clone()))
            .collect();
        let is_any_ready = states.iter().any(|(.., state)| state.is_ready());
        for (_, server, state) in &states {
            let has_turns = if is_any_ready { state.is_ready() } else { !state.draining };
            server.has_turns.store(has_turns, Ordering::Relaxed);
        }
        let rotating = states.iter().filter(|(_, server, _)| server.has_turns());
        group.rotate(rotating.map(|(index, server, _)| (*index, server.settings.weight)));
    }

    fn servers_at<'a>(&'a self, address: &'a str) -> impl Iterator<Item = &'a Server> {
        self.servers.iter().filter(move |server| server.settings.address == address)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use super::*;
    use crate::config::Settings;
    use crate::telemetry::metrics::{Samples, Source as _};

    const SERVERS: [&str; 3] = ["a:80", "b:80", "c:80"];

    fn upstreams() -> Upstreams {
        let text = "server.public_url = \"https://portal.example\"\n[upstream]\n\
                    servers = [\"http://a\", \"http://b\", \"http://c\"]\n\
                    others = { one = [\"http://a\"] }\n";
        let settings = Settings::parse(text, Path::new("p.toml"), &HashMap::new()).unwrap();
        Upstreams::new(&settings.upstream).unwrap()
    }

    /// The servers that get six requests to a group.
    fn chosen(upstreams: &Upstreams, group: usize) -> Vec<Option<usize>> {
        let group = &upstreams.groups[group];
        let mut chosen: Vec<_> = (0..6).map(|_| upstreams.choose(group, None, |_| true)).collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }

    #[test]
    fn only_healthy_servers_get_requests() {
        let upstreams = upstreams();
        assert_eq!(chosen(&upstreams, 0), [Some(0), Some(1), Some(2)]);
        upstreams.set_healthy(SERVERS[1], false);
        assert_eq!(chosen(&upstreams, 0), [Some(0), Some(2)]);
        upstreams.set_healthy(SERVERS[1], true);
        assert_eq!(chosen(&upstreams, 0), [Some(0), Some(1), Some(2)]);
        // With none healthy, a check may be wrong.
        for address in SERVERS {
            upstreams.set_healthy(address, false);
        }
        assert_eq!(chosen(&upstreams, 0), [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn draining_servers_get_no_requests() {
        let upstreams = upstreams();
        assert!(upstreams.set_draining(SERVERS[0], true));
        assert_eq!(chosen(&upstreams, 0), [Some(1), Some(2)]);
        // It is in two groups.
        assert_eq!(chosen(&upstreams, 1), [None]);
        // Not even if the others fail.
        upstreams.set_healthy(SERVERS[1], false);
        upstreams.set_healthy(SERVERS[2], false);
        assert_eq!(chosen(&upstreams, 0), [Some(1), Some(2)]);
        upstreams.set_draining(SERVERS[1], true);
        upstreams.set_draining(SERVERS[2], true);
        assert_eq!(chosen(&upstreams, 0), [None]);
        for address in SERVERS {
            assert!(upstreams.set_draining(address, false));
        }
        assert_eq!(chosen(&upstreams, 0), [Some(0)]);
        assert_eq!(chosen(&upstreams, 1), [Some(3)]);
        assert!(!upstreams.set_draining("unknown:80", true));
    }

    #[test]
    fn servers_that_are_not_draining_are_counted() {
        let upstreams = upstreams();
        upstreams.set_draining(SERVERS[0], true);
        let mut samples = Samples::default();
        upstreams.collect(&mut samples);
        let text = samples.text();
        for (setting, count) in [("upstream.servers", 2), ("upstream.others.one", 0)] {
            let line =
                format!("portcullis_portal_servers_available{{setting=\"{setting}\"}} {count}");
            assert!(text.lines().any(|its| its == line), "{line}: {text}");
        }
    }

    #[test]
    fn request_goes_to_another_server_only_if_it_may() {
        let upstreams = upstreams();
        let group = &upstreams.groups[0];
        upstreams.set_draining(SERVERS[2], true);
        // The one that failed before, and one without room.
        for _ in 0..4 {
            assert_eq!(upstreams.choose(group, Some(0), |_| true), Some(1));
            assert_eq!(upstreams.choose(group, None, |index| index == 0), Some(0));
            assert_eq!(upstreams.choose(group, Some(0), |index| index != 1), None);
        }
        let only = &upstreams.groups[1];
        assert_eq!(upstreams.choose(only, Some(3), |_| true), None);
        assert_eq!(upstreams.choose(only, None, |_| false), None);
        assert_eq!(upstreams.choose(only, None, |_| true), Some(3));
    }
}
