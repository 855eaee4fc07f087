//! hyper on one connection: limits, protocol, and the way out when the house stops.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::drain::Open;
use super::idle::{Idle, Unused};
use super::io::Timed;
use super::phase::Phase;
use super::sending::{Reply, Streams};
use super::tls::{self, TlsFiles};
use super::trailers::Trailers;
use crate::clock;
use crate::config::Limits;
use crate::proxy::{Connection, Gateway, ReplyBody};

/// Bytes of an answer that wait in h2 for room at the client; of its last piece, all.
const SEND_BUFFER: usize = 16 * 1024;
/// Headers that hyper takes in a request when it is told nothing else.
const HEADERS_OF_HYPER: usize = 100;
/// Reset streams a client may leave behind before it is sent away (CVE-2023-44487).
const RESETS: usize = 50;

/// Why a head is refused before it is read, in decision records.
const TOO_LARGE: &str = "head-too-large";
const UNREADABLE: &str = "unreadable-head";

/// What every connection is served with.
#[derive(Debug, Clone)]
pub struct Http {
    gateway: Arc<Gateway>,
    limits: Limits,
    http1: http1::Builder,
    http2: http2::Builder<Streams>,
}

/// Which protocol a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

impl Http {
    /// Serves with these limits.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>, limits: Limits) -> Self {
        let mut http1 = http1::Builder::new();
        http1.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(limits.header_bytes);
        // hyper's own limit is counted on the stack; another one is memory taken for each request.
        if limits.headers != HEADERS_OF_HYPER {
            http1.max_headers(limits.headers);
        }
        let streams = u32::try_from(limits.connection_requests).unwrap_or(u32::MAX);
        let mut http2 = http2::Builder::new(Streams { stalled: limits.write_timeout });
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(streams)
            .max_send_buf_size(SEND_BUFFER)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX));
        // No pings: one waits behind the data that a slow client has not read yet, so a missing answer
        // says nothing. TCP keepalive finds clients that are gone, and streams have clocks.
        Self { gateway, limits, http1, http2 }
    }

    /// How long a client may take nothing of its answer.
    pub(super) fn write_timeout(&self) -> Duration {
        self.limits.write_timeout
    }

    /// Serves a clear-text connection; its first bytes tell the protocol (RFC 9113, 3.3).
    pub(super) async fn clear(&self, stream: TcpStream, peer: IpAddr, mut open: Open) {
        let mut start = [0; 3];
        let peeked = tokio::select! {
            peeked = tokio::time::timeout(self.limits.idle_timeout, stream.peek(&mut start)) => peeked,
            // A connection that has said nothing yet is nothing to wait for.
            () = open.told() => return,
        };
        let protocol = match peeked {
            // `PR` begins no method of HTTP/1 but PROPFIND and the like, `PRI` none at all. A
            // client that sends its preface in pieces this small is served as HTTP/1, and told so.
            Ok(Ok(3)) if start == *b"PRI" => Protocol::Http2,
            Ok(Ok(1..)) => Protocol::Http1,
            Ok(Ok(0) | Err(_)) | Err(_) => return,
        };
        let connection = Connection::new(peer, false, open.hold());
        self.serve(stream, connection, protocol, open).await;
    }

    /// Serves a TLS connection. A handshake is the head of all heads, and takes no longer.
    pub(super) async fn secure(
        &self,
        tls: &TlsFiles,
        stream: TcpStream,
        peer: IpAddr,
        mut open: Open,
    ) {
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(self.limits.header_timeout, tls.0.accept(stream)) => shaken,
            () = open.told() => return,
        };
        let stream = match shaken {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(%error, client.address = %peer, "a TLS handshake failed");
                return;
            }
            Err(_) => {
                tracing::debug!(client.address = %peer, "a TLS handshake took too long");
                return;
            }
        };
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(tls::HTTP_2) => Protocol::Http2,
            Some(_) | None => Protocol::Http1,
        };
        let connection = Connection::new(peer, true, open.hold());
        self.serve(stream, connection, protocol, open).await;
    }

    /// Serves a connection whose protocol is known, to its end.
    pub(super) async fn serve<S>(
        &self,
        stream: S,
        connection: Connection,
        protocol: Protocol,
        open: Open,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = match protocol {
            Protocol::Http1 => connection,
            Protocol::Http2 => connection.multiplexed(),
        };
        let phase = Phase::default();
        let requests = phase.clone();
        let gateway = Arc::clone(&self.gateway);
        let limits = self.limits;
        let service = service_fn(move |request: Request<Incoming>| {
            let head = *request.method() == Method::HEAD;
            let answering = requests.request_began(!request.body().is_end_stream());
            // hyper bounds its buffer, into which more may come than one head, and counts the
            // lines of HTTP/1 alone.
            let fits = head_bytes(&request) <= limits.header_bytes
                && (request.headers().len() <= limits.headers
                    || fields(request.headers(), protocol) <= limits.headers);
            if !fits {
                let start = format!("{} {} ", request.method(), request.uri().path());
                gateway.record_unread(start.as_bytes(), TOO_LARGE, clock::now());
            }
            let trailers = Trailers::of(request.headers());
            let answer = fits.then(|| {
                // On the heap at once: hyper would move the whole of it several times.
                Box::pin(Arc::clone(&gateway).handle(request, connection.clone(), clock::now()))
            });
            async move {
                let answer = match answer {
                    Some(answer) => answer.await,
                    None => too_large(protocol),
                };
                let answer = if head { without_body(answer) } else { answer };
                if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                    answering.becomes_tunnel();
                }
                let trailers = trailers.announced(answer.headers());
                Ok::<_, Infallible>(answer.map(|body| match protocol {
                    Protocol::Http1 => Reply::http1(body, answering, trailers),
                    Protocol::Http2 => Reply::http2(body, answering),
                }))
            }
        });
        let ended = match protocol {
            Protocol::Http1 => {
                let stream = Timed::new(stream, phase.clone(), self.limits);
                let serving =
                    self.http1.serve_connection(TokioIo::new(stream), service).with_upgrades();
                finish(serving, open, &phase, None, |serving| serving.graceful_shutdown()).await
            }
            Protocol::Http2 => {
                let stream = Timed::http2(stream, phase.clone(), self.limits);
                let idle = Idle::new(phase.clone(), self.limits);
                let serving = self.http2.serve_connection(TokioIo::new(stream), service);
                finish(serving, open, &phase, Some(idle), |serving| serving.graceful_shutdown())
                    .await
            }
        };
        if let Err(error) = ended {
            if error.is_parse() && phase.in_head() {
                // hyper has answered it, without a word.
                let reason = if error.is_parse_too_large() { TOO_LARGE } else { UNREADABLE };
                self.gateway.record_unread(&phase.start_of_head(), reason, clock::now());
            }
            tracing::debug!(%error, "a connection ended");
        }
    }
}

