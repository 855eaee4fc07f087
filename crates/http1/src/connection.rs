//! One connection to a server: a request and its response, then the next.
//!
//! Polling for the response or for a frame of its body also writes what is left of the request, so
//! both directions advance together and need no task.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{Method, Response};
use http_body::{Body, Frame, SizeHint};
use tokio_util::io::poll_read_buf;

use super::chunked::Decoded;
use super::request::RequestHead;
use super::request_writer::RequestWriter;
use super::response::{BodyDecoder, MAX_HEAD, ResponseHead};
use super::stream::Stream;
use super::{BodyError, Error};

/// Size of the read buffer at first, and at most for large bodies.
const MIN_READ: usize = 8 * 1024;
const MAX_READ: usize = 64 * 1024;
/// The largest read buffer after [`Connection::limit_read_buffer`].
const MAX_READ_LIMITED: usize = 16 * 1024;

/// A connection to a server.
pub struct Connection<B> {
    stream: Stream,
    writer: RequestWriter<B>,
    read: BytesMut,
    /// Size of the next read. Doubles when a read fills the buffer.
    read_size: usize,
    max_read_size: usize,
    /// Decodes what is left of the response.
    body: BodyDecoder,
    /// Whether the request is a HEAD, so that its response has no body.
    is_head: bool,
    /// Whether any byte has been received since the request began.
    received: bool,
    /// Bytes that the head of the response and interim responses may still take.
    head_budget: usize,
    /// Whether another request may follow.
    reusable: bool,
}

