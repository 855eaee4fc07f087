//! Bodies on their way through: streamed frame by frame, never buffered whole.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use super::headers::InboundFilter;
use super::lease::Lease;
use super::watch::{End, Watch};

/// A body's failure, told to hyper, which ends the connection with it.
pub use portcullis_http1::BodyError;

/// What a client must send of a body within `server.limits.read_timeout`.
const LEAST_UPLOAD: usize = 8 * 1024;

/// The client sends less than it must.
#[derive(Debug, thiserror::Error)]
#[error("it comes too slowly")]
pub(super) struct TooSlow;

/// The client sends more than the route allows.
#[derive(Debug, thiserror::Error)]
#[error("it is too large")]
pub(super) struct TooLarge;

/// A client's request body on its way to the portal. Trailers lose what only we may say (I5).
#[derive(Debug)]
pub(super) struct RequestBody(Option<Upload>);

#[derive(Debug)]
struct Upload {
    incoming: Incoming,
    filter: InboundFilter,
    progress: Progress,
    pace: Pace,
    /// The bytes that may still come.
    left: u64,
}

/// The clock on an upload. It runs while the portal waits for the client, not the other way round.
#[derive(Debug)]
struct Pace {
    within: Duration,
    /// Set when the client has to be waited for.
    timer: Option<Pin<Box<Sleep>>>,
    /// Bytes since the timer was set.
    bytes: usize,
    /// Whether the client was being waited for when it was last looked.
    waits: bool,
}

/// How an upload goes: so that a long one is not taken for one that has stopped, nor a client that
/// has stopped for a portal that has.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<Uploaded>);

#[derive(Debug, Default)]
struct Uploaded {
    pieces: AtomicU64,
    waits: AtomicBool,
}

impl Progress {
    /// The pieces so far.
    pub(super) fn pieces(&self) -> u64 {
        self.0.pieces.load(Ordering::Relaxed)
    }

    /// Whether the client has not sent what the portal is ready to take.
    pub(super) fn waits(&self) -> bool {
        self.0.waits.load(Ordering::Relaxed)
    }
}

impl Pace {
    fn new(within: Duration) -> Self {
        Self { within, timer: None, bytes: 0, waits: false }
    }

    fn came(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.waits = false;
    }

    /// The client has to be waited for; ready when it has sent too little for too long.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.within)));
        while timer.as_mut().poll(cx).is_ready() {
            if self.waits && self.bytes < LEAST_UPLOAD {
                return Poll::Ready(());
            }
            self.bytes = 0;
            timer.as_mut().reset(Instant::now() + self.within);
        }
        self.waits = true;
        Poll::Pending
    }
}

impl RequestBody {
    /// No body.
    #[must_use]
    pub(super) fn empty() -> Self {
        Self(None)
    }

    /// The client's body, of at most this many bytes, of which a part must come `within` this time.
    #[must_use]
    pub(super) fn new(
        incoming: Incoming,
        filter: &InboundFilter,
        (most, within): (Option<u64>, Duration),
    ) -> Self {
        if incoming.is_end_stream() {
            return Self(None);
        }
        let (progress, pace) = (Progress::default(), Pace::new(within));
        let left = most.unwrap_or(u64::MAX);
        Self(Some(Upload { incoming, filter: filter.clone(), progress, pace, left }))
    }

    /// How the upload goes, if there is one.
    pub(super) fn progress(&self) -> Option<Progress> {
        self.0.as_ref().map(|upload| upload.progress.clone())
    }
}

