//! Why a store does not open.

use std::path::PathBuf;

use super::folder;
use super::head::FORMAT;
use crate::StoreError;

/// Why a store does not open. Its files have not been changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or its files cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no store.
    #[error(
        "there is no store in `{}`{}: restore a backup, or create an empty store with `portcullis \
         store init`", path.display(), last_answered(*.answered)
    )]
    Missing {
        /// The folder.
        path: PathBuf,
        /// The last answered commit of the store that was there, if it is known.
        answered: Option<u64>,
    },
    /// There is a store already, or parts of one.
    #[error("`{}` already holds a store or parts of one; move it away first", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// The folder for a new store is not empty.
    #[error("`{}` is not empty; name a folder that is empty or does not exist", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// Something that was written is missing or has changed.
    #[error(
        "the store in `{}` is damaged: {found}. Its files have not been changed. Restore a backup, or \
         save the readable records to a new folder with `portcullis store rescue DIR`",
         path.display()
    )]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// Where the damage is, and what is known to be missing.
        found: String,
    },
    /// The store is complete, but older than what was answered.
    #[error(
        "the store in `{}` ends at commit {sequence}, but commit {answered} was answered ({}): it is \
         an older copy, or its newest part is damaged or lost. Its files have not been changed. If \
         you have restored an older copy on purpose, accept it with `portcullis store accept-older`. \
         Otherwise restore the newest copy, or save the readable records to a new folder with \
         `portcullis store rescue DIR`", path.display(), difference(*.sequence, *.answered)
    )]
    Older {
        /// The folder.
        path: PathBuf,
        /// The newest commit in the store.
        sequence: u64,
        /// The last answered commit.
        answered: u64,
    },
    /// It is not known which commit was answered last.
    #[error(
        "the store in `{}` is complete and ends at commit {sequence}, but `{}`, which names the last \
         answered commit, {}: if this is the newest copy of the store, accept it with `portcullis \
         store accept-older`{}", path.display(), file.display(),
         if *.missing { "is missing" } else { "cannot be read" },
         folder::mount_warning(path).map_or_else(String::new, |warning| format!(". {warning}"))
    )]
    Unanswered {
        /// The folder.
        path: PathBuf,
        /// The file that names the last answered commit.
        file: PathBuf,
        /// The newest commit in the store.
        sequence: u64,
        /// Whether the file is missing, not unreadable.
        missing: bool,
    },
    /// The store was created with another secret key.
    #[error(
        "the store in `{}` belongs to another secret key: restore the key that it was created with \
         (`secrets.key_file`)", path.display()
    )]
    OtherKey {
        /// The folder.
        path: PathBuf,
    },
    /// The store was written by a later version of the program.
    #[error(
        "the store in `{}` has format {format}, and this version supports formats up to {}: use a \
         later version of Portcullis", path.display(), FORMAT
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// The store's format.
        format: u64,
    },
}

fn last_answered(answered: Option<u64>) -> String {
    answered.map_or_else(String::new, |sequence| {
        format!(", although one that had reached commit {sequence} was there")
    })
}

fn difference(sequence: u64, answered: u64) -> String {
    match answered.saturating_sub(sequence) {
        0 => "with other records".to_owned(),
        1 => "1 commit is missing".to_owned(),
        missing => format!("{missing} commits are missing"),
    }
}
