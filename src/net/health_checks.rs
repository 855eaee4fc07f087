//! Health checks of the portal's servers, where requests are distributed over several: pingora
//! checks each at an interval, and requests go to those that pass. How a server is checked is ours,
//! because the connection is: it is made as for a request, with TLS or to a Unix socket.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::protocols::l4::socket::SocketAddr as BackendAddress;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::ServiceWithDependents;
use pingora_core::services::background::{BackgroundService, background_service};
use pingora_core::{Error, ErrorType};
use pingora_load_balancing::discovery::Static;
use pingora_load_balancing::health_check::HealthCheck;
use pingora_load_balancing::{Backend, Backends, Extensions};

use crate::config::{self, UpstreamServer};
use crate::proxy::dial::Dialer;
use crate::proxy::upstream::Upstreams;
use crate::tasks::Tasks;

/// Checks each server at an interval.
pub struct HealthChecks {
    servers: Vec<(UpstreamServer, Backend)>,
    backends: Backends,
    upstreams: Arc<Upstreams>,
    interval: Duration,
}

/// The pingora service.
struct HealthService {
    checks: HealthChecks,
    tasks: Tasks,
}

/// Connects to a server.
struct Connects(Dialer);

impl HealthChecks {
    /// Checks of these servers, or `None` if no group has several.
    #[must_use]
    pub fn new(settings: &config::Upstream, upstreams: Arc<Upstreams>) -> Option<Self> {
        let mut checked: Vec<_> =
            settings.groups().filter(|servers| servers.len() > 1).flatten().collect();
        checked.sort_by_key(|server| &server.address);
        checked.dedup();
        if checked.is_empty() {
            return None;
        }
        let servers: Vec<_> = checked
            .into_iter()
            .zip(0..)
            .map(|(server, position)| (server.clone(), backend(server, position)))
            .collect();
        let targets = servers.iter().map(|(_, backend)| backend.clone()).collect();
        let mut backends = Backends::new(Static::new(targets));
        backends.set_health_check(Box::new(Connects(upstreams.dialer().clone())));
        Some(Self { servers, backends, upstreams, interval: settings.health_interval })
    }

    pub(super) fn into_service(self, tasks: Tasks) -> impl ServiceWithDependents {
        background_service("portal health", HealthService { checks: self, tasks })
    }

    async fn run(&self) {
        if let Err(error) = self.backends.update(|_| {}).await {
            tracing::error!(%error, "cannot check the portal's servers");
            return;
        }
        let mut ticks = tokio::time::interval(self.interval);
        loop {
            ticks.tick().await;
            self.backends.run_health_check(true).await;
            for (server, backend) in &self.servers {
                self.upstreams.set_healthy(&server.address, self.backends.ready(backend));
            }
        }
    }
}

/// A server as pingora knows it. pingora identifies servers by IP address; a name has none before it
/// is resolved, and a socket never has one, so the address is only a number.
fn backend(server: &UpstreamServer, position: u128) -> Backend {
    let mut ext = Extensions::new();
    ext.insert(server.clone());
    let address = SocketAddr::from((Ipv6Addr::from_bits(position), 0));
    Backend { addr: BackendAddress::Inet(address), weight: 1, ext }
}

#[async_trait]
impl HealthCheck for Connects {
    async fn check(&self, target: &Backend) -> pingora_core::Result<()> {
        let Some(server) = target.ext.get::<UpstreamServer>() else {
            return Error::e_explain(ErrorType::InternalError, "a backend without a server");
        };
        match self.0.connect(server).await {
            Ok(_) => Ok(()),
            Err(error) => Error::e_explain(ErrorType::ConnectError, error.to_string()),
        }
    }

    fn health_threshold(&self, _success: bool) -> usize {
        1
    }
}

#[async_trait]
impl BackgroundService for HealthService {
    async fn start(&self, _shutdown: ShutdownWatch) {
        let stop = self.tasks.stop();
        let checking = async {
            tokio::select! {
                () = self.checks.run() => {}
                () = stop.cancelled() => {}
            }
        };
        self.tasks.clone().supervise("portal health checks", checking).await;
    }
}

impl fmt::Debug for HealthChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthChecks").field("interval", &self.interval).finish_non_exhaustive()
    }
}
