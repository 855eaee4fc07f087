//! The head of an answer, and how its body is framed (RFC 9112, 6.3).

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use hyper::ext::ReasonPhrase;

use super::Failure;
use super::chunks::{Chunks, Piece, take};
use super::fields::{is_end_to_end, is_hop_by_hop};
use super::repair::repair;

/// Bytes of a head and of the interim answers before it.
pub(super) const MOST_HEAD: usize = 64 * 1024;
/// Fields of a head that costs no memory of its own, and of trailers.
pub(super) const MOST_FIELDS: usize = 100;
/// What every answer begins with.
const START: &[u8] = b"HTTP/1.";

const UNEVEN: Failure = Failure::Malformed("its head does not end where it seems to");
const CODED: Failure = Failure::Malformed("its body is coded, and not in plain chunks");
const LENGTH: Failure = Failure::Malformed("its length is no number");

/// An answer's head.
#[derive(Debug)]
pub struct Answer {
    /// What it says, without what is for this connection only. Its version is not told: nobody
    /// asks for it.
    pub head: Response<()>,
    /// The body that follows.
    pub body: Body,
    /// Whether the connection may be used again after it.
    pub stays: bool,
}

/// What is left of an answer's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Over,
    /// So many bytes, at least one.
    Length(u64),
    /// Chunks.
    Chunks(Chunks),
    /// Whatever comes until the server closes the connection.
    UntilClose,
}

impl Answer {
    /// Cuts an answer's head from the front of what has been read, if all of it is there. Interim
    /// answers (RFC 9110, 15.2) are passed over, except a 101. `to_head`: what was asked was HEAD.
    /// `room` is how many bytes heads may still have, and becomes less by those that are cut off.
    ///
    /// # Errors
    /// When it is none, is too large, or leaves open where its body ends.
    pub fn read(
        read: &mut BytesMut,
        to_head: bool,
        room: &mut usize,
    ) -> Result<Option<Self>, Failure> {
        const LARGE: Failure = Failure::Malformed("its head is too large");
        loop {
            // Old servers write an empty line behind a body.
            while read.starts_with(b"\r\n") {
                read.advance(2);
                *room = room.checked_sub(2).ok_or(LARGE)?;
            }
            if **read == *b"\r" {
                return Ok(None);
            }
            if !read.iter().zip(START).all(|(is, expected)| is == expected) {
                return Err(Failure::Malformed("it does not begin like HTTP/1"));
            }
            let Some(block) = block(read) else {
                return if read.len() > *room { Err(LARGE) } else { Ok(None) };
            };
            *room = room.checked_sub(block.len()).ok_or(LARGE)?;
            let answer = Self::of(&block, to_head)?;
            let status = answer.head.status();
            if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Some(answer));
            }
        }
    }

    fn of(block: &Bytes, to_head: bool) -> Result<Self, Failure> {
        let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
        let mut parsed = httparse::Response::new(&mut []);
        let parser = httparse::ParserConfig::default();
        if let Ok(read) = parser.parse_response_with_uninit_headers(&mut parsed, block, &mut fields)
        {
            return Self::parsed(block, read, &parsed, to_head);
        }
        let repaired = Bytes::from(repair(block)?);
        let lines = memchr::memchr_iter(b'\n', &repaired).count();
        let mut fields = vec![httparse::EMPTY_HEADER; lines];
        let mut parsed = httparse::Response::new(&mut fields);
        let read = parsed.parse(&repaired)?;
        Self::parsed(&repaired, read, &parsed, to_head)
    }

    fn parsed(
        block: &Bytes,
        read: httparse::Status<usize>,
        parsed: &httparse::Response<'_, '_>,
        to_head: bool,
    ) -> Result<Self, Failure> {
        if read != httparse::Status::Complete(block.len()) {
            return Err(UNEVEN);
        }
        let (Some(minor), Some(code)) = (parsed.version, parsed.code) else { return Err(UNEVEN) };
        let status =
            StatusCode::from_u16(code).map_err(|_| Failure::Malformed("its status is none"))?;
        let mut head = Response::new(());
        *head.status_mut() = status;
        let switches = status == StatusCode::SWITCHING_PROTOCOLS;
        let mut framing = Framing { keep: minor > 0, switches, ..Framing::default() };
        *head.headers_mut() = framing.read(block, parsed.headers)?;
        let reason = parsed.reason.filter(|reason| Some(*reason) != status.canonical_reason());
        if let Some(Ok(reason)) = reason.map(|reason| ReasonPhrase::try_from(reason.as_bytes())) {
            head.extensions_mut().insert(reason);
        }
        if framing.chunks && minor == 0 {
            return Err(CODED);
        }
        if switches || status == StatusCode::NO_CONTENT {
            // Neither may say it (RFC 9110, 8.6).
            head.headers_mut().remove(header::CONTENT_LENGTH);
        }
        let announced = framing.body();
        let never = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let (body, certain) = if to_head {
            (Body::Over, announced == Body::Over)
        } else if never || switches {
            // A 304 may tell the length that a 200 would have (RFC 9110, 8.6).
            let length = status == StatusCode::NOT_MODIFIED && !framing.chunks;
            (Body::Over, length || matches!(announced, Body::Over | Body::UntilClose))
        } else {
            (announced, announced != Body::UntilClose)
        };
        // A server that announces a body where none may come may send it all the same, and it would
        // be read as the answer to somebody else.
        let stays = certain && framing.stays() && !switches;
        Ok(Self { head, body, stays })
    }
}

