//! Limits on the work that clients may cause at the portal (I12).
//!
//! A request holds a [`Slot`] from its decision until the portal is done with it, even if its client
//! leaves earlier. A WebSocket holds its slot until it is closed. Slots are limited in total, for each
//! server, for each HTTP/2 connection, for each secure link, and for each client address without a
//! session.
//!
//! Requests that cost their sender nothing, without a session or with one from a secure link, get at
//! most half of the slots, in total and of each server: they cannot keep signed-in users out.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::config::Settings;
use portcullis_policy::{SessionKind, Subject};

/// All limits, shared by all connections.
#[derive(Debug)]
pub(super) struct Bounds {
    total: Shared,
    servers: Arc<[ServerRequests]>,
    shares: Shares,
    for_address: usize,
    for_link: usize,
    for_connection: usize,
}

/// The open requests of each [`Share`], in shards with a lock each: threads that serve different
/// clients seldom wait for each other.
#[derive(Debug, Default)]
struct Shares {
    hasher: RandomState,
    shards: [Mutex<HashMap<Share, usize, RandomState>>; SHARDS],
}

/// Many more than threads that serve requests.
const SHARDS: usize = 32;

/// Requests of one HTTP/2 connection that may wait for a body that the portal does not get: of our
/// own pages, and of a GET that must not have one. Each keeps its head in memory.
const MOST_UNREAD: usize = 16;

/// Counts the requests of one HTTP/2 connection.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectionRequests(Arc<Requests>);

#[derive(Debug, Default)]
struct Requests {
    at_portal: AtomicUsize,
    unread: AtomicUsize,
}

/// A request whose body is waited for here; stops counting when dropped.
#[derive(Debug)]
pub(super) struct Unread(ConnectionRequests);

impl ConnectionRequests {
    /// Counts a request whose body is waited for here; `None` when there are too many.
    pub(super) fn unread(&self) -> Option<Unread> {
        enter(&self.0.unread, MOST_UNREAD).then(|| Unread(self.clone()))
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.0.0.unread.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The sender of a request, as far as limits are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sender {
    /// Neither a signed-in user nor staff.
    Free(Share),
    /// A signed-in user, or staff.
    User,
}

/// What requests of free senders are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Share {
    /// Without a session: the client's address.
    Address(IpAddr),
    /// With a session from a secure link: the organization.
    Link(Arc<str>),
}

/// The limit that a request would exceed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// `upstream.requests`
    #[error("the limit `upstream.requests` is reached")]
    Total,
    /// `upstream.server_requests`, of every server.
    #[error("the limit `upstream.server_requests` is reached on every server")]
    Servers,
    /// `server.limits.connection_requests`
    #[error("the limit `server.limits.connection_requests` is reached on a connection")]
    Connection,
    /// `server.limits.link_requests`
    #[error("the limit `server.limits.link_requests` is reached for the secure link of `{0}`")]
    Link(Arc<str>),
    /// `server.limits.address_requests`
    #[error("the limit `server.limits.address_requests` is reached for {0}")]
    Address(IpAddr),
}

/// A request that the portal works on; stops counting when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    bounds: Arc<Bounds>,
    is_free: bool,
    share: Option<Share>,
    server: Option<usize>,
    connection: Option<ConnectionRequests>,
}

/// The open requests at a server, with their limit.
#[derive(Debug)]
pub(super) struct ServerRequests(Shared);

impl ServerRequests {
    /// At most this many.
    pub(super) fn new(most: usize) -> Self {
        Self(Shared::new(most))
    }

    /// How many are open now.
    pub(super) fn open(&self) -> usize {
        self.0.all.load(Ordering::Relaxed)
    }
}

/// A limit that is shared by signed-in users and free senders.
#[derive(Debug)]
struct Shared {
    most: usize,
    all: AtomicUsize,
    free: AtomicUsize,
}

impl Sender {
    /// The client counts by its address without a session, and with one without access to the
    /// portal (R8).
    pub(super) fn of(subject: Option<&Subject>, address: impl FnOnce() -> IpAddr) -> Self {
        let Some(subject) = subject.filter(|subject| !subject.has_no_access()) else {
            return Self::Free(Share::Address(network(address())));
        };
        match subject.kind {
            SessionKind::Link => Self::Free(Share::Link(Arc::clone(&subject.organization))),
            SessionKind::User
            | SessionKind::Staff
            | SessionKind::Impersonation
            | SessionKind::Token
            | SessionKind::Trial => Self::User,
        }
    }
}

