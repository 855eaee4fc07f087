//! A row of a file as an item of a plan.

use serde::{Deserialize, Serialize};

use crate::directory::{DirectoryError, OrganizationId};
use crate::spreadsheet::Row;

/// A row, or what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line<T> {
    /// Its line in the file, from 1.
    pub(super) line: u64,
    /// The organization that its record belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) organization: Option<OrganizationId>,
    pub(super) content: Content<T>,
}

/// What is to be done about a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content<T> {
    /// What the row says.
    Row(T),
    /// Nothing, for this reason.
    Problem { code: String, reason: String },
}

/// Why a row cannot be planned.
#[derive(Debug)]
pub enum Fault {
    /// Something is wrong with it.
    Row {
        /// The name of the reason.
        code: String,
        /// The reason.
        reason: String,
    },
    /// Nothing can be planned now.
    Failed(DirectoryError),
}

impl Fault {
    /// A row that cannot be read.
    pub(super) fn of_row(reason: impl Into<String>) -> Self {
        Self::Row { code: "invalid".to_owned(), reason: reason.into() }
    }

    /// A cell that cannot be read.
    pub(super) fn of_cell(column: &str, reason: &str) -> Self {
        Self::of_row(format!("{column}: {reason}"))
    }
}

impl From<DirectoryError> for Fault {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Store(_) => Self::Failed(error),
            error => Self::Row { code: error.code().to_owned(), reason: error.to_string() },
        }
    }
}

/// The text in a column.
pub(super) fn text(row: &Row, column: &str) -> Option<String> {
    row.get(column).map(str::to_owned)
}

/// The answer in a column, as spreadsheets and people write it in English and German.
pub(super) fn answer(row: &Row, column: &str) -> Result<Option<bool>, Fault> {
    let Some(given) = row.get(column) else { return Ok(None) };
    match given.to_lowercase().as_str() {
        "yes" | "y" | "true" | "1" | "x" | "ja" | "j" | "wahr" => Ok(Some(true)),
        "no" | "n" | "false" | "0" | "-" | "nein" | "falsch" => Ok(Some(false)),
        _ => Err(Fault::of_cell(column, &format!("`{given}` is neither `yes` nor `no`"))),
    }
}