impl Body {
    /// Cuts the next piece from the front of what has been read.
    ///
    /// # Errors
    /// When it is not framed as the head says.
    pub fn next(&mut self, read: &mut BytesMut) -> Result<Piece, Failure> {
        let piece = match self {
            Self::Over => Piece::End,
            Self::Length(left) => take(read, left),
            Self::Chunks(chunks) => chunks.next(read)?,
            Self::UntilClose => take(read, &mut { u64::MAX }),
        };
        if matches!(self, Self::Length(0) | Self::Chunks(Chunks::End)) {
            *self = Self::Over;
        }
        Ok(piece)
    }
}

/// Cuts off the lines up to an empty one and that one too, if all of them are there. A line may
/// end without CR (RFC 9112, 2.2).
pub(super) fn block(read: &mut BytesMut) -> Option<Bytes> {
    let mut ends = memchr::memchr_iter(b'\n', read).map(|end| end + 1);
    let end = loop {
        let end = ends.next()?;
        match read.get(end..)? {
            [b'\n', ..] => break end + 1,
            [b'\r', b'\n', ..] => break end + 2,
            _ => {}
        }
    };
    drop(ends);
    Some(read.split_to(end).freeze())
}

/// What an answer's fields say of its body and its connection.
#[derive(Debug, Default)]
struct Framing {
    chunks: bool,
    length: Option<u64>,
    close: bool,
    keep: bool,
    /// Whether the answer is a 101, which says to what by `Upgrade`.
    switches: bool,
}

impl Framing {
    /// Reads the fields, and leaves those that go on to a client: none of this connection, but for
    /// what a 101 switches to, and at most one that tells the length. They keep the block instead
    /// of copies.
    fn read(
        &mut self,
        block: &Bytes,
        parsed: &[httparse::Header<'_>],
    ) -> Result<HeaderMap, Failure> {
        let mut fields = HeaderMap::with_capacity(parsed.len());
        let mut nominated = Vec::new();
        for field in parsed {
            let (name, value) = read_field(block, field)?;
            match name {
                header::CONTENT_LENGTH => {
                    let length = length(&value)?;
                    if self.length.is_some_and(|before| before != length) {
                        return Err(Failure::Malformed("it has two lengths"));
                    }
                    self.length = Some(length);
                    fields.insert(name, value);
                }
                header::TRANSFER_ENCODING => {
                    // Of any other coding the client would not be told (RFC 9112, 6.1).
                    let plain = value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
                    if !plain || self.chunks {
                        return Err(CODED);
                    }
                    self.chunks = true;
                }
                header::CONNECTION => self.read_connection(&value, &mut nominated),
                header::UPGRADE if self.switches => {
                    fields.append(name, value);
                }
                _ if is_hop_by_hop(&name) => {}
                _ => {
                    fields.append(name, value);
                }
            }
        }
        for name in nominated {
            fields.remove(name);
        }
        if self.chunks {
            // Both would let the client choose (RFC 9112, 6.3).
            fields.remove(header::CONTENT_LENGTH);
        }
        Ok(fields)
    }

    /// What cannot be read of it, and what an answer is nothing without, nominates nothing; what is
    /// for this connection in any case need not be nominated.
    fn read_connection(&mut self, value: &HeaderValue, nominated: &mut Vec<HeaderName>) {
        for token in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if token.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                self.keep = true;
            } else if let Ok(name) = HeaderName::from_bytes(token)
                && !is_end_to_end(&name)
                && !is_hop_by_hop(&name)
            {
                nominated.push(name);
            }
        }
    }

    fn body(&self) -> Body {
        match self.length {
            _ if self.chunks => Body::Chunks(Chunks::Size),
            Some(0) => Body::Over,
            Some(length) => Body::Length(length),
            None => Body::UntilClose,
        }
    }

    /// Whether the server leaves the connection open (RFC 9112, 9.3), and nothing that could be
    /// read in two ways makes doubtful what follows.
    fn stays(&self) -> bool {
        self.keep && !self.close && !(self.chunks && self.length.is_some())
    }
}

/// A field that was parsed out of a block.
pub(super) fn read_field(
    block: &Bytes,
    field: &httparse::Header<'_>,
) -> Result<(HeaderName, HeaderValue), Failure> {
    let bad = |why| Failure::Field { name: field.name.to_owned(), why };
    let name =
        HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| bad("its name is not valid"))?;
    let value = HeaderValue::from_maybe_shared(block.slice_ref(field.value))
        .map_err(|_| bad("its value is not valid"))?;
    Ok((name, value))
}

/// Digits and nothing else (RFC 9110, 8.6): a sign or a list is not read.
fn length(value: &HeaderValue) -> Result<u64, Failure> {
    let digits = value.to_str().map_err(|_| LENGTH)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(LENGTH);
    }
    digits.parse().map_err(|_| LENGTH)
}

#[cfg(test)]
mod tests;
