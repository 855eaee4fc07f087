//! The portal's servers: whether they accept connections, for `status`.

use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::net::TcpStream;

use crate::config;

/// The portal's servers, as the settings name them.
#[derive(Debug)]
pub(super) struct PortalServers(Vec<(Option<String>, String)>);

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
    pub(super) fn new(settings: &config::Upstream) -> Self {
        let names =
            std::iter::once(None).chain(settings.others.iter().map(|(name, _)| Some(name.clone())));
        let servers = names.zip(settings.groups()).flat_map(|(name, servers)| {
            servers.iter().map(move |server| (name.clone(), server.authority.clone()))
        });
        Self(servers.collect())
    }

    /// Connects to each of them, for at most `patience`.
    pub(super) async fn statuses(&self, patience: Duration) -> Vec<ServerStatus<'_>> {
        join_all(self.0.iter().map(|(upstream, address)| async move {
            let error = connect(address, patience).await.err();
            ServerStatus {
                upstream: upstream.as_deref(),
                address,
                reachable: error.is_none(),
                error,
            }
        }))
        .await
    }
}

async fn connect(address: &str, patience: Duration) -> Result<(), String> {
    match tokio::time::timeout(patience, TcpStream::connect(address)).await {
        Ok(connected) => connected.map(drop).map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} ms", patience.as_millis())),
    }
}
