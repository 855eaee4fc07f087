//! The clock on an HTTP/2 connection that asks for nothing.
//!
//! Pings would find out whether a client is still there, not whether it wants anything. So streams
//! are counted: a connection on which none is open, and none has been for a whole limit, is asked to
//! go, and cut when it does not. A client that still sends something, as one does that reads the end of an answer from
//! its own buffers, is not cut: what it has not read would be lost.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep};

use super::phase::Phase;
use crate::config::Limits;

/// Looks now and then at what a connection has been used for.
#[derive(Debug)]
pub(super) struct Idle {
    phase: Phase,
    limits: Limits,
    timer: Pin<Box<Sleep>>,
    /// Requests when the timer was set.
    requests: u64,
    /// Pieces received when the timer was set.
    received: u64,
    asked_to_go: bool,
}

/// What is to be done with a connection that is not used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unused {
    /// Ask the client to go.
    Ask,
    /// It did not go.
    Cut,
}

impl Idle {
    pub(super) fn new(phase: Phase, limits: Limits) -> Self {
        let timer = Box::pin(sleep(limits.idle_timeout));
        Self { phase, limits, timer, requests: 0, received: 0, asked_to_go: false }
    }

    /// Ready when the connection has not been used for long enough: told by as much again late.
    pub(super) fn poll_unused(&mut self, cx: &mut Context<'_>) -> Poll<Unused> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let (requests, received) = (self.phase.requests(), self.phase.received());
            let unused = self.phase.is_quiet() && requests == self.requests;
            let silent = received == self.received;
            (self.requests, self.received) = (requests, received);
            if unused && silent && self.asked_to_go {
                return Poll::Ready(Unused::Cut);
            }
            let limit = if unused { self.limits.header_timeout } else { self.limits.idle_timeout };
            self.timer.as_mut().reset(Instant::now() + limit);
            if unused && !self.asked_to_go {
                self.asked_to_go = true;
                return Poll::Ready(Unused::Ask);
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
    async fn a_connection_without_streams_is_asked_to_go_and_then_cut() {
        let (began, mut idle) = (Instant::now(), Idle::new(Phase::default(), limits()));
        assert_eq!(poll_fn(|cx| idle.poll_unused(cx)).await, Unused::Ask);
        assert_eq!(began.elapsed().as_secs(), limits().idle_timeout.as_secs());
        assert_eq!(poll_fn(|cx| idle.poll_unused(cx)).await, Unused::Cut);
        let both = limits().idle_timeout + limits().header_timeout;
        assert_eq!(began.elapsed().as_secs(), both.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_still_sends_is_not_cut() {
        let phase = Phase::default();
        let mut idle = Idle::new(phase.clone(), limits());
        assert_eq!(poll_fn(|cx| idle.poll_unused(cx)).await, Unused::Ask);
        let limit = limits().header_timeout;
        for _ in 0..10 {
            phase.received_piece();
            let waited = tokio::time::timeout(limit, poll_fn(|cx| idle.poll_unused(cx))).await;
            assert!(waited.is_err(), "{waited:?}");
        }
        assert_eq!(poll_fn(|cx| idle.poll_unused(cx)).await, Unused::Cut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_with_a_stream_is_left_alone_however_long_it_lasts() {
        let phase = Phase::default();
        let mut idle = Idle::new(phase.clone(), limits());
        let answering = phase.request_began(false);
        let long = limits().idle_timeout * 10;
        let waited = tokio::time::timeout(long, poll_fn(|cx| idle.poll_unused(cx))).await;
        assert!(waited.is_err(), "{waited:?}");
        drop(answering);
        assert_eq!(poll_fn(|cx| idle.poll_unused(cx)).await, Unused::Ask);
    }
}
