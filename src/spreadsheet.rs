//! CSV files as spreadsheets write them: read row by row, and written so that no spreadsheet takes a
//! cell for a formula.
//!
//! What is read: UTF-8 and UTF-16 with or without a byte order mark, otherwise Windows-1252; commas,
//! semicolons or tabs, also as `sep=;` in the first line; LF, CRLF or CR; columns in any order, under
//! English or German names. What is not a file of this kind is an error; what is wrong with a row is
//! an error of that row only. Nothing here knows what the columns mean.
//!
//! What is written with [`row`] is read back as the same cells, except for space around them.

mod cell;
mod columns;
mod decoding;
mod error;
mod reader;

pub use self::cell::row;
pub use self::columns::Column;
pub use self::reader::{Row, Sheet};

#[cfg(test)]
mod tests;
