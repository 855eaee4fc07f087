//! A connection to the portal while it is used for one request.
//!
//! The portal may go on with a request whose client has left: a worker that computes an answer
//! learns of it late or never. Such a request keeps its [`Slot`] until the portal is done with it, so
//! that a client cannot cause more work than its bounds allow by leaving early (HTTP/2 rapid reset).
//! An answer that comes at once is read to its end and the connection used again; otherwise the
//! connection is closed, which tells the portal.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Frame, SizeHint};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::body::{Progress, RequestBody};
use super::bounds::Slot;
use super::upstream::{Missing, Upstreams, Wire};
use super::watch::Waiting;
use portcullis_http1::RequestHead;

/// How long the rest of an answer that nobody wants is waited for.
const REST_WITHIN: Duration = Duration::from_millis(100);
/// How much is read of it.
const REST_BYTES: usize = 64 * 1024;
/// How long a portal is assumed to write to a connection that has been closed.
const NOTICES_WITHIN: Duration = Duration::from_secs(1);

/// A connection to the portal, with the slot of the request it is used for.
pub(super) struct Lease {
    upstreams: Arc<Upstreams>,
    server: usize,
    /// None when there is nothing left to do with it.
    wire: Option<Wire>,
    slot: Option<Slot>,
    answered: bool,
    /// Ticks since the portal last sent a part of the body.
    paused: u32,
    may_pause: bool,
}

/// A request whose client has left, and what is needed to wait for the portal.
struct Unwanted {
    upstreams: Arc<Upstreams>,
    server: usize,
    wire: Wire,
    answered: bool,
    _slot: Slot,
}

impl Lease {
    pub(super) fn new(
        upstreams: &Arc<Upstreams>,
        server: usize,
        mut wire: Wire,
        slot: Slot,
    ) -> Self {
        if slot.shares_connection() {
            // Each of many answers to one client may be held up.
            wire.connection().limit_read_buffer();
        }
        Self {
            upstreams: Arc::clone(upstreams),
            server,
            wire: Some(wire),
            slot: Some(slot),
            answered: false,
            paused: 0,
            may_pause: false,
        }
    }

    /// Sends a request and waits for the answer's head.
    pub(super) async fn exchange(
        &mut self,
        head: &RequestHead,
        sent: (RequestBody, bool, Option<&Progress>),
        within: Duration,
        waiting: &mut Waiting<'_>,
    ) -> Result<Response<()>, Missing> {
        let Some(wire) = &mut self.wire else {
            return Err(Missing::Failed(portcullis_http1::Error::NoResponse));
        };
        let answer = wire.exchange(head, sent, within, waiting).await;
        self.answered = answer.is_ok();
        answer
    }

    /// Whether nothing has come of the answer.
    pub(super) fn is_unanswered(&self) -> bool {
        self.wire.as_ref().is_none_or(|wire| wire.connection_ref().has_received_nothing())
    }

    /// Closes a connection that has failed, and gives the slot back.
    pub(super) fn close(mut self) -> Option<Slot> {
        self.wire = None;
        self.slot.take()
    }

    /// The portal may send nothing for as long as it likes, as in an event stream.
    pub(super) fn may_pause(&mut self) {
        self.may_pause = true;
    }

    /// The next frame of the body.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, portcullis_http1::Error>>> {
        let Some(wire) = &mut self.wire else { return Poll::Ready(None) };
        match wire.connection().poll_frame(cx) {
            Poll::Ready(Some(Err(failure))) => {
                self.wire = None;
                Poll::Ready(Some(Err(failure)))
            }
            Poll::Ready(frame) => {
                self.paused = 0;
                Poll::Ready(frame)
            }
            Poll::Pending if self.may_pause => Poll::Pending,
            Poll::Pending => {
                self.paused += wire.poll_ticks(cx);
                if self.paused <= self.upstreams.body_ticks() {
                    return Poll::Pending;
                }
                tracing::warn!("the portal stopped in the middle of an answer");
                Poll::Ready(Some(Err(portcullis_http1::Error::Stalled)))
            }
        }
    }

    /// Whether the body is over.
    pub(super) fn is_over(&self) -> bool {
        self.wire.as_ref().is_none_or(|wire| wire.connection_ref().is_response_complete())
    }

    /// How long the rest of the body is.
    pub(super) fn size_hint(&self) -> SizeHint {
        match &self.wire {
            Some(wire) => wire.connection_ref().size_hint(),
            None => SizeHint::with_exact(0),
        }
    }

    /// The bare stream, after the portal has agreed to speak something other than HTTP, what it
    /// has sent in it already, and the slot.
    pub(super) fn into_stream(mut self) -> Option<(TcpStream, Bytes, Option<Slot>)> {
        let (stream, read) = self.wire.take()?.into_stream();
        Some((stream, read, self.slot.take()))
    }

    /// Puts the connection back for the next request of this thread, if it can be used again.
    pub(super) fn give_back(mut self) {
        if let Some(wire) = self.wire.take() {
            self.upstreams.give_back(self.server, wire);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(wire), Some(slot)) = (self.wire.take(), self.slot.take()) else { return };
        let unwanted = Unwanted {
            upstreams: Arc::clone(&self.upstreams),
            server: self.server,
            wire,
            answered: self.answered,
            _slot: slot,
        };
        // Outside of a runtime, the program is about to end.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(unwanted.finish());
        }
    }
}

impl Unwanted {
    /// Ends when the portal is done with the request, as far as that can be known.
    async fn finish(mut self) {
        if self.wire.connection().is_request_sent() {
            let mut left = REST_BYTES;
            match timeout(REST_WITHIN, poll_fn(|cx| self.poll_rest(cx, &mut left))).await {
                Ok(Ok(true)) => return self.upstreams.give_back(self.server, self.wire),
                Ok(Err(_)) => return,
                Ok(Ok(false)) | Err(_) => {}
            }
        }
        if self.answered {
            drop(self.wire);
            sleep(NOTICES_WITHIN).await;
            return;
        }
        let within = self.upstreams.response_timeout();
        let connection = self.wire.connection();
        if connection.abort_request().is_ok() {
            // An answer, or the end of the connection.
            let _ = timeout(within, poll_fn(|cx| connection.poll_activity(cx))).await;
        }
    }

    /// Reads at most `left` bytes of the rest of the answer; true at its end.
    fn poll_rest(
        &mut self,
        cx: &mut Context<'_>,
        left: &mut usize,
    ) -> Poll<Result<bool, portcullis_http1::Error>> {
        let connection = self.wire.connection();
        if !self.answered {
            let answer = ready!(connection.poll_response(cx))?;
            self.answered = true;
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                return Poll::Ready(Ok(false));
            }
        }
        while *left > 0 {
            let Some(frame) = ready!(connection.poll_frame(cx)).transpose()? else {
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
