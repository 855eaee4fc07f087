//! The client's connection that a request came over.

use std::sync::Arc;

use http::header::HeaderValue;

use super::bounds::ConnectionRequests;
use crate::web::peer::Peer;

/// What the proxy knows of a connection.
#[derive(Debug, Clone)]
pub struct Connection {
    pub(super) peer: Peer,
    /// Its address as a header value, made once for all requests. `None` if it has none.
    pub(super) peer_value: Option<HeaderValue>,
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
    pub fn new(peer: Peer, tls: bool, hold: Hold) -> Self {
        let peer_value = match peer {
            // The text of an address is always a valid header value.
            Peer::Address(address) => HeaderValue::try_from(address.to_string()).ok(),
            Peer::Unix => None,
        };
        Self { peer, peer_value, tls, hold, requests: None }
    }

    /// The peer.
    #[must_use]
    pub const fn peer(&self) -> Peer {
        self.peer
    }

    /// The same for HTTP/2, which has several requests at a time.
    #[must_use]
    pub fn multiplexed(self) -> Self {
        Self { requests: Some(ConnectionRequests::default()), ..self }
    }
}
