//! The head of a response, and the framing of its body (RFC 9112, section 6.3).

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use hyper::ext::ReasonPhrase;

use super::Error;
use super::chunked::{ChunkedDecoder, Decoded, take};
use super::field_block::{MAX_FIELDS, read_field, split_block};
use super::fields::{is_end_to_end, is_hop_by_hop};
use super::repair::repair;

/// Largest head in bytes, including the interim responses before it.
pub(super) const MAX_HEAD: usize = 64 * 1024;
/// Room for fields that a proxy adds to a response, so that the map need not grow for them.
const ADDED: usize = 4;
/// The first bytes of every response.
const START: &[u8] = b"HTTP/1.";

const AMBIGUOUS_END: Error = Error::Malformed("the end of its head is ambiguous");
const CODING: Error = Error::Malformed("its transfer coding is not `chunked`");
const LENGTH: Error = Error::Malformed("its `Content-Length` is not a number");

/// The head of a response.
#[derive(Debug)]
pub(super) struct ResponseHead {
    /// Status and fields, without those that are for this connection only. The version is always
    /// HTTP/1.1.
    pub head: Response<()>,
    /// Decodes the body that follows.
    pub body: BodyDecoder,
    /// Whether the connection may be used for another request.
    pub reusable: bool,
}

/// Removes the framing of a response's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyDecoder {
    /// Nothing is left.
    Done,
    /// This many bytes are left, at least one.
    Length(u64),
    /// Chunks are left.
    Chunked(ChunkedDecoder),
    /// Everything until the server closes the connection.
    UntilClose,
}

impl ResponseHead {
    /// Takes the head of a response from the front of the read buffer; `None` until all of it has
    /// been read. Interim responses (RFC 9110, section 15.2) are discarded, except a 101. `is_head`
    /// says that the request was a HEAD. `budget` is the number of bytes that heads may still take.
    /// It is lowered by those that are taken.
    ///
    /// # Errors
    /// When it is invalid, too large, or leaves open where its body ends.
    pub(super) fn read(
        read: &mut BytesMut,
        is_head: bool,
        budget: &mut usize,
    ) -> Result<Option<Self>, Error> {
        const LARGE: Error = Error::Malformed("its head is too large");
        loop {
            // Old servers write an empty line after a body (RFC 9112, section 2.2).
            while read.starts_with(b"\r\n") {
                read.advance(2);
                *budget = budget.checked_sub(2).ok_or(LARGE)?;
            }
            if **read == *b"\r" {
                return Ok(None);
            }
            if !read.iter().zip(START).all(|(is, expected)| is == expected) {
                return Err(Error::Malformed("it does not begin with `HTTP/1.`"));
            }
            let Some(block) = split_block(read) else {
                return if read.len() > *budget { Err(LARGE) } else { Ok(None) };
            };
            *budget = budget.checked_sub(block.len()).ok_or(LARGE)?;
            let response = Self::parse(&block, is_head)?;
            let status = response.head.status();
            if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Some(response));
            }
        }
    }

    fn parse(block: &Bytes, is_head: bool) -> Result<Self, Error> {
        let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut parsed = httparse::Response::new(&mut []);
        let parser = httparse::ParserConfig::default();
        if let Ok(read) = parser.parse_response_with_uninit_headers(&mut parsed, block, &mut fields)
        {
            return Self::from_parsed(block, read, &parsed, is_head);
        }
        let repaired = Bytes::from(repair(block)?);
        let lines = memchr::memchr_iter(b'\n', &repaired).count();
        let mut fields = vec![httparse::EMPTY_HEADER; lines];
        let mut parsed = httparse::Response::new(&mut fields);
        let read = parsed.parse(&repaired)?;
        Self::from_parsed(&repaired, read, &parsed, is_head)
    }

    fn from_parsed(
        block: &Bytes,
        read: httparse::Status<usize>,
        parsed: &httparse::Response<'_, '_>,
        is_head: bool,
    ) -> Result<Self, Error> {
        if read != httparse::Status::Complete(block.len()) {
            return Err(AMBIGUOUS_END);
        }
        let (Some(minor), Some(code)) = (parsed.version, parsed.code) else {
            return Err(AMBIGUOUS_END);
        };
        let status =
            StatusCode::from_u16(code).map_err(|_| Error::Malformed("its status is invalid"))?;
        let mut head = Response::new(());
        *head.status_mut() = status;
        let switches = status == StatusCode::SWITCHING_PROTOCOLS;
        let mut framing = Framing { keep_alive: minor > 0, switches, ..Framing::default() };
        *head.headers_mut() = framing.read(block, parsed.headers)?;
        let reason = parsed.reason.filter(|reason| Some(*reason) != status.canonical_reason());
        if let Some(Ok(reason)) = reason.map(|reason| ReasonPhrase::try_from(reason.as_bytes())) {
            head.extensions_mut().insert(reason);
        }
        if framing.chunked && minor == 0 {
            return Err(CODING);
        }
        if switches || status == StatusCode::NO_CONTENT {
            // Neither may have one (RFC 9110, section 8.6).
            head.headers_mut().remove(header::CONTENT_LENGTH);
        }
        let announced = framing.decoder();
        let never = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let (body, certain) = if is_head {
            (BodyDecoder::Done, announced == BodyDecoder::Done)
        } else if never || switches {
            // A 304 may have the length that a 200 would have (RFC 9110, section 8.6).
            let length = status == StatusCode::NOT_MODIFIED && !framing.chunked;
            (
                BodyDecoder::Done,
                length || matches!(announced, BodyDecoder::Done | BodyDecoder::UntilClose),
            )
        } else {
            (announced, announced != BodyDecoder::UntilClose)
        };
        // A server that announces a body where none is allowed may send it anyway. On a connection
        // that is used again, it would be read as the next response.
        let reusable = certain && framing.reusable() && !switches;
        Ok(Self { head, body, reusable })
    }
}

