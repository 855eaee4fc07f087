//! A request as it was received, and in its only reading.

use http::Method;

use crate::config::HostIndex;
use portcullis_policy::{RequestLine, RequestTarget};

/// A request as it was received over any transport.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Its method, its target and its host.
    pub line: RequestLine<'a>,
    /// The host that a trusted proxy names in place of the one in `line`.
    pub forwarded_host: Option<&'a [u8]>,
    /// Whether it asks to become a WebSocket.
    pub websocket: bool,
}

/// A request in its only reading. Only [`Authorizer::read`](super::Authorizer::read) makes one.
#[derive(Debug)]
pub struct AccessRequest {
    pub(super) host: HostIndex,
    pub(super) method: Method,
    pub(super) target: RequestTarget,
    pub(super) websocket: bool,
}

impl AccessRequest {
    /// The served host that it names.
    #[must_use]
    pub fn host(&self) -> HostIndex {
        self.host
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The canonical target: what is authorized, and what the portal gets.
    #[must_use]
    pub fn target(&self) -> &RequestTarget {
        &self.target
    }

    /// Whether it asks to become a WebSocket.
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        self.websocket
    }
}
