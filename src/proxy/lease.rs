//! A connection to the portal while it is used for one request.
//!
//! The portal may continue with a request whose client has left: a worker that computes a response
//! notices late or never. Such a request keeps its [`Slot`] until the portal has finished, so that a
//! client cannot cause more work than its limits allow by leaving early (HTTP/2 rapid reset). If the
//! response comes at once, it is read to its end and the connection is used again. Otherwise the
//! connection is closed, which the portal can notice.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::bounds::Slot;
use super::portal_connection::PortalConnection;
use super::request_body::{Progress, RequestBody};
use super::upstream::Upstreams;
use super::upstream_error::ExchangeError;
use super::watch::Waiting;
use portcullis_http1::{RequestHead, Stream};

/// How long to wait for the rest of a response whose client has left.
const REST_TIME: Duration = Duration::from_millis(100);
/// How many bytes of it are read at most.
const REST_BYTES: usize = 64 * 1024;
/// How long a portal is assumed to need to notice that a connection has been closed.
const NOTICE_TIME: Duration = Duration::from_secs(1);

/// A connection to the portal, with the slot of the request it is used for.
pub(super) struct Lease {
    upstreams: Arc<Upstreams>,
    server: usize,
    /// `None` once the connection has failed or been passed on.
    connection: Option<PortalConnection>,
    slot: Option<Slot>,
    answered: bool,
    /// Ticks since the portal last sent a part of the body.
    paused: u32,
    may_pause: bool,
}

/// A request whose client has left, and what is needed to wait for the portal.
struct Abandoned {
    upstreams: Arc<Upstreams>,
    server: usize,
    connection: PortalConnection,
    answered: bool,
    _slot: Slot,
}

impl Lease {
    pub(super) fn new(
        upstreams: &Arc<Upstreams>,
        server: usize,
        mut connection: PortalConnection,
        slot: Slot,
    ) -> Self {
        if slot.shares_connection() {
            // The client may delay each of many responses.
            connection.http().limit_read_buffer();
        }
        Self {
            upstreams: Arc::clone(upstreams),
            server,
            connection: Some(connection),
            slot: Some(slot),
            answered: false,
            paused: 0,
            may_pause: false,
        }
    }

    /// Sends a request and waits for the head of the response.
    pub(super) async fn exchange(
        &mut self,
        head: &RequestHead,
        sent: (RequestBody, bool, Option<&Progress>),
        within: Duration,
        waiting: &mut Waiting<'_>,
    ) -> Result<Response<()>, ExchangeError> {
        let Some(connection) = &mut self.connection else {
            return Err(ExchangeError::Failed(portcullis_http1::Error::NoResponse));
        };
        let answer = exchange(connection, head, sent, within, waiting).await;
        self.answered = answer.is_ok();
        answer
    }

    /// Whether no byte of the response has come.
    pub(super) fn is_unanswered(&self) -> bool {
        self.connection
            .as_ref()
            .is_none_or(|connection| connection.http_ref().has_received_nothing())
    }

    /// Closes a connection that has failed. Returns the slot.
    pub(super) fn close(mut self) -> Option<Slot> {
        self.connection = None;
        self.slot.take()
    }

    /// The portal may pause for any length of time, as in an event stream.
    pub(super) fn may_pause(&mut self) {
        self.may_pause = true;
    }

    /// The next frame of the body.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, portcullis_http1::Error>>> {
        let Some(connection) = &mut self.connection else { return Poll::Ready(None) };
        match connection.http().poll_frame(cx) {
            Poll::Ready(Some(Err(failure))) => {
                self.connection = None;
                Poll::Ready(Some(Err(failure)))
            }
            Poll::Ready(frame) => {
                self.paused = 0;
                Poll::Ready(frame)
            }
            Poll::Pending if self.may_pause => Poll::Pending,
            Poll::Pending => {
                self.paused += connection.poll_ticks(cx);
                if self.paused <= self.upstreams.body_ticks() {
                    return Poll::Pending;
                }
                tracing::warn!("the portal stopped in the middle of a response");
                Poll::Ready(Some(Err(portcullis_http1::Error::Stalled)))
            }
        }
    }

    /// Whether the response is complete.
    pub(super) fn is_complete(&self) -> bool {
        self.connection
            .as_ref()
            .is_none_or(|connection| connection.http_ref().is_response_complete())
    }

    /// The length of the rest of the body.
    pub(super) fn size_hint(&self) -> SizeHint {
        match &self.connection {
            Some(connection) => connection.http_ref().size_hint(),
            None => SizeHint::with_exact(0),
        }
    }

    /// After the portal has switched to another protocol: the stream, the bytes already read from
    /// it, and the slot.
    pub(super) fn into_stream(mut self) -> Option<(Stream, Bytes, Option<Slot>)> {
        let (stream, read) = self.connection.take()?.into_stream();
        Some((stream, read, self.slot.take()))
    }

    /// Returns the connection to the pool of this thread, if it can be used again.
    pub(super) fn give_back(mut self) {
        if let Some(connection) = self.connection.take() {
            self.upstreams.give_back(self.server, connection);
        }
    }
}

