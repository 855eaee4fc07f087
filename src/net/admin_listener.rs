//! The sockets of the admin plane: TCP, with or without TLS, where requests need a token or the
//! cookie of an administrator, and the admin socket, where they do not.
//!
//! Being able to connect does not make a client trusted: connections are limited in number, heads
//! in size, and heads, idle connections, requests and the sending of responses in time.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use async_trait::async_trait;
use axum::serve::Listener;
use axum::{Extension, Router};
use http::Request;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::error::Elapsed;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::connection_state::ConnectionState;
use super::connection_tracker::{ConnectionGuard, ConnectionTracker};
use super::drive::{drive, say_close};
use super::http::http1;
use super::proxy_protocol::ProxyProtocol;
use super::read_ahead::ReadAhead;
use super::timed_stream::{Protocol, TimedStream};
use super::tls::ServerTls;
use crate::config::Limits;
use crate::tasks::Tasks;
use crate::web::peer::Peer;

/// Connections to each of the sockets. More wait to be accepted until one ends.
const CONNECTIONS: usize = 128;
/// Upper bound on answering a request, the receiving of its body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The sockets of the admin plane and what is served there.
#[derive(Debug)]
pub struct AdminListener {
    /// The TCP socket.
    pub tcp: (TcpListener, Router),
    /// TLS of the TCP socket.
    pub tls: Option<ServerTls>,
    /// Whose connections to the TCP socket begin with a header of the PROXY protocol.
    pub proxy_protocol: ProxyProtocol,
    /// The admin socket.
    pub unix: (UnixListener, Router),
    /// The timeouts and `header_bytes` apply here too.
    pub limits: Limits,
}

/// What the connections to a socket are served with.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) tls: Option<ServerTls>,
    pub(super) router: Router,
    pub(super) proxy_protocol: ProxyProtocol,
    pub(super) limits: Limits,
}

/// The pingora service. It runs on one thread of its own.
pub(super) struct AdminService {
    /// Taken when the service starts.
    listener: Option<AdminListener>,
    connections: ConnectionTracker,
    tasks: Tasks,
}

impl AdminListener {
    /// A service whose connections take part in the shutdown of `connections`.
    pub(super) fn into_service(self, connections: ConnectionTracker, tasks: Tasks) -> AdminService {
        AdminService { listener: Some(self), connections, tasks }
    }
}

#[async_trait]
impl Service for AdminService {
    async fn start_service(
        &mut self,
        _fds: Option<ListenFds>,
        _shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
    ) {
        let Some(listener) = self.listener.take() else { return };
        let AdminListener { tcp, tls, proxy_protocol, unix, limits } = listener;
        let (connections, stop) = (&self.connections, self.tasks.stop());
        let serving = async {
            let (over_tcp, over_unix) = match (
                tokio::net::TcpListener::from_std(tcp.0),
                tokio::net::UnixListener::from_std(unix.0),
            ) {
                (Ok(over_tcp), Ok(over_unix)) => (over_tcp, over_unix),
                (Err(error), _) | (_, Err(error)) => {
                    tracing::error!(%error, "cannot use the admin sockets");
                    return;
                }
            };
            let limit = || connections.with_limit(CONNECTIONS);
            let by_tcp = Served { tls, router: tcp.1, proxy_protocol, limits };
            let proxy_protocol = ProxyProtocol::default();
            let by_unix = Served { tls: None, router: unix.1, proxy_protocol, limits };
            tokio::select! {
                () = accept(over_tcp, by_tcp, |peer| peer.ip().into(), limit(), stop) => {}
                () = accept(over_unix, by_unix, |_| Peer::Unix, limit(), stop) => {}
            }
        };
        self.tasks.clone().supervise("admin listener", serving).await;
    }

    fn name(&self) -> &str {
        "admin"
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}

/// Accepts connections until the gateway stops, at most as many at a time as there is room for.
pub(super) async fn accept<L>(
    mut listener: L,
    served: Served,
    peer: impl Fn(&L::Addr) -> Peer,
    connections: ConnectionTracker,
    stop: &CancellationToken,
) where
    L: Listener,
{
    let _accepting = connections.accepting();
    loop {
        let next = async {
            let permit = connections.permit().await?;
            let (stream, address) = listener.accept().await;
            Some((permit, stream, address))
        };
        let next = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            next = next => next,
        };
        let Some((permit, stream, address)) = next else { return };
        let guard = connections.open(permit);
        tokio::spawn(serve_with(served.clone(), stream, peer(&address), guard));
    }
}

/// Serves one connection to its end, after the header of a load balancer and the handshake, if there
/// are any. The handshake is subject to `header_timeout`.
async fn serve_with<S>(served: Served, stream: S, peer: Peer, guard: ConnectionGuard)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Served { tls, router, proxy_protocol, limits } = served;
    let mut stream = ReadAhead::new(stream);
    let Some(client) = proxy_protocol.client(&mut stream, peer, &guard).await else { return };
    let router = router.layer(Extension(client));
    let Some(tls) = tls else { return serve(stream, router, limits, guard).await };
    let handshake = tokio::time::timeout(limits.header_timeout, tls.accept(stream));
    let stream = tokio::select! {
        handshake = handshake => handshake,
        () = guard.shutdown_without_request() => return,
    };
    match stream {
        Ok(Ok(stream)) => serve(stream, router, limits, guard).await,
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed on the admin listener"),
        Err(_) => tracing::debug!("TLS handshake timed out on the admin listener"),
    }
}

