//! Accepts the connections of one listening socket and gives each to a worker.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::client_socket::{ClientSocket, ListeningSocket};
use super::connection_tracker::{ConnectionGuard, ConnectionTracker};
use super::proxy_protocol::ProxyProtocol;
use super::read_ahead::ReadAhead;
use super::workers::Workers;
use crate::web::peer::Peer;

/// Pause after the system failed to accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What connections are served with.
pub(super) trait Serve: Send + Sync + 'static {
    /// Whether a client may connect at all.
    fn admits(&self, client: Peer) -> bool;

    /// How long a client may take nothing of what is sent.
    fn write_timeout(&self) -> Duration;

    /// Serves a client's connection to its end.
    fn serve(
        &self,
        stream: ReadAhead<ClientSocket>,
        client: Peer,
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
    pub(super) async fn accept(self: Arc<Self>, socket: ListeningSocket, workers: Arc<Workers>) {
        let listener = match socket.attach(self.serve.write_timeout()) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "cannot use a listening socket");
                return;
            }
        };
        let _accepting = self.connections.accepting();
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (accepted, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if !self.proxy_protocol.applies_to(peer) && !self.serve.admits(peer) {
                continue;
            }
            let Some(guard) = self.connections.try_open() else {
                tracing::warn!(client.address = %peer, "connection refused: too many are open");
                continue;
            };
            // Registered with the event loop of the thread that will serve it, so that reading
            // and writing never wake another thread.
            let Some((worker, served)) = workers.least_busy() else { continue };
            let acceptor = Arc::clone(&self);
            worker.spawn(async move {
                let _served = served;
                if let Ok(socket) = accepted.attach() {
                    acceptor.open(socket, peer, guard).await;
                }
            });
        }
    }

    async fn open(&self, socket: ClientSocket, peer: Peer, guard: ConnectionGuard) {
        let mut stream = ReadAhead::new(socket);
        let Some(client) = self.proxy_protocol.client(&mut stream, peer, &guard).await else {
            return;
        };
        // Whether the peer is admitted is known already, unless its header had to be read.
        if !self.proxy_protocol.applies_to(peer) || self.serve.admits(client) {
            self.serve.serve(stream, client, guard).await;
        }
    }
}
