//! The file beside the store that names the last answered commit.
//!
//! It is outside the folder, `data.answered` for `data`, so that an older copy of the folder does not
//! bring an older file along. Two slots are written in turn, each within one sector and with a
//! checksum, so a power cut leaves the previous one. Its blocks are allocated when it is created, so
//! writing it never needs space on the disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::layout;

const MAGIC: &[u8; 16] = b"portcullis ans 1";
const SLOT: usize = 512;
const SLOTS: usize = 2;

/// Identifies a state of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The sequence number of the newest commit.
    pub(super) sequence: u64,
    /// A hash of the stored head, which contains the digest of all records.
    pub(super) fingerprint: [u8; 32],
}

/// What the file says about the last answered commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// There is no file.
    Nothing,
    /// There is a file, but neither slot has a valid checksum.
    Unreadable,
    /// The last answered commit, and the slot it is in.
    At(Mark, usize),
}

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct AnsweredFile {
    file: File,
    next: usize,
}

/// The path of the file for the store in the folder `store`.
pub(super) fn path(store: &Path) -> io::Result<PathBuf> {
    let store = match store.file_name() {
        Some(_) => store.to_owned(),
        None => fs::canonicalize(store)?,
    };
    let mut name = store.file_name().unwrap_or_default().to_owned();
    name.push(".answered");
    Ok(store.with_file_name(name))
}

impl Answered {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Nothing),
            Err(error) => return Err(error),
        };
        let marks = bytes.chunks(SLOT).take(SLOTS).enumerate();
        let marks = marks.filter_map(|(slot, bytes)| Some((decode(bytes)?, slot)));
        let newest = marks.max_by_key(|(mark, _)| mark.sequence);
        Ok(newest.map_or(Self::Unreadable, |(mark, slot)| Self::At(mark, slot)))
    }
}

impl AnsweredFile {
    /// Creates or replaces the file, atomically.
    pub(super) fn create(path: &Path, mark: Mark) -> io::Result<Self> {
        let draft = path.with_extension("answered.new");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&draft)?;
        let mut bytes = encode(mark);
        bytes.resize(SLOT * SLOTS, 0);
        file.write_all_at(&bytes, 0)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(Self { file, next: 1 })
    }

    /// Opens the file; the next write goes to the slot after `slot`.
    pub(super) fn open(path: &Path, slot: usize) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self { file, next: (slot + 1) % SLOTS })
    }

    /// A file that cannot be written.
    #[cfg(test)]
    pub(super) fn read_only(path: &Path) -> Self {
        Self { file: File::open(path).unwrap(), next: 0 }
    }

    /// Records the newest commit before it is answered. On disk when this returns.
    pub(super) fn write(&mut self, mark: Mark) -> io::Result<()> {
        self.file.write_all_at(&encode(mark), (self.next * SLOT) as u64)?;
        self.file.sync_data()?;
        self.next = (self.next + 1) % SLOTS;
        Ok(())
    }
}

fn encode(mark: Mark) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&mark.sequence.to_be_bytes());
    out.extend_from_slice(&mark.fingerprint);
    let checksum = Sha256::digest(&out);
    out.extend_from_slice(&checksum);
    out.resize(SLOT, 0);
    out
}

fn decode(bytes: &[u8]) -> Option<Mark> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let mark = Mark {
        sequence: layout::number(&mut rest)?,
        fingerprint: *rest.split_off(..32)?.first_chunk()?,
    };
    (encode(mark) == bytes).then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(sequence: u64) -> Mark {
        Mark { sequence, fingerprint: [sequence as u8; 32] }
    }

    #[test]
    fn the_last_mark_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.answered");
        assert_eq!(Answered::read(&path).unwrap(), Answered::Nothing);
        let mut file = AnsweredFile::create(&path, mark(5)).unwrap();
        for sequence in 6..10 {
            file.write(mark(sequence)).unwrap();
            let Answered::At(found, slot) = Answered::read(&path).unwrap() else { panic!() };
            assert_eq!(found, mark(sequence));
            file = AnsweredFile::open(&path, slot).unwrap();
        }
        assert_eq!(fs::metadata(&path).unwrap().len(), 1024, "it does not grow");
    }

    #[test]
    fn i13_a_torn_slot_leaves_the_previous_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.answered");
        AnsweredFile::create(&path, mark(5)).unwrap().write(mark(6)).unwrap();
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut torn = whole.clone();
            torn[place] ^= 0x40;
            fs::write(&path, &torn).unwrap();
            let left = if place < SLOT { mark(6) } else { mark(5) };
            let found = Answered::read(&path).unwrap();
            assert!(matches!(found, Answered::At(mark, _) if mark == left), "{place}: {found:?}");
            torn[(place + SLOT) % whole.len()] ^= 0x40;
            fs::write(&path, &torn).unwrap();
            assert_eq!(Answered::read(&path).unwrap(), Answered::Unreadable, "{place}");
        }
        for length in 0..SLOT {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(Answered::read(&path).unwrap(), Answered::Unreadable, "cut at {length}");
        }
    }

    #[test]
    fn the_file_is_beside_the_folder() {
        assert_eq!(path(Path::new("data")).unwrap(), Path::new("data.answered"));
        assert_eq!(
            path(Path::new("/var/lib/p/data/")).unwrap(),
            Path::new("/var/lib/p/data.answered")
        );
    }
}
