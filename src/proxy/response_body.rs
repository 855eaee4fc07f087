//! The body of a response on its way to the client: streamed frame by frame, never buffered whole.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::banner::BannerBody;
use super::lease::Lease;
use super::watch::{End, Watch};

/// The error of a body. hyper ends the connection to the client with it.
pub use portcullis_http1::BodyError;

/// The portal's response body on its way to the client. The connection returns to the pool when
/// the body has ended, and is closed if the client leaves before.
#[derive(Debug)]
pub struct ResponseBody {
    /// The connection, until the body has ended.
    lease: Option<Lease>,
    watch: Option<Watch>,
    failed: Option<portcullis_http1::Error>,
}

impl ResponseBody {
    /// `switched`: the connection no longer speaks HTTP, so it never returns to the pool.
    pub(super) fn new(lease: Lease, switched: bool) -> Self {
        let mut body = Self { lease: Some(lease), watch: None, failed: None };
        if !switched {
            body.finish_if_complete();
        }
        body
    }

    /// Ends the body when the watch ends (I7).
    #[must_use]
    pub(super) fn watched(mut self, watch: Watch) -> Self {
        self.watch = Some(watch);
        self
    }

    /// The portal may pause for any length of time.
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

    fn finish_if_complete(&mut self) {
        if self.lease.as_ref().is_some_and(Lease::is_complete)
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
                watch.note_frame();
            } else {
                watch.start();
                if let Some(cut) = self.poll_cut(cx) {
                    return Poll::Ready(Some(Err(cut)));
                }
            }
        }
        match ready!(frame).transpose() {
            Ok(frame) => {
                self.finish_if_complete();
                Poll::Ready(frame.map(Ok))
            }
            Err(failure) => {
                // When a body fails, hyper drops what it has not sent yet. So it flushes first, and gets the
                // error at the next poll.
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

/// The body of a response: the portal's or one of our own.
#[derive(Debug)]
pub enum ReplyBody {
    /// From the portal.
    Portal(ResponseBody),
    /// A page of the portal with the banner.
    WithBanner(Box<BannerBody<ResponseBody>>),
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
            Self::WithBanner(body) => Pin::new(body).poll_frame(cx),
            Self::Own(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(Into::into))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Portal(body) => body.is_end_stream(),
            Self::WithBanner(body) => body.is_end_stream(),
            Self::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Portal(body) => body.size_hint(),
            Self::WithBanner(body) => body.size_hint(),
            Self::Own(body) => body.size_hint(),
        }
    }
}