/// Sends a request and waits for the head of the response.
async fn exchange(
    connection: &mut PortalConnection,
    head: &RequestHead,
    (body, last, upload): (RequestBody, bool, Option<&Progress>),
    within: Duration,
    waiting: &mut Waiting<'_>,
) -> Result<Response<()>, ExchangeError> {
    connection.http().begin(head, body, last);
    let (mut uploaded, mut passed, most) = (0, 0, connection.ticks_in(within));
    let mut ticked = false;
    poll_fn(|cx| {
        if let Poll::Ready(answer) = connection.http().poll_response(cx) {
            return Poll::Ready(answer.map_err(ExchangeError::Failed));
        }
        let ticks = connection.poll_ticks(cx);
        if ticks > 0 {
            // The first tick may come after less than its full time.
            if std::mem::replace(&mut ticked, true) || ticks > 1 {
                waiting.start();
            }
            passed += ticks;
            let frames = upload.map_or(0, Progress::frames);
            if frames != uploaded {
                (uploaded, passed) = (frames, 0);
                waiting.note_activity();
            }
            if passed > most {
                let waits = upload.is_some_and(Progress::waits);
                return Poll::Ready(Err(if waits {
                    ExchangeError::Stalled
                } else {
                    ExchangeError::TimedOut(within)
                }));
            }
        }
        waiting.poll_revoked(cx).map(|()| Err(ExchangeError::Revoked))
    })
    .await
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(connection), Some(slot)) = (self.connection.take(), self.slot.take()) else {
            return;
        };
        let abandoned = Abandoned {
            upstreams: Arc::clone(&self.upstreams),
            server: self.server,
            connection,
            answered: self.answered,
            _slot: slot,
        };
        // Outside of a runtime, the program is about to end.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(abandoned.finish());
        }
    }
}

impl Abandoned {
    /// Returns when the portal has finished the request, as far as that can be known.
    async fn finish(mut self) {
        if self.connection.http().is_request_sent() {
            let mut left = REST_BYTES;
            match timeout(REST_TIME, poll_fn(|cx| self.poll_rest(cx, &mut left))).await {
                Ok(Ok(true)) => return self.upstreams.give_back(self.server, self.connection),
                Ok(Err(_)) => return,
                Ok(Ok(false)) | Err(_) => {}
            }
        }
        if self.answered {
            drop(self.connection);
            sleep(NOTICE_TIME).await;
            return;
        }
        let within = self.upstreams.response_timeout();
        let http = self.connection.http();
        if http.abort_request().is_ok() {
            // A response, or the end of the connection.
            let _ = timeout(within, poll_fn(|cx| http.poll_activity(cx))).await;
        }
    }

    /// Reads at most `left` bytes of the rest of the response. Returns whether it has ended.
    fn poll_rest(
        &mut self,
        cx: &mut Context<'_>,
        left: &mut usize,
    ) -> Poll<Result<bool, portcullis_http1::Error>> {
        let http = self.connection.http();
        if !self.answered {
            let answer = ready!(http.poll_response(cx))?;
            self.answered = true;
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                return Poll::Ready(Ok(false));
            }
        }
        while *left > 0 {
            let Some(frame) = ready!(http.poll_frame(cx)).transpose()? else {
                return Poll::Ready(Ok(true));
            };
            *left = left.saturating_sub(frame.data_ref().map_or(1, Bytes::len).max(1));
        }
        Poll::Ready(Ok(false))
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("server", &self.server).finish_non_exhaustive()
    }
}
