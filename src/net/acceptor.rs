//! Accepts the connections of one listening socket and gives each to a worker.

use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::connection_tracker::{ConnectionGuard, ConnectionTracker};
use super::proxy_protocol::ProxyProtocol;
use super::read_ahead::ReadAhead;
use super::workers::Workers;
use portcullis_http1::socket;

/// Pause after the system failed to accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What connections are served with.
pub(super) trait Serve: Send + Sync + 'static {
    /// Whether a client may connect at all.
    fn admits(&self, client: IpAddr) -> bool;

    /// How long a client may take nothing of what is sent.
    fn write_timeout(&self) -> Duration;

    /// Serves a client's connection to its end.
    fn serve(
        &self,
        stream: ReadAhead<TcpStream>,
        client: IpAddr,
        guard: ConnectionGuard,
    ) -> impl Future<Output = ()> + Send;
}

/// Accepts connections for what serves them.
#[derive(Debug)]
pub(super) struct Acceptor<S> {
    pub(super) serve: S,
    /// Whose connections begin with the address of the client.
    pub(super) proxy_protocol: ProxyProtocol,
    /// The limit on connections.
    pub(super) connections: ConnectionTracker,
    pub(super) stop: CancellationToken,
}

impl<S: Serve> Acceptor<S> {
    /// Accepts connections until the gateway stops.
    pub(super) async fn accept(self: Arc<Self>, listener: TcpListener, workers: Arc<Workers>) {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "cannot use a listening socket");
                return;
            }
        };
        let write_timeout = self.serve.write_timeout();
        if let Err(error) = socket::configure_listener(&SockRef::from(&listener), write_timeout) {
            tracing::warn!(
                %error,
                "cannot set socket options; connections of clients that are gone stay open longer"
            );
        }
        let _accepting = self.connections.accepting();
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if !self.proxy_protocol.applies_to(peer.ip()) && !self.serve.admits(peer.ip()) {
                continue;
            }
            let Some(guard) = self.connections.try_open() else {
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
                    acceptor.open(stream, peer.ip(), guard).await;
                }
            });
        }
    }

    async fn open(&self, stream: TcpStream, peer: IpAddr, guard: ConnectionGuard) {
        // On Linux, connections inherit this from the listening socket.
        #[cfg(not(target_os = "linux"))]
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let mut stream = ReadAhead::new(stream);
        let Some(client) = self.proxy_protocol.client(&mut stream, peer, &guard).await else {
            return;
        };
        // Whether the peer is admitted is known already, unless its header had to be read.
        if !self.proxy_protocol.applies_to(peer) || self.serve.admits(client) {
            self.serve.serve(stream, client, guard).await;
        }
    }
}
