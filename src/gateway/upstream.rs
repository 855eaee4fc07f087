//! The way to the portal: which server, over which connection, and whose fault a failure is.
//!
//! Connections are pooled per data plane thread, so a request never waits for another thread, and
//! come back to the pool when the response's body has been read to its end. A connection has no
//! task of its own: whoever sends a request over it, or reads a body from it, also drives it
//! (`Wire`), which spares two wake-ups a request. A connection the portal closed while it lay
//! unused is noticed when it is taken up again, and replaced without the client seeing it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use thread_local::ThreadLocal;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::body::{Progress, RequestBody, ResponseBody};
use crate::config;

/// At most this many unused connections a thread and server.
const MOST_IDLE: usize = 512;
/// A connection unused for longer may have been closed by the portal just now: a request that can
/// be sent again is kept until the portal answers.
const DOUBTFUL_AFTER: Duration = Duration::from_millis(500);

/// The portal's servers and the connections to them.
#[derive(Debug)]
pub struct Upstreams {
    servers: Vec<Server>,
    next: AtomicUsize,
    connect_timeout: Duration,
    response_timeout: Duration,
    keep_alive: Duration,
}

/// Why there is no answer of the portal's.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The portal refused the connection, or did not accept it in time.
    #[error("the portal at {server} cannot be reached: {cause}")]
    Unreachable {
        /// `host:port`.
        server: String,
        /// What the system said.
        cause: String,
    },
    /// The portal took the request but did not begin to answer in time.
    #[error("the portal at {server} did not answer within {waited:?}")]
    TimedOut {
        /// `host:port`.
        server: String,
        /// The limit that passed.
        waited: Duration,
    },
    /// The portal's answer ended before its head was complete, or was no HTTP.
    #[error("the portal at {server} broke off: {cause}")]
    BrokeOff {
        /// `host:port`.
        server: String,
        /// What went wrong.
        #[source]
        cause: hyper::Error,
    },
    /// The client's body could not be read, or the client left: no fault of the portal.
    #[error("the client's body broke off")]
    BodyBroke,
    /// The client's body did not go on in time: no fault of the portal either.
    #[error("the client's body did not go on")]
    BodyStalled,
}

struct Server {
    authority: String,
    healthy: AtomicBool,
    idle: ThreadLocal<Mutex<Vec<Idle>>>,
}

struct Idle {
    wire: Wire,
    since: Instant,
}

/// A connection to the portal and the way to use it; moved about by pointer.
pub(super) struct Wire(Box<Parts>);

struct Parts {
    sender: SendRequest<RequestBody>,
    line: Line,
    /// Goes off again and again; a request counts how often. Setting a timer for each request would
    /// cost more than all else that is done about time.
    ticks: Pin<Box<Sleep>>,
}

/// What carries the messages. A connection that has ended is taken apart at once: only then is a
/// request that it had not taken given back.
#[expect(clippy::large_enum_variant, reason = "it is on the heap, and open nearly all the time")]
enum Line {
    Open(http1::Connection<TokioIo<TcpStream>, RequestBody>),
    /// The bare stream and what has been read from it, unless it broke.
    Ended(Option<(TcpStream, Bytes)>),
}

/// How finely the time is counted that a portal may take.
const TICKS: u32 = 8;

impl Upstreams {
    /// Servers to send to, with nothing connected yet.
    #[must_use]
    pub fn new(settings: &config::Upstream) -> Self {
        let server = |server: &config::UpstreamServer| Server {
            authority: server.authority.clone(),
            healthy: AtomicBool::new(true),
            idle: ThreadLocal::new(),
        };
        Self {
            servers: settings.servers.iter().map(server).collect(),
            next: AtomicUsize::new(0),
            connect_timeout: settings.connect_timeout,
            response_timeout: settings.response_timeout,
            keep_alive: settings.keep_alive,
        }
    }

    /// Notes what a health check found out about the server with this `host:port`.
    pub fn set_healthy(&self, authority: &str, healthy: bool) {
        for server in self.servers.iter().filter(|server| server.authority == authority) {
            if server.healthy.swap(healthy, Ordering::Relaxed) != healthy {
                let state = if healthy { "answers again" } else { "does not answer" };
                tracing::warn!(upstream.server = authority, "portal server {state}");
            }
        }
    }

    /// Closes connections that have lain unused for too long, on all threads.
    pub fn prune(&self, now: Instant) {
        for server in &self.servers {
            for pool in &server.idle {
                pool.lock().retain(|idle| now.duration_since(idle.since) < self.keep_alive);
            }
        }
    }

