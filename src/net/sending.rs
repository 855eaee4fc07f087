//! What has not been sent of an answer over HTTP/2, and a clock on each stream.
//!
//! hyper and h2 take parts of an answer before there is room for them at the client. So a request is
//! being answered until the socket has taken the last byte of its answer, and a stream whose client
//! takes nothing of it for `server.limits.write_timeout` is reset, whatever other streams do. That
//! is noticed by as much again late.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::time::{Instant, Sleep, sleep};

use super::phase::Answering;
use super::trailers::Trailers;
use crate::proxy::{BodyError, ReplyBody};

/// An answer up to this size ends with its last piece. A longer one ends when all of it has been
/// sent, so that its stream can be reset until then.
const SHORT: usize = 16 * 1024;
/// What h2 sends for each stream in turn, twice.
const FAIR_SHARE: u64 = 32 * 1024;

tokio::task_local! {
    /// The answer of the stream that is being polled.
    static ANSWER: Cell<Option<Arc<Sending>>>;
}

/// What is being sent of one answer.
#[derive(Debug)]
struct Sending {
    /// Bytes that hyper and h2 hold.
    unsent: AtomicUsize,
    /// Changes when the socket takes something, and when there is something to take again.
    moved: AtomicU64,
    sent: AtomicWaker,
    answering: Answering,
}

/// A part of an answer's body, which counts as unsent until the socket has taken it.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Bytes,
    sending: Option<Arc<Sending>>,
}

/// An answer's body. The request is being answered until it has been sent.
#[derive(Debug)]
pub(super) struct Reply {
    body: ReplyBody,
    over: bool,
    /// Bytes handed over.
    length: usize,
    tracked: Tracked,
}

#[derive(Debug)]
enum Tracked {
    /// HTTP/1: the clock is on the connection's bytes.
    Connection {
        trailers: Trailers,
        _answering: Answering,
    },
    Stream(Arc<Sending>),
}

/// Runs the streams of HTTP/2 connections, each with a clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streams {
    /// How long a client may take nothing of an answer.
    pub(super) stalled: Duration,
}

/// The clock on one stream; set when something has to wait for the client.
struct Clock {
    sending: Arc<Sending>,
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// [`Sending::moved`] when the timer was set.
    moved: u64,
    /// Bytes that the connection had sent when the stream last moved.
    connection_sent: u64,
}

impl Sending {
    fn new(answering: Answering) -> Arc<Self> {
        let (unsent, moved) = (AtomicUsize::new(0), AtomicU64::new(0));
        Arc::new(Self { unsent, moved, sent: AtomicWaker::new(), answering })
    }

    fn piece(self: &Arc<Self>, bytes: Bytes) -> Piece {
        if self.unsent.fetch_add(bytes.len(), Ordering::Relaxed) == 0 {
            self.moved.fetch_add(1, Ordering::Relaxed);
        }
        Piece { bytes, sending: Some(Arc::clone(self)) }
    }

    fn took(&self, count: usize) {
        self.moved.fetch_add(1, Ordering::Relaxed);
        if self.unsent.fetch_sub(count, Ordering::AcqRel) == count {
            self.sent.wake();
        }
    }

    fn is_sent(&self) -> bool {
        self.unsent.load(Ordering::Acquire) == 0
    }

    fn poll_sent(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.is_sent() {
            self.sent.register(cx.waker());
        }
        if self.is_sent() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(sending) = &self.sending
            && count > 0
        {
            sending.took(count);
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(sending) = &self.sending
            && !self.bytes.is_empty()
        {
            sending.took(self.bytes.len());
        }
    }
}

impl Reply {
    /// An answer over HTTP/1.
    pub(super) fn http1(body: ReplyBody, answering: Answering, trailers: Trailers) -> Self {
        let tracked = Tracked::Connection { trailers, _answering: answering };
        Self { body, over: false, length: 0, tracked }
    }

    /// An answer over HTTP/2, made by the future that [`Streams`] runs.
    pub(super) fn http2(body: ReplyBody, answering: Answering) -> Self {
        let sending = Sending::new(answering);
        sending.watch();
        Self { body, over: false, length: 0, tracked: Tracked::Stream(sending) }
    }
}

impl Sending {
    /// Has the clock of the stream that is being polled watch this answer.
    fn watch(self: &Arc<Self>) {
        // Outside of a stream there is no clock.
        let _ = ANSWER.try_with(|answer| answer.set(Some(Arc::clone(self))));
    }
}

impl Body for Reply {
    type Data = Piece;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, BodyError>>> {
        let this = self.get_mut();
        if !this.over {
            let mut frame = ready!(Pin::new(&mut this.body).poll_frame(cx)).transpose()?;
            if let Tracked::Connection { trailers, .. } = &this.tracked {
                frame = frame.and_then(|frame| trailers.pass(frame));
            }
            this.over = frame.is_none();
            if let Some(frame) = frame {
                let tracked = &this.tracked;
                let length = &mut this.length;
                return Poll::Ready(Some(Ok(frame.map_data(|bytes| {
                    *length = length.saturating_add(bytes.len());
                    match tracked {
                        Tracked::Connection { .. } => Piece { bytes, sending: None },
                        Tracked::Stream(sending) => sending.piece(bytes),
                    }
                }))));
            }
        }
        match &this.tracked {
            Tracked::Connection { .. } => Poll::Ready(None),
            Tracked::Stream(sending) => sending.poll_sent(cx).map(|()| None),
        }
    }

