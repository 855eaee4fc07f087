//! The portal's servers, and the connections to them that are not in use.
//!
//! Connections are pooled per data plane thread, so a request never waits for another thread. A
//! connection returns to the pool when the body of its response has been read to the end. It has no
//! task of its own: the task that sends a request or reads a body drives it, which saves two wake-ups
//! for each request. A connection that the portal closed while it was idle is noticed when it is taken
//! from the pool, and replaced. If the portal closes it at that very moment, requests that may be
//! repeated are sent again; others are answered with 502.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use thread_local::ThreadLocal;
use tokio::time::Instant;

use super::bounds::{Exceeded, ServerRequests};
use super::dial::Dialer;
use super::portal_connection::{PortalConnection, ticks};
use super::rotation::Group;
use super::server_state::ServerState;
use super::upstream_error::{UpstreamError, no_server};
use super::upstream_tls::UpstreamTlsError;
use crate::config::{self, UpstreamServer};
use crate::telemetry::metrics::{Samples, Source, families};

/// How long a request may wait for the portal before it is re-checked (I7).
pub(super) const RECHECK_AFTER: Duration = Duration::from_millis(200);

/// The most idle connections of each thread and server.
const MOST_IDLE: usize = 512;
/// Ticks in the shortest time limit of the portal.
const TICKS: u32 = 8;

/// The portal's servers and the connections to them.
#[derive(Debug)]
pub struct Upstreams {
    /// The servers of all groups.
    pub(super) servers: Vec<Server>,
    /// At least one: that of `upstream.servers`, which has no server if another proxy sends requests
    /// to the portal.
    pub(super) groups: Vec<Group>,
    /// The open requests at each server.
    pub(super) requests: Arc<[ServerRequests]>,
    /// Held while rotations are rebuilt.
    pub(super) rebuilding: Mutex<()>,
    dialer: Dialer,
    pub(super) response_timeout: Duration,
    body_timeout: Duration,
    keep_alive: Duration,
    pub(super) reuse_after_body: bool,
    /// The unit in which both of these times are counted.
    tick: Duration,
}

pub(super) struct Server {
    pub(super) settings: UpstreamServer,
    pub(super) state: Mutex<ServerState>,
    /// Whether it takes turns with the others of its group.
    pub(super) has_turns: AtomicBool,
    idle: ThreadLocal<Mutex<Vec<Idle>>>,
}

struct Idle {
    connection: PortalConnection,
    since: Instant,
}

impl Upstreams {
    /// Servers to send to, with nothing connected yet.
    ///
    /// # Errors
    /// When a file of `upstream.tls` cannot be used.
    pub fn new(settings: &config::Upstream) -> Result<Self, UpstreamTlsError> {
        let server = |server: &UpstreamServer| Server {
            settings: server.clone(),
            state: Mutex::default(),
            has_turns: AtomicBool::new(true),
            idle: ThreadLocal::new(),
        };
        let mut servers = Vec::new();
        let mut groups = Vec::new();
        for (setting, group) in settings.named_groups() {
            let start = servers.len();
            servers.extend(group.iter().map(server));
            groups.push(Group::new(setting, start..servers.len()));
        }
        let requests = servers.iter().map(|_| ServerRequests::new(settings.server_requests));
        let upstreams = Self {
            requests: requests.collect(),
            rebuilding: Mutex::default(),
            servers,
            groups,
            dialer: Dialer::new(settings)?,
            response_timeout: settings.response_timeout,
            body_timeout: settings.body_timeout,
            keep_alive: settings.keep_alive,
            reuse_after_body: settings.reuse_after_body,
            tick: RECHECK_AFTER.min(settings.response_timeout.min(settings.body_timeout) / TICKS),
        };
        for group in &upstreams.groups {
            upstreams.rebuild(group);
        }
        Ok(upstreams)
    }

    /// The open requests at each server.
    pub(super) fn requests(&self) -> Arc<[ServerRequests]> {
        Arc::clone(&self.requests)
    }

    /// Whether another proxy sends requests to the portal: no server is given for most of them.
    pub(super) fn are_none(&self) -> bool {
        self.groups.first().is_none_or(|group| group.servers.is_empty())
    }

    /// How connections to the servers are made.
    #[must_use]
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// How long the portal may take to start its response.
    pub(super) fn response_timeout(&self) -> Duration {
        self.response_timeout
    }

