//! Hashes of entries and of nodes (RFC 6962, section 2.1).

use std::fmt;

use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash of a leaf or of a subtree. Displayed in base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; Self::BYTES]);

impl Hash {
    /// The bytes of a hash.
    pub const BYTES: usize = 32;

    /// The hash with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The hash in base64, as it is displayed. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        BASE64.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// The root of a tree without entries.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The hash of an entry. Its prefix differs from that of a node, so that no entry can pass for
    /// a node.
    #[must_use]
    pub fn leaf(entry: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
    }

    /// The hash of a node with two subtrees.
    #[must_use]
    pub fn node(left: Self, right: Self) -> Self {
        let hasher = Sha256::new().chain_update([1]);
        Self(hasher.chain_update(left.0).chain_update(right.0).finalize().into())
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
