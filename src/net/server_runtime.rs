//! The pingora server: a service for each part of the network side, and the graceful shutdown.
//!
//! Services, one thread each unless noted: the gateway's listener and `server.threads` − 1 further
//! workers ([`super::workers`]), the admin plane, redirects to https, health checks.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{RunArgs, Server, ShutdownSignal, ShutdownSignalWatch};
use tokio::time::Instant;

use super::admin_listener::AdminListener;
use super::connection_tracker::ConnectionTracker;
use super::gateway_listener::GatewayListener;
use super::health_checks::HealthChecks;
use super::redirect_listener::RedirectListener;
use super::workers::Worker;
use crate::service_manager::Notifier;
use crate::tasks::Tasks;

/// Everything that serves the network.
#[derive(Debug)]
pub struct ServerRuntime {
    /// Portal traffic.
    pub gateway: GatewayListener,
    /// The admin plane.
    pub admin: AdminListener,
    /// Redirects to https.
    pub redirect: Option<RedirectListener>,
    /// Checks of the portal's servers.
    pub health: Option<HealthChecks>,
    /// Threads for portal traffic, at least one.
    pub threads: usize,
    /// Upper bound on the shutdown, of which open connections may use all.
    pub shutdown_grace: Duration,
    /// The open connections of both planes.
    pub connections: ConnectionTracker,
    /// Supervision, and what stops the server.
    pub tasks: Tasks,
    /// Notified when portal traffic is served, and when the server stops.
    pub notifier: Notifier,
}

impl ServerRuntime {
    /// Serves until the tasks are stopped, then finishes open connections. Returns the time at which
    /// the rest of the shutdown must be done, too.
    pub fn run(self) -> Instant {
        let Self { gateway, admin, redirect, health, threads, .. } = self;
        let Self { shutdown_grace, connections, tasks, notifier, .. } = self;
        // Without work stealing, a service with one thread has a single-threaded runtime.
        let conf = ServerConf { work_stealing: false, ..ServerConf::default() };
        let mut server = Server::new_with_opt_and_conf(None, conf);
        let workers: Vec<_> = (1..threads).map(|_| Worker::default()).collect();
        let runtimes = workers.iter().map(Worker::runtime).collect();
        let gateway =
            server.add_service(gateway.into_service(runtimes, tasks.clone(), notifier.clone()));
        for worker in workers {
            gateway.add_dependency(server.add_service(worker));
        }
        server.add_service(admin.into_service(connections.clone(), tasks.clone()));
        if let Some(redirect) = redirect {
            server.add_service(redirect.into_service(&connections, tasks.clone()));
        }
        if let Some(health) = health {
            server.add_service(health.into_service(tasks.clone()));
        }
        let deadline = Arc::new(OnceLock::new());
        let shutdown = GracefulShutdown {
            connections,
            grace: shutdown_grace,
            deadline: Arc::clone(&deadline),
            tasks,
            notifier,
        };
        server.run(RunArgs { shutdown_signal: Box::new(shutdown) });
        deadline.get().copied().unwrap_or_else(Instant::now)
    }
}

/// Waits for a reason to stop, then until open connections have finished. pingora's own graceful
/// shutdown always waits its whole grace period, so it is asked for an immediate one afterwards.
struct GracefulShutdown {
    connections: ConnectionTracker,
    grace: Duration,
    /// Set when the shutdown begins.
    deadline: Arc<OnceLock<Instant>>,
    tasks: Tasks,
    notifier: Notifier,
}

#[async_trait]
impl ShutdownSignalWatch for GracefulShutdown {
    async fn recv(&self) -> ShutdownSignal {
        self.tasks.stop().cancelled().await;
        let deadline = *self.deadline.get_or_init(|| Instant::now() + self.grace);
        let connections = self.connections.begin_shutdown();
        tracing::info!(connections, "stopping");
        self.notifier.stopping();
        if tokio::time::timeout_at(deadline, self.connections.closed()).await.is_err() {
            let connections = self.connections.count();
            tracing::warn!(connections, "closed connections that did not finish in time");
        }
        ShutdownSignal::FastShutdown
    }
}
