//! What all requests share. The other files of the proxy add the operations.

use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderValue;
use tokio_util::sync::CancellationToken;

use super::bounds::Bounds;
use super::headers::InboundFilter;
use super::location::Locations;
use super::responder::Responder;
use super::upstream::Upstreams;
use crate::authz::Authorizer;
use crate::config::{CookieNames, IdentitySettings, Settings};

/// The state of the data plane, shared by all connections.
#[derive(Debug)]
pub struct Gateway {
    pub(super) authz: Arc<Authorizer>,
    pub(super) response_timeout: Duration,
    pub(super) upstreams: Arc<Upstreams>,
    pub(super) bounds: Arc<Bounds>,
    pub(super) read_timeout: Duration,
    pub(super) responder: Arc<Responder>,
    pub(super) locations: Locations,
    /// `Strict-Transport-Security`, if it is sent (`server.hsts`).
    pub(super) hsts: Option<HeaderValue>,
    pub(super) identity: IdentitySettings,
    pub(super) filter: InboundFilter,
    pub(super) portal_cookies: CookieNames,
    pub(super) stop: CancellationToken,
}

impl Gateway {
    /// The data plane for these settings. WebSockets and event streams, which do not end by
    /// themselves, end when `stop` is cancelled.
    #[must_use]
    pub fn new(
        settings: &Settings,
        responder: Arc<Responder>,
        upstreams: Arc<Upstreams>,
        stop: CancellationToken,
    ) -> Self {
        let authz = Arc::clone(responder.authz());
        Self {
            response_timeout: settings.upstream.response_timeout,
            bounds: Bounds::new(settings, upstreams.requests()),
            upstreams,
            read_timeout: settings.server.limits.read_timeout,
            locations: Locations::new(settings),
            hsts: settings.server.transport_security().map(HeaderValue::from_static),
            identity: settings.identity.clone(),
            filter: InboundFilter::new(Arc::clone(authz.reserved_headers())),
            portal_cookies: settings.portal_cookies.clone(),
            stop,
            authz,
            responder,
        }
    }
}