/// Lines of a head. On HTTP/2 a client may send the cookies of one line in pieces (RFC 9113, 8.2.3).
fn fields(headers: &HeaderMap, protocol: Protocol) -> usize {
    let pieces = match protocol {
        Protocol::Http1 => 0,
        Protocol::Http2 => headers.get_all(header::COOKIE).iter().skip(1).count(),
    };
    headers.len() - pieces
}

/// The bytes of a head as HTTP/1.1 writes it.
fn head_bytes<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    let authority = match uri.scheme_str() {
        Some(scheme) => {
            scheme.len() + "://".len() + uri.authority().map_or(0, |a| a.as_str().len())
        }
        None => 0,
    };
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = request.method().as_str().len() + "  HTTP/1.1\r\n".len() + authority + target;
    let field =
        |name: &HeaderName, value: &HeaderValue| name.as_str().len() + ": \r\n".len() + value.len();
    let fields: usize = request.headers().iter().map(|(name, value)| field(name, value)).sum();
    line + fields + "\r\n".len()
}

/// An answer to HEAD: no body, whoever answers, but its length where that is known (RFC 9110, 9.3.2).
/// hyper itself sees to that on HTTP/1 only.
fn without_body(mut answer: Response<ReplyBody>) -> Response<ReplyBody> {
    let length = answer.body().size_hint().exact();
    if let Some(length @ 1..) = length {
        answer.headers_mut().entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    answer.map(|_| ReplyBody::Own(axum::body::Body::empty()))
}

/// 431, as hyper says it of what does not even fit its buffer.
fn too_large(protocol: Protocol) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Own(axum::body::Body::empty()));
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    if protocol == Protocol::Http1 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Drives a connection to its end, telling it to finish when the house stops or nobody has used it
/// for long enough.
async fn finish<C>(
    serving: C,
    mut open: Open,
    phase: &Phase,
    mut idle: Option<Idle>,
    tell: impl Fn(Pin<&mut C>),
) -> Result<(), hyper::Error>
where
    C: Future<Output = Result<(), hyper::Error>>,
{
    let mut serving = pin!(serving);
    let mut told = false;
    poll_fn(|cx: &mut Context<'_>| {
        let stopping = open.poll_told(cx);
        told |= stopping;
        if stopping {
            tell(serving.as_mut());
        }
        let ended = serving.as_mut().poll(cx);
        // A head that is not complete is no request to be waited for.
        let leaves = (stopping && phase.owes_nothing()) || (told && phase.is_parting());
        if ended.is_ready() || leaves {
            return Poll::Ready(match ended {
                Poll::Ready(ended) => ended,
                Poll::Pending => Ok(()),
            });
        }
        match idle.as_mut().map_or(Poll::Pending, |idle| idle.poll_unused(cx)) {
            Poll::Ready(Unused::Cut) => Poll::Ready(Ok(())),
            Poll::Ready(Unused::Ask) => {
                tell(serving.as_mut());
                // Polled again at once, to send what it has been told to.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
