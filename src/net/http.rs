//! The HTTP server for portal traffic: limits, protocol detection and TLS of one connection.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::{Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection_state::ConnectionState;
use super::connection_tracker::ConnectionGuard;
use super::drive::{drive, say_close};
use super::http2_idle::Http2IdleTimer;
use super::keep_alive;
use super::read_ahead::ReadAhead;
use super::request_head::too_large;
use super::response_body::TrackedBody;
use super::stream_timeout::StreamExecutor;
use super::timed_stream::{Protocol, TimedStream};
use super::tls::{self, ServerTls};
use super::trailers::Trailers;
use crate::clock;
use crate::config::Limits;
use crate::forward_auth::ForwardAuth;
use crate::proxy::head_size::{self, TOO_LARGE};
use crate::proxy::{Connection, Gateway, ReplyBody};
use crate::web::peer::Peer;

/// Bytes of a response that h2 buffers for each stream.
const SEND_BUFFER: usize = 16 * 1024;
/// What connections of HTTP/2 begin with, and no method does.
const HTTP_2_START: &[u8] = b"PRI";
/// How much is read of a new connection at first, to see that: most requests in one piece.
const FIRST_READ: usize = 512;
/// hyper's default limit on header lines.
const HYPER_HEADERS: usize = 100;
/// Streams that a client may reset before its connection is closed (CVE-2023-44487).
const RESET_STREAMS: usize = 50;

/// Why a head is refused that cannot be parsed, in decision records.
const UNREADABLE: &str = "unreadable-head";

/// Serves connections of portal traffic.
#[derive(Debug, Clone)]
pub struct HttpServer {
    gateway: Arc<Gateway>,
    forward_auth: Option<Arc<ForwardAuth>>,
    limits: Limits,
    http1: http1::Builder,
    http2: http2::Builder<StreamExecutor>,
}

/// HTTP/1 on either plane. Timeouts are those of [`TimedStream`].
pub(super) fn http1(limits: &Limits) -> http1::Builder {
    let mut http1 = http1::Builder::new();
    http1.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(limits.header_bytes);
    http1
}

