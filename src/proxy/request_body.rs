//! The body of a request on its way to the portal: streamed frame by frame, never buffered whole.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use super::headers::InboundFilter;
use portcullis_http1::BodyError;

/// The bytes of a body that a client must send within each `server.limits.read_timeout`.
const LEAST_UPLOAD: usize = 8 * 1024;

/// The client sends less than [`LEAST_UPLOAD`].
#[derive(Debug, thiserror::Error)]
#[error("it comes too slowly")]
pub(super) struct TooSlow;

/// The client sends more than the route allows.
#[derive(Debug, thiserror::Error)]
#[error("it is too large")]
pub(super) struct TooLarge;

/// A client's request body on its way to the portal. Reserved trailers are removed (I5).
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

/// Measures how fast an upload is. The time runs only while the portal waits for the client.
#[derive(Debug)]
struct Pace {
    within: Duration,
    /// Set the first time that the client has to be waited for.
    timer: Option<Pin<Box<Sleep>>>,
    /// Bytes since the timer was set.
    bytes: usize,
    /// Whether the client was being waited for at the last poll.
    waits: bool,
}

/// The progress of an upload. It distinguishes a long upload from one that has stopped, and a client
/// that has stopped from a portal that has.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<Uploaded>);

#[derive(Debug, Default)]
struct Uploaded {
    frames: AtomicU64,
    waits: AtomicBool,
}

impl Progress {
    /// How many frames have come.
    pub(super) fn frames(&self) -> u64 {
        self.0.frames.load(Ordering::Relaxed)
    }

    /// Whether the portal is ready for more than the client has sent.
    pub(super) fn waits(&self) -> bool {
        self.0.waits.load(Ordering::Relaxed)
    }
}

impl Pace {
    fn new(within: Duration) -> Self {
        Self { within, timer: None, bytes: 0, waits: false }
    }

    fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.waits = false;
    }

    /// Polled while the client is waited for. Ready when it has sent too little for too long.
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

    /// The progress of the upload, if there is one.
    pub(super) fn progress(&self) -> Option<Progress> {
        self.0.as_ref().map(|upload| upload.progress.clone())
    }
}

/// Waits for the first byte of a body or its end. Returns whether the body is empty.
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
        uploaded.frames.fetch_add(1, Ordering::Relaxed);
        if let Some(Ok(frame)) = &mut frame {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            upload.pace.add(bytes);
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
