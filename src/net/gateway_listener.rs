//! The sockets of portal traffic, and that of proxies which ask over gRPC.
//!
//! A connection is counted before anything is read from it, a TLS handshake included, and stays on
//! the thread that serves it.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;

use super::acceptor::{Acceptor, Serve};
use super::client_socket::{ClientSocket, ListeningSocket};
use super::connection_tracker::{ConnectionGuard, ConnectionTracker};
use super::grpc::{self, GrpcServer};
use super::http::HttpServer;
use super::proxy_protocol::ProxyProtocol;
use super::read_ahead::ReadAhead;
use super::tls::ServerTls;
use super::watchdog;
use super::workers::{self, WorkerRuntime, Workers};
use crate::service_manager::Notifier;
use crate::tasks::Tasks;
use crate::web::peer::Peer;

/// The sockets of portal traffic and what is served there.
#[derive(Debug)]
pub struct GatewayListener {
    /// Sockets that listen.
    pub sockets: Vec<ListeningSocket>,
    /// Certificate and key; clear text without.
    pub tls: Option<ServerTls>,
    /// Whose connections begin with a header of the PROXY protocol.
    pub proxy_protocol: ProxyProtocol,
    /// What connections are served with.
    pub http: HttpServer,
    /// The socket for proxies that ask over gRPC, what is served there, and whose connections to it
    /// begin with a header of the PROXY protocol.
    pub grpc: Option<(TcpListener, GrpcServer, ProxyProtocol)>,
    /// The limit on connections of portal traffic, for all sockets together.
    pub connections: ConnectionTracker,
}

/// The pingora service. It runs on one thread, which also serves connections.
pub(super) struct GatewayService {
    sockets: Vec<ListeningSocket>,
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
        let grpc = grpc.map(|(socket, serve, proxy_protocol)| {
            let connections = connections.with_limit(grpc::CONNECTIONS);
            let stop = stop.clone();
            (socket, Arc::new(Acceptor { serve, proxy_protocol, connections, stop }))
        });
        let (serve, stop) = (PortalTraffic { tls, http }, stop.clone());
        let acceptor = Arc::new(Acceptor { serve, proxy_protocol, connections, stop });
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
            self.tasks.spawn(
                "gRPC listener",
                acceptor.accept(ListeningSocket::Tcp(socket), Arc::clone(&workers)),
            )
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
    fn admits(&self, _: Peer) -> bool {
        true
    }

    fn write_timeout(&self) -> Duration {
        self.http.write_timeout()
    }

    async fn serve(&self, stream: ReadAhead<ClientSocket>, client: Peer, guard: ConnectionGuard) {
        match &self.tls {
            // In a box, so that connections in clear text do not have the room for it.
            Some(tls) => Box::pin(self.http.serve_tls(tls, stream, client, guard)).await,
            None => self.http.serve_clear_text(stream, client, guard).await,
        }
    }
}
