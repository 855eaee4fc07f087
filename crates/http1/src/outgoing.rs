//! A request on its way out: its head, how its body is framed, and what has not been written yet.

use std::fmt;
use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, Method};
use http_body::{Body, Frame};
use tokio::io::AsyncWrite;

use super::request::{CRLF, Head, write_fields};
use super::{BodyError, Failure};

/// Room for a head that is kept between requests.
const USUAL_HEAD: usize = 8 * 1024;

/// What has not been written of a request. At most one frame of its body waits here.
pub struct Outgoing<B> {
    /// The head, and lines around chunks.
    before: BytesMut,
    data: Bytes,
    after: &'static [u8],
    body: Option<B>,
    coding: Coding,
}

/// How the body goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// As it is; so many bytes are left.
    Length(u64),
    Chunks,
}

impl<B> Outgoing<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    /// Prepares a request to be written, its body framed by what is known of it. `last`: the server
    /// is asked to close the connection after its answer.
    pub fn begin(&mut self, head: &Head, body: B, last: bool) {
        self.before.clear();
        self.before.put_slice(head.as_bytes());
        if body.is_end_stream() {
            // Where a body is usual, its absence is said (RFC 9110, 8.6).
            if matches!(*head.method(), Method::POST | Method::PUT | Method::PATCH) {
                self.before.put_slice(b"content-length: 0\r\n");
            }
        } else {
            self.coding = match body.size_hint().exact() {
                Some(length) => Coding::Length(length),
                None => Coding::Chunks,
            };
            match self.coding {
                Coding::Length(length) => {
                    // Writing into memory does not fail.
                    let _ = write!((&mut self.before).writer(), "content-length: {length}\r\n");
                }
                Coding::Chunks => self.before.put_slice(b"transfer-encoding: chunked\r\n"),
            }
            self.body = Some(body);
        }
        if last {
            self.before.put_slice(b"connection: close\r\n");
        }
        self.before.put_slice(CRLF);
    }

    /// Whether nothing is left to write.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.body.is_none() && !self.has_bytes()
    }

    /// Gives back what a large head needed.
    pub fn rest(&mut self) {
        if self.before.capacity() > USUAL_HEAD {
            self.before = BytesMut::new();
        }
    }

    /// Drops what has not been written.
    pub fn give_up(&mut self) {
        self.before.clear();
        self.data = Bytes::new();
        self.after = &[];
        self.body = None;
    }

    /// Writes; ready when all of it has been written.
    ///
    /// # Errors
    /// When the body or the connection fails.
    pub fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        loop {
            while self.data.is_empty()
                && self.after.is_empty()
                && let Some(body) = &mut self.body
                && let Poll::Ready(frame) = Pin::new(body).poll_frame(cx)
            {
                let frame = frame.transpose().map_err(|error| Failure::Upload(error.into()))?;
                self.put(frame)?;
            }
            if !self.has_bytes() {
                return if self.body.is_none() { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            let parts =
                [IoSlice::new(&self.before), IoSlice::new(&self.data), IoSlice::new(self.after)];
            let written = ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &parts))?;
            if written == 0 {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
            }
            self.advance(written);
        }
    }

    /// Takes the next frame of the body, or its end.
    fn put(&mut self, frame: Option<Frame<Bytes>>) -> Result<(), Failure> {
        let Some(frame) = frame else {
            return self.end(&HeaderMap::new());
        };
        match frame.into_data() {
            // In chunks, an empty one would be the end.
            Ok(data) if data.is_empty() => Ok(()),
            Ok(data) => {
                match &mut self.coding {
                    Coding::Length(left) => {
                        *left = left
                            .checked_sub(data.len() as u64)
                            .ok_or_else(|| Failure::Upload("it is longer than it said".into()))?;
                        if *left == 0 {
                            // All that was announced; its end may be told much later.
                            self.body = None;
                        }
                    }
                    Coding::Chunks => {
                        let _ = write!((&mut self.before).writer(), "{:x}\r\n", data.len());
                        self.after = CRLF;
                    }
                }
                self.data = data;
                Ok(())
            }
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => self.end(&trailers),
                Err(_) => Ok(()),
            },
        }
    }

    /// Ends the body.
    fn end(&mut self, trailers: &HeaderMap) -> Result<(), Failure> {
        match self.coding {
            Coding::Length(0) => {}
            Coding::Length(_) => return Err(Failure::Upload("it is shorter than it said".into())),
            Coding::Chunks => {
                self.before.put_slice(b"0\r\n");
                write_fields(&mut self.before, trailers);
                self.before.put_slice(CRLF);
            }
        }
        self.body = None;
        Ok(())
    }

    fn has_bytes(&self) -> bool {
        !self.before.is_empty() || !self.data.is_empty() || !self.after.is_empty()
    }

    fn advance(&mut self, written: usize) {
        let mut left = written;
        for part in [&mut self.before as &mut dyn Buf, &mut self.data, &mut self.after] {
            let step = left.min(part.remaining());
            part.advance(step);
            left -= step;
        }
    }
}

impl<B> Default for Outgoing<B> {
    fn default() -> Self {
        Self {
            before: BytesMut::new(),
            data: Bytes::new(),
            after: &[],
            body: None,
            coding: Coding::Length(0),
        }
    }
}

/// Without what it says: there are secrets among it.
impl<B> fmt::Debug for Outgoing<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("coding", &self.coding).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
