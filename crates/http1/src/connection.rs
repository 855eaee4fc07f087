//! One connection: a request goes out and its answer comes in, then the next.
//!
//! Whoever waits for an answer or reads a body drives the connection by that, in both directions:
//! the request goes on while its answer comes in.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, Response};
use http_body::{Body, Frame, SizeHint};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_util::io::poll_read_buf;

use super::answer::{self, Answer, MOST_HEAD};
use super::chunks::Piece;
use super::outgoing::Outgoing;
use super::request::Head;
use super::{BodyError, Failure};

/// Room for what is read at once, first and for large bodies.
const LEAST_READ: usize = 8 * 1024;
const MOST_READ: usize = 64 * 1024;
/// The same where many answers may be held up at once.
const MOST_READ_SMALL: usize = 16 * 1024;

/// A connection to a server.
pub struct Connection<B> {
    stream: TcpStream,
    outgoing: Outgoing<B>,
    read: BytesMut,
    /// Room for the next read; grows with what comes.
    room: usize,
    most_room: usize,
    /// What is left of the answer that comes in.
    body: answer::Body,
    /// Whether the question was HEAD.
    to_head: bool,
    /// Whether anything has come since the last request.
    heard: bool,
    /// Bytes that the heads of its answers may still have.
    head_room: usize,
    /// Whether another request may follow.
    stays: bool,
}

impl<B> Connection<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    /// Speaks over a stream that nothing has been said over.
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            outgoing: Outgoing::default(),
            read: BytesMut::new(),
            room: LEAST_READ,
            most_room: MOST_READ,
            body: answer::Body::Over,
            to_head: false,
            heard: false,
            head_room: MOST_HEAD,
            stays: true,
        }
    }

    /// Whether the exchange is over and another may follow: the request has gone out whole, its
    /// answer has come in whole, nothing more has, and the server has not said that it closes.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.stays && self.outgoing.is_done() && self.is_over() && self.read.is_empty()
    }

    /// Gives back what a large body needed.
    pub fn rest(&mut self) {
        if self.room > LEAST_READ {
            (self.read, self.room) = (BytesMut::new(), LEAST_READ);
        }
        self.most_room = MOST_READ;
        self.outgoing.rest();
    }

    /// Takes less memory for the next answer, and more reads if it is long.
    pub fn read_in_small_pieces(&mut self) {
        self.most_room = MOST_READ_SMALL;
    }

    /// Whether the request has gone out whole.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.outgoing.is_done()
    }

    /// Drops what has not been sent of the request, and tells the server that nothing more will
    /// come.
    ///
    /// # Errors
    /// When the connection is closed already.
    pub fn stop_sending(&mut self) -> io::Result<()> {
        self.outgoing.give_up();
        self.stays = false;
        SockRef::from(&self.stream).shutdown(Shutdown::Write)
    }

    /// Ready when anything comes from the server, or the connection has ended.
    pub fn poll_any(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_read(cx).map(drop)
    }

    /// Whether the server has closed the connection, or sent something that was not asked for, as
    /// the operating system knows it at this moment. Costs a system call.
    #[must_use]
    pub fn is_spoilt(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let seen = SockRef::from(&self.stream).peek(&mut byte);
        !matches!(seen, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Begins an exchange, when the one before [is over](Self::is_idle) and the connection is not
    /// [spoilt](Self::is_spoilt). Nothing is written before the answer is waited for. `last`: no
    /// other exchange follows this one, and the server is asked to close.
    pub fn begin(&mut self, head: &Head, body: B, last: bool) {
        self.outgoing.begin(head, body, last);
        self.stays = !last;
        self.to_head = *head.method() == Method::HEAD;
        (self.heard, self.head_room) = (false, MOST_HEAD);
    }

    /// Whether nothing has come of the answer.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        !self.heard
    }

    /// Sends, and waits for the head of the answer.
    ///
    /// # Errors
    /// When there will be none.
    pub fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<()>, Failure>> {
        self.send(cx)?;
        loop {
            let read = Answer::read(&mut self.read, self.to_head, &mut self.head_room)?;
            if let Some(answer) = read {
                self.body = answer.body;
                self.stays &= answer.stays;
                return Poll::Ready(Ok(answer.head));
            }
            if ready!(self.poll_read(cx))? == 0 {
                let closed = self.is_unanswered();
                return Poll::Ready(Err(if closed { Failure::Closed } else { Failure::Cut }));
            }
        }
    }

    /// The next frame of the answer's body; what is left of the request goes on being sent.
    ///
    /// # Errors
    /// When the body ends too early or is not framed as it should be.
    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.send(cx)?;
        loop {
            match self.body.next(&mut self.read)? {
                Piece::Data(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Piece::Trailers(fields) => return Poll::Ready(Some(Ok(Frame::trailers(fields)))),
                Piece::End => return Poll::Ready(None),
                Piece::More => {}
            }
            if ready!(self.poll_read(cx)).map_err(Failure::Broken)? == 0 {
                if self.body != answer::Body::UntilClose {
                    return Poll::Ready(Some(Err(Failure::Cut)));
                }
                self.body = answer::Body::Over;
            }
        }
    }

    /// Whether the answer's body is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.body == answer::Body::Over
    }

    /// How long the rest of the answer's body is, if that is known.
    #[must_use]
    pub fn size_hint(&self) -> SizeHint {
        match self.body {
            answer::Body::Over => SizeHint::with_exact(0),
            answer::Body::Length(left) => SizeHint::with_exact(left),
            answer::Body::Chunks(_) | answer::Body::UntilClose => SizeHint::default(),
        }
    }

    /// Closes the connection. After a complete exchange it is reset, so that its port is free at
    /// once: a port stays taken for a minute after an ordinary close.
    pub fn close(self) {
        if self.outgoing.is_done() && self.is_over() {
            // Without it, the close is an ordinary one.
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }

    /// The bare stream and what has been read from it, when something else than HTTP follows.
    #[must_use]
    pub fn into_stream(self) -> (TcpStream, Bytes) {
        (self.stream, self.read.freeze())
    }

    /// Sends what can be sent of the request. A server that takes no more may have answered before
    /// it closed its ears: that is seen when the answer is read.
    fn send(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        if self.outgoing.is_done() {
            return Ok(());
        }
        match self.outgoing.poll_write(&mut self.stream, cx) {
            Poll::Ready(Err(Failure::Broken(error))) => {
                tracing::debug!(%error, "a request could not be sent whole");
                self.outgoing.give_up();
                self.stays = false;
                Ok(())
            }
            Poll::Ready(Err(failure)) => Err(failure),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    /// Reads; 0 bytes when the server has closed the connection.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // A small piece that is still held somewhere shall not keep a whole buffer.
        if self.read.capacity() - self.read.len() < self.room / 2 {
            self.read.reserve(self.room);
        }
        let room = self.read.capacity() - self.read.len();
        let read = ready!(poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.read))?;
        self.heard |= read > 0;
        if read == room {
            self.room = self.most_room.min(self.room * 2);
        }
        Poll::Ready(Ok(read))
    }
}

/// Without what has been said: there are secrets among it.
impl<B> fmt::Debug for Connection<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("body", &self.body).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
