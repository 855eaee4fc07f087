//! From a listening socket to connections being served: clear text, TLS, and operators.

use std::fmt;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::apps::ServerApp;
use pingora_core::listeners::tls::TlsSettings;
use pingora_core::protocols::{ALPN, Stream};
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::listening::Service as ListeningService;
use pingora_core::services::{Service, ServiceWithDependents};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::drain::Drain;
use super::http::{Http, Protocol};
use super::threads::Threads;
use crate::config::Tls;
use crate::gateway::Connection;

/// How long accepting rests after the system refused to give a connection.
const REST: Duration = Duration::from_millis(100);

/// A socket that portal traffic comes in by.
pub struct GatewayListener(Box<dyn ServiceWithDependents>);

/// The certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("server.tls: {0}")]
pub struct TlsError(String);

impl GatewayListener {
    /// Serves clear text.
    #[must_use]
    pub fn clear(
        listener: TcpListener,
        http: Http,
        drain: Arc<Drain>,
        stop: CancellationToken,
    ) -> Self {
        Self(Box::new(Clear { listener: Some(listener), http, drain, stop }))
    }

    /// Serves TLS, with HTTP/2 offered (RFC 7301).
    ///
    /// # Errors
    /// When the files cannot be read or do not belong together.
    pub fn tls(
        listener: TcpListener,
        files: &Tls,
        http: Http,
        drain: Arc<Drain>,
        stop: CancellationToken,
    ) -> Result<Self, TlsError> {
        let name = |path: &std::path::Path| path.to_string_lossy().into_owned();
        for file in [&files.certificate, &files.key] {
            std::fs::File::open(file)
                .map_err(|error| TlsError(format!("{}: {error}", file.display())))?;
        }
        let mut settings = TlsSettings::intermediate(&name(&files.certificate), &name(&files.key))
            .map_err(|error| TlsError(error.to_string()))?;
        settings.enable_h2();
        let address =
            listener.local_addr().map_err(|error| TlsError(error.to_string()))?.to_string();
        let mut inner = ListeningService::new(format!("gateway {address}"), Secure { http, drain });
        inner.add_tls_with_settings(&address, None, settings);
        Ok(Self(Box::new(SecureService { listener: Some(listener), address, inner, stop })))
    }

    pub(super) fn into_service(self) -> Box<dyn ServiceWithDependents> {
        self.0
    }
}

impl fmt::Debug for GatewayListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GatewayListener").field(&self.0.name()).finish()
    }
}

/// Clear text: our own sockets, each connection on one thread from its first byte to its last.
struct Clear {
    listener: Option<TcpListener>,
    http: Http,
    drain: Arc<Drain>,
    stop: CancellationToken,
}

#[async_trait]
impl Service for Clear {
    async fn start_service(
        &mut self,
        fds: Option<ListenFds>,
        _shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
    ) {
        let Some(listener) = self.listener.take() else { return };
        if let (Some(fds), Ok(address)) = (fds, listener.local_addr()) {
            fds.lock().add(address.to_string(), listener.as_raw_fd());
        }
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "a listening socket cannot be used");
                return;
            }
        };
        let mut threads = Threads::learn(pingora_runtime::current_handle);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            let Some(open) = self.drain.enter() else {
                tracing::warn!(client.address = %peer.ip(), "too many connections");
                continue;
            };
            // Registered anew with the thread that will serve it, so that no wake-up crosses.
            let Ok(stream) = stream.into_std() else { continue };
            let http = self.http.clone();
            let (thread, share) = threads.least_busy(pingora_runtime::current_handle());
            thread.spawn(async move {
                let _share = share;
                let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { return };
                if stream.set_nodelay(true).is_ok() {
                    http.clear(stream, peer.ip(), open).await;
                }
            });
        }
    }

    fn name(&self) -> &str {
        "gateway"
    }
}

/// TLS: pingora accepts and shakes hands, hyper speaks on what comes out.
struct SecureService {
    listener: Option<TcpListener>,
    address: String,
    inner: ListeningService<Secure>,
    stop: CancellationToken,
}

#[async_trait]
impl Service for SecureService {
    async fn start_service(
        &mut self,
        fds: Option<ListenFds>,
        _shutdown: ShutdownWatch,
        listeners_per_fd: usize,
    ) {
        // pingora takes a socket it finds in the table under the address it would bind.
        if let (Some(listener), Some(fds)) = (self.listener.take(), &fds) {
            fds.lock().add(self.address.clone(), listener.into_raw_fd());
        }
        // Its own watch is not told of a quick stop, and accepting would fail without end on a
        // runtime that is being shut down, which then never is.
        let (tell, shutdown) = watch::channel(false);
        let stop = self.stop.clone();
        let telling = async {
            stop.cancelled().await;
            tell.send_replace(true);
        };
        let serving = Service::start_service(&mut self.inner, fds, shutdown, listeners_per_fd);
        tokio::join!(serving, telling);
    }

    fn name(&self) -> &str {
        "gateway"
    }
}

struct Secure {
    http: Http,
    drain: Arc<Drain>,
}

#[async_trait]
impl ServerApp for Secure {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        _shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let peer = stream
            .get_socket_digest()
            .and_then(|digest| digest.peer_addr().and_then(|peer| peer.as_inet().copied()))?
            .ip();
        let open = self.drain.enter()?;
        let protocol = match stream.selected_alpn_proto() {
            Some(ALPN::H2) => Protocol::Http2,
            Some(ALPN::H1 | ALPN::H2H1 | ALPN::Custom(_)) | None => Protocol::Http1,
        };
        let connection = Connection::new(peer, true, open.hold());
        self.http.serve(stream, connection, protocol, open).await;
        None
    }
}

/// The sockets that operators come in by: TCP with a token, and the admin socket without.
#[derive(Debug)]
pub struct AdminListener {
    /// The TCP socket and what is served there.
    pub tcp: (TcpListener, axum::Router),
    /// The Unix socket and what is served there.
    pub unix: (UnixListener, axum::Router),
}

impl AdminListener {
    pub(super) fn into_service(self, stop: CancellationToken) -> Box<dyn ServiceWithDependents> {
        Box::new(Operators { sockets: Some(self), stop })
    }
}

struct Operators {
    sockets: Option<AdminListener>,
    stop: CancellationToken,
}

#[async_trait]
impl Service for Operators {
    async fn start_service(
        &mut self,
        _fds: Option<ListenFds>,
        _shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
    ) {
        let Some(AdminListener { tcp: (tcp, tcp_router), unix: (unix, unix_router) }) =
            self.sockets.take()
        else {
            return;
        };
        let (tcp, unix) = match (
            tokio::net::TcpListener::from_std(tcp),
            tokio::net::UnixListener::from_std(unix),
        ) {
            (Ok(tcp), Ok(unix)) => (tcp, unix),
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "the admin sockets cannot be used");
                return;
            }
        };
        let over_tcp = axum::serve(tcp, tcp_router)
            .with_graceful_shutdown(self.stop.clone().cancelled_owned());
        let over_unix = axum::serve(unix, unix_router)
            .with_graceful_shutdown(self.stop.clone().cancelled_owned());
        let (over_tcp, over_unix) = tokio::join!(over_tcp.into_future(), over_unix.into_future());
        for ended in [over_tcp, over_unix] {
            if let Err(error) = ended {
                tracing::error!(%error, "an admin listener ended");
            }
        }
    }

    fn name(&self) -> &str {
        "admin"
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}
