//! A connection's bytes, with timeouts for clients that hold a connection without using it.
//!
//! There are three: `idle_timeout` between requests, `header_timeout` from the first byte of a head
//! to its last, and `write_timeout` while the client takes nothing of what is to be sent. hyper's
//! own timer covers the first two as one, so it cannot distinguish an idle client from one that sends a head a
//! byte at a time, and it is reset for each request. Here, requests that come in one piece touch no
//! timer: one fires now and then, and what has happened since is looked at only then.
//!
//! A WebSocket has no requests and no heads, and those of HTTP/2 are not tracked here: both have the
//! write timeout only.
//!
//! What has been written has nearly been sent: the system takes little more than it can send
//! (`crates/http1/src/socket.rs`).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::connection_state::ConnectionState;
use super::lingering_close::LingeringClose;
use crate::config::Limits;

/// After how long without a request a connection is noted as quiet, or up to twice that.
pub(super) const QUIET: Duration = Duration::from_secs(1);

/// A stream that fails with [`io::ErrorKind::TimedOut`] when a timeout has passed. The idle timeout
/// is noticed up to [`QUIET`] later, the other two at once.
#[derive(Debug)]
pub(super) struct TimedStream<S> {
    stream: S,
    state: ConnectionState,
    limits: Limits,
    protocol: Protocol,
    idle: Option<IdleTimer>,
    head: Option<Pin<Box<Sleep>>>,
    /// Set while the client takes nothing of what is to be sent.
    write: Option<Pin<Box<Sleep>>>,
    /// Set after the last response.
    lingering: Option<LingeringClose>,
}

/// Which HTTP a connection uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

#[derive(Debug)]
struct IdleTimer {
    timer: Pin<Box<Sleep>>,
    /// [`ConnectionState::reads`] and [`ConnectionState::bytes_written`] when the timer was set.
    progress: (u64, u64),
}

impl<S> TimedStream<S> {
    /// A connection with all three timeouts for HTTP/1, with the write timeout only for HTTP/2.
    pub(super) fn new(
        stream: S,
        protocol: Protocol,
        state: ConnectionState,
        limits: Limits,
    ) -> Self {
        Self {
            stream,
            state,
            limits,
            protocol,
            idle: None,
            head: None,
            write: None,
            lingering: None,
        }
    }

