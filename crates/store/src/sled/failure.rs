//! What a failure of the folder or of the database means for an operator. Sled's own texts are for
//! its developers; they go to the log at `debug`.

use std::io;
use std::path::Path;

use crate::StoreError;

/// An error of a folder.
pub(super) fn folder_error(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("`{}`: {error}", path.display()))
}

/// The cause of an error of the database, and what to do about it.
pub(super) fn database_error(error: &sled::Error) -> String {
    tracing::debug!(%error, "error of the database");
    let cause = match error {
        sled::Error::Io(error) => return error.to_string(),
        sled::Error::Corruption { .. } => "a part of the store's files is damaged",
        _ => "the store's files cannot be read",
    };
    format!("{cause}; restart Portcullis: it then verifies every record and names the damaged part")
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        Self::Unavailable(database_error(&error))
    }
}
