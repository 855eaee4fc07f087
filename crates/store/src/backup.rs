//! All records of one moment in a file, independent of the backend.
//!
//! | part | |
//! |---|---|
//! | `portcullis backup`, format | the format as 8 bytes, [`FORMAT`]; both are never changed |
//! | blocks | each with its length (4 bytes, at most 1 MiB), its bytes, and a SHA-256 of its number and bytes |
//! | an empty length | the end of the blocks |
//! | trailer | number of records, SHA-256 of all before the trailer, HMAC-SHA-256 of that under the store's key, SHA-256 of the trailer so far |
//!
//! The bytes of all blocks together are the [`Header`] and the records, each preceded by its length.
//! Numbers are big-endian. A file is whole if it ends with a valid trailer: any changed, missing or
//! additional byte is found, without the key too. With the key, a file that someone else has made is
//! refused as well.

use std::io;

use crate::{StoreError, StoreKey};

mod encoding;
mod framing;
mod new_file;
mod read;
mod write;

pub use self::new_file::NewFile;
pub use self::read::Reader;
pub use self::write::{Options, write, write_file};

/// The format that this version writes, and the newest that it reads.
pub const FORMAT: u64 = 1;
/// What a file begins with.
const MAGIC: &[u8; 17] = b"portcullis backup";
/// The most bytes in a block that is read.
const BLOCK: usize = 1024 * 1024;
/// The most bytes in a block that is written. A block is hashed at once, which takes a fraction of a
/// millisecond.
const WRITTEN_BLOCK: usize = 128 * 1024;
/// How many records are read between two pauses.
const BETWEEN_PAUSES: usize = 64;
/// The most bytes of a record, and of the header.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The format of the store that the records come from.
    pub schema: u64,
    /// Identifies the key of that store ([`key_id`]).
    pub key_id: [u8; 32],
    /// The newest commit in it.
    pub sequence: u64,
    /// What the caller notes about it: names and values.
    pub facts: Vec<(String, String)>,
    /// The kinds of records in it, and how many of each there are.
    pub kinds: Vec<(String, u64)>,
}

impl Header {
    /// The number of records in the file.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.kinds.iter().map(|(_, records)| records).sum()
    }

    /// The value of a fact.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|(its, _)| its == name).map(|(_, value)| value.as_str())
    }
}

/// Identifies a key, which cannot be computed from it.
#[must_use]
pub fn key_id(key: &StoreKey) -> [u8; 32] {
    key.authenticate(b"portcullis backup key id")
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It is another file.
    #[error("this is not a Portcullis backup")]
    NotABackup,
    /// It was written by a later version of the program.
    #[error(
        "the backup has format {format}, and this version reads formats up to {FORMAT}: use a later \
         version of Portcullis"
    )]
    Newer {
        /// The format of the file.
        format: u64,
    },
    /// It is of a store of a later version of the program.
    #[error(
        "the backup is of a store of format {schema}, and this version supports formats up to \
         {supported}: use a later version of Portcullis"
    )]
    NewerStore {
        /// The format of the store.
        schema: u64,
        /// The newest format that is supported.
        supported: u64,
    },
    /// It was made with another key.
    #[error(
        "the backup belongs to another secret key: restore the key that was in use when it was made \
         (`secrets.key_file`)"
    )]
    OtherKey,
    /// It has been changed or cut off.
    #[error("the backup is damaged at byte {at}: {what}; use another one")]
    Damaged {
        /// The position in the file.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The store that is backed up fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests;
