//! A connection's bytes, with the clocks on clients that keep it without using it.
//!
//! Three limits: on the time between requests, on the time from a head's first byte to its last,
//! and on the time in which nothing of an answer can be sent. hyper's own timer runs over the first
//! two, so it cannot tell a client that is quiet from one that sends a head a byte at a time; and
//! it is set anew for each request. Here nothing is done about time while requests come in one
//! piece: a timer goes off now and then, and only then is it looked at what has happened since.
//!
//! A connection that has become a WebSocket has no requests and no heads any more, and on HTTP/2
//! they are not told apart here: the third limit alone stays.
//!
//! What has been written has nearly been sent: the system takes little more than it can send
//! (`wire/socket.rs`).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::parting::Parting;
use super::phase::Phase;
use crate::config::Limits;

/// A stream that ends with [`io::ErrorKind::TimedOut`] when a limit has passed. How late that may
/// be told: by as much again for the time between requests, not at all for a head.
#[derive(Debug)]
pub(super) struct Timed<S> {
    stream: S,
    phase: Phase,
    limits: Limits,
    /// Whether requests and their heads are told apart: not on HTTP/2, which has other clocks.
    heads: bool,
    quiet: Option<Quiet>,
    head: Option<Pin<Box<Sleep>>>,
    /// Set while the client takes nothing of what is to be sent.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Set when all has been sent that ever will be.
    parting: Option<Parting>,
}

/// The watch on the time between requests.
#[derive(Debug)]
struct Quiet {
    timer: Pin<Box<Sleep>>,
    /// What had been received and sent when the timer was set.
    moved: (u64, u64),
}

impl<S> Timed<S> {
    /// A connection of HTTP/1.
    pub(super) fn new(stream: S, phase: Phase, limits: Limits) -> Self {
        Self {
            stream,
            phase,
            limits,
            heads: true,
            quiet: None,
            head: None,
            stalled: None,
            parting: None,
        }
    }

    /// A connection of HTTP/2: only the limit on what cannot be sent.
    pub(super) fn http2(stream: S, phase: Phase, limits: Limits) -> Self {
        Self { heads: false, ..Self::new(stream, phase, limits) }
    }

    /// What became of writing something, unless that has been waited for long enough.
    fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = written {
            self.phase.sent_bytes(u64::try_from(count).unwrap_or(u64::MAX));
        }
        self.poll_sent(cx, written)
    }

    /// What became of sending something, unless that has been waited for long enough.
    fn poll_sent<T>(
        &mut self,
        cx: &mut Context<'_>,
        sent: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if sent.is_ready() {
            if self.stalled.take().is_some() {
                self.phase.blocks(false);
            }
            return sent;
        }
        let (limit, phase) = (self.limits.write_timeout, &self.phase);
        let stalled = self.stalled.get_or_insert_with(|| {
            phase.blocks(true);
            Box::pin(sleep(limit))
        });
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Ready when the client has been waited for long enough.
    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.phase.is_tunnel() || !self.heads {
            return Poll::Pending;
        }
        if self.phase.in_head() {
            let limit = self.limits.header_timeout;
            let head = self.head.get_or_insert_with(|| Box::pin(sleep(limit)));
            if head.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        // Set while a request is answered too: nothing is read when the answer has been sent.
        let limit = self.limits.idle_timeout;
        let moved = (self.phase.received(), self.phase.sent());
        let quiet =
            self.quiet.get_or_insert_with(|| Quiet { timer: Box::pin(sleep(limit)), moved });
        while quiet.timer.as_mut().poll(cx).is_ready() {
            if self.phase.is_quiet() && quiet.moved == moved {
                return Poll::Ready(());
            }
            quiet.moved = moved;
            quiet.timer.as_mut().reset(Instant::now() + limit);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let filled = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if read.is_pending() {
            return this.poll_limits(cx).map(|()| Err(io::ErrorKind::TimedOut.into()));
        }
        if buf.filled().len() > filled {
            this.phase.received_piece();
            if this.heads && this.phase.is_quiet() {
                this.phase.head_began(buf.filled().get(filled..).unwrap_or_default());
                this.head = None;
            }
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Timed<S> {
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
        let sent = Pin::new(&mut this.stream).poll_flush(cx);
        this.poll_sent(cx, sent)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.parting.is_none() {
            let sent = Pin::new(&mut this.stream).poll_shutdown(cx);
            ready!(this.poll_sent(cx, sent))?;
            // In a tunnel, the other direction goes on.
            if this.phase.is_tunnel() || !this.heads || !this.phase.parts() {
                return Poll::Ready(Ok(()));
            }
        }
        this.parting.get_or_insert_with(Parting::new).poll_over(&mut this.stream, cx).map(Ok)
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

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_of_its_answer_is_given_up() {
        let (_client, server) = tokio::io::duplex(10);
        let mut timed = Timed::new(server, Phase::default(), limits());
        let since = Instant::now();
        let error = timed.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(since.elapsed() >= limits().write_timeout);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_client_that_may_be_sending_still_is_read_from_after_the_end() {
        for (body, waits) in [(false, false), (true, true)] {
            let (_client, server) = tokio::io::duplex(100);
            let phase = Phase::default();
            let _answering = phase.request_began(body);
            let mut timed = Timed::new(server, phase, limits());
            let since = Instant::now();
            timed.shutdown().await.unwrap();
            assert_eq!(since.elapsed() > Duration::ZERO, waits, "{:?}", since.elapsed());
        }
    }

    #[tokio::test]
    async fn what_a_tunnels_client_says_is_not_read_away() {
        let (mut client, server) = tokio::io::duplex(100);
        let phase = Phase::default();
        phase.request_began(false).becomes_tunnel();
        let mut timed = Timed::new(server, phase, limits());
        client.write_all(b"still said").await.unwrap();
        timed.shutdown().await.unwrap();
        drop(client);
        let mut said = Vec::new();
        timed.read_to_end(&mut said).await.unwrap();
        assert_eq!(said, b"still said");
    }

    #[tokio::test(start_paused = true)]
    async fn the_idle_clock_does_not_end_what_is_still_being_sent() {
        let (mut client, server) = tokio::io::duplex(10);
        let limits = Limits { idle_timeout: Duration::from_secs(1), ..limits() };
        let mut timed = Timed::new(server, Phase::default(), limits);
        // The request has been answered; hyper holds the rest and looks for the next one.
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
    async fn a_client_that_reads_slowly_is_waited_for() {
        let (mut client, server) = tokio::io::duplex(10);
        let mut timed = Timed::new(server, Phase::default(), limits());
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
