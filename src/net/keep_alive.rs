//! HTTP/1 connections of clients that send nothing for a while.
//!
//! hyper keeps a buffer of 8 KiB for each connection as long as it lasts. Browsers keep connections
//! open for minutes without using them, so a connection that has become quiet is taken from hyper, and
//! given to it again when the next request begins.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection_state::{ConnectionState, HEAD_PREFIX};
use super::connection_tracker::ConnectionGuard;
use super::drive::drive;
use super::read_ahead::ReadAhead;
use super::timed_stream::TimedStream;

/// Serves a connection to its end.
///
/// # Errors
/// What hyper could not read or send.
pub(super) async fn serve<S, V, B>(
    http1: &http1::Builder,
    stream: TimedStream<S>,
    mut service: V,
    guard: &ConnectionGuard,
    state: &ConnectionState,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    V: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Unpin,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut stream = ReadAhead::new(stream);
    loop {
        let serving = http1.serve_connection(TokioIo::new(stream), service).with_upgrades();
        // In a box, whose memory is given back while the connection is quiet.
        let mut serving = Box::new(serving);
        let ended = {
            let mut driving = pin!(drive(&mut *serving, guard, state, None, |serving| {
                Pin::new(&mut **serving.get_mut()).graceful_shutdown();
            }));
            let poll = |cx: &mut Context<'_>| match driving.as_mut().poll(cx) {
                Poll::Ready(ended) => Poll::Ready(Some(ended)),
                Poll::Pending if state.can_change_reader() && !guard.is_shutting_down() => {
                    Poll::Ready(None)
                }
                Poll::Pending => Poll::Pending,
            };
            poll_fn(poll).await
        };
        if let Some(ended) = ended {
            return ended;
        }
        let Some(parts) = serving.into_parts() else { return Ok(()) };
        // What has begun is not quiet.
        if !parts.read_buf.is_empty() {
            return Ok(());
        }
        (stream, service) = (parts.io.into_inner(), parts.service);
        tokio::select! {
            read = stream.read_more(HEAD_PREFIX) => match read {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "idle connection ended with an error");
                    return Ok(());
                }
            },
            // Then there is time for a last request.
            () = guard.shutdown() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::service::service_fn;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadBuf};
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::net::connection_tracker::{ConnectionTracker, LAST_REQUEST};
    use crate::net::fixture::limits;
    use crate::net::timed_stream::{Protocol, QUIET};

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    /// A stream that notes how large the buffers are that it is read into.
    struct Noted(DuplexStream, Arc<AtomicUsize>);

    impl AsyncRead for Noted {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let this = self.get_mut();
            this.1.store(buf.remaining(), Ordering::Relaxed);
            Pin::new(&mut this.0).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for Noted {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.get_mut().0).poll_write(cx, buf)
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.get_mut().0).poll_flush(cx)
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
        }
    }

    /// A connection whose requests are answered with their paths.
    struct Served {
        client: DuplexStream,
        /// The size of the buffer that the connection is read into.
        buffer: Arc<AtomicUsize>,
        connections: ConnectionTracker,
        serving: JoinHandle<()>,
    }

    impl Served {
        fn start() -> Self {
            let connections = ConnectionTracker::new(1);
            let guard = connections.try_open().unwrap();
            let (client, stream) = tokio::io::duplex(1 << 16);
            let buffer = Arc::new(AtomicUsize::new(0));
            let noted = Noted(stream, Arc::clone(&buffer));
            let serving = tokio::spawn(async move {
                let state = ConnectionState::default();
                let requests = state.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let active = requests.request_started(!request.body().is_end_stream());
                    async move {
                        let path = request.uri().path().to_owned();
                        drop(active);
                        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(path))))
                    }
                });
                let stream = TimedStream::new(noted, Protocol::Http1, state.clone(), limits());
                serve(&crate::net::http::http1(&limits()), stream, service, &guard, &state)
                    .await
                    .unwrap();
            });
            Self { client, buffer, connections, serving }
        }

        /// Whether the connection is read into a small buffer.
        fn is_quiet(&self) -> bool {
            self.buffer.load(Ordering::Relaxed) <= HEAD_PREFIX
        }

        async fn is_answered(&mut self, request: &[u8]) -> bool {
            self.client.write_all(request).await.unwrap();
            self.receive().await.starts_with("HTTP/1.1 200 ")
        }

        async fn receive(&mut self) -> String {
            let mut response = [0; 512];
            let length = self.client.read(&mut response).await.unwrap();
            String::from_utf8_lossy(&response[..length]).into_owned()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn quiet_connection_has_no_buffer_and_answers_again() {
        let mut served = Served::start();
        for pause in [QUIET * 3, QUIET * 3, QUIET / 10] {
            assert!(served.is_answered(REQUEST).await);
            assert!(!served.is_quiet());
            sleep(pause).await;
            assert_eq!(served.is_quiet(), pause > QUIET);
        }
        // A head that is longer than what is read ahead, in two pieces.
        sleep(QUIET * 3).await;
        served.client.write_all(format!("GET /{} HT", "a".repeat(200)).as_bytes()).await.unwrap();
        sleep(QUIET * 3).await;
        assert!(!served.is_quiet(), "a head has begun");
        assert!(served.is_answered(b"TP/1.1\r\nhost: a\r\n\r\n").await);
    }

    #[tokio::test(start_paused = true)]
    async fn rest_of_a_body_is_not_read_as_a_request() {
        let mut served = Served::start();
        let head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n";
        served.client.write_all(head).await.unwrap();
        assert!(served.receive().await.starts_with("HTTP/1.1 200 "));
        sleep(QUIET * 3).await;
        // The response came before the body, so the connection ends.
        let _ = served.client.write_all(REQUEST).await;
        assert_eq!(served.receive().await, "");
    }

    #[tokio::test(start_paused = true)]
    async fn quiet_connection_ends_at_the_idle_timeout() {
        let mut served = Served::start();
        assert!(served.is_answered(REQUEST).await);
        let start = Instant::now();
        assert_eq!(served.receive().await, "");
        let took = start.elapsed();
        let most = limits().idle_timeout + QUIET * 2;
        assert!((limits().idle_timeout..most).contains(&took), "{took:?}");
        served.serving.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn quiet_connection_has_time_for_a_last_request_at_shutdown() {
        for is_used in [true, false] {
            let mut served = Served::start();
            assert!(served.is_answered(REQUEST).await);
            sleep(QUIET * 3).await;
            served.connections.begin_shutdown();
            let start = Instant::now();
            if is_used {
                assert!(served.is_answered(REQUEST).await);
            }
            assert_eq!(served.receive().await, "");
            let took = start.elapsed();
            assert!(took <= LAST_REQUEST * 2 + Duration::from_millis(50), "{took:?}");
            served.serving.await.unwrap();
        }
    }
}
