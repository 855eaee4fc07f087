//! The portal's servers: whether they accept connections, for `status`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;

use crate::config::{self, UpstreamServer};
use crate::proxy::upstream::Upstreams;

/// The portal's servers, as the settings name them.
#[derive(Debug)]
pub(super) struct PortalServers {
    servers: Vec<(Option<String>, UpstreamServer)>,
    upstreams: Arc<Upstreams>,
}

/// A server of the portal, and whether it accepts connections.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "PortalServer")]
pub(super) struct ServerStatus<'a> {
    /// The name in `upstream.others`; `null` for those of `upstream.servers`.
    upstream: Option<&'a str>,
    pub(super) address: &'a str,
    reachable: bool,
    pub(super) error: Option<String>,
}

impl PortalServers {
    pub(super) fn new(settings: &config::Upstream, upstreams: Arc<Upstreams>) -> Self {
        let names =
            std::iter::once(None).chain(settings.others.iter().map(|(name, _)| Some(name.clone())));
        let servers = names.zip(settings.groups()).flat_map(|(name, servers)| {
            servers.iter().map(move |server| (name.clone(), server.clone()))
        });
        Self { servers: servers.collect(), upstreams }
    }

    /// Connects to each of them, for at most `patience`.
    pub(super) async fn statuses(&self, patience: Duration) -> Vec<ServerStatus<'_>> {
        let dialer = &self.upstreams.dialer().within(patience);
        join_all(self.servers.iter().map(|(upstream, server)| async move {
            let error = dialer.connect(server).await.err().map(|error| error.to_string());
            ServerStatus {
                upstream: upstream.as_deref(),
                address: &server.address,
                reachable: error.is_none(),
                error,
            }
        }))
        .await
    }
}
