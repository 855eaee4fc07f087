//! Writing a file from a snapshot.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use super::encoding::encode;
use super::framing::BlockWriter;
use super::{BackupError, Header, NewFile, Reader, key_id};
use crate::{Kind, Snapshot, StoreError, StoreKey};

/// What a file holds beside the records.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Kinds whose records are left out.
    pub leave_out: Vec<Kind>,
    /// What is noted in the header: names and values.
    pub facts: Vec<(String, String)>,
}

/// The bytes that are written or read at a time.
const BUFFER: usize = 256 * 1024;

/// Writes the records of a snapshot to a new file, and reads it back before it gets its name. It is
/// on disk when this returns. Blocks, and calls `pause` after each part of the work. Returns its header
/// and its length.
///
/// # Errors
/// As [`write()`], and when the file exists or is not as it was written.
pub fn write_file(
    snapshot: Box<dyn Snapshot>,
    key: &StoreKey,
    options: Options,
    path: &Path,
    pause: &mut dyn FnMut(),
) -> Result<(Header, u64), BackupError> {
    let mut file = NewFile::create(path)?;
    let out = BufWriter::with_capacity(BUFFER, &mut file);
    let written = write(snapshot, key, options, out, pause)?;
    file.sync()?;
    let draft = BufReader::with_capacity(BUFFER, File::open(file.draft())?);
    Reader::open(draft, Some(key))?.verify_with(pause)?;
    file.finish()?;
    Ok(written)
}

/// Writes the records of a snapshot. Blocks, and calls `pause` after each part of the work. The length
/// of the file is returned with its header; it is not synced.
///
/// # Errors
/// When the store cannot be read, or `out` cannot be written.
pub fn write(
    mut snapshot: Box<dyn Snapshot>,
    key: &StoreKey,
    options: Options,
    out: impl Write,
    pause: &mut dyn FnMut(),
) -> Result<(Header, u64), BackupError> {
    let Options { leave_out, facts } = options;
    let is_left_out = |kind: &str| leave_out.iter().any(|left_out| left_out.name() == kind);
    let kinds = snapshot.kinds().into_iter();
    let header = Header {
        schema: snapshot.format(),
        key_id: key_id(key),
        sequence: snapshot.sequence(),
        facts,
        kinds: kinds.filter(|(kind, records)| *records > 0 && !is_left_out(kind)).collect(),
    };
    let mut blocks = BlockWriter::start(out)?;
    let part = header.encode();
    blocks.write(&(part.len() as u64).to_be_bytes())?;
    blocks.write(&part)?;
    let mut written = BTreeMap::<String, u64>::new();
    let (mut part, mut parts) = (Vec::new(), Vec::new());
    loop {
        parts.clear();
        let more = snapshot.read(&mut |record| {
            if is_left_out(record.kind) {
                return;
            }
            encode(record, &mut part);
            parts.extend_from_slice(&(part.len() as u64).to_be_bytes());
            parts.extend_from_slice(&part);
            match written.get_mut(record.kind) {
                Some(count) => *count += 1,
                None => drop(written.insert(record.kind.to_owned(), 1)),
            }
        })?;
        if !more {
            break;
        }
        blocks.write(&parts)?;
        pause();
    }
    drop(snapshot);
    require_all(&header, &written)?;
    let length = blocks.finish(header.records(), key)?;
    Ok((header, length))
}

/// Refuses to finish a file that lacks records: the store is damaged.
fn require_all(header: &Header, written: &BTreeMap<String, u64>) -> Result<(), StoreError> {
    let count = |kind| written.get(kind).copied().unwrap_or_default();
    let differs = header.kinds.iter().find(|(kind, records)| count(kind) != *records);
    match differs {
        Some((kind, records)) => Err(StoreError::Unavailable(format!(
            "the store is damaged: {kind}: {} of {records} records; restart Portcullis: it then \
             verifies every record and names the damaged part",
            count(kind)
        ))),
        None => Ok(()),
    }
}
