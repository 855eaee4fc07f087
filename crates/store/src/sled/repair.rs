//! Passing over damage in a copy of sled's log, so that what follows it can be read.
//!
//! Sled stops reading a segment at the first message that its checksum does not match. Here such a
//! message is overwritten with one that sled passes over (`Canceled`), up to the next one that is
//! whole. Only a rescue does this: without the message, the page that it belonged to is in the
//! state from before it. Sled stops at a damaged file in `blobs` too, but passes over a missing one.
//!
//! The format is that of sled 0.34. A segment is a header (checksum, sequence number, newest stable
//! sequence number) and messages; a message is a header (checksum, kind, length of the body, number
//! of the segment, page) and a body.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const SEGMENT: usize = 512 * 1024;
const SEGMENT_HEADER: usize = 20;
/// Sled's numbers in a segment's header are stored with these bits flipped.
const FLIPPED: u64 = 0x7FFF_FFFF_FFFF_FFFF;
/// The kind of a message that is passed over.
const CANCELED: u8 = 1;
/// The kind of a message after which the segment has no more.
const CAP: u8 = 2;
/// The kinds that there are, without that of unwritten space.
const KINDS: std::ops::RangeInclusive<u8> = 1..=11;

/// A whole message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Message {
    kind: u8,
    segment: u64,
    /// Of header and body.
    length: usize,
}

/// Mends the database in this folder. Returns what is passed over, a line each.
pub(super) fn repair(folder: &Path) -> io::Result<Vec<String>> {
    let mut passed_over = Vec::new();
    for entry in fs::read_dir(folder.join("blobs"))? {
        let file = entry?.path();
        if !is_whole_blob(&fs::read(&file)?) {
            fs::remove_file(&file)?;
            let name = file.file_name().unwrap_or_default().display();
            passed_over.push(format!("`blobs/{name}` is damaged and was passed over"));
        }
    }
    let gaps = mend_log(&folder.join("db"))?;
    passed_over.extend(gaps.into_iter().map(|(at, length)| {
        format!("{length} bytes of `db` at {at} are damaged and were passed over")
    }));
    Ok(passed_over)
}

/// Whether the checksum in front of a large message matches it.
fn is_whole_blob(bytes: &[u8]) -> bool {
    bytes.split_first_chunk().is_some_and(|(checksum, rest)| {
        !rest.is_empty() && u32::from_le_bytes(*checksum) == crc32fast::hash(rest)
    })
}

/// Mends a log. Returns the parts that are passed over, as first byte and length.
fn mend_log(db: &Path) -> io::Result<Vec<(u64, usize)>> {
    let length = fs::metadata(db)?.len();
    let file = OpenOptions::new().read(true).write(true).open(db)?;
    let mut passed_over = Vec::new();
    for start in (0..length).step_by(SEGMENT) {
        let mut segment = read(&file, start, length)?;
        let gaps = repair_segment(&mut segment);
        if !gaps.is_empty() {
            file.write_all_at(&segment, start)?;
        }
        passed_over.extend(gaps.into_iter().map(|(at, length)| (start + at as u64, length)));
    }
    Ok(passed_over)
}

/// The first part of a log that is damaged and followed by whole messages in its segment, as first
/// byte and length. Nothing is written.
pub(super) fn first_damage(db: &Path) -> io::Result<Option<(u64, usize)>> {
    let length = fs::metadata(db)?.len();
    let file = File::open(db)?;
    for start in (0..length).step_by(SEGMENT) {
        let gaps = repair_segment(&mut read(&file, start, length)?);
        if let Some((at, length)) = gaps.first() {
            return Ok(Some((start + *at as u64, *length)));
        }
    }
    Ok(None)
}

fn read(file: &File, start: u64, length: u64) -> io::Result<Vec<u8>> {
    let size = (length - start).min(SEGMENT as u64);
    let mut segment = vec![0; usize::try_from(size).unwrap_or(SEGMENT)];
    file.read_exact_at(&mut segment, start)?;
    Ok(segment)
}

/// Mends a segment in place. Returns the parts that are passed over.
fn repair_segment(segment: &mut [u8]) -> Vec<(usize, usize)> {
    let mut gaps = Vec::new();
    let number = match segment_number(segment) {
        Some(number) => number,
        // The header is damaged: the messages know the number too.
        None => match next(segment, SEGMENT_HEADER, None) {
            Some((_, message)) if write_header(segment, message.segment) => {
                gaps.push((0, SEGMENT_HEADER));
                message.segment
            }
            _ => return gaps,
        },
    };
    let mut at = SEGMENT_HEADER;
    while let Some((found, message)) = next(segment, at, Some(number)) {
        if found > at {
            let canceled = canceled(found - at, number);
            match (canceled, segment.get_mut(at..found)) {
                (Some(canceled), Some(gap)) => gap.copy_from_slice(&canceled),
                _ => return gaps,
            }
            gaps.push((at, found - at));
        }
        if message.kind == CAP {
            break;
        }
        at = found + message.length;
    }
    gaps
}

/// The number in the segment's header, if that is whole.
fn segment_number(segment: &[u8]) -> Option<u64> {
    let (checksum, rest) = segment.get(..SEGMENT_HEADER)?.split_first_chunk()?;
    let expected = crc32fast::hash(rest) ^ u32::MAX;
    let number = u64::from_le_bytes(*rest.first_chunk()?) ^ FLIPPED;
    (u32::from_le_bytes(*checksum) == expected).then_some(number / SEGMENT as u64)
}

