//! The client's connection that a request came over.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::HeaderValue;

use super::bounds::ConnectionRequests;

/// What the proxy knows of a connection.
#[derive(Debug, Clone)]
pub struct Connection {
    pub(super) peer: IpAddr,
    /// The same as a header value, made once for all requests.
    pub(super) peer_value: HeaderValue,
    pub(super) tls: bool,
    pub(super) hold: Hold,
    /// For HTTP/2: its requests that are at the portal.
    pub(super) requests: Option<ConnectionRequests>,
}

/// Counts a connection as open for as long as it is held.
pub type Hold = Arc<dyn std::fmt::Debug + Send + Sync>;

impl Connection {
    /// A connection from `peer`; `tls` when TLS ends here.
    #[must_use]
    pub fn new(peer: IpAddr, tls: bool, hold: Hold) -> Self {
        let peer = peer.to_canonical();
        // The text of an address is always a valid header value.
        let peer_value = HeaderValue::try_from(peer.to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Self { peer, peer_value, tls, hold, requests: None }
    }

    /// The peer's address.
    #[must_use]
    pub const fn peer(&self) -> IpAddr {
        self.peer
    }

    /// The same for HTTP/2, which has several requests at a time.
    #[must_use]
    pub fn multiplexed(self) -> Self {
        Self { requests: Some(ConnectionRequests::default()), ..self }
    }
}
