//! The chunked transfer coding (RFC 9112, section 7.1), decoded without copying.
//!
//! Lines must end with CR LF. Extensions are ignored, and so are spaces after a size, with which
//! old servers pad it.

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;

use super::Error;
use super::field_block::{MAX_FIELDS, read_field, split_block};
use super::fields::may_be_trailer;

/// Longest line with a size and its extensions, in bytes.
const MAX_LINE: usize = 1024;
/// Largest trailers in bytes.
const MAX_TRAILERS: usize = 16 * 1024;
/// Most digits of a size, which is then below 2^60.
const MAX_DIGITS: usize = 15;

const CRLF: &[u8] = b"\r\n";
const LONG: Error = Error::Malformed("its trailers are too large");
const SIZE: Error = Error::Malformed("the size of a chunk is not a number");

/// What comes next of a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChunkedDecoder {
    /// The line with the size of a chunk.
    Size,
    /// This many bytes of a chunk, then CR LF.
    Data(u64),
    /// Trailers and an empty line.
    Trailers,
    /// Nothing.
    Done,
}

/// A part of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// Data, at least one byte.
    Data(Bytes),
    /// Trailers, at least one.
    Trailers(HeaderMap),
    /// The end of the body.
    End,
    /// More must be read first.
    Incomplete,
}

impl ChunkedDecoder {
    /// Takes the next part of the body from the front of the read buffer.
    ///
    /// # Errors
    /// When the coding is invalid.
    pub(super) fn next(&mut self, read: &mut BytesMut) -> Result<Decoded, Error> {
        loop {
            match self {
                Self::Size => {
                    let Some(line) = line(read)? else { return Ok(Decoded::Incomplete) };
                    let (size, length) = (size(line)?, line.len() + CRLF.len());
                    read.advance(length);
                    *self = if size == 0 { Self::Trailers } else { Self::Data(size) };
                }
                Self::Data(0) => match read.get(..CRLF.len()) {
                    Some(CRLF) => {
                        read.advance(CRLF.len());
                        *self = Self::Size;
                    }
                    Some(_) => {
                        return Err(Error::Malformed("a chunk does not end where its size says"));
                    }
                    None => return Ok(Decoded::Incomplete),
                },
                Self::Data(left) => return Ok(take(read, left)),
                Self::Trailers => {
                    let Some(trailers) = trailers(read)? else { return Ok(Decoded::Incomplete) };
                    *self = Self::Done;
                    if !trailers.is_empty() {
                        return Ok(Decoded::Trailers(trailers));
                    }
                }
                Self::Done => return Ok(Decoded::End),
            }
        }
    }
}

/// Takes what has been read, at most `left` bytes, and lowers `left` by as much.
pub(super) fn take(read: &mut BytesMut, left: &mut u64) -> Decoded {
    if read.is_empty() {
        return Decoded::Incomplete;
    }
    let length = usize::try_from(*left).map_or(read.len(), |left| left.min(read.len()));
    *left -= length as u64;
    Decoded::Data(read.split_to(length).freeze())
}

/// The next line without CR LF; `None` until all of it has been read.
fn line(read: &[u8]) -> Result<Option<&[u8]>, Error> {
    let start = read.get(..MAX_LINE).unwrap_or(read);
    let Some(end) = memchr::memchr(b'\n', start) else {
        if start.len() < MAX_LINE {
            return Ok(None);
        }
        return Err(Error::Malformed("the line of a chunk is too long"));
    };
    match start.get(..end).and_then(|line| line.strip_suffix(b"\r")) {
        Some(line) => Ok(Some(line)),
        None => Err(Error::Malformed("the line of a chunk ends without CR")),
    }
}

/// The size in a line.
fn size(line: &[u8]) -> Result<u64, Error> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at_checked(digits).ok_or(SIZE)?;
    let is_text = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
    let ends = matches!(rest.trim_ascii_start().first(), None | Some(b';'));
    if digits.is_empty() || digits.len() > MAX_DIGITS || !ends || !rest.iter().all(is_text) {
        return Err(SIZE);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| SIZE)?;
    u64::from_str_radix(digits, 16).map_err(|_| SIZE)
}

/// Takes the trailers and the empty line; `None` until all of them have been read. Fields that
/// must not be trailers are left out.
fn trailers(read: &mut BytesMut) -> Result<Option<HeaderMap>, Error> {
    if read.starts_with(CRLF) {
        read.advance(CRLF.len());
        return Ok(Some(HeaderMap::new()));
    }
    let Some(block) = split_block(read) else {
        return if read.len() > MAX_TRAILERS { Err(LONG) } else { Ok(None) };
    };
    if block.len() > MAX_TRAILERS {
        return Err(LONG);
    }
    if memchr::memchr_iter(b'\n', &block).any(|end| end == 0 || block.get(end - 1) != Some(&b'\r'))
    {
        return Err(Error::Malformed("a line of its trailers ends without CR"));
    }
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    match httparse::parse_headers(&block, &mut fields)? {
        httparse::Status::Complete((length, fields)) if length == block.len() => {
            let mut trailers = HeaderMap::new();
            for field in fields {
                let (name, value) = read_field(&block, field)?;
                if may_be_trailer(&name) {
                    trailers.append(name, value);
                }
            }
            Ok(Some(trailers))
        }
        httparse::Status::Complete(_) | httparse::Status::Partial => {
            Err(Error::Malformed("the end of its trailers is ambiguous"))
        }
    }
}

#[cfg(test)]
mod tests;
