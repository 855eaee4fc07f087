//! An entry with its number.

use portcullis_audit::line;
use portcullis_store::{Record, StoreError};
use serde::Serialize;

use crate::directory::records::audit::Entry;

/// An entry as it is shown: with its number, and without its salt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "AuditEntry")]
pub struct NumberedEntry {
    /// Its place in the log, from 0.
    pub number: u64,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
}

impl NumberedEntry {
    pub(super) fn read(record: &Record) -> Result<Self, StoreError> {
        let number = number(record)?;
        let entry: Entry = serde_json::from_slice(&record.doc)
            .map_err(|error| damaged(record, &error.to_string()))?;
        Ok(Self { number, entry: Entry { salt: String::new(), ..entry } })
    }
}

/// The line of an entry in an exported log.
pub(super) fn line_of(record: &Record) -> Result<String, StoreError> {
    let text = str::from_utf8(&record.doc).map_err(|error| damaged(record, &error.to_string()))?;
    Ok(line::of_entry(number(record)?, text))
}

/// The number of an entry, or the size of a checkpoint: the record's id.
pub(super) fn number(record: &Record) -> Result<u64, StoreError> {
    record.id.parse().map_err(|_| damaged(record, "its id is not a number"))
}

/// The error that a record of the log cannot be read.
pub(super) fn damaged(record: &Record, cause: &str) -> StoreError {
    StoreError::Damaged {
        kind: crate::directory::records::kind::AUDIT,
        id: record.id.clone(),
        cause: cause.to_owned(),
    }
}
