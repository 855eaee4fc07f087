//! The sockets of portal traffic, and that of proxies which ask over gRPC.
//!
//! A connection is counted before anything is read from it, a TLS handshake included, and stays on
//! the thread that serves it.

use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use ipnet::IpNet;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use tokio::net::TcpStream;

use super::acceptor::{Acceptor, Serve};
use super::connection_tracker::{ConnectionGuard, ConnectionTracker};
use super::grpc::{self, GrpcServer};
use super::http::HttpServer;
use super::proxy_protocol::{HeaderError, read_header};
use super::tls::ServerTls;
use super::watchdog;
use super::workers::{self, WorkerRuntime, Workers};
use crate::service_manager::Notifier;
use crate::tasks::Tasks;

/// The sockets of portal traffic and what is served there.
#[derive(Debug)]
pub struct GatewayListener {
    /// Sockets that listen, in non-blocking mode.
    pub sockets: Vec<TcpListener>,
    /// Certificate and key; clear text without.
    pub tls: Option<ServerTls>,
    /// The networks whose connections begin with a header of the PROXY protocol.
    pub proxy_protocol: Vec<IpNet>,
    /// What connections are served with.
    pub http: HttpServer,
    /// The socket for proxies that ask over gRPC, and what is served there.
    pub grpc: Option<(TcpListener, GrpcServer)>,
    /// The limit on connections of portal traffic, for all sockets together.
    pub connections: ConnectionTracker,
}

/// The pingora service. It runs on one thread, which also serves connections.
pub(super) struct GatewayService {
    sockets: Vec<TcpListener>,
    acceptor: Arc<Acceptor<PortalTraffic>>,
    grpc: Option<(TcpListener, Arc<Acceptor<GrpcServer>>)>,
    /// Workers besides this one.
    workers: Vec<WorkerRuntime>,
    tasks: Tasks,
    notifier: Notifier,
}

/// What a connection of portal traffic is served with.
#[derive(Debug)]
struct PortalTraffic {
    proxy_protocol: Vec<IpNet>,
    tls: Option<ServerTls>,
    http: HttpServer,
}

impl GatewayListener {
    /// A service that shares connections with `workers`, which must have started before it. It
    /// notifies the service manager that it serves, and as long as all workers make progress.
    pub(super) fn into_service(
        self,
        workers: Vec<WorkerRuntime>,
        tasks: Tasks,
        notifier: Notifier,
    ) -> GatewayService {
        let Self { sockets, tls, proxy_protocol, http, grpc, connections } = self;
        let stop = tasks.stop();
        let grpc = grpc.map(|(socket, serve)| {
            let connections = connections.with_limit(grpc::CONNECTIONS);
            (socket, Arc::new(Acceptor { serve, connections, stop: stop.clone() }))
        });
        let serve = PortalTraffic { proxy_protocol, tls, http };
        let acceptor = Arc::new(Acceptor { serve, connections, stop: stop.clone() });
        GatewayService { sockets, acceptor, grpc, workers, tasks, notifier }
    }
}

#[async_trait]
impl Service for GatewayService {
    async fn start_service(
        &mut self,
        _fds: Option<ListenFds>,
        _shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
    ) {
        let workers = Arc::new(Workers::current_and(&self.workers));
        let accepting = std::mem::take(&mut self.sockets).into_iter().map(|socket| {
            let accepting = Arc::clone(&self.acceptor).accept(socket, Arc::clone(&workers));
            self.tasks.spawn("gateway listener", accepting)
        });
        let grpc = self.grpc.take().map(|(socket, acceptor)| {
            self.tasks.spawn("gRPC listener", acceptor.accept(socket, Arc::clone(&workers)))
        });
        let mut running: Vec<_> = accepting.chain(grpc).collect();
        if let Some(limit) = self.notifier.watchdog() {
            let stop = self.tasks.stop().clone().cancelled_owned();
            let watching = watchdog::run(workers, self.notifier.clone(), limit, stop);
            running.push(self.tasks.spawn("watchdog", watching));
        }
        self.notifier.ready();
        join_all(running).await;
    }

    fn name(&self) -> &str {
        workers::NAME
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}

impl Serve for PortalTraffic {
    fn admits(&self, _: IpAddr) -> bool {
        true
    }

    fn write_timeout(&self) -> Duration {
        self.http.write_timeout()
    }

    async fn serve(&self, mut stream: TcpStream, peer: IpAddr, guard: ConnectionGuard) {
        let Some(client) = self.client(&mut stream, peer, &guard).await else { return };
        match &self.tls {
            Some(tls) => self.http.serve_tls(tls, stream, client, guard).await,
            None => self.http.serve_clear_text(stream, client, guard).await,
        }
    }
}

impl PortalTraffic {
    /// Whose connection it is: the peer's, or that of the client which the header of a load balancer
    /// names. `None` if the connection cannot be used.
    async fn client(
        &self,
        stream: &mut TcpStream,
        peer: IpAddr,
        guard: &ConnectionGuard,
    ) -> Option<IpAddr> {
        let canonical = peer.to_canonical();
        if !self.proxy_protocol.iter().any(|network| network.contains(&canonical)) {
            return Some(peer);
        }
        let reading = tokio::time::timeout(self.http.header_timeout(), read_header(stream));
        let read = tokio::select! {
            read = reading => read,
            () = guard.shutdown_without_request() => return None,
        };
        match read {
            Ok(Ok(client)) => Some(client.unwrap_or(peer)),
            // Balancers also connect to find out whether the gateway is there.
            Ok(Err(error @ HeaderError::Connection(_))) => {
                tracing::debug!(%error, client.address = %peer, "no header of the PROXY protocol");
                None
            }
            Ok(Err(error)) => {
                tracing::warn!(
                    %error,
                    client.address = %peer,
                    "connection refused: a header of the PROXY protocol is required \
                     (server.proxy_protocol)"
                );
                None
            }
            Err(_) => {
                tracing::warn!(
                    client.address = %peer,
                    "connection refused: the header of the PROXY protocol did not come in time"
                );
                None
            }
        }
    }
}
