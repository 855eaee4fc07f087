//! The two entries about the whole store: its state after the newest commit, and what commits do not
//! change.

use sha2::{Digest as _, Sha256};

use super::answered::Mark;
use super::appended::Waiting;
use super::digest::Digest;
use super::layout::{number, push};
use crate::StoreKey;

/// The format that this version writes. Format 1 had no counts and no ordered keys, format 2 an entry
/// for each index key of each record, format 3 an entry for each appended record.
pub(super) const FORMAT: u64 = 4;
/// The sled key of the [`Head`].
pub(super) const HEAD: &[u8] = b"h";
/// The sled key of the [`Meta`].
pub(super) const META: &[u8] = b"m";
/// Room for most heads.
const ROOM: usize = 8192;

/// The state of the whole store, replaced by each commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The sequence number of the newest commit.
    pub(super) sequence: u64,
    /// The digest of all records, keys and counts.
    pub(super) digest: Digest,
    /// The newest appended records.
    pub(super) waiting: Waiting,
}

/// What commits do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meta {
    /// The version of this format.
    pub(super) format: u64,
    /// The id of the store's key.
    pub(super) key_id: [u8; 32],
}

impl Head {
    /// The bytes to store.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = self.state();
        if self.waiting != Waiting::default() {
            push(&mut out, b"");
            self.waiting.encode(&mut out);
        }
        out
    }

    /// The head from its stored bytes.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let (sequence, digest) = (number(&mut bytes)?, Digest::decode(&mut bytes)?);
        Some(Self { sequence, digest, waiting: Waiting::decode(bytes)? })
    }

    /// Identifies this state.
    pub(super) fn mark(&self) -> Mark {
        Mark { sequence: self.sequence, fingerprint: Sha256::digest(self.state()).into() }
    }

    /// The sequence number and the digest, which depends on all records, also those that wait.
    fn state(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(ROOM);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        self.digest.encode(&mut out);
        out
    }
}

impl Meta {
    /// The meta of a new store with this key.
    pub(super) fn of(key: &StoreKey) -> Self {
        Self { format: FORMAT, key_id: key.id() }
    }

    /// The bytes to store.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = self.format.to_be_bytes().to_vec();
        out.extend_from_slice(&self.key_id);
        out
    }

    /// The decoded bytes. For a later format, only the version is meaningful.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let format = number(&mut bytes)?;
        let key_id = bytes.first_chunk().copied();
        Some(Self { format, key_id: key_id.unwrap_or_default() })
    }
}

/// The sequence number of the newest commit as it was stored before format 1; `None` if the stored
/// bytes are not one.
pub(super) fn decode_unversioned_head(stored: Option<&[u8]>) -> Option<u64> {
    stored.map_or(Some(0), |bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)))
}
