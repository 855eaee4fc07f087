//! Blocks with checksums, and the trailer.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use super::encoding::number;
use super::{BLOCK, BackupError, FORMAT, MAGIC, WRITTEN_BLOCK};
use crate::StoreKey;

/// The length of the trailer without its checksum, and of a checksum.
const TRAILER: usize = 8 + 32 + 32;
const CHECKSUM: usize = 32;

/// Writes bytes as blocks.
#[derive(Debug)]
pub(super) struct BlockWriter<W> {
    out: W,
    /// Of all that was written.
    hash: Sha256,
    block: Vec<u8>,
    number: u64,
    written: u64,
}

impl<W: Write> BlockWriter<W> {
    pub(super) fn start(out: W) -> io::Result<Self> {
        let (hash, block) = (Sha256::new(), Vec::with_capacity(WRITTEN_BLOCK));
        let mut writer = Self { out, hash, block, number: 0, written: 0 };
        writer.put(MAGIC)?;
        writer.put(&FORMAT.to_be_bytes())?;
        Ok(writer)
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = WRITTEN_BLOCK - self.block.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == WRITTEN_BLOCK {
                self.end_block()?;
            }
        }
        Ok(())
    }

    /// Writes the last block and the trailer. Returns the length of the file.
    pub(super) fn finish(mut self, records: u64, key: &StoreKey) -> io::Result<u64> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        self.put(&0_u32.to_be_bytes())?;
        let digest: [u8; 32] = self.hash.clone().finalize().into();
        let mut trailer = records.to_be_bytes().to_vec();
        trailer.extend_from_slice(&digest);
        trailer.extend_from_slice(&seal(key, records, &digest));
        let checksum = Sha256::digest(&trailer);
        trailer.extend_from_slice(&checksum);
        self.put(&trailer)?;
        self.out.flush()?;
        Ok(self.written)
    }

    fn end_block(&mut self) -> io::Result<()> {
        let block = std::mem::take(&mut self.block);
        self.put(&u32::try_from(block.len()).unwrap_or_default().to_be_bytes())?;
        self.put(&block)?;
        self.put(&checksum(self.number, &block))?;
        self.number += 1;
        self.block = block;
        self.block.clear();
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

/// Reads blocks, and verifies them.
#[derive(Debug)]
pub(super) struct BlockReader<R> {
    input: R,
    /// Of all that was read.
    hash: Sha256,
    block: Vec<u8>,
    /// How much of the block has been returned.
    used: usize,
    number: u64,
    position: u64,
}

impl<R: Read> BlockReader<R> {
    pub(super) fn start(input: R) -> Result<Self, BackupError> {
        let (hash, block) = (Sha256::new(), Vec::new());
        let mut reader = Self { input, hash, block, used: 0, number: 0, position: 0 };
        let mut magic = [0; MAGIC.len()];
        match reader.take(&mut magic) {
            Ok(()) if magic == *MAGIC => {}
            Ok(()) | Err(BackupError::Damaged { .. }) => return Err(BackupError::NotABackup),
            Err(error) => return Err(error),
        }
        let mut format = [0; 8];
        reader.take(&mut format)?;
        match u64::from_be_bytes(format) {
            FORMAT => Ok(reader),
            format if format > FORMAT => Err(BackupError::Newer { format }),
            _ => Err(reader.damaged("its format is invalid")),
        }
    }

    /// Fills `bytes`. `false` at the end of the blocks.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> Result<bool, BackupError> {
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let block = self.block.get(self.used..).unwrap_or_default();
            if block.is_empty() {
                if !self.next_block()? {
                    return match filled {
                        0 => Ok(false),
                        _ => Err(self.damaged("it ends within a record")),
                    };
                }
                continue;
            }
            let length = rest.len().min(block.len());
            for (to, from) in rest.iter_mut().zip(block) {
                *to = *from;
            }
            self.used += length;
            filled += length;
        }
        Ok(true)
    }

    fn next_block(&mut self) -> Result<bool, BackupError> {
        let mut length = [0; 4];
        self.take(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length == 0 {
            return Ok(false);
        }
        if length > BLOCK {
            return Err(self.damaged("the length of a block is invalid"));
        }
        let start = self.position;
        let mut block = std::mem::take(&mut self.block);
        block.resize(length, 0);
        self.take(&mut block)?;
        let mut stored = [0; CHECKSUM];
        self.take(&mut stored)?;
        if stored != checksum(self.number, &block) {
            let what = "the checksum of a block does not match";
            return Err(BackupError::Damaged { at: start, what });
        }
        self.number += 1;
        (self.block, self.used) = (block, 0);
        Ok(true)
    }

    /// Verifies the trailer, after the end of the blocks, and that nothing follows it.
    pub(super) fn finish(
        &mut self,
        records: u64,
        key: Option<&StoreKey>,
    ) -> Result<(), BackupError> {
        let digest: [u8; 32] = self.hash.clone().finalize().into();
        let mut trailer = [0; TRAILER];
        self.take(&mut trailer)?;
        let mut stored = [0; CHECKSUM];
        self.take(&mut stored)?;
        if stored != <[u8; 32]>::from(Sha256::digest(trailer)) {
            return Err(self.damaged("the checksum of its end does not match"));
        }
        let rest = &mut trailer.as_slice();
        if number(rest) != Some(records) {
            return Err(self.damaged("it has not as many records as it says"));
        }
        if rest.split_off(..32) != Some(digest.as_slice()) {
            return Err(self.damaged("the checksum of the whole does not match"));
        }
        if key.is_some_and(|key| *rest != seal(key, records, &digest)) {
            return Err(self.damaged("it was not made with this secret key"));
        }
        match self.input.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(self.damaged("something follows its end")),
        }
    }

    pub(super) fn damaged(&self, what: &'static str) -> BackupError {
        BackupError::Damaged { at: self.position, what }
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<(), BackupError> {
        self.input.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged("it is cut off"),
            _ => error.into(),
        })?;
        self.hash.update(&*bytes);
        self.position += bytes.len() as u64;
        Ok(())
    }
}

fn checksum(number: u64, block: &[u8]) -> [u8; CHECKSUM] {
    Sha256::new().chain_update(number.to_be_bytes()).chain_update(block).finalize().into()
}

fn seal(key: &StoreKey, records: u64, digest: &[u8; 32]) -> [u8; 32] {
    let bytes = [&b"portcullis backup end"[..], &records.to_be_bytes(), digest].concat();
    key.authenticate(&bytes)
}
