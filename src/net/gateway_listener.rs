//! The sockets of portal traffic: accepts connections and gives each to a worker.
//!
//! A connection is counted before anything is read from it, a TLS handshake included, and stays on
//! the thread that serves it.

use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::connection_tracker::{ConnectionGuard, ConnectionTracker};
use super::http::HttpServer;
use super::tls::ServerTls;
use super::workers::{self, WorkerRuntime, Workers};
use crate::tasks::Tasks;
use portcullis_http1::socket;

/// Pause after the system failed to accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The sockets of portal traffic and what is served there.
#[derive(Debug)]
pub struct GatewayListener {
    /// Sockets that listen, in non-blocking mode.
    pub sockets: Vec<TcpListener>,
    /// Certificate and key; clear text without.
    pub tls: Option<ServerTls>,
    /// What connections are served with.
    pub http: HttpServer,
    /// The limit on connections, for all sockets together.
    pub connections: ConnectionTracker,
}

/// The pingora service. It runs on one thread, which also serves connections.
pub(super) struct GatewayService {
    sockets: Vec<TcpListener>,
    acceptor: Arc<Acceptor>,
    /// Workers besides this one.
    workers: Vec<WorkerRuntime>,
    tasks: Tasks,
}

/// What a new connection is served with.
#[derive(Debug)]
struct Acceptor {
    tls: Option<ServerTls>,
    http: HttpServer,
    connections: ConnectionTracker,
    stop: CancellationToken,
}

impl GatewayListener {
    /// A service that shares connections with `workers`, which must have started before it.
    pub(super) fn into_service(self, workers: Vec<WorkerRuntime>, tasks: Tasks) -> GatewayService {
        let Self { sockets, tls, http, connections } = self;
        let acceptor = Acceptor { tls, http, connections, stop: tasks.stop().clone() };
        GatewayService { sockets, acceptor: Arc::new(acceptor), workers, tasks }
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
        join_all(accepting.collect::<Vec<_>>()).await;
    }

    fn name(&self) -> &str {
        workers::NAME
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}

impl Acceptor {
    /// Accepts connections until the gateway stops.
    async fn accept(self: Arc<Self>, listener: TcpListener, workers: Arc<Workers>) {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "cannot use a listening socket");
                return;
            }
        };
        let write_timeout = self.http.write_timeout();
        if let Err(error) = socket::configure_listener(&SockRef::from(&listener), write_timeout) {
            tracing::warn!(
                %error,
                "cannot set socket options; connections of clients that are gone stay open longer"
            );
        }
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(guard) = self.connections.try_open() else {
                if self.stop.is_cancelled() {
                    return;
                }
                tracing::warn!(client.address = %peer.ip(), "connection refused: too many are open");
                continue;
            };
            // Registered with the event loop of the thread that will serve it, so that reading
            // and writing never wake another thread.
            let (Ok(stream), Some((worker, served))) = (stream.into_std(), workers.least_busy())
            else {
                continue;
            };
            let acceptor = Arc::clone(&self);
            worker.spawn(async move {
                let _served = served;
                if let Ok(stream) = TcpStream::from_std(stream) {
                    acceptor.serve(stream, peer.ip(), guard).await;
                }
            });
        }
    }

    async fn serve(&self, stream: TcpStream, peer: IpAddr, guard: ConnectionGuard) {
        // On Linux, connections inherit this from the listening socket.
        #[cfg(not(target_os = "linux"))]
        if stream.set_nodelay(true).is_err() {
            return;
        }
        match &self.tls {
            Some(tls) => self.http.serve_tls(tls, stream, peer, guard).await,
            None => self.http.serve_clear_text(stream, peer, guard).await,
        }
    }
}
