//! The store and its key, by which a new version of the program finds out whether it can open them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A store and its key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Installation {
    /// The absolute path of the store's folder.
    pub path: PathBuf,
    /// The version of the store's format.
    pub format: u64,
    /// What identifies the secret key, without telling anything of it.
    pub key_id: String,
}
