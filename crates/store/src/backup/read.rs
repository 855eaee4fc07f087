//! Reading a file, which verifies it.

use std::collections::BTreeMap;
use std::io::Read;

use super::encoding::decode;
use super::framing::BlockReader;
use super::{BETWEEN_PAUSES, BackupError, Header, MOST_BYTES, key_id};
use crate::{SnapshotRecord, StoreKey};

/// A file that is being read. It is only verified when [`Reader::next_record`] has returned `None`.
#[derive(Debug)]
pub struct Reader<R> {
    blocks: BlockReader<R>,
    key: Option<StoreKey>,
    header: Header,
    part: Vec<u8>,
    found: BTreeMap<String, u64>,
}

impl<R: Read> Reader<R> {
    /// Reads the header. With a key, a file of another key is refused.
    ///
    /// # Errors
    /// When the file is not a backup that this version can read.
    pub fn open(input: R, key: Option<&StoreKey>) -> Result<Self, BackupError> {
        let mut blocks = BlockReader::start(input)?;
        let mut part = Vec::new();
        let header = read_part(&mut blocks, &mut part)?.then(|| Header::decode(&part)).flatten();
        let header = header.ok_or_else(|| blocks.damaged("its header cannot be read"))?;
        if key.is_some_and(|key| header.key_id != key_id(key)) {
            return Err(BackupError::OtherKey);
        }
        Ok(Self { blocks, key: key.cloned(), header, part, found: BTreeMap::new() })
    }

    /// What the file says about itself.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The next record. `None` at the end of a whole file.
    ///
    /// # Errors
    /// When the file is damaged or cannot be read.
    pub fn next_record(&mut self) -> Result<Option<SnapshotRecord<'_>>, BackupError> {
        if !read_part(&mut self.blocks, &mut self.part)? {
            let promised = self.header.kinds.iter().cloned().collect::<BTreeMap<_, _>>();
            if promised != self.found {
                return Err(self.blocks.damaged("it has not the records that its header names"));
            }
            self.blocks.finish(self.header.records(), self.key.as_ref())?;
            return Ok(None);
        }
        let record =
            decode(&self.part).ok_or_else(|| self.blocks.damaged("a record cannot be read"))?;
        match self.found.get_mut(record.kind) {
            Some(count) => *count += 1,
            None => drop(self.found.insert(record.kind.to_owned(), 1)),
        }
        Ok(Some(record))
    }

    /// Reads the whole file.
    ///
    /// # Errors
    /// As [`Self::next_record`].
    pub fn verify(self) -> Result<Header, BackupError> {
        self.verify_with(&mut || {})
    }

    /// Reads the whole file, and calls `pause` after each part of it.
    ///
    /// # Errors
    /// As [`Self::next_record`].
    pub fn verify_with(mut self, pause: &mut dyn FnMut()) -> Result<Header, BackupError> {
        for read in 1_usize.. {
            if self.next_record()?.is_none() {
                break;
            }
            if read.is_multiple_of(BETWEEN_PAUSES) {
                pause();
            }
        }
        Ok(self.header)
    }
}

/// Reads a part with its length. `false` at the end of the blocks.
fn read_part<R: Read>(
    blocks: &mut BlockReader<R>,
    part: &mut Vec<u8>,
) -> Result<bool, BackupError> {
    let mut length = [0; 8];
    if !blocks.read(&mut length)? {
        return Ok(false);
    }
    let length = u64::from_be_bytes(length);
    let Some(length) = usize::try_from(length).ok().filter(|_| length <= MOST_BYTES) else {
        return Err(blocks.damaged("the length of a record is invalid"));
    };
    part.resize(length, 0);
    if length > 0 && !blocks.read(part)? {
        return Err(blocks.damaged("it ends within a record"));
    }
    Ok(true)
}