/// Waits for the first byte of a body or its end; whether it ended with nothing in it.
pub(super) async fn ends_empty(incoming: &mut Incoming) -> bool {
    loop {
        match poll_fn(|cx| Pin::new(&mut *incoming).poll_frame(cx)).await {
            None => return true,
            Some(Ok(frame)) if frame.data_ref().is_some_and(Bytes::is_empty) => {}
            Some(Ok(_) | Err(_)) => return false,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(upload) = &mut self.0 else { return Poll::Ready(None) };
        let uploaded = &upload.progress.0;
        let frame = Pin::new(&mut upload.incoming).poll_frame(cx);
        uploaded.waits.store(frame.is_pending(), Ordering::Relaxed);
        let Poll::Ready(mut frame) = frame else {
            return upload.pace.poll_too_slow(cx).map(|()| Some(Err(TooSlow.into())));
        };
        uploaded.pieces.fetch_add(1, Ordering::Relaxed);
        if let Some(Ok(frame)) = &mut frame {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            upload.pace.came(bytes);
            match upload.left.checked_sub(bytes as u64) {
                Some(left) => upload.left = left,
                None => return Poll::Ready(Some(Err(TooLarge.into()))),
            }
            if let Some(trailers) = frame.trailers_mut() {
                upload.filter.strip_trailers(trailers);
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|upload| upload.incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), |upload| upload.incoming.size_hint())
    }
}

/// The portal's response body on its way to the client. The connection goes back to the pool when
/// the body has ended, and is closed when the client left before.
#[derive(Debug)]
pub struct ResponseBody {
    /// The connection, until the body has ended.
    lease: Option<Lease>,
    watch: Option<Watch>,
    failed: Option<portcullis_http1::Error>,
}

impl ResponseBody {
    /// `switched`: the connection is no longer one of HTTP, so it never goes back to the pool.
    pub(super) fn new(lease: Lease, switched: bool) -> Self {
        let mut body = Self { lease: Some(lease), watch: None, failed: None };
        if !switched {
            body.end_if_over();
        }
        body
    }

    /// Ends the body when the person may no longer see it (I7).
    #[must_use]
    pub(super) fn watched(mut self, watch: Watch) -> Self {
        self.watch = Some(watch);
        self
    }

    /// The portal may send nothing for as long as it likes.
    pub(super) fn may_pause(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.may_pause();
        }
    }

    /// The connection, when the response has no body because something other than HTTP follows.
    pub(super) fn into_lease(self) -> Option<Lease> {
        self.lease
    }

    /// The error that the body ends with, if it must end before the portal ends it.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Option<BodyError> {
        let Poll::Ready(end) = self.watch.as_mut()?.poll_end(cx) else { return None };
        self.lease = None;
        Some(match end {
            End::Revoked => {
                tracing::info!("a response was cut off: it is no longer permitted");
                "the response is no longer permitted".into()
            }
            End::Shutdown => {
                tracing::info!("an event stream was closed: the gateway is shutting down");
                "the gateway is shutting down".into()
            }
        })
    }

    fn end_if_over(&mut self) {
        if self.lease.as_ref().is_some_and(Lease::is_over)
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(cut) = self.poll_cut(cx) {
            return Poll::Ready(Some(Err(cut)));
        }
        if let Some(failure) = self.failed.take() {
            return Poll::Ready(Some(Err(failure.into())));
        }
        let Some(lease) = &mut self.lease else { return Poll::Ready(None) };
        let frame = lease.poll_frame(cx);
        if let Some(watch) = &mut self.watch {
            if frame.is_ready() {
                watch.piece();
            } else {
                watch.begin();
                if let Some(cut) = self.poll_cut(cx) {
                    return Poll::Ready(Some(Err(cut)));
                }
            }
        }
        match ready!(frame).transpose() {
            Ok(frame) => {
                self.end_if_over();
                Poll::Ready(frame.map(Ok))
            }
            Err(failure) => {
                // hyper drops what it has not sent yet when a body fails: it is told after that.
                (self.failed, self.lease) = (Some(failure), None);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.lease.is_none() && self.failed.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.lease {
            Some(lease) => lease.size_hint(),
            None if self.failed.is_some() => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}

/// Whatever answers a request: the portal's body or one of our own.
#[derive(Debug)]
pub enum ReplyBody {
    /// From the portal.
    Portal(ResponseBody),
    /// A page or document of ours.
    Own(axum::body::Body),
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Portal(body) => Pin::new(body).poll_frame(cx),
            Self::Own(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(Into::into))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Portal(body) => body.is_end_stream(),
            Self::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Portal(body) => body.size_hint(),
            Self::Own(body) => body.size_hint(),
        }
    }
}