/// Writes a header that says nothing of what is stable.
fn write_header(segment: &mut [u8], number: u64) -> bool {
    let Some(header) = segment.first_chunk_mut::<SEGMENT_HEADER>() else { return false };
    let (checksum, rest) = header.split_at_mut(4);
    let (sequence, stable) = rest.split_at_mut(8);
    sequence.copy_from_slice(&(number.wrapping_mul(SEGMENT as u64) ^ FLIPPED).to_le_bytes());
    stable.copy_from_slice(&FLIPPED.to_le_bytes());
    checksum.copy_from_slice(&(crc32fast::hash(rest) ^ u32::MAX).to_le_bytes());
    true
}

/// The next whole message of the segment, from `at` on, and where it is.
fn next(segment: &[u8], at: usize, number: Option<u64>) -> Option<(usize, Message)> {
    (at..segment.len()).find_map(|at| {
        let message = Message::parse(segment.get(at..)?, number)?;
        Some((at, message))
    })
}

impl Message {
    /// The message at the front, if it is whole and of this segment.
    fn parse(bytes: &[u8], number: Option<u64>) -> Option<Self> {
        let (checksum, mut rest) = bytes.split_first_chunk()?;
        let kind = *rest.split_off_first()?;
        let body = usize::try_from(take_number(&mut rest)?).ok()?;
        let segment = take_number(&mut rest)?;
        if !KINDS.contains(&kind) || number.is_some_and(|number| number != segment) {
            return None;
        }
        let _page = take_number(&mut rest)?;
        let header = bytes.len() - rest.len();
        let body = rest.get(..body)?;
        let expected = checksum_of(bytes.get(4..header)?, body);
        let length = header + body.len();
        (u32::from_le_bytes(*checksum) == expected).then_some(Self { kind, segment, length })
    }
}

fn checksum_of(header: &[u8], body: &[u8]) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(body);
    hash.update(header);
    hash.finalize() ^ u32::MAX
}

/// A message of this length in all that sled passes over; `None` if none is so short.
fn canceled(length: usize, number: u64) -> Option<Vec<u8>> {
    let segment = encode_number(number);
    for width in 1..=4 {
        // The checksum, the kind and the page are four bytes and one each.
        let header = 4 + 1 + width + segment.len() + 1;
        let body = length.checked_sub(header)?;
        let encoded = encode_number(body as u64);
        if encoded.len() == width {
            let header = [&[CANCELED], encoded.as_slice(), &segment, &[0]].concat();
            let body = vec![0; body];
            let checksum = checksum_of(&header, &body).to_le_bytes();
            return Some([checksum.as_slice(), &header, &body].concat());
        }
    }
    None
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

/// One of sled's numbers, as it is stored.
fn encode_number(number: u64) -> Vec<u8> {
    let low = |number: u64| number.to_le_bytes().first().copied().unwrap_or_default();
    match number {
        0..=240 => vec![low(number)],
        241..=2287 => vec![low((number - 240) / 256 + 241), low(number - 240)],
        2288..=67823 => vec![249, low((number - 2288) / 256), low(number - 2288)],
        _ => {
            let bytes = number.to_le_bytes();
            let width = (8 - number.leading_zeros() as usize / 8).max(3);
            let mut out = vec![low(width as u64 + 247)];
            out.extend(bytes.iter().take(width));
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back_as_they_were_written() {
        for number in (0..70_000).chain([1 << 24, (1 << 24) - 1, 1 << 32, 1 << 40, u64::MAX]) {
            let bytes = encode_number(number);
            assert_eq!(take_number(&mut bytes.as_slice()), Some(number), "{number}");
        }
    }

    #[test]
    fn a_gap_of_any_length_is_one_message_that_is_passed_over() {
        for number in [0, 300, 70_000] {
            let shortest = 7 + encode_number(number).len();
            assert!(canceled(shortest - 1, number).is_none());
            for length in (shortest..3000).chain([67_840, 70_000, SEGMENT - SEGMENT_HEADER]) {
                // No number is as long as to make these two.
                let Some(bytes) = canceled(length, number) else {
                    assert!(
                        [248, 2296, 67_833].iter().any(|n| length.abs_diff(*n) < 8),
                        "{length}"
                    );
                    continue;
                };
                let message = Message::parse(&bytes, Some(number)).unwrap();
                assert_eq!((message.kind, message.length), (CANCELED, length));
            }
        }
    }

    #[test]
    fn what_sled_writes_is_read_as_sled_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let db = sled::open(folder.path()).unwrap();
        for number in 0..2000_u32 {
            db.insert(number.to_be_bytes(), vec![7; 300]).unwrap();
        }
        drop(db);
        let whole = fs::read(folder.path().join("db")).unwrap();
        assert_eq!(repair(folder.path()).unwrap(), Vec::<String>::new());
        assert_eq!(first_damage(&folder.path().join("db")).unwrap(), None);
        let mut segment = whole[..SEGMENT].to_vec();
        assert_eq!(segment_number(&segment), Some(0));
        // A damaged message is passed over, and so is a damaged header.
        for at in [100, 5000, SEGMENT / 2] {
            segment[at] ^= 1;
        }
        segment[3] ^= 1;
        let gaps = repair_segment(&mut segment);
        assert_eq!(gaps.len(), 4, "{gaps:?}");
        assert_eq!(segment_number(&segment), Some(0));
        assert_eq!(repair_segment(&mut segment), []);
    }
}
