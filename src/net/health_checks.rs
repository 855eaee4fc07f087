//! Health checks of the portal's servers, where requests are distributed over several: pingora
//! connects to each at an interval, and requests go to those that accept the connection.

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

/// Checks each server at an interval.
pub struct HealthChecks {
    servers: Vec<(String, Backend)>,
    backends: Backends,
    upstreams: Arc<Upstreams>,
    interval: Duration,
}

/// The pingora service.
struct HealthService {
    checks: HealthChecks,
    tasks: Tasks,
}

impl HealthChecks {
    /// Checks of these servers, or `None` if no group has several.
    #[must_use]
    pub fn new(settings: &config::Upstream, upstreams: Arc<Upstreams>) -> Option<Self> {
        let checked: Vec<_> =
            settings.groups().filter(|servers| servers.len() > 1).flatten().collect();
        if checked.is_empty() {
            return None;
        }
        // A name that cannot be resolved now is not checked; requests find out when connecting.
        let servers: Vec<_> = checked
            .into_iter()
            .filter_map(|server| {
                let backend = Backend::new(&server.authority).ok()?;
                Some((server.authority.clone(), backend))
            })
            .collect();
        let targets = servers.iter().map(|(_, backend)| backend.clone()).collect();
        let mut backends = Backends::new(Static::new(targets));
        backends.set_health_check(TcpHealthCheck::new());
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
            for (authority, backend) in &self.servers {
                self.upstreams.set_healthy(authority, self.backends.ready(backend));
            }
        }
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
