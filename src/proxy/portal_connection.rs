//! A connection to a server of the portal, with the timer for what is waited for over it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use super::request_body::RequestBody;
use portcullis_http1::Stream;

/// A connection to the portal. Boxed, so that moving it is cheap.
pub(super) struct PortalConnection(Box<Parts>);

struct Parts {
    connection: portcullis_http1::Connection<RequestBody>,
    /// A timer that is set again whenever it fires; a request counts how often it does. Setting a
    /// timer for each request would cost more.
    ticks: Pin<Box<Sleep>>,
    tick: Duration,
}

impl PortalConnection {
    pub(super) fn new(stream: Stream, tick: Duration) -> Self {
        Self(Box::new(Parts {
            connection: portcullis_http1::Connection::new(stream),
            ticks: Box::pin(tokio::time::sleep(tick)),
            tick,
        }))
    }

    pub(super) fn http(&mut self) -> &mut portcullis_http1::Connection<RequestBody> {
        &mut self.0.connection
    }

    pub(super) fn http_ref(&self) -> &portcullis_http1::Connection<RequestBody> {
        &self.0.connection
    }

    pub(super) fn close(self) {
        self.0.connection.close();
    }

    /// The bare stream and what has been read from it.
    pub(super) fn into_stream(self) -> (Stream, Bytes) {
        self.0.connection.into_stream()
    }

    /// How many ticks there are in this time.
    pub(super) fn ticks_in(&self, time: Duration) -> u32 {
        ticks(time, self.0.tick)
    }

    /// How many ticks have passed since the last call. The next one wakes the task.
    pub(super) fn poll_ticks(&mut self, cx: &mut Context<'_>) -> u32 {
        self.0.poll_ticks(cx)
    }
}

impl Parts {
    fn poll_ticks(&mut self, cx: &mut Context<'_>) -> u32 {
        let mut passed = 0;
        while self.ticks.as_mut().poll(cx).is_ready() {
            self.ticks.as_mut().reset(Instant::now() + self.tick);
            passed += 1;
        }
        passed
    }
}

/// How many ticks there are in a time, rounded up.
pub(super) fn ticks(within: Duration, tick: Duration) -> u32 {
    let ticks = within.as_nanos().div_ceil(tick.as_nanos().max(1));
    u32::try_from(ticks).unwrap_or(u32::MAX)
}

impl fmt::Debug for PortalConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortalConnection").finish_non_exhaustive()
    }
}
