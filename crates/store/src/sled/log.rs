//! Sled's files, read without sled.
//!
//! Sled cannot open a database without writing to it: what it cannot read, it takes for free space.
//! This reads the same files and never writes, so that a database can be verified before sled opens
//! it, and what is left of a damaged one can be rescued.
//!
//! - `table`: which messages make up each page, as sled would find them when it opens the database.
//! - `node`: the content of a page.
//! - `tree`: the tree that the pages make up.
//!
//! The format is that of sled 0.34. `db` is a sequence of segments of 512 KiB. A segment is a header
//! (checksum, log sequence number, newest stable one) and messages; a message is a header (checksum,
//! kind, length of the body, number of the segment, page) and a body. A large body is kept in a file
//! in `blobs`, and the message has that file's name. A log sequence number is the segment's plus the
//! position in the segment. Segments are reused in any order.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub(super) mod node;
pub(super) mod table;
pub(super) mod tree;

/// The size of a segment.
const SEGMENT: usize = 512 * 1024;
/// The same, for positions in the file.
const SEGMENT_BYTES: u64 = SEGMENT as u64;
const SEGMENT_HEADER: usize = 20;
/// Sled writes no message where less than this is left of a segment.
const LONGEST_MESSAGE_HEADER: usize = 32;
/// Sled's numbers in a segment's header are stored with these bits flipped.
const FLIPPED: u64 = 0x7FFF_FFFF_FFFF_FFFF;
/// What the file `conf` holds, in front of its checksum. Other settings are not read here.
const CONF: &[u8] = b"segment_size: 524288\nuse_compression: false\nversion: 0.34\n";

/// The kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It was given up and is skipped.
    Canceled,
    /// The rest of the segment is not used.
    Cap,
    /// What follows, up to a log sequence number, happens together or not at all.
    Batch,
    /// The page is free.
    Free,
    /// A counter of sled's.
    Counter,
    /// The page that names the trees.
    Meta,
    /// The whole content of a page.
    Node,
    /// A change of a page.
    Link,
}

/// A whole message.
#[derive(Debug, Clone, Copy)]
struct Message<'a> {
    kind: Kind,
    /// Whether the body is in a file in `blobs`.
    blob: bool,
    segment: u64,
    page: u64,
    /// Of header and body.
    length: usize,
    body: &'a [u8],
}

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The log sequence number.
    lsn: u64,
    /// The position in `db`.
    offset: u64,
    /// The file in `blobs` that has the body, if it is not in `db`.
    blob: Option<u64>,
    /// The length in `db`, of header and body.
    length: u64,
}

/// A database's files.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    file: File,
    length: u64,
}

/// A segment's header.
#[derive(Debug, Clone, Copy)]
struct SegmentHeader {
    lsn: u64,
    /// Everything up to this log sequence number was on disk when the segment was begun.
    stable: u64,
}

/// The body of a message that was read.
#[derive(Debug)]
pub(super) struct Body {
    bytes: Vec<u8>,
    start: usize,
}

impl Body {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

impl Log {
    /// The log of the database in this folder.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let file = File::open(folder.join("db"))?;
        let length = file.metadata()?.len();
        Ok(Self { folder: folder.to_owned(), file, length })
    }

    /// Whether the database has the settings that this reader knows.
    pub(super) fn has_known_settings(&self) -> bool {
        let conf = fs::read(self.folder.join("conf")).unwrap_or_default();
        let checksum = conf.strip_prefix(CONF);
        checksum.is_some_and(|checksum| checksum == crc32fast::hash(CONF).to_le_bytes())
    }

    /// Where the segments start.
    fn starts(&self) -> impl Iterator<Item = u64> + use<> {
        (0..self.length).step_by(SEGMENT)
    }

    /// The segment at this position; less than a whole one at the end of the file.
    fn segment(&self, start: u64) -> io::Result<Vec<u8>> {
        let size = self.length.saturating_sub(start).min(SEGMENT_BYTES);
        let mut segment = vec![0; usize::try_from(size).unwrap_or(SEGMENT)];
        self.file.read_exact_at(&mut segment, start)?;
        Ok(segment)
    }

    /// The header of the segment at this position, if it is whole.
    fn header(&self, start: u64) -> io::Result<Option<SegmentHeader>> {
        let mut header = [0; SEGMENT_HEADER];
        if self.length - start < header.len() as u64 {
            return Ok(None);
        }
        self.file.read_exact_at(&mut header, start)?;
        Ok(SegmentHeader::parse(&header))
    }

    /// The body of the message at this place, if it is a whole message of this kind and page.
    fn body(&self, place: &Place, kind: Kind, page: u64) -> Option<Body> {
        let mut bytes = vec![0; usize::try_from(place.length).ok().filter(|l| *l <= SEGMENT)?];
        self.file.read_exact_at(&mut bytes, place.offset).ok()?;
        let message = Message::parse(&bytes, Some(place.lsn / SEGMENT_BYTES))?;
        let blob = message.blob_name();
        let expected = message.kind == kind
            && message.page == page
            && message.length == bytes.len()
            && blob == place.blob;
        match blob {
            _ if !expected => None,
            None => Some(Body { start: bytes.len() - message.body.len(), bytes }),
            Some(name) => self.blob(name, kind).ok()?,
        }
    }