impl Bounds {
    /// The limits of these settings. `servers` are the requests at each of the portal's servers.
    pub(super) fn new(settings: &Settings, servers: Arc<[ServerRequests]>) -> Arc<Self> {
        let limits = &settings.server.limits;
        Arc::new(Self {
            total: Shared::new(settings.upstream.requests),
            servers,
            shares: Shares::default(),
            for_address: limits.address_requests,
            for_link: limits.link_requests,
            for_connection: limits.connection_requests,
        })
    }

    /// Takes a slot. Its server is [chosen](Slot::take_server) later.
    pub(super) fn take(
        self: &Arc<Self>,
        sender: Sender,
        connection: Option<&ConnectionRequests>,
    ) -> Result<Slot, Exceeded> {
        let is_free = sender != Sender::User;
        if !self.total.enter(is_free) {
            return Err(Exceeded::Total);
        }
        // It holds only what has been taken so far, so an early return frees exactly that.
        let bounds = Arc::clone(self);
        let mut slot = Slot { bounds, is_free, share: None, server: None, connection: None };
        if let Sender::Free(share) = sender {
            self.enter_share(&share)?;
            slot.share = Some(share);
        }
        if let Some(connection) = connection {
            if !enter(&connection.0.at_portal, self.for_connection) {
                return Err(Exceeded::Connection);
            }
            slot.connection = Some(connection.clone());
        }
        Ok(slot)
    }

    fn enter_share(&self, share: &Share) -> Result<(), Exceeded> {
        let mut shares = self.shares.shard(share).lock();
        let open = shares.get(share).copied().unwrap_or(0);
        match share {
            Share::Address(address) if open >= self.for_address => {
                return Err(Exceeded::Address(*address));
            }
            Share::Link(link) if open >= self.for_link => return Err(Exceeded::Link(link.clone())),
            Share::Address(_) | Share::Link(_) => {}
        }
        shares.insert(share.clone(), open + 1);
        Ok(())
    }

    fn leave_share(&self, share: &Share) {
        let mut shares = self.shares.shard(share).lock();
        if let Some(open) = shares.get_mut(share) {
            *open -= 1;
            if *open == 0 {
                shares.remove(share);
            }
        }
    }
}

impl Shares {
    fn shard(&self, share: &Share) -> &Mutex<HashMap<Share, usize, RandomState>> {
        // The remainder is a valid index of the array; the compiler knows that `first` exists.
        let [first, ..] = &self.shards;
        let hash = self.hasher.hash_one(share) as usize;
        self.shards.get(hash % SHARDS).unwrap_or(first)
    }
}

impl Slot {
    /// Whether other requests come over the same connection of the client.
    pub(super) fn shares_connection(&self) -> bool {
        self.connection.is_some()
    }

    /// Moves the slot to this server, if the server has room.
    pub(super) fn take_server(&mut self, server: usize) -> bool {
        self.leave_server();
        let has_room =
            self.bounds.servers.get(server).is_some_and(|requests| requests.0.enter(self.is_free));
        self.server = has_room.then_some(server);
        has_room
    }

    fn leave_server(&mut self) {
        let server = self.server.take().and_then(|server| self.bounds.servers.get(server));
        if let Some(requests) = server {
            requests.0.leave(self.is_free);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.leave_server();
        if let Some(connection) = &self.connection {
            connection.0.at_portal.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(share) = &self.share {
            self.bounds.leave_share(share);
        }
        self.bounds.total.leave(self.is_free);
    }
}

impl Shared {
    fn new(most: usize) -> Self {
        Self { most, all: AtomicUsize::new(0), free: AtomicUsize::new(0) }
    }

    fn enter(&self, free: bool) -> bool {
        if free && !enter(&self.free, self.most.div_ceil(2)) {
            return false;
        }
        let entered = enter(&self.all, self.most);
        if free && !entered {
            self.free.fetch_sub(1, Ordering::Relaxed);
        }
        entered
    }

    fn leave(&self, free: bool) {
        self.all.fetch_sub(1, Ordering::Relaxed);
        if free {
            self.free.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn enter(open: &AtomicUsize, most: usize) -> bool {
    let entered = open.fetch_add(1, Ordering::Relaxed) < most;
    if !entered {
        open.fetch_sub(1, Ordering::Relaxed);
    }
    entered
}

/// An IPv4 address, or the /64 network of an IPv6 address, which is what one customer gets.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests;
