//! The portal's servers, and whether they accept connections.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;

use crate::config::{self, UpstreamServer};
use crate::proxy::server_state::ServerState;
use crate::proxy::upstream::Upstreams;

/// The portal's servers. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct PortalServers {
    /// With the name in `upstream.others`, in the order of the settings.
    servers: Arc<[(Option<String>, UpstreamServer)]>,
    upstreams: Arc<Upstreams>,
    is_dry_run: bool,
}

/// A server of the portal.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "PortalServer")]
pub(super) struct ServerStatus<'a> {
    /// The name in `upstream.others`; `null` for those of `upstream.servers`.
    pub(super) upstream: Option<&'a str>,
    /// `host:port`, or `unix:` and a path.
    pub(super) address: &'a str,
    /// Its part of the requests, in proportion to the weights of the others.
    weight: u16,
    /// Whether it accepts connections now.
    reachable: bool,
    /// Why it does not.
    pub(super) error: Option<String>,
    /// Whether its health checks pass; `null` before the first, and if it is not checked.
    healthy: Option<bool>,
    /// Why the last health check failed.
    problem: Option<String>,
    /// Whether it gets no new requests.
    pub(super) draining: bool,
    /// How many requests it works on, WebSockets included.
    requests: usize,
}

impl ServerStatus<'_> {
    /// The setting that lists it.
    pub(super) fn setting(&self) -> String {
        match self.upstream {
            None => "upstream.servers".to_owned(),
            Some(name) => format!("upstream.others.{name}"),
        }
    }
}

impl PortalServers {
    pub(super) fn new(settings: &config::Upstream, upstreams: Arc<Upstreams>) -> Self {
        let names =
            std::iter::once(None).chain(settings.others.iter().map(|(name, _)| Some(name.clone())));
        let servers = names.zip(settings.groups()).flat_map(|(name, servers)| {
            servers.iter().map(move |server| (name.clone(), server.clone()))
        });
        Self { servers: servers.collect(), upstreams, is_dry_run: false }
    }

    /// The same, of which nothing is changed.
    pub(super) fn of_dry_run(&self) -> Self {
        Self { is_dry_run: true, ..self.clone() }
    }

    /// Connects to each of them, for at most `patience`.
    pub(super) async fn statuses(&self, patience: Duration) -> Vec<ServerStatus<'_>> {
        join_all((0..self.servers.len()).map(|position| self.status(position, patience)))
            .await
            .into_iter()
            .flatten()
            .collect()
    }

    /// The first one with this address, as [`Self::statuses`].
    pub(super) async fn find(&self, address: &str, patience: Duration) -> Option<ServerStatus<'_>> {
        let position = self.servers.iter().position(|(_, server)| server.address == address)?;
        self.status(position, patience).await
    }

    async fn status(&self, position: usize, patience: Duration) -> Option<ServerStatus<'_>> {
        let (upstream, server) = self.servers.get(position)?;
        let error = self.upstreams.dialer().within(patience).connect(server).await.err();
        let (ServerState { healthy, problem, draining }, requests) =
            self.upstreams.state(position)?;
        Some(ServerStatus {
            upstream: upstream.as_deref(),
            address: &server.address,
            weight: server.weight,
            reachable: error.is_none(),
            error: error.map(|error| error.to_string()),
            healthy,
            problem,
            draining,
            requests,
        })
    }

    /// Lets the servers with this address get no new requests, or get them again.
    pub(super) fn set_draining(&self, address: &str, draining: bool) {
        if !self.is_dry_run {
            self.upstreams.set_draining(address, draining);
        }
    }
}
