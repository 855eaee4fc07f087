//! A connection whose first bytes are looked at before they are read: they show whose connection it
//! is, and which protocol follows.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// A stream that returns first what was read ahead of its reader.
#[derive(Debug)]
pub(super) struct ReadAhead<S> {
    stream: S,
    /// What has been read and not been returned.
    ahead: Vec<u8>,
}

impl<S> ReadAhead<S> {
    /// Nothing has been read.
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, ahead: Vec::new() }
    }

    /// The bytes that the next reader gets first, as far as they have been read.
    pub(super) fn ahead(&self) -> &[u8] {
        &self.ahead
    }

    /// Takes the first bytes away, at most as many as have been read ahead.
    pub(super) fn skip(&mut self, count: usize) {
        self.ahead.drain(..count.min(self.ahead.len()));
    }
}

impl<S: AsyncRead + Unpin> ReadAhead<S> {
    /// Reads once, until at most `limit` bytes are ahead. Returns how many bytes came: none at the
    /// end of the connection, or if there are `limit` already. It can be cancelled at any time.
    pub(super) async fn read_more(&mut self, limit: usize) -> io::Result<usize> {
        let room = limit.saturating_sub(self.ahead.len());
        self.ahead.reserve(room);
        let most = u64::try_from(room).unwrap_or(u64::MAX);
        (&mut self.stream).take(most).read_buf(&mut self.ahead).await
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let count = this.ahead.len().min(buf.remaining());
        buf.put_slice(this.ahead.get(..count).unwrap_or_default());
        this.skip(count);
        if this.ahead.is_empty() {
            this.ahead = Vec::new();
            // What came together is read together. An error comes again, or the end does.
            if buf.remaining() > 0 {
                let _ = Pin::new(&mut this.stream).poll_read(cx, buf);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadAhead<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn bytes_read_ahead_are_returned_first() {
        let (mut client, server) = tokio::io::duplex(100);
        let mut stream = ReadAhead::new(server);
        client.write_all(b"PROXYGET / HTTP/1.1").await.unwrap();
        assert_eq!(stream.read_more(3).await.unwrap(), 3);
        assert_eq!(stream.read_more(8).await.unwrap(), 5);
        assert_eq!(stream.read_more(8).await.unwrap(), 0);
        assert_eq!(stream.ahead(), b"PROXYGET");
        stream.skip(5);
        let mut two = [0; 2];
        stream.read_exact(&mut two).await.unwrap();
        assert_eq!((two, stream.ahead()), (*b"GE", &b"T"[..]));
        let mut rest = [0; 100];
        let length = stream.read(&mut rest).await.unwrap();
        assert_eq!(&rest[..length], b"T / HTTP/1.1", "what came together is read together");
        drop(client);
        assert_eq!(stream.read(&mut rest).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn reader_does_not_wait_for_more_than_was_read_ahead() {
        let (mut client, server) = tokio::io::duplex(100);
        let mut stream = ReadAhead::new(server);
        client.write_all(b"GET").await.unwrap();
        stream.read_more(3).await.unwrap();
        let mut buffer = [0; 100];
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 3);
        stream.write_all(b"answer").await.unwrap();
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"answer");
    }
}
