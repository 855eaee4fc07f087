//! The fuzz targets of this crate: each takes any bytes and panics when a property does not hold.
//!
//! `fuzz/` runs them with libFuzzer; the tests below run each over its corpus.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a property that fails stops the fuzzer")]

pub(crate) mod by_hyper;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::header::HeaderMap;
use http::{Method, StatusCode, header};
use http_body::Frame;

use crate::chunked::{ChunkedDecoder, Decoded};
use crate::fields::{is_hop_by_hop, may_be_trailer};
use crate::request_writer::RequestWriter;
use crate::response::{BodyDecoder, MAX_HEAD, ResponseHead};
use crate::{Error, RequestHead};

/// Sizes of the pieces that a message is also read in.
const PIECES: [usize; 4] = [1, 2, 7, 100];

/// All that was read of a response.
#[derive(Debug, PartialEq, Eq)]
struct Whole {
    status: StatusCode,
    fields: HeaderMap,
    body: Vec<u8>,
    trailers: HeaderMap,
    reusable: bool,
    /// Bytes behind the response.
    left: usize,
}

/// All that a server sends over a connection in response to one request.
///
/// - What is read of it does not depend on the pieces in which it comes.
/// - hyper reads the same status and body.
/// - No field is passed on that is for one connection, could end a line, or contradicts the body.
pub fn response_head(data: &[u8]) {
    for method in [Method::GET, Method::HEAD] {
        let is_head = method == Method::HEAD;
        let read = whole(data.chunks(usize::MAX), is_head);
        for size in PIECES {
            let again = whole(data.chunks(size), is_head);
            match (&read, again) {
                (Ok(read), Ok(again)) => assert_eq!(*read, again, "in pieces of {size}"),
                (Err(_), Err(_)) => {}
                (read, again) => panic!("{read:?} at once, {again:?} in pieces of {size}"),
            }
        }
        let Ok(read) = read else { continue };
        is_passable(&read, is_head);
        if read.status == StatusCode::SWITCHING_PROTOCOLS {
            continue;
        }
        match by_hyper::read(data, &method) {
            Ok((status, body)) => assert_eq!((read.status, &read.body), (status, &body)),
            // hyper refuses more than the length of a message.
            Err(_) if is_repaired(data) => {}
            Err(error) => panic!("hyper does not read what is read here: {error}"),
        }
    }
}