    /// The body in this file in `blobs`; `None` if the file is missing.
    fn blob(&self, name: u64, kind: Kind) -> io::Result<Option<Body>> {
        let bytes = match fs::read(self.folder.join("blobs").join(name.to_string())) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let whole = bytes.split_first_chunk().is_some_and(|(checksum, rest)| {
            rest.first().is_some_and(|found| Kind::parse(*found) == Some((kind, true)))
                && u32::from_le_bytes(*checksum) == crc32fast::hash(rest)
        });
        if whole {
            Ok(Some(Body { bytes, start: 5 }))
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    /// The first part of the log that is damaged and followed by whole messages in its segment, as
    /// first byte and length.
    pub(super) fn first_damage(&self) -> io::Result<Option<(u64, usize)>> {
        for start in self.starts() {
            if let Some((at, length)) = salvage(&self.segment(start)?, |_, _| {}).first() {
                return Ok(Some((start + *at as u64, *length)));
            }
        }
        Ok(None)
    }
}

impl SegmentHeader {
    fn parse(segment: &[u8]) -> Option<Self> {
        let (checksum, rest) = segment.get(..SEGMENT_HEADER)?.split_first_chunk()?;
        let (lsn, stable) = rest.split_first_chunk()?;
        let expected = crc32fast::hash(rest) ^ u32::MAX;
        let number = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes) ^ FLIPPED;
        // A number with the highest bit is negative for sled.
        let stable = i64::try_from(number(stable.first_chunk()?)).unwrap_or_default();
        let lsn = i64::try_from(number(lsn)).ok()?;
        (u32::from_le_bytes(*checksum) == expected)
            .then_some(Self { lsn: lsn.unsigned_abs(), stable: stable.unsigned_abs() })
    }
}

impl Kind {
    /// The kind of this number, and whether the body is in `blobs`.
    const fn parse(number: u8) -> Option<(Self, bool)> {
        Some(match number {
            1 => (Self::Canceled, false),
            2 => (Self::Cap, false),
            3 => (Self::Batch, false),
            4 => (Self::Free, false),
            5 => (Self::Counter, false),
            6 => (Self::Meta, false),
            7 => (Self::Meta, true),
            8 => (Self::Node, false),
            9 => (Self::Node, true),
            10 => (Self::Link, false),
            11 => (Self::Link, true),
            _ => return None,
        })
    }
}

impl<'a> Message<'a> {
    /// The message at the front, if it is whole and of the segment with this number.
    fn parse(bytes: &'a [u8], number: Option<u64>) -> Option<Self> {
        let (checksum, mut rest) = bytes.split_first_chunk()?;
        let (kind, blob) = Kind::parse(*rest.split_off_first()?)?;
        let body = usize::try_from(take_number(&mut rest)?).ok()?;
        let segment = take_number(&mut rest)?;
        if number.is_some_and(|number| number != segment) {
            return None;
        }
        let page = take_number(&mut rest)?;
        let header = bytes.len() - rest.len();
        let body = rest.get(..body)?;
        let mut hash = crc32fast::Hasher::new();
        hash.update(body);
        hash.update(bytes.get(4..header)?);
        let expected = hash.finalize() ^ u32::MAX;
        let length = header + body.len();
        let message = Self { kind, blob, segment, page, length, body };
        (u32::from_le_bytes(*checksum) == expected).then_some(message)
    }

    /// The number in the body, if it is one.
    fn number(&self) -> Option<u64> {
        let number = i64::from_le_bytes(self.body.try_into().ok()?);
        u64::try_from(number).ok()
    }

    /// The name of the file that has the body. A name that cannot be is one of no file.
    fn blob_name(&self) -> Option<u64> {
        self.blob.then(|| self.number().unwrap_or(u64::MAX))
    }

    fn place(&self, offset: u64, lsn: u64) -> Place {
        Place { lsn, offset, blob: self.blob_name(), length: self.length as u64 }
    }
}

/// Passes every whole message of a segment on, with its position, also those after damage. Returns
/// the damaged parts before and between them, as first byte and length.
fn salvage(segment: &[u8], mut pass_on: impl FnMut(usize, &Message<'_>)) -> Vec<(usize, usize)> {
    let whole = |at: usize, number| {
        (at..segment.len()).find_map(|at| Some((at, Message::parse(segment.get(at..)?, number)?)))
    };
    let mut gaps = Vec::new();
    let number = match SegmentHeader::parse(segment) {
        Some(header) => header.lsn / SEGMENT_BYTES,
        // The header is damaged: the messages have the number too.
        None => match whole(SEGMENT_HEADER, None) {
            Some((_, message)) => {
                gaps.push((0, SEGMENT_HEADER));
                message.segment
            }
            None => return gaps,
        },
    };
    let mut at = SEGMENT_HEADER;
    while let Some((found, message)) = whole(at, Some(number)) {
        if found > at {
            gaps.push((at, found - at));
        }
        if message.kind == Kind::Cap {
            break;
        }
        pass_on(found, &message);
        at = found + message.length;
    }
    gaps
}

/// Takes one of sled's numbers off the front.
fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let first = u64::from(*bytes.split_off_first()?);
    let mut byte = || bytes.split_off_first().map(|byte| u64::from(*byte));
    match first {
        0..=240 => Some(first),
        241..=248 => Some(240 + 256 * (first - 241) + byte()?),
        249 => Some(2288 + 256 * byte()? + byte()?),
        _ => (0..first - 247).try_fold(0, |number, place| Some(number | byte()? << (8 * place))),
    }
}

/// Takes bytes with their length off the front.
fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_number(bytes)?).ok()?;
    bytes.split_off(..length)
}

/// Takes a log sequence number off the front.
fn take_lsn(bytes: &mut &[u8]) -> Option<u64> {
    let number = i64::from_le_bytes(*bytes.split_off(..size_of::<i64>())?.first_chunk()?);
    u64::try_from(number).ok()
}

#[cfg(test)]
mod tests;