    fn is_end_stream(&self) -> bool {
        let ends = match &self.tracked {
            Tracked::Connection { .. } => true,
            Tracked::Stream(sending) => self.length <= SHORT || sending.is_sent(),
        };
        ends && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        tokio::spawn(ANSWER.scope(Cell::new(None), until_stalled(stream, self.stalled)));
    }
}

/// Runs a stream until it ends or stalls. hyper resets a stream that is dropped.
async fn until_stalled(stream: impl Future<Output = ()>, limit: Duration) {
    let mut stream = pin!(stream);
    let mut clock = None;
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if clock.is_none() {
            clock = ANSWER.with(Cell::take).map(|sending| Clock::new(sending, limit));
        }
        clock.as_mut().map_or(Poll::Pending, |clock| clock.poll_stalled(cx))
    })
    .await;
}

impl Clock {
    fn new(sending: Arc<Sending>, limit: Duration) -> Self {
        Self { sending, limit, timer: None, moved: 0, connection_sent: 0 }
    }

    /// Ready when the client has taken nothing for long enough, although it could have.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.timer.is_none() {
            if self.sending.is_sent() {
                return Poll::Pending;
            }
            self.timer = Some(Box::pin(sleep(self.limit)));
            self.has_moved();
        }
        while let Some(timer) = &mut self.timer
            && timer.as_mut().poll(cx).is_ready()
        {
            timer.as_mut().reset(Instant::now() + self.limit);
            if !self.has_moved() && !self.sending.is_sent() && !self.waits_its_turn() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Whether anything has been sent since this was last asked.
    fn has_moved(&mut self) -> bool {
        let moved = self.sending.moved.load(Ordering::Relaxed);
        let has_moved = std::mem::replace(&mut self.moved, moved) != moved;
        if has_moved {
            self.connection_sent = self.sending.answering.connection().sent();
        }
        has_moved
    }

    /// Whether the whole connection is slow, and other streams may have come first.
    fn waits_its_turn(&self) -> bool {
        let connection = self.sending.answering.connection();
        let since = connection.sent().saturating_sub(self.connection_sent);
        connection.is_blocked() && since < FAIR_SHARE.saturating_mul(connection.answering())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::net::phase::Phase;

    const LIMIT: Duration = Duration::from_secs(60);

    fn sending(phase: &Phase) -> Arc<Sending> {
        Sending::new(phase.request_began(false))
    }

    /// A stream that ends only by its clock.
    fn stream(sending: &Arc<Sending>) -> impl Future<Output = ()> + use<> {
        let sending = Arc::clone(sending);
        ANSWER.scope(
            Cell::new(None),
            until_stalled(
                async move {
                    sending.watch();
                    drop(sending);
                    std::future::pending().await
                },
                LIMIT,
            ),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn i12_a_stalled_stream_ends_although_another_moves() {
        let phase = Phase::default();
        let (stuck, moves) = (sending(&phase), sending(&phase));
        let _stuck = stuck.piece(Bytes::from_static(&[0; 10]));
        let mut piece = moves.piece(Bytes::from_static(&[0; 1000]));
        let mut moving = pin!(stream(&moves));
        let moving = async {
            for _ in 0..100 {
                assert!(tokio::time::timeout(LIMIT / 2, moving.as_mut()).await.is_err());
                piece.advance(1);
            }
        };
        let since = Instant::now();
        let stuck = async {
            stream(&stuck).await;
            assert!((LIMIT..=LIMIT * 2).contains(&since.elapsed()), "{:?}", since.elapsed());
        };
        tokio::join!(stuck, moving);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_waits_for_the_portal_has_no_clock() {
        let phase = Phase::default();
        let sending = sending(&phase);
        let mut stream = pin!(stream(&sending));
        for _ in 0..3 {
            drop(sending.piece(Bytes::from_static(b"sent")));
            let waited = tokio::time::timeout(LIMIT * 10, stream.as_mut()).await;
            assert!(waited.is_err(), "nothing is left to take");
        }
        let _piece = sending.piece(Bytes::from_static(b"unsent"));
        stream.await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_of_a_slow_connection_waits_its_turn() {
        let phase = Phase::default();
        let (first, _second) = (sending(&phase), sending(&phase));
        let _piece = first.piece(Bytes::from_static(b"unsent"));
        phase.blocks(true);
        let mut stream = pin!(stream(&first));
        phase.sent_bytes(FAIR_SHARE);
        assert!(tokio::time::timeout(LIMIT * 10, stream.as_mut()).await.is_err());
        // By now it would have been its turn.
        phase.sent_bytes(2 * FAIR_SHARE);
        stream.await;
    }

    #[tokio::test]
    async fn what_is_buffered_has_not_been_sent() {
        let phase = Phase::default();
        let text = vec![b'x'; SHORT + 1];
        let body = ReplyBody::Own(axum::body::Body::from(text));
        let mut reply = pin!(Reply::http2(body, phase.request_began(false)));
        let mut next = async || poll_fn(|cx| reply.as_mut().poll_frame(cx)).await;
        let mut piece = next().await.unwrap().unwrap().into_data().unwrap();
        piece.advance(SHORT);
        assert!(next().now_or_never().is_none(), "the answer goes on until it has been sent");
        piece.advance(1);
        assert!(next().await.is_none());
        drop(piece);
        assert!(!phase.is_quiet());
    }

    #[tokio::test]
    async fn a_request_is_answered_until_its_last_byte_is_sent() {
        let phase = Phase::default();
        let body = ReplyBody::Own(axum::body::Body::from("short"));
        let mut reply = Box::pin(Reply::http2(body, phase.request_began(false)));
        let frame = poll_fn(|cx| reply.as_mut().poll_frame(cx)).await;
        assert!(reply.is_end_stream(), "a short answer ends with its last piece");
        drop(reply);
        assert!(!phase.is_quiet(), "h2 holds it");
        drop(frame);
        assert!(phase.is_quiet());
    }
}
