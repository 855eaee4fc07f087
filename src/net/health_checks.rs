//! Health checks of the portal's servers: pingora checks each at an interval and counts the results,
//! and requests go to those that pass. How a server is checked is ours, because the connection is: it
//! is made as for a request, with TLS or to a Unix socket.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::ServiceWithDependents;
use pingora_core::services::background::{BackgroundService, background_service};
use pingora_core::{Error, ErrorType};
use pingora_load_balancing::discovery::Static;
use pingora_load_balancing::health_check::HealthCheck;
use pingora_load_balancing::{Backend, Backends};

use crate::config::{self, Settings, UpstreamServer};
use crate::proxy::probe::Probe;
use crate::proxy::rotation::backend;
use crate::proxy::upstream::Upstreams;
use crate::tasks::Tasks;

/// Checks each server at an interval.
pub struct HealthChecks {
    backends: Backends,
    interval: Duration,
}

/// The pingora service.
struct HealthService {
    checks: HealthChecks,
    tasks: Tasks,
}

/// One check of a server.
struct Check {
    upstreams: Arc<Upstreams>,
    settings: config::HealthCheck,
    /// `None`: a check connects.
    probe: Option<Probe>,
}

impl HealthChecks {
    /// Checks of the servers that requests are distributed over, and of all if a path to request is
    /// set. `None` without any.
    #[must_use]
    pub fn new(settings: &Settings, upstreams: Arc<Upstreams>) -> Option<Self> {
        let Settings { server, upstream, .. } = settings;
        let health = upstream.health.clone();
        let is_checked = |group: &&[UpstreamServer]| group.len() > 1 || health.path.is_some();
        let mut checked: Vec<_> = upstream.groups().filter(is_checked).flatten().collect();
        checked.sort_by_key(|server| &server.address);
        checked.dedup_by_key(|server| &server.address);
        if checked.is_empty() {
            return None;
        }
        let targets = checked.into_iter().enumerate();
        let targets =
            targets.map(|(number, server)| backend(number, server.weight, server.clone()));
        let mut backends = Backends::new(Static::new(targets.collect()));
        let probe = health.path.as_ref().map(|path| Probe {
            method: Method::GET,
            host: server.public_url.host().to_string(),
            target: path.to_string(),
            within: upstream.connect_timeout,
        });
        let interval = health.interval;
        backends.set_health_check(Box::new(Check { upstreams, settings: health, probe }));
        Some(Self { backends, interval })
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
        }
    }
}

impl Check {
    async fn run(&self, server: &UpstreamServer) -> Result<(), String> {
        let dialer = self.upstreams.dialer();
        let Some(probe) = &self.probe else {
            return dialer.connect(server).await.map(drop).map_err(|error| error.to_string());
        };
        let status = probe.send(server, dialer).await.map_err(|error| error.to_string())?;
        if self.settings.expects(status) {
            Ok(())
        } else {
            Err(format!("{} responds with {}", probe.target, status.as_u16()))
        }
    }
}

#[async_trait]
impl HealthCheck for Check {
    async fn check(&self, target: &Backend) -> pingora_core::Result<()> {
        let Some(server) = target.ext.get::<UpstreamServer>() else {
            return Error::e_explain(ErrorType::InternalError, "a backend without a server");
        };
        let result = self.run(server).await;
        self.upstreams.set_checked(&server.address, &result);
        result.or_else(|cause| Error::e_explain(ErrorType::ConnectError, cause))
    }

    async fn health_status_change(&self, target: &Backend, healthy: bool) {
        if let Some(server) = target.ext.get::<UpstreamServer>() {
            self.upstreams.set_healthy(&server.address, healthy);
        }
    }

    fn health_threshold(&self, success: bool) -> usize {
        if success { self.settings.successes } else { self.settings.failures }
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
