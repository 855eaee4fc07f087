//! Which server gets the next request: pingora's weighted rotation over those that may get one.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

use arc_swap::ArcSwap;
use pingora_core::protocols::l4::socket::SocketAddr as BackendAddress;
use pingora_load_balancing::selection::{BackendIter as _, BackendSelection as _, RoundRobin};
use pingora_load_balancing::{Backend, Extensions};

use portcullis_policy::Route;

/// Servers that requests are distributed over.
pub(super) struct Group {
    /// The setting that lists them.
    pub(super) setting: String,
    /// Their positions among all servers.
    pub(super) servers: Range<usize>,
    rotation: ArcSwap<RoundRobin>,
}

/// The position of a server among all servers.
#[derive(Debug, Clone, Copy)]
struct Position(usize);

impl Group {
    /// Servers of a setting that have no turns yet.
    pub(super) fn new(setting: String, servers: Range<usize>) -> Self {
        Self { setting, servers, rotation: ArcSwap::from_pointee(rotation([])) }
    }

    /// The position of the group for the requests of a route.
    pub(super) fn position_of(route: &Route) -> usize {
        // The first group is that of `upstream.servers`.
        route.upstream().map_or(0, |named| named.position().saturating_add(1))
    }

    /// Lets these servers take turns from now on, each so many times in a row as its weight says.
    pub(super) fn rotate(&self, servers: impl IntoIterator<Item = (usize, u16)>) {
        self.rotation.store(Arc::new(rotation(servers)));
    }

    /// The server whose turn it is; `None` if none takes turns.
    pub(super) fn next_turn(&self) -> Option<usize> {
        let rotation = self.rotation.load();
        let mut turns = rotation.iter(b"");
        turns.next()?.ext.get().map(|Position(index)| *index)
    }
}

fn rotation(servers: impl IntoIterator<Item = (usize, u16)>) -> RoundRobin {
    let backends =
        servers.into_iter().map(|(index, weight)| backend(index, weight, Position(index)));
    RoundRobin::build(&backends.collect::<BTreeSet<_>>())
}

/// A server as pingora knows it. pingora identifies servers by IP address; a name has none before it
/// is resolved, and a Unix socket never has one, so the address is only a number.
#[must_use]
pub fn backend<T>(number: usize, weight: u16, server: T) -> Backend
where
    T: Clone + Send + Sync + 'static,
{
    let mut ext = Extensions::new();
    ext.insert(server);
    let address = SocketAddr::from((Ipv6Addr::from_bits(number as u128), 0));
    Backend { addr: BackendAddress::Inet(address), weight: weight.into(), ext }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("setting", &self.setting)
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(group: &Group, number: usize) -> Vec<Option<usize>> {
        (0..number).map(|_| group.next_turn()).collect()
    }

    #[test]
    fn servers_get_turns_by_weight() {
        let group = Group::new("upstream.servers".to_owned(), 3..6);
        assert_eq!(turns(&group, 2), [None, None]);
        group.rotate([(3, 2), (5, 1)]);
        let twice = [Some(3), Some(3), Some(5), Some(3), Some(3), Some(5)];
        assert_eq!(turns(&group, 6), twice);
        group.rotate([(4, 1)]);
        assert_eq!(turns(&group, 2), [Some(4); 2]);
        group.rotate([]);
        assert_eq!(turns(&group, 1), [None]);
    }
}
