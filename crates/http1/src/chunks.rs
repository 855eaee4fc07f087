//! A body that comes in chunks (RFC 9112, 7.1), cut from what has been read without copying it.
//!
//! Lines end with CR LF and nothing else. Extensions are passed over, and so are spaces behind a
//! size, which old servers pad.

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;

use super::Failure;
use super::answer::{MOST_FIELDS, block, read_field};
use super::fields::may_trail;

/// Bytes of a line with a size and its extensions.
const MOST_LINE: usize = 1024;
/// Bytes of all trailers.
const MOST_TRAILERS: usize = 16 * 1024;
/// Digits of a size, which is below 2^60 then.
const MOST_DIGITS: usize = 15;

const CRLF: &[u8] = b"\r\n";
const LONG: Failure = Failure::Malformed("its trailers are too long");
const SIZE: Failure = Failure::Malformed("the size of a chunk is no number");

/// How far a body in chunks has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunks {
    /// The line with a chunk's size comes next.
    Size,
    /// So many bytes of a chunk come next, then its line's end.
    Data(u64),
    /// Trailers come next, and an empty line.
    Trailers,
    /// It is over.
    End,
}

/// What comes next of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Some bytes, at least one.
    Data(Bytes),
    /// The trailers, at least one.
    Trailers(HeaderMap),
    /// Nothing more.
    End,
    /// What has been read is not enough to tell.
    More,
}

impl Chunks {
    /// Cuts the next piece from the front of what has been read.
    ///
    /// # Errors
    /// When it is not in chunks.
    pub fn next(&mut self, read: &mut BytesMut) -> Result<Piece, Failure> {
        loop {
            match self {
                Self::Size => {
                    let Some(line) = line(read)? else { return Ok(Piece::More) };
                    let (size, length) = (size(line)?, line.len() + CRLF.len());
                    read.advance(length);
                    *self = if size == 0 { Self::Trailers } else { Self::Data(size) };
                }
                Self::Data(0) => match read.get(..CRLF.len()) {
                    Some(CRLF) => {
                        read.advance(CRLF.len());
                        *self = Self::Size;
                    }
                    Some(_) => return Err(Failure::Malformed("a chunk does not end as it says")),
                    None => return Ok(Piece::More),
                },
                Self::Data(left) => return Ok(take(read, left)),
                Self::Trailers => {
                    let Some(trailers) = trailers(read)? else { return Ok(Piece::More) };
                    *self = Self::End;
                    if !trailers.is_empty() {
                        return Ok(Piece::Trailers(trailers));
                    }
                }
                Self::End => return Ok(Piece::End),
            }
        }
    }
}

/// Cuts off what has been read, but no more than is left of something.
pub(super) fn take(read: &mut BytesMut, left: &mut u64) -> Piece {
    if read.is_empty() {
        return Piece::More;
    }
    let length = usize::try_from(*left).map_or(read.len(), |left| left.min(read.len()));
    *left -= length as u64;
    Piece::Data(read.split_to(length).freeze())
}

/// The next line without its end, if all of it is there.
fn line(read: &[u8]) -> Result<Option<&[u8]>, Failure> {
    let start = read.get(..MOST_LINE).unwrap_or(read);
    let Some(end) = memchr::memchr(b'\n', start) else {
        if start.len() < MOST_LINE {
            return Ok(None);
        }
        return Err(Failure::Malformed("the line of a chunk is too long"));
    };
    match start.get(..end).and_then(|line| line.strip_suffix(b"\r")) {
        Some(line) => Ok(Some(line)),
        None => Err(Failure::Malformed("the line of a chunk ends without CR")),
    }
}

/// The size that a line tells.
fn size(line: &[u8]) -> Result<u64, Failure> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at_checked(digits).ok_or(SIZE)?;
    let is_text = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
    let ends = matches!(rest.trim_ascii_start().first(), None | Some(b';'));
    if digits.is_empty() || digits.len() > MOST_DIGITS || !ends || !rest.iter().all(is_text) {
        return Err(SIZE);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| SIZE)?;
    u64::from_str_radix(digits, 16).map_err(|_| SIZE)
}

/// Cuts off the trailers and the empty line, if all of them are there. Those that may not come
/// behind a body are left out.
fn trailers(read: &mut BytesMut) -> Result<Option<HeaderMap>, Failure> {
    if read.starts_with(CRLF) {
        read.advance(CRLF.len());
        return Ok(Some(HeaderMap::new()));
    }
    let Some(block) = block(read) else {
        return if read.len() > MOST_TRAILERS { Err(LONG) } else { Ok(None) };
    };
    if block.len() > MOST_TRAILERS {
        return Err(LONG);
    }
    if memchr::memchr_iter(b'\n', &block).any(|end| end == 0 || block.get(end - 1) != Some(&b'\r'))
    {
        return Err(Failure::Malformed("a line of its trailers ends without CR"));
    }
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    match httparse::parse_headers(&block, &mut fields)? {
        httparse::Status::Complete((length, fields)) if length == block.len() => {
            let mut trailers = HeaderMap::new();
            for field in fields {
                let (name, value) = read_field(&block, field)?;
                if may_trail(&name) {
                    trailers.append(name, value);
                }
            }
            Ok(Some(trailers))
        }
        httparse::Status::Complete(_) | httparse::Status::Partial => {
            Err(Failure::Malformed("its trailers do not end where they seem to"))
        }
    }
}

#[cfg(test)]
mod tests;
