//! A parked organization: the operator has closed the portal for it.

use jiff::Timestamp;
use portcullis_store::Key;
use serde::{Deserialize, Serialize};

/// Since when and why an organization is parked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Parked {
    /// Shown to the people of the organization; plain text on one line.
    pub reason: String,
    /// When it was parked.
    pub since: Timestamp,
}

impl Parked {
    /// The index key of parked organizations.
    pub(in crate::directory) fn key() -> Key {
        Key::new("parked", "true")
    }
}
