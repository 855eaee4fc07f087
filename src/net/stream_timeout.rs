//! The write timeout of each HTTP/2 stream.
//!
//! A stream whose client takes nothing of its response for `server.limits.write_timeout` is reset,
//! whatever other streams do. That is noticed up to as much later.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::{Instant, Sleep, sleep};

use super::send_progress::SendProgress;

/// What h2 sends for each stream in turn, twice.
const FAIR_SHARE: u64 = 32 * 1024;

tokio::task_local! {
    /// The response of the stream that is being polled.
    static RESPONSE: Cell<Option<Arc<SendProgress>>>;
}

/// Runs the streams of HTTP/2 connections, each with a write timeout.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamExecutor {
    /// How long a client may take nothing of a response.
    pub(super) write_timeout: Duration,
}

/// The timer of one stream, set while something waits for the client.
struct StallTimer {
    progress: Arc<SendProgress>,
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// [`SendProgress::steps`] when the timer was set.
    steps: u64,
    /// Bytes that the connection had sent when the stream last made progress.
    connection_written: u64,
}

/// Lets the timeout of the stream that is being polled watch this response.
pub(super) fn watch(progress: &Arc<SendProgress>) {
    // Unit tests create responses outside of a stream; there is no timeout then.
    let _ = RESPONSE.try_with(|response| response.set(Some(Arc::clone(progress))));
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for StreamExecutor {
    fn execute(&self, stream: F) {
        tokio::spawn(RESPONSE.scope(Cell::new(None), until_stalled(stream, self.write_timeout)));
    }
}

/// Runs a stream until it ends or stalls. hyper resets a stream whose future is dropped.
async fn until_stalled(stream: impl Future<Output = ()>, limit: Duration) {
    let mut stream = pin!(stream);
    let mut timer = None;
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if timer.is_none() {
            timer = RESPONSE.with(Cell::take).map(|progress| StallTimer::new(progress, limit));
        }
        timer.as_mut().map_or(Poll::Pending, |timer| timer.poll_stalled(cx))
    })
    .await;
}

impl StallTimer {
    fn new(progress: Arc<SendProgress>, limit: Duration) -> Self {
        Self { progress, limit, timer: None, steps: 0, connection_written: 0 }
    }

    /// Ready when the client has taken nothing for the write timeout, although it could have.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.timer.is_none() {
            if self.progress.is_all_sent() {
                return Poll::Pending;
            }
            self.timer = Some(Box::pin(sleep(self.limit)));
            self.made_progress();
        }
        while let Some(timer) = &mut self.timer
            && timer.as_mut().poll(cx).is_ready()
        {
            timer.as_mut().reset(Instant::now() + self.limit);
            let stalled = !self.made_progress() && !self.progress.is_all_sent();
            if stalled && !self.waits_for_other_streams() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Whether anything has been sent since the last call.
    fn made_progress(&mut self) -> bool {
        let steps = self.progress.steps();
        let changed = std::mem::replace(&mut self.steps, steps) != steps;
        if changed {
            self.connection_written = self.progress.connection().bytes_written();
        }
        changed
    }

    /// Whether the whole connection is slow, and other streams may have been served first.
    fn waits_for_other_streams(&self) -> bool {
        let connection = self.progress.connection();
        let written = connection.bytes_written().saturating_sub(self.connection_written);
        connection.is_write_blocked()
            && written < FAIR_SHARE.saturating_mul(connection.active_requests())
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Buf as _, Bytes};

    use super::*;
    use crate::net::connection_state::ConnectionState;

    const LIMIT: Duration = Duration::from_secs(60);

    fn response(state: &ConnectionState) -> Arc<SendProgress> {
        SendProgress::new(state.request_started(false))
    }

    /// A stream that ends only by its timeout.
    fn stream(progress: &Arc<SendProgress>) -> impl Future<Output = ()> + use<> {
        let progress = Arc::clone(progress);
        RESPONSE.scope(
            Cell::new(None),
            until_stalled(
                async move {
                    watch(&progress);
                    drop(progress);
                    std::future::pending().await
                },
                LIMIT,
            ),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn i12_a_stalled_stream_ends_although_another_moves() {
        let state = ConnectionState::default();
        let (stuck, moving) = (response(&state), response(&state));
        let _stuck = stuck.track(Bytes::from_static(&[0; 10]));
        let mut chunk = moving.track(Bytes::from_static(&[0; 1000]));
        let mut stream_that_moves = pin!(stream(&moving));
        let moving = async {
            for _ in 0..100 {
                let waited = tokio::time::timeout(LIMIT / 2, stream_that_moves.as_mut()).await;
                assert!(waited.is_err());
                chunk.advance(1);
            }
        };
        let start = Instant::now();
        let stuck = async {
            stream(&stuck).await;
            assert!((LIMIT..=LIMIT * 2).contains(&start.elapsed()), "{:?}", start.elapsed());
        };
        tokio::join!(stuck, moving);
    }

    #[tokio::test(start_paused = true)]
    async fn stream_that_waits_for_the_portal_has_no_timeout() {
        let state = ConnectionState::default();
        let progress = response(&state);
        let mut stream = pin!(stream(&progress));
        for _ in 0..3 {
            drop(progress.track(Bytes::from_static(b"sent")));
            let waited = tokio::time::timeout(LIMIT * 10, stream.as_mut()).await;
            assert!(waited.is_err(), "there is nothing for the client to take");
        }
        let _chunk = progress.track(Bytes::from_static(b"unsent"));
        stream.await;
    }

    #[tokio::test(start_paused = true)]
    async fn stream_of_a_slow_connection_waits_for_the_others() {
        let state = ConnectionState::default();
        let (first, _second) = (response(&state), response(&state));
        let _chunk = first.track(Bytes::from_static(b"unsent"));
        state.set_write_blocked(true);
        let mut stream = pin!(stream(&first));
        state.note_written(FAIR_SHARE);
        assert!(tokio::time::timeout(LIMIT * 10, stream.as_mut()).await.is_err());
        // Enough for both streams.
        state.note_written(2 * FAIR_SHARE);
        stream.await;
    }
}