    /// Ticks that may pass while the body of a response pauses.
    pub(super) fn body_ticks(&self) -> u32 {
        ticks(self.body_timeout, self.tick)
    }

    /// Closes connections that have been idle for too long, on all threads.
    pub fn prune(&self, now: Instant) {
        for server in &self.servers {
            for pool in &server.idle {
                pool.lock().retain(|idle| now.duration_since(idle.since) < self.keep_alive);
            }
        }
    }

    /// Returns a connection to the pool of this thread, unless it cannot be used again: the portal
    /// closes it, has answered before it had the whole request, or may not have read all of it.
    pub(super) fn give_back(&self, server: usize, mut connection: PortalConnection) {
        if !connection.http_ref().is_idle() {
            return connection.close();
        }
        connection.http().release_buffers();
        if let Some(server) = self.servers.get(server).filter(|server| server.has_turns()) {
            let mut pool = server.idle.get_or_default().lock();
            if pool.len() < MOST_IDLE {
                pool.push(Idle { connection, since: Instant::now() });
            }
        }
    }

    /// The server of a group that gets a request: the one whose turn it is, if it has room, or else
    /// the next one that has. Not the one where the request has failed before.
    pub(super) fn choose(
        &self,
        group: &Group,
        failed: Option<usize>,
        mut has_room: impl FnMut(usize) -> bool,
    ) -> Option<usize> {
        let Range { start, end } = group.servers;
        let first = if end - start == 1 { start } else { group.next_turn()? };
        let mut can_take = |index: &usize| {
            Some(*index) != failed
                && self.servers.get(*index).is_some_and(Server::has_turns)
                && has_room(*index)
        };
        if can_take(&first) {
            return Some(first);
        }
        (first + 1..end).chain(start..first).find(can_take)
    }

    /// Why no server of a group gets a request that has not failed before.
    pub(super) fn refusal(&self, group: &Group) -> UpstreamError {
        let servers = self.servers.get(group.servers.clone()).unwrap_or_default();
        if servers.iter().any(Server::has_turns) {
            Exceeded::Servers.into()
        } else {
            UpstreamError::Draining
        }
    }

    /// Connects to a server.
    pub(super) async fn dial(&self, index: usize) -> Result<PortalConnection, UpstreamError> {
        let server = self.servers.get(index).ok_or_else(no_server)?;
        let stream = self.dialer.connect(&server.settings).await.map_err(|error| {
            let server = server.settings.address.clone();
            UpstreamError::Unreachable { server, cause: error.to_string() }
        })?;
        Ok(PortalConnection::new(stream, self.tick))
    }
}

impl Source for Upstreams {
    fn collect(&self, samples: &mut Samples) {
        for (index, server) in self.servers.iter().enumerate() {
            let address = &server.settings.address;
            let named = |other: &&Server| other.settings.address == *address;
            // A server of several groups has one value.
            if self.servers.iter().take(index).any(|other| named(&other)) {
                continue;
            }
            let all = || self.servers.iter().filter(named);
            let is_up = all().all(|server| server.state.lock().healthy != Some(false));
            let idle = all().flat_map(|server| &server.idle).map(|pool| pool.lock().len()).sum();
            samples.flag(&families::SERVER_UP, &[address], is_up);
            samples.size(&families::SERVER_IDLE, &[address], idle);
        }
        for group in &self.groups {
            let servers = self.servers.get(group.servers.clone()).unwrap_or_default();
            if !servers.is_empty() {
                let draining = servers.iter().filter(|it| it.state.lock().draining).count();
                let (setting, available) = (&*group.setting, servers.len() - draining);
                samples.size(&families::SERVERS_AVAILABLE, &[setting], available);
            }
        }
    }
}

impl Server {
    /// Whether it takes turns with the others of its group.
    pub(super) fn has_turns(&self) -> bool {
        self.has_turns.load(Ordering::Relaxed)
    }

    /// Closes the connections that are not in use, on all threads.
    pub(super) fn close_idle(&self) {
        for pool in &self.idle {
            pool.lock().clear();
        }
    }

    /// The connection used last that is not stale. Each one is checked before it is used, so that
    /// nothing that came while it was idle is taken for the response.
    pub(super) fn checkout(&self) -> Option<PortalConnection> {
        let mut pool = self.idle.get_or_default().lock();
        loop {
            let mut connection = pool.pop()?.connection;
            if !connection.http().is_stale() {
                return Some(connection);
            }
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("settings", &self.settings).finish_non_exhaustive()
    }
}
