//! `[server.limits]`: bounds on what one client can cause.

use std::time::Duration;

use super::reader::Reader;
use super::value::seconds;

/// `[server.limits]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `header_bytes`: size of a request head in bytes.
    pub header_bytes: usize,
    /// `target_bytes`: size of a request target in bytes. Paths of the gateway's own pages are
    /// exempt. At most `header_bytes`.
    pub target_bytes: usize,
    /// `headers`: number of header fields in a request.
    pub headers: usize,
    /// `header_timeout`: from the first byte of a request head to its last.
    pub header_timeout: Duration,
    /// `idle_timeout`: how long a connection may stay open without a request.
    pub idle_timeout: Duration,
    /// `write_timeout`: how long a client may read nothing of its response.
    pub write_timeout: Duration,
    /// `read_timeout`: how long a client may take to send the next 8 KiB of a request body.
    pub read_timeout: Duration,
    /// `connections`: number of open connections.
    pub connections: usize,
    /// `connection_requests`: concurrent requests on one HTTP/2 connection.
    pub connection_requests: usize,
    /// `address_requests`: concurrent requests at the portal from one client address, of those
    /// without a session.
    pub address_requests: usize,
    /// `link_requests`: concurrent requests at the portal with sessions of one secure link.
    pub link_requests: usize,
    /// Bounds on the sessions of one secure link.
    pub links: LinkLimits,
}

/// Bounds on the sessions of one secure link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkLimits {
    /// `link_sessions`: number of open sessions.
    pub sessions: usize,
    /// `link_rate`: new sessions per minute and client address.
    pub rate: usize,
}

impl Limits {
    pub(super) fn read(r: &mut Reader) -> Self {
        let limits = Self {
            header_bytes: r.number("server.limits.header_bytes", 32 * 1024, 8 * 1024, 1024 * 1024),
            target_bytes: r.number("server.limits.target_bytes", 8 * 1024, 1024, 60_000),
            headers: r.number("server.limits.headers", 100, 10, 1000),
            header_timeout: r.duration("server.limits.header_timeout", seconds(10)),
            idle_timeout: r.duration("server.limits.idle_timeout", seconds(75)),
            write_timeout: r.duration("server.limits.write_timeout", seconds(60)),
            read_timeout: r.duration("server.limits.read_timeout", seconds(30)),
            connections: r.number("server.limits.connections", 10_000, 1, 1_000_000),
            connection_requests: r.number("server.limits.connection_requests", 100, 1, 10_000),
            address_requests: r.number("server.limits.address_requests", 256, 1, 1_000_000),
            link_requests: r.number("server.limits.link_requests", 512, 1, 1_000_000),
            links: LinkLimits {
                sessions: r.number("server.limits.link_sessions", 10_000, 1, 1_000_000),
                rate: r.number("server.limits.link_rate", 300, 1, 1_000_000),
            },
        };
        let (header, target) = ("server.limits.header_bytes", "server.limits.target_bytes");
        let are_valid = r.is_valid(header) && r.is_valid(target);
        if limits.target_bytes > limits.header_bytes && are_valid {
            r.problem(target, format!("must not be greater than `{header}`"));
        }
        limits
    }
}
