//! Sockets, TLS, connections and the running server: the only room that names pingora's types.
//!
//! pingora runs the house: a service each for the gateway and the admin listener on runtimes of
//! their own, health checks of the portal's servers. rustls shakes hands and hyper speaks HTTP on
//! connections accepted from our own sockets, each of which stays on the thread that serves it.

pub mod drain;
#[cfg(test)]
mod fixture;
mod health;
mod http;
mod idle;
mod io;
mod operators;
mod parting;
mod phase;
mod sending;
mod serve;
mod socket;
mod threads;
mod tls;
mod trailers;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{RunArgs, Server, ShutdownSignal, ShutdownSignalWatch};

pub use self::health::HealthChecks;
pub use self::http::Http;
pub use self::operators::AdminListener;
pub use self::serve::GatewayListener;
pub use self::socket::{BindError, bind_admin_socket, bind_tcp};
pub use self::tls::{TlsError, TlsFiles};

use self::drain::Drain;
use crate::tasks::Tasks;

/// What runs until it is told to stop.
#[derive(Debug)]
pub struct House {
    /// Where portal traffic comes in.
    pub gateways: Vec<GatewayListener>,
    /// Where operators come in.
    pub admin: AdminListener,
    /// The portal's servers, looked after.
    pub health: Option<HealthChecks>,
    /// Threads for portal traffic.
    pub threads: usize,
    /// How long a graceful stop may take.
    pub shutdown_grace: Duration,
    /// The connections that a stop waits for.
    pub drain: Arc<Drain>,
    /// What runs, and what stops it.
    pub tasks: Tasks,
}

impl House {
    /// Serves until the tasks are stopped; then finishes what is in flight.
    pub fn run(self) {
        let conf = ServerConf {
            threads: self.threads,
            work_stealing: false,
            grace_period_seconds: Some(0),
            graceful_shutdown_timeout_seconds: Some(1),
            ..ServerConf::default()
        };
        let mut server = Server::new_with_opt_and_conf(None, conf);
        server.bootstrap();
        for gateway in self.gateways {
            server.add_boxed_service(gateway.into_service());
        }
        server.add_boxed_service(self.admin.into_service(self.tasks.clone()));
        if let Some(health) = self.health {
            server.add_boxed_service(health.into_service(self.tasks.clone()));
        }
        let signal = Stop { drain: self.drain, grace: self.shutdown_grace, tasks: self.tasks };
        server.run(RunArgs { shutdown_signal: Box::new(signal) });
    }
}

/// Waits for a reason to stop, then for what is in flight. pingora's own graceful stop would wait
/// its whole grace period even with nothing to wait for, so it is only asked for the quick one.
struct Stop {
    drain: Arc<Drain>,
    grace: Duration,
    tasks: Tasks,
}

#[async_trait]
impl ShutdownSignalWatch for Stop {
    async fn recv(&self) -> ShutdownSignal {
        self.tasks.stop().cancelled().await;
        let open = self.drain.begin();
        tracing::info!(connections = open, "stopping");
        if tokio::time::timeout(self.grace, self.drain.finished()).await.is_err() {
            tracing::warn!(connections = self.drain.open(), "connections cut off");
        }
        ShutdownSignal::FastShutdown
    }
}