impl BodyDecoder {
    /// Takes the next part of the body from the front of the read buffer.
    ///
    /// # Errors
    /// When the framing is invalid.
    pub(super) fn next(&mut self, read: &mut BytesMut) -> Result<Decoded, Error> {
        let decoded = match self {
            Self::Done => Decoded::End,
            Self::Length(left) => take(read, left),
            Self::Chunked(chunks) => chunks.next(read)?,
            Self::UntilClose => take(read, &mut { u64::MAX }),
        };
        if matches!(self, Self::Length(0) | Self::Chunked(ChunkedDecoder::Done)) {
            *self = Self::Done;
        }
        Ok(decoded)
    }
}

/// What the fields say about the body and the connection.
#[derive(Debug, Default)]
struct Framing {
    chunked: bool,
    length: Option<u64>,
    close: bool,
    keep_alive: bool,
    /// Whether the status is 101, whose `Upgrade` names the new protocol.
    switches: bool,
}

impl Framing {
    /// Reads the fields and returns those to pass on: none that is for this connection only, except
    /// the `Upgrade` of a 101, and at most one `Content-Length`. Values share the memory of the
    /// block.
    fn read(&mut self, block: &Bytes, parsed: &[httparse::Header<'_>]) -> Result<HeaderMap, Error> {
        let mut fields = HeaderMap::with_capacity(parsed.len() + ADDED);
        let mut nominated = Vec::new();
        for field in parsed {
            let (name, value) = read_field(block, field)?;
            match name {
                header::CONTENT_LENGTH => {
                    let length = parse_length(&value)?;
                    if self.length.is_some_and(|before| before != length) {
                        return Err(Error::Malformed(
                            "it has two different `Content-Length` headers",
                        ));
                    }
                    self.length = Some(length);
                    fields.insert(name, value);
                }
                header::TRANSFER_ENCODING => {
                    // Another coding could not be passed on to the client (RFC 9112, section 6.1).
                    let plain = value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
                    if !plain || self.chunked {
                        return Err(CODING);
                    }
                    self.chunked = true;
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
        if self.chunked {
            // The client must not get both (RFC 9112, section 6.3).
            fields.remove(header::CONTENT_LENGTH);
        }
        Ok(fields)
    }

    /// Invalid options are ignored, and so are names of end-to-end fields. Hop-by-hop fields are
    /// removed anyway.
    fn read_connection(&mut self, value: &HeaderValue, nominated: &mut Vec<HeaderName>) {
        for token in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if token.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if let Ok(name) = HeaderName::from_bytes(token)
                && !is_end_to_end(&name)
                && !is_hop_by_hop(&name)
            {
                nominated.push(name);
            }
        }
    }

    fn decoder(&self) -> BodyDecoder {
        match self.length {
            _ if self.chunked => BodyDecoder::Chunked(ChunkedDecoder::Size),
            Some(0) => BodyDecoder::Done,
            Some(length) => BodyDecoder::Length(length),
            None => BodyDecoder::UntilClose,
        }
    }

    /// Whether the server keeps the connection open (RFC 9112, section 9.3) and the end of the body
    /// is not in doubt.
    fn reusable(&self) -> bool {
        self.keep_alive && !self.close && !(self.chunked && self.length.is_some())
    }
}

/// Digits only (RFC 9110, section 8.6). A sign or a list is refused.
fn parse_length(value: &HeaderValue) -> Result<u64, Error> {
    let digits = value.to_str().map_err(|_| LENGTH)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(LENGTH);
    }
    digits.parse().map_err(|_| LENGTH)
}

#[cfg(test)]
mod tests;