/// Serves one connection to its end.
async fn serve<S>(stream: S, router: Router, limits: Limits, guard: ConnectionGuard)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let state = ConnectionState::default();
    let stream = TimedStream::new(stream, Protocol::Http1, state.clone(), limits);
    let requests = state.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let active = requests.request_started(!request.body().is_end_stream());
        let response = tokio::time::timeout(REQUEST_TIMEOUT, router.clone().oneshot(request));
        async move {
            let Ok(response) = response.await?;
            let response = say_close(response, &active);
            // The request is active until the body has been sent.
            Ok::<_, Elapsed>(response.map(|body| {
                body.map_frame(move |frame| {
                    let _active = &active;
                    frame
                })
            }))
        }
    });
    let serving = http1(&limits).serve_connection(TokioIo::new(stream), service);
    let ended = drive(serving, &guard, &state, None, |serving| serving.graceful_shutdown()).await;
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended with an error");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::post;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::Instant;

    use super::*;
    use crate::net::fixture::limits;

    /// A listener with room for two connections that answers with the body it gets.
    struct Echo {
        address: SocketAddr,
        connections: ConnectionTracker,
        stop: CancellationToken,
    }

    impl Echo {
        async fn start() -> Self {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (connections, stop) = (ConnectionTracker::new(2), CancellationToken::new());
            let router = Router::new().route("/", post(|body: String| async { body }));
            let (counted, stopped) = (connections.clone(), stop.clone());
            tokio::spawn(async move {
                let (proxy_protocol, limits) = (ProxyProtocol::default(), limits());
                let served = Served { tls: None, router, proxy_protocol, limits };
                accept(listener, served, |peer| peer.ip().into(), counted, &stopped).await;
            });
            Self { address, connections, stop }
        }

        async fn send(&self, bytes: &[u8]) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            stream
        }

        fn shut_down(&self) {
            self.stop.cancel();
            self.connections.begin_shutdown();
        }
    }

    const HEAD: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n";

    async fn is_answered(stream: &mut TcpStream) -> bool {
        let mut response = [0; 512];
        let length = stream.read(&mut response).await.unwrap_or(0);
        String::from_utf8_lossy(&response[..length]).ends_with("ok")
    }

    /// How long it takes until the server closes the connection.
    async fn closes(mut stream: TcpStream) -> Duration {
        let start = Instant::now();
        let _ = stream.read_to_end(&mut Vec::new()).await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connections_heads_and_requests_have_timeouts() {
        let server = Echo::start().await;
        let idle = limits().idle_timeout;
        for (bytes, limit, latest) in [
            (&b""[..], idle, idle),
            (b"POST / HTTP/1.1\r\nho", limits().header_timeout, limits().header_timeout),
            (HEAD, REQUEST_TIMEOUT, REQUEST_TIMEOUT),
            // Between requests the timeout may be noticed as much later again.
            (&[HEAD, b"ok"].concat(), idle, 2 * idle),
        ] {
            let took = closes(server.send(bytes).await).await;
            let expected = limit..latest + Duration::from_secs(1);
            assert!(expected.contains(&took), "{bytes:?}: {took:?}");
        }
    }

    #[tokio::test]
    async fn connections_beyond_the_limit_wait() {
        let server = Echo::start().await;
        let first = server.send(b"").await;
        let mut second = server.send(&[HEAD, b"ok"].concat()).await;
        assert!(is_answered(&mut second).await);
        let mut third = server.send(&[HEAD, b"ok"].concat()).await;
        let waits = tokio::time::timeout(Duration::from_millis(100), third.readable()).await;
        assert!(waits.is_err(), "the limit is two");
        drop(first);
        assert!(is_answered(&mut third).await);
    }

    #[tokio::test]
    async fn shutdown_waits_for_requests_and_not_for_idle_connections() {
        let server = Echo::start().await;
        let mut active = server.send(HEAD).await;
        // Accepted and read after the other one.
        let mut idle = server.send(&[HEAD, b"ok"].concat()).await;
        assert!(is_answered(&mut idle).await);
        server.shut_down();
        assert!(closes(idle).await < Duration::from_secs(5));
        assert_eq!(server.connections.count(), 1);
        active.write_all(b"ok").await.unwrap();
        assert!(is_answered(&mut active).await);
        server.connections.closed().await;
    }

    #[tokio::test]
    async fn shutdown_does_not_wait_for_an_incomplete_head() {
        let server = Echo::start().await;
        let half = server.send(b"POST / HTTP/1.1\r\nho").await;
        // Accepted and read after the other one.
        let mut active = server.send(&[HEAD, b"ok"].concat()).await;
        assert!(is_answered(&mut active).await);
        server.shut_down();
        assert!(closes(half).await < Duration::from_secs(5));
        server.connections.closed().await;
    }
}
