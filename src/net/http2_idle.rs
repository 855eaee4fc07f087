//! The idle timeout of HTTP/2 connections.
//!
//! A ping finds out whether a client is there, not whether it wants anything. So requests are
//! counted: a connection that has had none for a whole idle timeout is sent GOAWAY, and closed if it
//! stays. A client that is still sending is not cut off: it may be acknowledging the end of a
//! response that it has not read, which would be lost.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep};

use super::connection_state::ConnectionState;
use crate::config::Limits;

/// Looks at the connection each time its timer fires.
#[derive(Debug)]
pub(super) struct Http2IdleTimer {
    state: ConnectionState,
    limits: Limits,
    timer: Pin<Box<Sleep>>,
    /// [`ConnectionState::requests_started`] when the timer was set.
    requests: u64,
    /// [`ConnectionState::reads`] when the timer was set.
    reads: u64,
    goaway_sent: bool,
}

/// What to do with an idle connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum IdleAction {
    /// Send GOAWAY.
    GoAway,
    /// Close it: the client has not reacted to GOAWAY.
    Close,
}

impl Http2IdleTimer {
    pub(super) fn new(state: ConnectionState, limits: Limits) -> Self {
        let timer = Box::pin(sleep(limits.idle_timeout));
        Self { state, limits, timer, requests: 0, reads: 0, goaway_sent: false }
    }

    /// Ready when the connection has been idle for the idle timeout, or up to twice as long.
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<IdleAction> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let (requests, reads) = (self.state.requests_started(), self.state.reads());
            let idle = self.state.is_idle() && requests == self.requests;
            let silent = reads == self.reads;
            (self.requests, self.reads) = (requests, reads);
            if idle && silent && self.goaway_sent {
                return Poll::Ready(IdleAction::Close);
            }
            let limit = if idle { self.limits.header_timeout } else { self.limits.idle_timeout };
            self.timer.as_mut().reset(Instant::now() + limit);
            if idle && !self.goaway_sent {
                self.goaway_sent = true;
                return Poll::Ready(IdleAction::GoAway);
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::net::fixture::limits;

    #[tokio::test(start_paused = true)]
    async fn idle_connection_gets_goaway_and_is_then_closed() {
        let start = Instant::now();
        let mut timer = Http2IdleTimer::new(ConnectionState::default(), limits());
        assert_eq!(poll_fn(|cx| timer.poll_idle(cx)).await, IdleAction::GoAway);
        assert_eq!(start.elapsed().as_secs(), limits().idle_timeout.as_secs());
        assert_eq!(poll_fn(|cx| timer.poll_idle(cx)).await, IdleAction::Close);
        let both = limits().idle_timeout + limits().header_timeout;
        assert_eq!(start.elapsed().as_secs(), both.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn client_that_is_still_sending_is_not_cut_off() {
        let state = ConnectionState::default();
        let mut timer = Http2IdleTimer::new(state.clone(), limits());
        assert_eq!(poll_fn(|cx| timer.poll_idle(cx)).await, IdleAction::GoAway);
        let limit = limits().header_timeout;
        for _ in 0..10 {
            state.note_read();
            let waited = tokio::time::timeout(limit, poll_fn(|cx| timer.poll_idle(cx))).await;
            assert!(waited.is_err(), "{waited:?}");
        }
        assert_eq!(poll_fn(|cx| timer.poll_idle(cx)).await, IdleAction::Close);
    }

    #[tokio::test(start_paused = true)]
    async fn connection_with_an_active_request_is_never_idle() {
        let state = ConnectionState::default();
        let mut timer = Http2IdleTimer::new(state.clone(), limits());
        let request = state.request_started(false);
        let long = limits().idle_timeout * 10;
        let waited = tokio::time::timeout(long, poll_fn(|cx| timer.poll_idle(cx))).await;
        assert!(waited.is_err(), "{waited:?}");
        drop(request);
        assert_eq!(poll_fn(|cx| timer.poll_idle(cx)).await, IdleAction::GoAway);
    }
}