    /// Sends a request and waits for the head of the answer; the body streams.
    ///
    /// # Errors
    /// When no server takes the request, or the one that did does not answer.
    pub async fn send(
        self: &Arc<Self>,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, UpstreamError> {
        let upload = request.body().progress();
        let turn = self.turn();
        let mut connecting_failed = 0;
        loop {
            let index = self.choose(turn.wrapping_add(connecting_failed));
            let Some(server) = self.servers.get(index) else {
                return Err(UpstreamError::Unreachable {
                    server: "no server".to_owned(),
                    cause: "none is configured".to_owned(),
                });
            };
            let (mut wire, unused_for) = match server.checkout() {
                Some((wire, unused_for)) => (wire, Some(unused_for)),
                // On the heap: it is seldom done, and every request would carry the room for it.
                None => match Box::pin(self.connect(server)).await {
                    Ok(wire) => (wire, None),
                    Err(error) => {
                        connecting_failed += 1;
                        if connecting_failed < self.servers.len() {
                            continue;
                        }
                        return Err(error);
                    }
                },
            };
            let doubtful = unused_for.is_some_and(|unused| unused > DOUBTFUL_AFTER);
            if (doubtful || unused_for.is_none()) && !wire.ready().await {
                if unused_for.is_none() {
                    connecting_failed += 1;
                }
                if connecting_failed < self.servers.len() {
                    continue;
                }
                return Err(UpstreamError::Unreachable {
                    server: server.authority.clone(),
                    cause: "it closes connections as soon as it has accepted them".to_owned(),
                });
            }
            let again = if doubtful { copy_of(&request) } else { None };
            match wire.exchange(request, upload.as_ref(), self.response_timeout).await {
                Some(Ok(response)) => {
                    let lease = Lease { upstreams: Arc::clone(self), index, wire };
                    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                    return Ok(response.map(|body| ResponseBody::new(body, lease, switched)));
                }
                Some(Err(_)) if upload.as_ref().is_some_and(Progress::broke) => {
                    return Err(UpstreamError::BodyBroke);
                }
                Some(Err(mut failure)) => match failure.take_message().or(again) {
                    Some(unsent) if unused_for.is_some() => request = unsent,
                    Some(_) | None => {
                        return Err(UpstreamError::BrokeOff {
                            server: server.authority.clone(),
                            cause: failure.into_error(),
                        });
                    }
                },
                None if upload.as_ref().is_some_and(Progress::waits) => {
                    return Err(UpstreamError::BodyStalled);
                }
                None => {
                    return Err(UpstreamError::TimedOut {
                        server: server.authority.clone(),
                        waited: self.response_timeout,
                    });
                }
            }
        }
    }

    /// The place of a request in the round.
    fn turn(&self) -> usize {
        if self.servers.len() < 2 { 0 } else { self.next.fetch_add(1, Ordering::Relaxed) }
    }

    /// The first healthy server from a place in the round on; when none is, the one at the place.
    fn choose(&self, start: usize) -> usize {
        let count = self.servers.len();
        if count < 2 {
            return 0;
        }
        (0..count)
            .map(|step| start.wrapping_add(step) % count)
            .find(|index| {
                self.servers
                    .get(*index)
                    .is_some_and(|server| server.healthy.load(Ordering::Relaxed))
            })
            .unwrap_or(start % count)
    }

    async fn connect(&self, server: &Server) -> Result<Wire, UpstreamError> {
        let unreachable =
            |cause: String| UpstreamError::Unreachable { server: server.authority.clone(), cause };
        let stream =
            tokio::time::timeout(self.connect_timeout, TcpStream::connect(&server.authority))
                .await
                .map_err(|_| unreachable(format!("no answer within {:?}", self.connect_timeout)))?
                .map_err(|error| unreachable(error.to_string()))?;
        stream.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
        let (sender, connection) = http1::Builder::new()
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        Ok(Wire(Box::new(Parts {
            sender,
            line: Line::Open(connection),
            ticks: Box::pin(tokio::time::sleep(self.response_timeout / TICKS)),
        })))
    }
}

impl Wire {
    /// Whether the connection waits for a request: the last one has gone out whole, its answer has
    /// come in whole, and the portal has not closed it.
    fn is_idle(&mut self) -> bool {
        // Nobody is to be woken: whoever takes the connection up again looks for themselves.
        let mut nobody = Context::from_waker(Waker::noop());
        self.drive(&mut nobody).is_pending() && self.0.sender.is_ready()
    }

