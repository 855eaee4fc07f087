//! The sockets that operators come in by: TCP with a token, and the admin socket without.
//!
//! Whoever can reach them is not trusted for that alone: connections are bounded in number, heads in
//! size, and heads, quiet connections, requests and the sending of answers in time.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::serve::Listener;
use http::Request;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::{Service, ServiceWithDependents};
use tokio::sync::Semaphore;
use tokio::time::error::Elapsed;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::io::Timed;
use super::phase::Phase;
use crate::config::Limits;
use crate::tasks::Tasks;

/// Connections to each of the sockets; more wait until one ends.
const CONNECTIONS: usize = 128;
/// What takes longer, the coming in of its body included, is not answered.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// The sockets and what is served there.
#[derive(Debug)]
pub struct AdminListener {
    /// The TCP socket.
    pub tcp: (TcpListener, Router),
    /// The Unix socket.
    pub unix: (UnixListener, Router),
    /// The clocks and `header_bytes` hold here too.
    pub limits: Limits,
}

impl AdminListener {
    pub(super) fn into_service(self, tasks: Tasks) -> Box<dyn ServiceWithDependents> {
        Box::new(Operators { sockets: Some(self), tasks })
    }
}

struct Operators {
    sockets: Option<AdminListener>,
    tasks: Tasks,
}

#[async_trait]
impl Service for Operators {
    async fn start_service(
        &mut self,
        _fds: Option<ListenFds>,
        _shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
    ) {
        let Some(AdminListener { tcp, unix, limits }) = self.sockets.take() else { return };
        let stop = self.tasks.stop();
        let serving = async {
            let (over_tcp, over_unix) = match (
                tokio::net::TcpListener::from_std(tcp.0),
                tokio::net::UnixListener::from_std(unix.0),
            ) {
                (Ok(over_tcp), Ok(over_unix)) => (over_tcp, over_unix),
                (Err(error), _) | (_, Err(error)) => {
                    tracing::error!(%error, "the admin sockets cannot be used");
                    return;
                }
            };
            tokio::join!(
                serve(over_tcp, tcp.1, limits, CONNECTIONS, stop),
                serve(over_unix, unix.1, limits, CONNECTIONS, stop),
            );
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

/// Serves at most so many connections at a time, until the stop; then waits for what is answered.
async fn serve<L: Listener>(
    mut listener: L,
    router: Router,
    limits: Limits,
    most: usize,
    stop: &CancellationToken,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(limits.header_bytes);
    let (places, open) = (Arc::new(Semaphore::new(most)), TaskTracker::new());
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await.0, place)
        };
        let (stream, place) = tokio::select! {
            next = next => next,
            () = stop.cancelled() => break,
        };
        let (router, stop, phase) = (router.clone(), stop.clone(), Phase::default());
        let stream = Timed::new(stream, phase.clone(), limits);
        let requests = phase.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let answering = requests.request_began(!request.body().is_end_stream());
            let answer = tokio::time::timeout(ANSWERED_WITHIN, router.clone().oneshot(request));
            async move {
                let Ok(answer) = answer.await?;
                // It is being answered until its body has been sent.
                Ok::<_, Elapsed>(answer.map(|body| {
                    body.map_frame(move |frame| {
                        let _answering = &answering;
                        frame
                    })
                }))
            }
        });
        let serving = http.serve_connection(TokioIo::new(stream), service);
        open.spawn(async move {
            let _place = place;
            let mut serving = pin!(serving);
            let ended = tokio::select! {
                // What has come in whole is seen before the stop.
                biased;
                ended = serving.as_mut() => ended,
                () = stop.cancelled() => {
                    serving.as_mut().graceful_shutdown();
                    if phase.owes_nothing() {
                        return;
                    }
                    serving.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "an operator's connection ended");
            }
        });
    }
    open.close();
    open.wait().await;
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

    /// A listener with room for two that answers with what it is sent.
    async fn echo() -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let router = Router::new().route("/", post(|body: String| async { body }));
        let stopped = stop.clone();
        let serving =
            tokio::spawn(async move { serve(listener, router, limits(), 2, &stopped).await });
        (address, stop, serving)
    }

    const HEAD: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n";

    async fn sends(address: SocketAddr, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    async fn is_answered(stream: &mut TcpStream) -> bool {
        let mut answer = [0; 512];
        let length = stream.read(&mut answer).await.unwrap_or(0);
        String::from_utf8_lossy(&answer[..length]).ends_with("ok")
    }

    /// How long it takes until the other side ends the connection.
    async fn ends(mut stream: TcpStream) -> Duration {
        let since = Instant::now();
        let _ = stream.read_to_end(&mut Vec::new()).await;
        since.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn heads_quiet_connections_and_bodies_have_their_time() {
        let (address, _stop, _serving) = echo().await;
        let idle = limits().idle_timeout;
        for (bytes, limit, at_the_latest) in [
            (&b""[..], idle, idle),
            (b"POST / HTTP/1.1\r\nho", limits().header_timeout, limits().header_timeout),
            (HEAD, ANSWERED_WITHIN, ANSWERED_WITHIN),
            // Between requests the end may be as much again late.
            (&[HEAD, b"ok"].concat(), idle, 2 * idle),
        ] {
            let took = ends(sends(address, bytes).await).await;
            let expected = limit..at_the_latest + Duration::from_secs(1);
            assert!(expected.contains(&took), "{bytes:?}: {took:?}");
        }
    }

    #[tokio::test]
    async fn more_connections_than_there_is_room_for_wait() {
        let (address, _stop, _serving) = echo().await;
        let first = sends(address, b"").await;
        let mut second = sends(address, &[HEAD, b"ok"].concat()).await;
        assert!(is_answered(&mut second).await);
        let mut third = sends(address, &[HEAD, b"ok"].concat()).await;
        let waits = tokio::time::timeout(Duration::from_millis(100), third.readable()).await;
        assert!(waits.is_err(), "there is no room");
        drop(first);
        assert!(is_answered(&mut third).await);
    }

    #[tokio::test]
    async fn a_stop_waits_for_what_is_answered_and_for_nothing_else() {
        let (address, stop, serving) = echo().await;
        let mut asks = sends(address, HEAD).await;
        // Accepted and read from after the other.
        let mut quiet = sends(address, &[HEAD, b"ok"].concat()).await;
        assert!(is_answered(&mut quiet).await);
        stop.cancel();
        assert!(ends(quiet).await < Duration::from_secs(5));
        assert!(!serving.is_finished());
        asks.write_all(b"ok").await.unwrap();
        assert!(is_answered(&mut asks).await);
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_stop_waits_for_no_head_that_is_not_complete() {
        let (address, stop, serving) = echo().await;
        let half = sends(address, b"POST / HTTP/1.1\r\nho").await;
        // Accepted and read from after the other.
        let mut asks = sends(address, &[HEAD, b"ok"].concat()).await;
        assert!(is_answered(&mut asks).await);
        stop.cancel();
        assert!(ends(half).await < Duration::from_secs(5));
        serving.await.unwrap();
    }
}
