//! Writes a request: its head, and its body with the framing that fits it.

use std::fmt;
use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, Method};
use http_body::{Body, Frame};
use tokio::io::AsyncWrite;

use super::request::{CRLF, RequestHead, write_fields};
use super::{BodyError, Error};

/// Largest buffer for heads that is kept between requests.
const USUAL_HEAD: usize = 8 * 1024;

/// What has not been written of a request. Buffers at most one frame of the body.
pub(super) struct RequestWriter<B> {
    /// The head, and the lines with the sizes of chunks.
    before: BytesMut,
    data: Bytes,
    after: &'static [u8],
    body: Option<B>,
    framing: Framing,
    /// Whether the stream may have kept back what was written last, as TLS does.
    unflushed: bool,
}

/// The framing of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// `Content-Length`; this many bytes are left.
    Length(u64),
    ChunkedDecoder,
}

impl<B> RequestWriter<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    /// Takes a request. A body whose length is known is framed by it, any other is chunked. With
    /// `last`, the server is asked to close the connection after its response.
    pub(super) fn begin(&mut self, head: &RequestHead, body: B, last: bool) {
        self.before.clear();
        self.before.put_slice(head.as_bytes());
        if body.is_end_stream() {
            // Methods that usually have a body state its absence (RFC 9110, section 8.6).
            if matches!(*head.method(), Method::POST | Method::PUT | Method::PATCH) {
                self.before.put_slice(b"content-length: 0\r\n");
            }
        } else {
            self.framing = match body.size_hint().exact() {
                Some(length) => Framing::Length(length),
                None => Framing::ChunkedDecoder,
            };
            match self.framing {
                Framing::Length(length) => {
                    // Writing to memory does not fail.
                    let _ = write!((&mut self.before).writer(), "content-length: {length}\r\n");
                }
                Framing::ChunkedDecoder => self.before.put_slice(b"transfer-encoding: chunked\r\n"),
            }
            self.body = Some(body);
        }
        if last {
            self.before.put_slice(b"connection: close\r\n");
        }
        self.before.put_slice(CRLF);
    }

    /// Whether the whole request has been written.
    #[must_use]
    pub(super) fn is_done(&self) -> bool {
        self.body.is_none() && !self.has_bytes() && !self.unflushed
    }

    /// Frees a buffer that grew for a large head.
    pub(super) fn release_buffers(&mut self) {
        if self.before.capacity() > USUAL_HEAD {
            self.before = BytesMut::new();
        }
    }

    /// Discards what has not been written.
    pub(super) fn discard(&mut self) {
        self.before.clear();
        self.data = Bytes::new();
        self.after = &[];
        self.body = None;
        self.unflushed = false;
    }

    /// Writes. Ready when the whole request has been written.
    ///
    /// # Errors
    /// When the body or the connection fails.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        loop {
            while self.data.is_empty()
                && self.after.is_empty()
                && let Some(body) = &mut self.body
                && let Poll::Ready(frame) = Pin::new(body).poll_frame(cx)
            {
                let frame = frame.transpose().map_err(|error| Error::RequestBody(error.into()))?;
                self.put(frame)?;
            }
            if !self.has_bytes() {
                if self.unflushed {
                    ready!(Pin::new(&mut *stream).poll_flush(cx))?;
                    self.unflushed = false;
                }
                return if self.body.is_none() { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            let stream = Pin::new(&mut *stream);
            let written = if self.data.is_empty() && self.after.is_empty() {
                stream.poll_write(cx, &self.before)
            } else {
                let parts = [&*self.before, &*self.data, self.after].map(IoSlice::new);
                stream.poll_write_vectored(cx, &parts)
            };
            let written = ready!(written)?;
            if written == 0 {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
            }
            self.unflushed = true;
            self.advance(written);
        }
    }

    /// Buffers the next frame of the body, or ends it.
    fn put(&mut self, frame: Option<Frame<Bytes>>) -> Result<(), Error> {
        let Some(frame) = frame else {
            return self.end(&HeaderMap::new());
        };
        match frame.into_data() {
            // An empty chunk would end the body.
            Ok(data) if data.is_empty() => Ok(()),
            Ok(data) => {
                match &mut self.framing {
                    Framing::Length(left) => {
                        *left = left.checked_sub(data.len() as u64).ok_or_else(|| {
                            Error::RequestBody("it is longer than its declared length".into())
                        })?;
                        if *left == 0 {
                            // The end of the body may be reported much later.
                            self.body = None;
                        }
                    }
                    Framing::ChunkedDecoder => {
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

    /// Ends the body, with trailers if it is chunked.
    fn end(&mut self, trailers: &HeaderMap) -> Result<(), Error> {
        match self.framing {
            Framing::Length(0) => {}
            Framing::Length(_) => {
                return Err(Error::RequestBody("it is shorter than its declared length".into()));
            }
            Framing::ChunkedDecoder => {
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

impl<B> Default for RequestWriter<B> {
    fn default() -> Self {
        Self {
            before: BytesMut::new(),
            data: Bytes::new(),
            after: &[],
            body: None,
            framing: Framing::Length(0),
            unflushed: false,
        }
    }
}

/// Leaves out the request: it contains secrets.
impl<B> fmt::Debug for RequestWriter<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestWriter").field("framing", &self.framing).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
