//! Health checks of the portal's servers, when there are several to choose from: pingora tries to
//! connect to each, and requests go to those that answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::ServiceWithDependents;
use pingora_core::services::background::{BackgroundService, background_service};
use pingora_load_balancing::discovery::Static;
use pingora_load_balancing::health_check::TcpHealthCheck;
use pingora_load_balancing::{Backend, Backends};

use crate::config;
use crate::proxy::upstream::Upstreams;
use crate::tasks::Tasks;

/// Tries each server again and again.
pub struct HealthChecks {
    servers: Vec<(String, Backend)>,
    backends: Backends,
    upstreams: Arc<Upstreams>,
    every: Duration,
}

impl HealthChecks {
    /// Checks for these servers; none when there is nothing to choose.
    #[must_use]
    pub fn new(settings: &config::Upstream, upstreams: Arc<Upstreams>) -> Option<Self> {
        if settings.servers.len() < 2 {
            return None;
        }
        // A name that does not resolve now is left to be found out when connecting.
        let servers: Vec<_> = settings
            .servers
            .iter()
            .filter_map(|server| {
                Backend::new(&server.authority).ok().map(|found| (server.authority.clone(), found))
            })
            .collect();
        let found = servers.iter().map(|(_, backend)| backend.clone()).collect();
        let mut backends = Backends::new(Static::new(found));
        backends.set_health_check(TcpHealthCheck::new());
        Some(Self { servers, backends, upstreams, every: settings.health_interval })
    }

    pub(super) fn into_service(self, tasks: Tasks) -> Box<dyn ServiceWithDependents> {
        Box::new(background_service("portal health", Supervised { checks: self, tasks }))
    }
}

struct Supervised {
    checks: HealthChecks,
    tasks: Tasks,
}

#[async_trait]
impl BackgroundService for Supervised {
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

impl HealthChecks {
    async fn run(&self) {
        if let Err(error) = self.backends.update(|_| {}).await {
            tracing::error!(%error, "the portal's servers cannot be checked");
            return;
        }
        let mut ticks = tokio::time::interval(self.every);
        loop {
            ticks.tick().await;
            self.backends.run_health_check(true).await;
            for (authority, backend) in &self.servers {
                self.upstreams.set_healthy(authority, self.backends.ready(backend));
            }
        }
    }
}

impl fmt::Debug for HealthChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthChecks").field("every", &self.every).finish_non_exhaustive()
    }
}
