//! The way to the portal: which server, over which connection, and whose fault a failure is.
//!
//! Connections are pooled per data plane thread, so a request never waits for another thread, and
//! come back to the pool when the response's body has been read to its end. A connection has no
//! task of its own: whoever sends a request over it, or reads a body from it, also drives it, which
//! spares two wake-ups a request. A connection the portal closed while it lay unused is noticed
//! when it is taken up again, and replaced without the client seeing it; when it is closed in that
//! very moment, what may be repeated is sent again, and anything else is a 502.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use parking_lot::Mutex;
use socket2::SockRef;
use thread_local::ThreadLocal;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use super::body::{Progress, RequestBody, ResponseBody, TooLarge, TooSlow};
use super::bounds::{Exceeded, Slot};
use super::lease::Lease;
use super::watch::{LOOK, Waiting};
use crate::config;
use portcullis_http1::{self, RequestHead, socket};

/// At most this many unused connections a thread and server.
const MOST_IDLE: usize = 512;
/// How finely the time is counted that a portal may take.
const TICKS: u32 = 8;

/// The portal's servers and the connections to them.
#[derive(Debug)]
pub struct Upstreams {
    servers: Vec<Server>,
    next: AtomicUsize,
    connect_timeout: Duration,
    response_timeout: Duration,
    body_timeout: Duration,
    keep_alive: Duration,
    reuse_after_body: bool,
    /// How finely both of these times are counted.
    tick: Duration,
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
    #[error("the portal at {server} failed: {cause}")]
    BrokeOff {
        /// `host:port`.
        server: String,
        /// What went wrong.
        #[source]
        cause: portcullis_http1::Error,
    },
    /// The question was asked again while the portal was waited for, and answered otherwise (I7).
    #[error("the session no longer permits this")]
    Revoked,
    /// The client's body could not be read, or the client left: no fault of the portal.
    #[error("the client's body broke off")]
    BodyBroke,
    /// The client's body is larger than the route allows.
    #[error("the client's body is too large")]
    BodyTooLarge,
    /// The client's body did not go on in time: no fault of the portal either.
    #[error("the client's body did not go on")]
    BodyStalled,
    /// A bound on requests at the portal is reached.
    #[error(transparent)]
    Busy(#[from] Exceeded),
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

/// A connection to the portal; moved about by pointer.
pub(super) struct Wire(Box<Parts>);

struct Parts {
    connection: portcullis_http1::Connection<RequestBody>,
    /// Goes off again and again; a request counts how often. Setting a timer for each request would
    /// cost more than all else that is done about time.
    ticks: Pin<Box<Sleep>>,
    tick: Duration,
}

/// Why a request has no answer.
pub(super) enum Missing {
    Failed(portcullis_http1::Error),
    /// The client's body did not go on in time.
    Stalled,
    /// Nothing has happened for so long, of the upload or the answer.
    TimedOut(Duration),
    /// It is no longer permitted.
    Revoked,
}

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
            body_timeout: settings.body_timeout,
            keep_alive: settings.keep_alive,
            reuse_after_body: settings.reuse_after_body,
            tick: LOOK.min(settings.response_timeout.min(settings.body_timeout) / TICKS),
        }
    }

    /// How long the portal may take to begin its answer.
    pub(super) fn response_timeout(&self) -> Duration {
        self.response_timeout
    }

    /// Ticks that may pass in a pause of an answer's body.
    pub(super) fn body_ticks(&self) -> u32 {
        ticks(self.body_timeout, self.tick)
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

    /// Puts a connection back for the next request of this thread, unless it cannot be used again:
    /// the portal closes it, has answered before it had the whole request, or may not have read all
    /// of it.
    pub(super) fn give_back(&self, server: usize, mut wire: Wire) {
        if !wire.connection_ref().is_idle() {
            return wire.0.connection.close();
        }
        wire.connection().release_buffers();
        if let Some(server) = self.servers.get(server) {
            let mut pool = server.idle.get_or_default().lock();
            if pool.len() < MOST_IDLE {
                pool.push(Idle { wire, since: Instant::now() });
            }
        }
    }

    /// Sends a request and waits for the head, by default for `response_timeout`. The body streams.
    ///
    /// # Errors
    /// When no server takes the request, the one that did does not answer, or it is no longer
    /// permitted.
    pub(super) async fn send(
        self: &Arc<Self>,
        head: &RequestHead,
        mut body: RequestBody,
        mut slot: Slot,
        (within, waiting): (Option<Duration>, &mut Waiting<'_>),
    ) -> Result<Response<ResponseBody>, UpstreamError> {
        let upload = body.progress();
        // Whether the portal has read the body cannot be seen from here. What it has left may be taken
        // for the next request.
        let last = upload.is_some() && !self.reuse_after_body;
        // What may be sent twice (RFC 9110, 9.2.2) and is there a second time.
        let repeatable = upload.is_none() && is_repeatable(head.method());
        let turn = self.turn();
        let (mut failed, mut pooled) = (0, true);
        loop {
            let start = turn.wrapping_add(failed);
            let Some(index) = self.choose(start, |index| slot.take_server(index)) else {
                return Err(Exceeded::Servers.into());
            };
            let Some(server) = self.servers.get(index) else { return Err(no_server()) };
            let unused = if pooled { server.checkout() } else { None };
            let used_before = unused.is_some();
            let wire = match unused {
                Some(wire) => Ok(wire),
                // On the heap: it is seldom done, and every request would carry the room for it.
                None => {
                    let (wire, back) = Box::pin(self.connect(index, slot, waiting)).await;
                    match (wire, back) {
                        (wire, Some(back)) => {
                            slot = back;
                            wire
                        }
                        (Ok(_), None) => return Err(no_server()),
                        (Err(error), None) => return Err(error),
                    }
                }
            };
            let (error, again) = match wire {
                Ok(wire) => {
                    let sent = std::mem::replace(&mut body, RequestBody::empty());
                    let mut lease = Lease::new(self, index, wire, slot);
                    let within = within.unwrap_or(self.response_timeout);
                    let sent = (sent, last, upload.as_ref());
                    match lease.exchange(head, sent, within, waiting).await {
                        Ok(answer) => {
                            let switched = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
                            return Ok(answer.map(|()| ResponseBody::new(lease, switched)));
                        }
                        Err(missing) => {
                            let again = repeatable && lease.is_unanswered();
                            let broke = matches!(missing, Missing::Failed(_));
                            let error = missing.of(&server.authority);
                            if !broke {
                                // The portal may be working on it still.
                                return Err(error);
                            }
                            let Some(freed) = lease.close() else { return Err(error) };
                            slot = freed;
                            (error, again)
                        }
                    }
                }
                Err(error) => {
                    let again = !matches!(error, UpstreamError::Revoked);
                    (error, again)
                }
            };
            if !again {
                return Err(error);
            }
            if used_before {
                // The portal closed it just now; a new one will do.
                pooled = false;
                continue;
            }
            failed += 1;
            if failed >= self.servers.len() {
                return Err(error);
            }
        }
    }

    /// The place of a request in the round.
    fn turn(&self) -> usize {
        if self.servers.len() < 2 { 0 } else { self.next.fetch_add(1, Ordering::Relaxed) }
    }

    /// The first server from a place in the round on that is healthy and has room. When none is
    /// healthy, the one at the place, if it has room.
    fn choose(&self, start: usize, mut has_room: impl FnMut(usize) -> bool) -> Option<usize> {
        let count = self.servers.len();
        if count < 2 {
            return has_room(0).then_some(0);
        }
        let mut healthy = (0..count)
            .map(|step| start.wrapping_add(step) % count)
            .filter(|index| {
                self.servers
                    .get(*index)
                    .is_some_and(|server| server.healthy.load(Ordering::Relaxed))
            })
            .peekable();
        if healthy.peek().is_none() {
            let index = start % count;
            return has_room(index).then_some(index);
        }
        healthy.find(|index| has_room(*index))
    }

    /// Connects in a task of its own, which holds the slot meanwhile. If the client leaves, the next
    /// request gets the connection: a client cannot have connections made to no purpose.
    async fn connect(
        self: &Arc<Self>,
        index: usize,
        slot: Slot,
        waiting: &mut Waiting<'_>,
    ) -> (Result<Wire, UpstreamError>, Option<Slot>) {
        let (done, mut connected) = oneshot::channel();
        let upstreams = Arc::clone(self);
        tokio::spawn(async move {
            let wire = upstreams.dial(index).await;
            if let Err((Ok(wire), _slot)) = done.send((wire, slot)) {
                upstreams.give_back(index, wire);
            }
        });
        let connected = match tokio::time::timeout(LOOK, &mut connected).await {
            Ok(connected) => connected,
            Err(_) => {
                waiting.begin();
                tokio::select! {
                    later = connected => later,
                    () = waiting.revoked() => return (Err(UpstreamError::Revoked), None),
                }
            }
        };
        match connected {
            Ok((wire, slot)) => (wire, Some(slot)),
            // The program is about to end.
            Err(_) => (Err(no_server()), None),
        }
    }

    async fn dial(&self, index: usize) -> Result<Wire, UpstreamError> {
        let server = self.servers.get(index).ok_or_else(no_server)?;
        let unreachable =
            |cause: String| UpstreamError::Unreachable { server: server.authority.clone(), cause };
        let connecting = TcpStream::connect(&server.authority);
        let connected = tokio::time::timeout(self.connect_timeout, connecting).await;
        let stream = connected
            .map_err(|_| unreachable(format!("no answer within {:?}", self.connect_timeout)))?
            .map_err(|error| unreachable(error.to_string()))?;
        stream
            .set_nodelay(true)
            .and_then(|()| socket::set_keepalive(&SockRef::from(&stream)))
            .map_err(|error| unreachable(error.to_string()))?;
        Ok(Wire(Box::new(Parts {
            connection: portcullis_http1::Connection::new(stream),
            ticks: Box::pin(tokio::time::sleep(self.tick)),
            tick: self.tick,
        })))
    }
}

impl Wire {
    pub(super) fn connection(&mut self) -> &mut portcullis_http1::Connection<RequestBody> {
        &mut self.0.connection
    }

    pub(super) fn connection_ref(&self) -> &portcullis_http1::Connection<RequestBody> {
        &self.0.connection
    }

    /// The bare stream and what has been read from it.
    pub(super) fn into_stream(self) -> (TcpStream, Bytes) {
        self.0.connection.into_stream()
    }

    /// Ticks that have passed since it was last asked; the task is woken by the next.
    pub(super) fn poll_ticks(&mut self, cx: &mut Context<'_>) -> u32 {
        self.0.poll_ticks(cx)
    }

    /// Sends a request and waits for the answer's head.
    pub(super) async fn exchange(
        &mut self,
        head: &RequestHead,
        (body, last, upload): (RequestBody, bool, Option<&Progress>),
        within: Duration,
        waiting: &mut Waiting<'_>,
    ) -> Result<Response<()>, Missing> {
        let parts = &mut *self.0;
        parts.connection.begin(head, body, last);
        let (mut uploaded, mut passed, most) = (0, 0, ticks(within, parts.tick));
        let mut ticked = false;
        poll_fn(|cx| {
            if let Poll::Ready(answer) = parts.connection.poll_response(cx) {
                return Poll::Ready(answer.map_err(Missing::Failed));
            }
            let ticks = parts.poll_ticks(cx);
            if ticks > 0 {
                // The first came after less than its time.
                if std::mem::replace(&mut ticked, true) || ticks > 1 {
                    waiting.begin();
                }
                passed += ticks;
                let pieces = upload.map_or(0, Progress::pieces);
                if pieces != uploaded {
                    (uploaded, passed) = (pieces, 0);
                    waiting.note_activity();
                }
                if passed > most {
                    let waits = upload.is_some_and(Progress::waits);
                    return Poll::Ready(Err(if waits {
                        Missing::Stalled
                    } else {
                        Missing::TimedOut(within)
                    }));
                }
            }
            waiting.poll_revoked(cx).map(|()| Err(Missing::Revoked))
        })
        .await
    }
}

impl Parts {
    fn poll_ticks(&mut self, cx: &mut Context<'_>) -> u32 {
        let mut passed = 0;
        while self.ticks.as_mut().poll(cx).is_ready() {
            self.ticks.as_mut().reset(Instant::now() + self.tick);
            passed += 1;
        }
        passed
    }
}

/// How many ticks there are in a time.
fn ticks(within: Duration, tick: Duration) -> u32 {
    let ticks = within.as_nanos().div_ceil(tick.as_nanos().max(1));
    u32::try_from(ticks).unwrap_or(u32::MAX)
}

impl Missing {
    /// Whose fault it is.
    fn of(self, server: &str) -> UpstreamError {
        let server = server.to_owned();
        match self {
            Self::Failed(portcullis_http1::Error::RequestBody(error)) if error.is::<TooSlow>() => {
                UpstreamError::BodyStalled
            }
            Self::Failed(portcullis_http1::Error::RequestBody(error)) if error.is::<TooLarge>() => {
                UpstreamError::BodyTooLarge
            }
            Self::Failed(portcullis_http1::Error::RequestBody(_)) => UpstreamError::BodyBroke,
            Self::Failed(cause) => UpstreamError::BrokeOff { server, cause },
            Self::Stalled => UpstreamError::BodyStalled,
            Self::Revoked => UpstreamError::Revoked,
            Self::TimedOut(waited) => UpstreamError::TimedOut { server, waited },
        }
    }
}

impl Server {
    /// The connection used last that is still good. Each is looked at before each request, so that
    /// nothing that came meanwhile is taken for the answer.
    fn checkout(&self) -> Option<Wire> {
        let mut pool = self.idle.get_or_default().lock();
        loop {
            let wire = pool.pop()?.wire;
            if !wire.0.connection.is_stale() {
                return Some(wire);
            }
        }
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

fn no_server() -> UpstreamError {
    UpstreamError::Unreachable {
        server: "no server".to_owned(),
        cause: "there is none to connect to".to_owned(),
    }
}

fn is_repeatable(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
