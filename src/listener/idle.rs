//! The clocks on an HTTP/2 connection that asks for nothing, or takes nothing.
//!
//! hyper's pings find out whether a client is still there, not whether it wants anything; and they
//! begin only when the client has said that it speaks HTTP/2. So streams are counted: a connection
//! on which none is open, and none has been for a whole limit, is asked to go, and cut when it
//! does not.
//!
//! A client that makes no room for any of its answers holds their streams, and the portal's
//! connections with them: when it has taken nothing for a whole limit while there was something to
//! take, the connection is cut.

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
    asked_to_go: bool,
    taking: Pin<Box<Sleep>>,
    /// Pieces taken when that timer was set, if there was one to take.
    taken: Option<u64>,
}

/// What is to be done with a connection that is not used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unused {
    /// Ask the client to go.
    Ask,
    /// It did not go, or takes nothing.
    Cut,
}

impl Idle {
    pub(super) fn new(phase: Phase, limits: Limits) -> Self {
        let timer = Box::pin(sleep(limits.idle_timeout));
        let taking = Box::pin(sleep(limits.write_timeout));
        Self { phase, limits, timer, requests: 0, asked_to_go: false, taking, taken: None }
    }

    /// Ready when the connection has not been used for long enough: told by as much again late.
    pub(super) fn poll_unused(&mut self, cx: &mut Context<'_>) -> Poll<Unused> {
        while self.taking.as_mut().poll(cx).is_ready() {
            let taken = self.phase.taken_of_offered();
            if taken.is_some() && taken == self.taken {
                return Poll::Ready(Unused::Cut);
            }
            self.taken = taken;
            self.taking.as_mut().reset(Instant::now() + self.limits.write_timeout);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            let unused = self.phase.is_quiet() && self.phase.requests() == self.requests;
            self.requests = self.phase.requests();
            if unused && self.asked_to_go {
                return Poll::Ready(Unused::Cut);
            }
            let limit = if unused { self.limits.header_timeout } else { self.limits.idle_timeout };
            self.timer.as_mut().reset(Instant::now() + limit);
            if unused {
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
    use crate::listener::fixture::limits;

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
    async fn a_client_that_takes_nothing_is_cut_and_one_that_takes_something_is_not() {
        let phase = Phase::default();
        let mut idle = Idle::new(phase.clone(), limits());
        let (_first, _second) = (phase.request_began(false), phase.request_began(false));
        let (_stuck, mut moves) = (phase.turn(), phase.turn());
        let limit = limits().write_timeout;
        for _ in 0..10 {
            let waited = tokio::time::timeout(limit, poll_fn(|cx| idle.poll_unused(cx))).await;
            assert!(waited.is_err(), "{waited:?}");
            moves.asked();
            moves.answered();
        }
        let since = Instant::now();
        assert_eq!(poll_fn(|cx| idle.poll_unused(cx)).await, Unused::Cut);
        assert!((limit..=limit * 2).contains(&since.elapsed()), "{:?}", since.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_portal_that_takes_its_time_is_waited_for() {
        let phase = Phase::default();
        let mut idle = Idle::new(phase.clone(), limits());
        let (_answering, mut turn) = (phase.request_began(false), phase.turn());
        turn.asked();
        let long = limits().write_timeout * 10;
        let waited = tokio::time::timeout(long, poll_fn(|cx| idle.poll_unused(cx))).await;
        assert!(waited.is_err(), "{waited:?}");
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
