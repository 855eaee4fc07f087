//! A request as it was received, and in its only reading.

use std::net::IpAddr;

use http::{HeaderName, Method};

use crate::config::FoundHost;
use crate::web::paths::RESERVED;
use portcullis_policy::{RequestLine, RequestTarget};

/// A request as it was received over any transport.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Its method, its target and its host.
    pub line: RequestLine<'a>,
    /// The host that a trusted proxy names in place of the one in `line`.
    pub forwarded_host: Option<&'a [u8]>,
    /// Whether it asks to become a WebSocket.
    pub websocket: bool,
    /// The client's address, if it is known.
    pub client: Option<IpAddr>,
    /// Of a CORS preflight: the method that it asks about.
    pub preflight: Option<Method>,
}

/// A request in its only reading. Only [`Authorizer::read`](super::Authorizer::read) makes one.
#[derive(Debug)]
pub struct AccessRequest {
    pub(super) host: FoundHost,
    pub(super) method: Method,
    pub(super) target: RequestTarget,
    pub(super) websocket: bool,
    pub(super) client: Option<IpAddr>,
    pub(super) preflight: Option<Method>,
    /// The method that a header names, once the request has been decided by it too.
    pub(super) header_override: Option<Method>,
}

/// A header that names another method than the request's own, by which it was decided too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderOverride {
    /// The name of the header.
    pub name: HeaderName,
    /// The method.
    pub method: Method,
}

impl AccessRequest {
    /// The served host that it names.
    #[must_use]
    pub fn host(&self) -> &FoundHost {
        &self.host
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

    /// Keeps the method that a header names, for when the request is decided again without headers.
    #[must_use]
    pub fn overridden(self, by: Option<&HeaderOverride>) -> Self {
        Self { header_override: by.map(|by| by.method.clone()), ..self }
    }

    /// Whether it is for one of our own pages.
    #[must_use]
    pub fn is_own_page(&self) -> bool {
        self.target.path().starts_with(RESERVED)
    }

    /// Whether it asks to become a WebSocket.
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        self.websocket
    }
}