fn is_passable(read: &Whole, is_head: bool) {
    for (name, value) in &read.fields {
        let switched = read.status == StatusCode::SWITCHING_PROTOCOLS && *name == header::UPGRADE;
        assert!(switched || !is_hop_by_hop(name), "{name}");
        assert!(!value.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{name}");
    }
    assert!(read.trailers.keys().all(may_be_trailer));
    let mut lengths = read.fields.get_all(header::CONTENT_LENGTH).iter();
    let length = lengths.next().map(|length| length.to_str().unwrap().parse::<usize>().unwrap());
    assert_eq!(lengths.next(), None);
    let never = read.status == StatusCode::NOT_MODIFIED || is_head;
    assert!(never || length.is_none_or(|length| length == read.body.len()), "{length:?}");
    if read.reusable {
        let none = never || read.status == StatusCode::NO_CONTENT;
        assert!(!none || read.body.is_empty());
    }
}

/// Whether one of the heads is not valid as it stands, or is larger than hyper takes.
fn is_repaired(data: &[u8]) -> bool {
    let mut rest = data;
    loop {
        while let Some(after) = rest.strip_prefix(b"\r\n") {
            rest = after;
        }
        let mut fields = [httparse::EMPTY_HEADER; 100];
        let mut parsed = httparse::Response::new(&mut fields);
        let Ok(httparse::Status::Complete(length)) = parsed.parse(rest) else { return true };
        if parsed.code.is_none_or(|code| code >= 200) {
            return false;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
}

/// Reads a response that comes in these pieces, then the end of the connection.
fn whole<'d>(mut pieces: impl Iterator<Item = &'d [u8]>, is_head: bool) -> Result<Whole, Error> {
    let (mut read, mut room) = (BytesMut::new(), MAX_HEAD);
    let mut response: Option<ResponseHead> = None;
    let (mut body, mut trailers) = (Vec::new(), HeaderMap::new());
    'pieces: for piece in pieces.by_ref() {
        read.extend_from_slice(piece);
        loop {
            let Some(response) = &mut response else {
                response = ResponseHead::read(&mut read, is_head, &mut room)?;
                match response {
                    Some(_) => continue,
                    None => break,
                }
            };
            match response.body.next(&mut read)? {
                Decoded::Data(data) => body.extend_from_slice(&data),
                Decoded::Trailers(fields) => trailers = fields,
                Decoded::End => break 'pieces,
                Decoded::Incomplete => break,
            }
        }
    }
    let left = read.len() + pieces.map(<[u8]>::len).sum::<usize>();
    match response {
        Some(ResponseHead {
            head,
            body: BodyDecoder::Done | BodyDecoder::UntilClose,
            reusable,
        }) => {
            let (status, fields) = (head.status(), head.headers().clone());
            Ok(Whole { status, fields, body, trailers, reusable, left })
        }
        Some(_) | None => Err(Error::Incomplete),
    }
}

/// A body in chunks, and what follows it.
///
/// - What is read of it does not depend on the pieces in which it comes.
/// - hyper reads the same body.
/// - Written as a request's body and read again, it is the same.
pub fn chunks(data: &[u8]) {
    let read = chunked(data.chunks(usize::MAX));
    for size in PIECES {
        match (&read, chunked(data.chunks(size))) {
            (Ok(read), Ok(again)) => assert_eq!(*read, again, "in pieces of {size}"),
            (Err(_), Err(_)) => {}
            (read, again) => panic!("{read:?} at once, {again:?} in pieces of {size}"),
        }
    }
    let Ok((body, trailers, _)) = read else { return };
    assert!(trailers.keys().all(may_be_trailer));
    let response = [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", data].concat();
    let (_, theirs) = by_hyper::read(&response, &Method::GET)
        .unwrap_or_else(|error| panic!("hyper does not read what is read here: {error}"));
    assert_eq!(body, theirs);

    let written = written(&body, trailers.clone());
    let head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    let again = chunked([written.strip_prefix(head).unwrap()].into_iter()).unwrap();
    assert_eq!(again, (body, trailers, 0));
}

/// Data, trailers, and how much follows.
type Chunked = (Vec<u8>, HeaderMap, usize);

fn chunked<'d>(mut pieces: impl Iterator<Item = &'d [u8]>) -> Result<Chunked, Error> {
    let (mut chunks, mut read) = (ChunkedDecoder::Size, BytesMut::new());
    let (mut body, mut trailers) = (Vec::new(), HeaderMap::new());
    while let Some(piece) = pieces.next() {
        read.extend_from_slice(piece);
        loop {
            match chunks.next(&mut read)? {
                Decoded::Data(data) => {
                    assert!(!data.is_empty());
                    body.extend_from_slice(&data);
                }
                Decoded::Trailers(fields) => trailers = fields,
                Decoded::End => {
                    let left = read.len() + pieces.map(<[u8]>::len).sum::<usize>();
                    return Ok((body, trailers, left));
                }
                Decoded::Incomplete => break,
            }
        }
    }
    Err(Error::Incomplete)
}

/// A request with this body, in frames of 100 bytes and one without any.
fn written(body: &[u8], trailers: HeaderMap) -> Vec<u8> {
    let mut frames: Vec<_> = body.chunks(100).map(Bytes::copy_from_slice).collect();
    frames.push(Bytes::new());
    let frames = frames.into_iter().map(Frame::data).chain([Frame::trailers(trailers)]);
    let mut writer = RequestWriter::default();
    writer.begin(&RequestHead::new(&Method::POST, "/"), Frames(frames), false);
    let mut written = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while !writer.is_done() {
        let Poll::Ready(Ok(())) = writer.poll_write(&mut written, &mut cx) else {
            panic!("a request is not written");
        };
    }
    written
}

/// A body of these frames.
struct Frames<I>(I);

impl<I: Iterator<Item = Frame<Bytes>> + Unpin> http_body::Body for Frames<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::replay::replay;
    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

    #[test]
    fn corpus_of_response_heads() {
        replay(ROOT, "response_head", super::response_head);
    }

    #[test]
    fn corpus_of_chunks() {
        replay(ROOT, "chunks", super::chunks);
    }
}