impl<B> Connection<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    /// Takes a stream over which nothing has been sent.
    #[must_use]
    pub fn new(stream: impl Into<Stream>) -> Self {
        Self {
            stream: stream.into(),
            writer: RequestWriter::default(),
            read: BytesMut::new(),
            read_size: MIN_READ,
            max_read_size: MAX_READ,
            body: BodyDecoder::Done,
            is_head: false,
            received: false,
            head_budget: MAX_HEAD,
            reusable: true,
        }
    }

    /// Whether the exchange is complete and another may follow: the whole request has been written,
    /// the whole response and nothing more has been read, and the server keeps the connection open.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.reusable
            && self.writer.is_done()
            && self.is_response_complete()
            && self.read.is_empty()
    }

    /// Frees buffers that grew for a large message.
    pub fn release_buffers(&mut self) {
        if self.read_size > MIN_READ {
            (self.read, self.read_size) = (BytesMut::new(), MIN_READ);
        }
        self.max_read_size = MAX_READ;
        self.writer.release_buffers();
    }

    /// Bounds the read buffer for the next response, at the cost of more reads. For clients that
    /// may keep many responses waiting.
    pub fn limit_read_buffer(&mut self) {
        self.max_read_size = MAX_READ_LIMITED;
    }

    /// Whether the whole request has been written.
    #[must_use]
    pub fn is_request_sent(&self) -> bool {
        self.writer.is_done()
    }

    /// Discards what has not been written of the request and shuts down the writing half.
    ///
    /// # Errors
    /// When the connection is closed already.
    pub fn abort_request(&mut self) -> io::Result<()> {
        self.writer.discard();
        self.reusable = false;
        self.stream.shut_down_writing()
    }

    /// Ready when the server sends anything or closes the connection.
    pub fn poll_activity(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_read(cx).map(drop)
    }

    /// Whether the server has closed the idle connection or sent something that was not requested,
    /// according to the operating system at this moment. Takes one system call.
    #[must_use]
    pub fn is_stale(&mut self) -> bool {
        self.stream.is_stale()
    }

    /// Begins an exchange on an [idle](Self::is_idle) connection that is not
    /// [stale](Self::is_stale). Nothing is written until the response is polled for. With `last`,
    /// the server is asked to close the connection after its response.
    pub fn begin(&mut self, head: &RequestHead, body: B, last: bool) {
        self.writer.begin(head, body, last);
        self.reusable = !last;
        self.is_head = *head.method() == Method::HEAD;
        (self.received, self.head_budget) = (false, MAX_HEAD);
    }

    /// Whether no byte of the response has been received.
    #[must_use]
    pub fn has_received_nothing(&self) -> bool {
        !self.received
    }

    /// Writes the request and reads the head of the response. Interim responses are discarded.
    ///
    /// # Errors
    /// When the request's body fails, or when there is no valid response.
    pub fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<()>, Error>> {
        self.write(cx)?;
        loop {
            let read = ResponseHead::read(&mut self.read, self.is_head, &mut self.head_budget)?;
            if let Some(response) = read {
                self.body = response.body;
                self.reusable &= response.reusable;
                return Poll::Ready(Ok(response.head));
            }
            if ready!(self.poll_read(cx))? == 0 {
                let nothing = self.has_received_nothing();
                return Poll::Ready(Err(if nothing {
                    Error::NoResponse
                } else {
                    Error::Incomplete
                }));
            }
        }
    }

    /// Reads the next frame of the response's body, and goes on writing the request.
    ///
    /// # Errors
    /// When the body is cut off, or its framing is invalid.
    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.write(cx)?;
        loop {
            match self.body.next(&mut self.read)? {
                Decoded::Data(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Decoded::Trailers(fields) => {
                    return Poll::Ready(Some(Ok(Frame::trailers(fields))));
                }
                Decoded::End => return Poll::Ready(None),
                Decoded::Incomplete => {}
            }
            if ready!(self.poll_read(cx)).map_err(Error::Io)? == 0 {
                if self.body != BodyDecoder::UntilClose {
                    return Poll::Ready(Some(Err(Error::Incomplete)));
                }
                self.body = BodyDecoder::Done;
            }
        }
    }

    /// Whether the whole body of the response has been read.
    #[must_use]
    pub fn is_response_complete(&self) -> bool {
        self.body == BodyDecoder::Done
    }

    /// The length of what is left of the response's body, if it is known.
    #[must_use]
    pub fn size_hint(&self) -> SizeHint {
        match self.body {
            BodyDecoder::Done => SizeHint::with_exact(0),
            BodyDecoder::Length(left) => SizeHint::with_exact(left),
            BodyDecoder::Chunked(_) | BodyDecoder::UntilClose => SizeHint::default(),
        }
    }

    /// Closes the connection. After a complete exchange it is reset, which frees its port at once;
    /// an ordinary close keeps the port for a minute (TIME_WAIT).
    pub fn close(self) {
        if self.writer.is_done() && self.is_response_complete() {
            self.stream.reset_on_close();
        }
    }

    /// The stream and what has been read from it, after a switch to another protocol.
    #[must_use]
    pub fn into_stream(self) -> (Stream, Bytes) {
        (self.stream, self.read.freeze())
    }

    /// Writes as much of the request as the socket accepts. A write error is not returned: the
    /// server may have responded before it stopped reading, which the next read shows.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.writer.is_done() {
            return Ok(());
        }
        match self.writer.poll_write(&mut self.stream, cx) {
            Poll::Ready(Err(Error::Io(error))) => {
                tracing::debug!(%error, "cannot send the whole request");
                self.writer.discard();
                self.reusable = false;
                Ok(())
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    /// Reads; returns 0 when the server has closed the connection.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // Frames share the buffer. A new one is taken before this one is full, so that a small
        // frame that is kept for long does not keep a large buffer.
        if self.read.capacity() - self.read.len() < self.read_size / 2 {
            self.read.reserve(self.read_size);
        }
        let room = self.read.capacity() - self.read.len();
        let read = ready!(poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.read))?;
        self.received |= read > 0;
        if read == room {
            self.read_size = self.max_read_size.min(self.read_size * 2);
        }
        Poll::Ready(Ok(read))
    }
}

/// Leaves out the messages: they contain secrets.
impl<B> fmt::Debug for Connection<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("body", &self.body).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