    /// Counts what was written, and applies the write timeout.
    fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = written {
            self.state.note_written(u64::try_from(count).unwrap_or(u64::MAX));
        }
        self.poll_write_timeout(cx, written)
    }

    /// Applies the write timeout to an operation that sends.
    fn poll_write_timeout<T>(
        &mut self,
        cx: &mut Context<'_>,
        sent: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if sent.is_ready() {
            if self.write.take().is_some() {
                self.state.set_write_blocked(false);
            }
            return sent;
        }
        let (limit, state) = (self.limits.write_timeout, &self.state);
        let timer = self.write.get_or_insert_with(|| {
            state.set_write_blocked(true);
            Box::pin(sleep(limit))
        });
        timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Ready when the header or idle timeout has passed. Called when there is nothing to read.
    fn poll_read_timeout(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.protocol == Protocol::Http2 || self.state.is_tunnel() {
            return Poll::Pending;
        }
        if self.state.in_head() {
            let limit = self.limits.header_timeout;
            let head = self.head.get_or_insert_with(|| Box::pin(sleep(limit)));
            if head.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        // Set while a request is being answered too: nothing is read when its response has gone.
        let limit = self.limits.idle_timeout;
        let quiet = QUIET.min(limit);
        let progress = (self.state.reads(), self.state.bytes_written());
        let idle =
            self.idle.get_or_insert_with(|| IdleTimer { timer: Box::pin(sleep(quiet)), progress });
        while idle.timer.as_mut().poll(cx).is_ready() {
            let is_quiet = self.state.is_idle() && idle.progress == progress;
            if is_quiet && self.state.is_quiet() {
                return Poll::Ready(());
            }
            self.state.set_quiet(is_quiet);
            idle.progress = progress;
            let next = if is_quiet { limit - quiet } else { quiet };
            idle.timer.as_mut().reset(Instant::now() + next);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if read.is_pending() {
            return this.poll_read_timeout(cx).map(|()| Err(io::ErrorKind::TimedOut.into()));
        }
        if buf.filled().len() > before {
            this.state.note_read();
            if this.state.is_quiet() {
                this.state.set_quiet(false);
                this.idle = None;
            }
            if this.protocol == Protocol::Http1 && this.state.is_idle() {
                this.state.head_started(buf.filled().get(before..).unwrap_or_default());
                this.head = None;
            }
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.poll_written(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.poll_write_timeout(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            let shut_down = Pin::new(&mut this.stream).poll_shutdown(cx);
            ready!(this.poll_write_timeout(cx, shut_down))?;
            // The other direction of a tunnel stays open.
            let lingers = this.protocol == Protocol::Http1
                && !this.state.is_tunnel()
                && this.state.start_closing();
            if !lingers {
                return Poll::Ready(Ok(()));
            }
        }
        let lingering = this.lingering.get_or_insert_with(LingeringClose::new);
        lingering.poll_done(&mut this.stream, cx).map(Ok)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.poll_written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::net::fixture::limits;

    fn http1<S>(stream: S, state: ConnectionState, limits: Limits) -> TimedStream<S> {
        TimedStream::new(stream, Protocol::Http1, state, limits)
    }

    #[tokio::test(start_paused = true)]
    async fn client_that_reads_nothing_hits_the_write_timeout() {
        let (_client, server) = tokio::io::duplex(10);
        let mut timed = http1(server, ConnectionState::default(), limits());
        let start = Instant::now();
        let error = timed.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= limits().write_timeout);
    }

    #[tokio::test(start_paused = true)]
    async fn close_lingers_only_if_a_body_may_still_come() {
        for (has_body, lingers) in [(false, false), (true, true)] {
            let (_client, server) = tokio::io::duplex(100);
            let state = ConnectionState::default();
            let _request = state.request_started(has_body);
            let mut timed = http1(server, state, limits());
            let start = Instant::now();
            timed.shutdown().await.unwrap();
            assert_eq!(start.elapsed() > Duration::ZERO, lingers, "{:?}", start.elapsed());
        }
    }

    #[tokio::test]
    async fn bytes_of_a_tunnel_are_not_thrown_away() {
        let (mut client, server) = tokio::io::duplex(100);
        let state = ConnectionState::default();
        state.request_started(false).becomes_tunnel();
        let mut timed = http1(server, state, limits());
        client.write_all(b"in flight").await.unwrap();
        timed.shutdown().await.unwrap();
        drop(client);
        let mut received = Vec::new();
        timed.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"in flight");
    }

    #[tokio::test(start_paused = true)]
    async fn idle_timeout_does_not_cut_off_a_slow_download() {
        let (mut client, server) = tokio::io::duplex(10);
        let limits = Limits { idle_timeout: Duration::from_secs(1), ..limits() };
        let mut timed = http1(server, ConnectionState::default(), limits);
        // hyper holds the rest of the response and looks for the next request.
        let sending = std::future::poll_fn(|cx| {
            let mut next = [0; 10];
            let mut next = ReadBuf::new(&mut next);
            if let Poll::Ready(ended) = Pin::new(&mut timed).poll_read(cx, &mut next) {
                return Poll::Ready(ended);
            }
            loop {
                let _ = ready!(Pin::new(&mut timed).poll_write(cx, &[0; 10]))?;
            }
        });
        let reading = async {
            for _ in 0..10 {
                sleep(Duration::from_secs(5)).await;
                client.read_exact(&mut [0; 10]).await.unwrap();
            }
        };
        tokio::select! {
            ended = sending => panic!("{ended:?}"),
            () = reading => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn client_that_reads_slowly_is_not_cut_off() {
        let (mut client, server) = tokio::io::duplex(10);
        let mut timed = http1(server, ConnectionState::default(), limits());
        let reading = async {
            for _ in 0..10 {
                sleep(limits().write_timeout - Duration::from_secs(1)).await;
                client.read_exact(&mut [0; 10]).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(timed.write_all(&[0; 100]), reading);
        written.unwrap();
    }
}
