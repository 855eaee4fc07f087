//! Decoding a page that the portal has compressed although it was asked not to.

use std::io;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use http::header::{self, HeaderMap};

/// Bytes that one step decodes at most, so that a small chunk cannot become a large one.
const STEP: usize = 16 * 1024;
/// The largest window that gzip can have, as a power of two.
const GZIP_WINDOW: u8 = 15;
/// What each member of a gzip file begins with (RFC 1952, 2.3.1).
const GZIP_MAGIC: u8 = 0x1F;

type Brotli = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// How a page is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// `gzip` or `x-gzip`.
    Gzip,
    /// `br`.
    Brotli,
}

/// A stream that is being decoded.
pub enum Decoder {
    /// A gzip stream; `ended`: its last member has ended.
    Gzip { stream: Box<Decompress>, ended: bool },
    /// A brotli stream.
    Brotli { stream: Box<Brotli>, ended: bool },
}

impl Coding {
    /// The coding of a response. `None` for one that is not decoded here, and for several.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(header::CONTENT_ENCODING).iter();
        let Some(line) = lines.next() else { return Some(Self::Identity) };
        if lines.next().is_some() {
            return None;
        }
        let coding = line.as_bytes().trim_ascii();
        let is = |name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if coding.is_empty() || is("identity") => Some(Self::Identity),
            () if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            () if is("br") => Some(Self::Brotli),
            () => None,
        }
    }

    /// A decoder for a new stream, unless it is not coded.
    #[must_use]
    pub fn decoder(self) -> Option<Decoder> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(Decoder::Gzip { stream: Box::new(gzip()), ended: false }),
            Self::Brotli => {
                let [a, b, c] = std::array::from_fn(|_| StandardAlloc::default());
                // Without windows larger than 16 MiB, which only a private extension has.
                let stream = Box::new(BrotliState::new_strict(a, b, c));
                Some(Decoder::Brotli { stream, ended: false })
            }
        }
    }
}

fn gzip() -> Decompress {
    Decompress::new_gzip(GZIP_WINDOW)
}

impl Decoder {
    /// Decodes the next bytes, at most [`STEP`]; returns how many it has read, and the result. With
    /// nothing read and nothing returned, it needs more.
    ///
    /// # Errors
    /// If they are not valid.
    pub fn step(&mut self, input: &[u8]) -> io::Result<(usize, Vec<u8>)> {
        let mut output = vec![0; STEP];
        let (read, written) = match self {
            // What follows the stream is not part of the page.
            Self::Brotli { ended: true, .. } => (input.len(), 0),
            Self::Gzip { stream, ended } => {
                if *ended {
                    if input.first() != Some(&GZIP_MAGIC) {
                        return Ok((input.len(), Vec::new()));
                    }
                    (**stream, *ended) = (gzip(), false);
                }
                let before = (stream.total_in(), stream.total_out());
                let status = stream.decompress(input, &mut output, FlushDecompress::Sync);
                *ended = status.map_err(io::Error::other)? == Status::StreamEnd;
                let size = |after: u64, before: u64| usize::try_from(after - before).unwrap_or(0);
                (size(stream.total_in(), before.0), size(stream.total_out(), before.1))
            }
            Self::Brotli { stream, ended } => {
                let (mut left, mut read) = (input.len(), 0);
                let (mut room, mut written, mut total) = (output.len(), 0, 0);
                let result = BrotliDecompressStream(
                    &mut left,
                    &mut read,
                    input,
                    &mut room,
                    &mut written,
                    &mut output,
                    &mut total,
                    stream,
                );
                match result {
                    BrotliResult::ResultFailure => {
                        return Err(io::Error::other("not a brotli stream"));
                    }
                    BrotliResult::ResultSuccess => *ended = true,
                    BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
                }
                (read, written)
            }
        };
        output.truncate(written);
        Ok((read, output))
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gzip { .. } => "Gzip",
            Self::Brotli { .. } => "Brotli",
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
