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
        sled::Error::Io(error) => return io_cause(error),
        sled::Error::Corruption { .. } => "a part of the store's files is damaged",
        _ => "the store's files cannot be read",
    };
    format!("{cause}; restart Portcullis: it then verifies every record and names the damaged part")
}

/// The cause of an I/O error. Sled copies errors, and a copy has another error's debugging text.
fn io_cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        kind if error.raw_os_error().is_none() => kind.to_string(),
        _ => error.to_string(),
    }
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        Self::Unavailable(database_error(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_errors_of_the_disk_are_in_words() {
        let error = |code| sled::Error::Io(io::Error::from_raw_os_error(code));
        for (code, expected) in [(28, "the disk is full"), (13, "permission denied")] {
            let copied = database_error(&error(code).clone());
            assert_eq!(copied, expected);
            let original = database_error(&error(code)).to_lowercase();
            assert!(original.starts_with(expected), "{original}");
        }
    }
}
