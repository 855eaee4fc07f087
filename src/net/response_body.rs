//! Response bodies that are tracked until the socket has taken their last byte.
//!
//! On HTTP/2, hyper and h2 take parts of a body before the client has room for them, so a request
//! is active until those have been sent too. [`super::stream_timeout`] watches that progress.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};

use super::connection_state::ActiveRequest;
use super::send_progress::{SendProgress, TrackedBytes};
use super::stream_timeout;
use super::trailers::Trailers;
use crate::proxy::{BodyError, ReplyBody};

/// A body up to this size ends with its last chunk. A longer one ends when all of it has been sent,
/// so that its stream can be reset until then.
const SHORT: usize = 16 * 1024;

/// A response's body. Its request is active until the body has been sent.
#[derive(Debug)]
pub(super) struct TrackedBody {
    body: ReplyBody,
    ended: bool,
    /// Bytes passed on so far.
    length: usize,
    tracking: Tracking,
}

#[derive(Debug)]
enum Tracking {
    /// HTTP/1: the timeout is on the connection's bytes.
    Connection { trailers: Trailers, _request: ActiveRequest },
    /// HTTP/2: the timeout is on the stream.
    Stream(Arc<SendProgress>),
}

impl TrackedBody {
    /// A response over HTTP/1.
    pub(super) fn http1(body: ReplyBody, request: ActiveRequest, trailers: Trailers) -> Self {
        let tracking = Tracking::Connection { trailers, _request: request };
        Self { body, ended: false, length: 0, tracking }
    }

    /// A response over HTTP/2, created while its stream is polled.
    pub(super) fn http2(body: ReplyBody, request: ActiveRequest) -> Self {
        let progress = SendProgress::new(request);
        stream_timeout::watch(&progress);
        Self { body, ended: false, length: 0, tracking: Tracking::Stream(progress) }
    }
}

impl Body for TrackedBody {
    type Data = TrackedBytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<TrackedBytes>, BodyError>>> {
        let this = self.get_mut();
        if !this.ended {
            let mut frame = ready!(Pin::new(&mut this.body).poll_frame(cx)).transpose()?;
            if let Tracking::Connection { trailers, .. } = &this.tracking {
                frame = frame.and_then(|frame| trailers.pass(frame));
            }
            this.ended = frame.is_none();
            if let Some(frame) = frame {
                let tracking = &this.tracking;
                let length = &mut this.length;
                return Poll::Ready(Some(Ok(frame.map_data(|bytes| {
                    *length = length.saturating_add(bytes.len());
                    match tracking {
                        Tracking::Connection { .. } => TrackedBytes::untracked(bytes),
                        Tracking::Stream(progress) => progress.track(bytes),
                    }
                }))));
            }
        }
        match &this.tracking {
            Tracking::Connection { .. } => Poll::Ready(None),
            Tracking::Stream(progress) => progress.poll_all_sent(cx).map(|()| None),
        }
    }

    fn is_end_stream(&self) -> bool {
        let may_end = match &self.tracking {
            Tracking::Connection { .. } => true,
            Tracking::Stream(progress) => self.length <= SHORT || progress.is_all_sent(),
        };
        may_end && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use bytes::Buf as _;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::net::connection_state::ConnectionState;

    #[tokio::test]
    async fn long_body_ends_when_its_last_byte_is_sent() {
        let state = ConnectionState::default();
        let text = vec![b'x'; SHORT + 1];
        let body = ReplyBody::Own(axum::body::Body::from(text));
        let mut body = pin!(TrackedBody::http2(body, state.request_started(false)));
        let mut next = async || poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
        let mut chunk = next().await.unwrap().unwrap().into_data().unwrap();
        chunk.advance(SHORT);
        assert!(next().now_or_never().is_none(), "one byte has not been sent");
        chunk.advance(1);
        assert!(next().await.is_none());
        drop(chunk);
        assert!(!state.is_idle());
    }

    #[tokio::test]
    async fn request_is_active_until_its_last_byte_is_sent() {
        let state = ConnectionState::default();
        let body = ReplyBody::Own(axum::body::Body::from("short"));
        let mut body = Box::pin(TrackedBody::http2(body, state.request_started(false)));
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
        assert!(body.is_end_stream(), "a short body ends with its last chunk");
        drop(body);
        assert!(!state.is_idle(), "h2 still holds the chunk");
        drop(frame);
        assert!(state.is_idle());
    }
}