    /// Waits until a request can be sent; `false` when the connection has ended.
    async fn ready(&mut self) -> bool {
        poll_fn(|cx| {
            if self.drive(cx).is_ready() {
                return Poll::Ready(false);
            }
            self.0.sender.poll_ready(cx).map(|ready| ready.is_ok())
        })
        .await
    }

    /// Sends a request and waits for the answer's head; `None` when nothing has happened for too
    /// long, of the upload or the answer.
    async fn exchange(
        &mut self,
        request: Request<RequestBody>,
        upload: Option<&Progress>,
        within: Duration,
    ) -> Option<Result<Response<Incoming>, TrySendError<Request<RequestBody>>>> {
        let mut uploaded = 0;
        let mut ticks = 0;
        let mut answer = pin!(self.0.sender.try_send_request(request));
        let mut sent = false;
        poll_fn(|cx| {
            // Only the connection, driven here, makes an answer ready.
            let mut nobody = Context::from_waker(Waker::noop());
            // Its end is told by the answer. First nobody is left to be woken: with the answer in,
            // the connection would otherwise wake whoever reads the body, this very task.
            if std::mem::replace(&mut sent, true) {
                let _ = self.drive(&mut nobody);
                if let Poll::Ready(answer) = answer.as_mut().poll(&mut nobody) {
                    return Poll::Ready(Some(answer));
                }
            }
            let _ = self.drive(cx);
            if let Poll::Ready(answer) = answer.as_mut().poll(&mut nobody) {
                return Poll::Ready(Some(answer));
            }
            while self.0.ticks.as_mut().poll(cx).is_ready() {
                self.0.ticks.as_mut().reset(Instant::now() + within / TICKS);
                ticks += 1;
                let pieces = upload.map_or(0, Progress::pieces);
                if pieces != uploaded {
                    (uploaded, ticks) = (pieces, 0);
                }
                // The first came after less than its time.
                if ticks > TICKS {
                    return Poll::Ready(None);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Moves bytes; ready when the connection has ended.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Line::Open(connection) = &mut self.0.line else { return Poll::Ready(()) };
        let ended = std::task::ready!(connection.poll_without_shutdown(cx));
        if let Err(error) = &ended {
            tracing::debug!(%error, "a connection to the portal broke");
        }
        let open = std::mem::replace(&mut self.0.line, Line::Ended(None));
        if let (Line::Open(connection), Ok(())) = (open, ended) {
            let parts = connection.into_parts();
            self.0.line = Line::Ended(Some((parts.io.into_inner(), parts.read_buf)));
        }
        Poll::Ready(())
    }
}

impl Server {
    /// The connection used last, and for how long it has not been.
    fn checkout(&self) -> Option<(Wire, Duration)> {
        let Idle { wire, since } = self.idle.get_or_default().lock().pop()?;
        Some((wire, since.elapsed()))
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("authority", &self.authority).finish_non_exhaustive()
    }
}

/// A connection that a response is being read from; given back when the body has ended.
#[derive(Debug)]
pub(super) struct Lease {
    upstreams: Arc<Upstreams>,
    index: usize,
    wire: Wire,
}

impl Lease {
    /// Moves bytes of the body.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        // Its end is told by the body.
        let _ = self.wire.drive(cx);
    }

    /// The bare stream, after the portal has agreed to speak something other than HTTP, and what
    /// it has said in it already.
    pub(super) async fn into_stream(mut self) -> Option<(TcpStream, Bytes)> {
        poll_fn(|cx| self.wire.drive(cx)).await;
        match self.wire.0.line {
            Line::Ended(stream) => stream,
            Line::Open(_) => None,
        }
    }

    /// Puts the connection back for the next request of this thread, unless it cannot be used
    /// again: the portal closes it, or has answered before it had the whole request.
    pub(super) fn give_back(mut self) {
        if !self.wire.is_idle() {
            return;
        }
        if let Some(server) = self.upstreams.servers.get(self.index) {
            let mut pool = server.idle.get_or_default().lock();
            if pool.len() < MOST_IDLE {
                pool.push(Idle { wire: self.wire, since: Instant::now() });
            }
        }
    }
}

/// A second copy of a request that may be sent twice (RFC 9110, 9.2.2) and has no body.
fn copy_of(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    let repeatable = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !repeatable || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(RequestBody::empty());
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    Some(copy)
}