impl HttpServer {
    /// Serves with these limits, other proxies too if `forward_auth` is switched on.
    #[must_use]
    pub fn new(
        gateway: Arc<Gateway>,
        forward_auth: Option<Arc<ForwardAuth>>,
        limits: Limits,
    ) -> Self {
        let mut http1 = http1(&limits);
        // hyper parses its default number on the stack, and allocates for any other.
        if limits.headers != HYPER_HEADERS {
            http1.max_headers(limits.headers);
        }
        let streams = u32::try_from(limits.connection_requests).unwrap_or(u32::MAX);
        let mut http2 = http2::Builder::new(StreamExecutor { write_timeout: limits.write_timeout });
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(streams)
            .max_send_buf_size(SEND_BUFFER)
            .max_pending_accept_reset_streams(RESET_STREAMS)
            .max_local_error_reset_streams(RESET_STREAMS)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX));
        // No pings: they queue behind data that a slow client has not read, so a missing answer
        // means nothing. TCP keepalive finds clients that are gone, and streams have timeouts.
        Self { gateway, forward_auth, limits, http1, http2 }
    }

    /// How long a client may take nothing of a response.
    pub(super) fn write_timeout(&self) -> Duration {
        self.limits.write_timeout
    }

    /// Serves a connection without TLS. Its first bytes show the protocol (RFC 9113, section 3.3).
    pub(super) async fn serve_clear_text<S>(
        &self,
        mut stream: ReadAhead<S>,
        peer: Peer,
        guard: ConnectionGuard,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if stream.ahead().is_empty() {
            let read = stream.read_more(FIRST_READ);
            let read = tokio::select! {
                read = tokio::time::timeout(self.limits.idle_timeout, read) => read,
                () = guard.shutdown_without_request() => return,
            };
            if !matches!(read, Ok(Ok(1..))) {
                return;
            }
        }
        // A client that sends the HTTP/2 preface in smaller pieces is taken for HTTP/1 and gets an
        // error.
        let protocol = match stream.ahead().starts_with(HTTP_2_START) {
            true => Protocol::Http2,
            false => Protocol::Http1,
        };
        let connection = Connection::new(peer, false, guard.hold());
        self.serve(stream, connection, protocol, &guard).await;
    }

    /// Serves a connection with TLS. The handshake is subject to `header_timeout`.
    pub(super) async fn serve_tls<S>(
        &self,
        tls: &ServerTls,
        stream: ReadAhead<S>,
        peer: Peer,
        guard: ConnectionGuard,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = tokio::time::timeout(self.limits.header_timeout, tls.accept(stream));
        let stream = tokio::select! {
            handshake = handshake => handshake,
            () = guard.shutdown_without_request() => return,
        };
        let stream = match stream {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(%error, client.address = %peer, "TLS handshake failed");
                return;
            }
            Err(_) => {
                tracing::debug!(client.address = %peer, "TLS handshake timed out");
                return;
            }
        };
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(tls::HTTP_2) => Protocol::Http2,
            Some(_) | None => Protocol::Http1,
        };
        let connection = Connection::new(peer, true, guard.hold());
        self.serve(stream, connection, protocol, &guard).await;
    }

    /// Serves an HTTP/1.1 connection that need not be a socket.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) async fn serve_http1<S>(&self, stream: S, peer: Peer, guard: ConnectionGuard)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = Connection::new(peer, false, guard.hold());
        self.serve(stream, connection, Protocol::Http1, &guard).await;
    }

    async fn serve<S>(
        &self,
        stream: S,
        connection: Connection,
        protocol: Protocol,
        guard: &ConnectionGuard,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = match protocol {
            Protocol::Http1 => connection,
            Protocol::Http2 => connection.multiplexed(),
        };
        let state = ConnectionState::default();
        let requests = state.clone();
        let peer = connection.peer();
        let gateway = Arc::clone(&self.gateway);
        let forward_auth = self.forward_auth.clone();
        let limits = self.limits;
        let service = service_fn(move |request: Request<Incoming>| {
            let head = *request.method() == Method::HEAD;
            let active = requests.request_started(!request.body().is_end_stream());
            let fits = head_size::is_within(&request, &limits);
            if !fits {
                let start = format!("{} {} ", request.method(), request.uri().path());
                let from = (peer, Some(request.headers()));
                gateway.record_unread(start.as_bytes(), from, TOO_LARGE, clock::now());
            }
            let trailers = Trailers::accepted(request.headers());
            let response = fits.then(|| -> Pin<Box<dyn Future<Output = _> + Send>> {
                let asked =
                    forward_auth.as_ref().and_then(|by| by.asked_by(&request).zip(Some(by)));
                // Boxed here, because hyper would move the large future several times.
                match asked {
                    None => {
                        let gateway = Arc::clone(&gateway);
                        Box::pin(gateway.handle(request, connection.clone(), clock::now()))
                    }
                    Some((contract, by)) => {
                        let answer = Arc::clone(by).answer(contract, request, peer, clock::now());
                        Box::pin(answer.map(|answer| answer.map(ReplyBody::Own)))
                    }
                }
            });
            async move {
                let response = match response {
                    Some(response) => response.await,
                    None => too_large(protocol),
                };
                let response = if head { without_body(response) } else { response };
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    active.becomes_tunnel();
                }
                let trailers = trailers.announced(response.headers());
                let response = match protocol {
                    Protocol::Http1 => say_close(response, &active),
                    Protocol::Http2 => response,
                };
                Ok::<_, Infallible>(response.map(|body| match protocol {
                    Protocol::Http1 => TrackedBody::http1(body, active, trailers),
                    Protocol::Http2 => TrackedBody::http2(body, active),
                }))
            }
        });
        let stream = TimedStream::new(stream, protocol, state.clone(), self.limits);
        let ended = match protocol {
            Protocol::Http1 => keep_alive::serve(&self.http1, stream, service, guard, &state).await,
            Protocol::Http2 => {
                let idle = Http2IdleTimer::new(state.clone(), self.limits);
                // In a box, so that connections of HTTP/1 do not have the room for it.
                let serving = Box::pin(self.http2.serve_connection(TokioIo::new(stream), service));
                drive(serving, guard, &state, Some(idle), |serving| {
                    serving.get_mut().as_mut().graceful_shutdown();
                })
                .await
            }
        };
        if let Err(error) = ended {
            if error.is_parse() && state.in_head() {
                // hyper has sent the response; the gateway never saw the request.
                let reason = if error.is_parse_too_large() { TOO_LARGE } else { UNREADABLE };
                self.gateway.record_unread(
                    &state.head_prefix(),
                    (peer, None),
                    reason,
                    clock::now(),
                );
            }
            tracing::debug!(%error, "connection ended with an error");
        }
    }
}

/// The response to HEAD: no body, but its length where that is known (RFC 9110, section 9.3.2).
/// hyper does that on HTTP/1 only.
fn without_body(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    let length = response.body().size_hint().exact();
    if let Some(length @ 1..) = length {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    response.map(|_| ReplyBody::Own(axum::body::Body::empty()))
}
