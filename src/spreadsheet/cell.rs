//! One cell: how it is guarded when it is written, and what spreadsheets have made of it when it is
//! read.

use std::borrow::Cow;

use super::error::RowError;

/// A cell of more lines is taken for several rows of which a quote is missing.
const MOST_LINES: usize = 3;

/// A row of a file, with its line ending (RFC 4180). A cell that a spreadsheet would take for a formula,
/// or that would be read back differently, begins with an apostrophe.
#[must_use]
pub fn row<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut row = String::new();
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            row.push(',');
        }
        let cell = guarded(cell);
        match cell.contains([',', ';', '"', '\r', '\n', '\t']) {
            true => {
                row.push('"');
                row.push_str(&cell.replace('"', "\"\""));
                row.push('"');
            }
            false => row.push_str(&cell),
        }
    }
    row.push_str("\r\n");
    row
}

/// The value of a cell: without space around it, and without what spreadsheets put there to keep a
/// text from being a number or a formula: an apostrophe at the beginning, or `="…"` around it.
///
/// # Errors
/// When its digits are lost, or it has many lines.
pub(super) fn value(column: &'static str, cell: &str) -> Result<String, RowError> {
    let cell = cell.trim();
    if let Some(text) = cell.strip_prefix('\'').filter(|text| is_guarded(text)) {
        return Ok(text.to_owned());
    }
    if let Some(text) = cell.strip_prefix("=\"").and_then(|text| text.strip_suffix('"')) {
        return Ok(text.replace("\"\"", "\"").trim().to_owned());
    }
    if is_rounded(cell) {
        return Err(RowError::Rounded { column, value: cell.to_owned() });
    }
    match cell.lines().count() {
        0 | 1 => Ok(cell.to_owned()),
        lines @ ..=MOST_LINES => {
            let _ = lines;
            Ok(cell
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>()
                .join(" "))
        }
        lines => Err(RowError::ManyLines { column, lines }),
    }
}

fn guarded(cell: &str) -> Cow<'_, str> {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let is_read_otherwise = is_rounded(cell) || cell.strip_prefix('\'').is_some_and(is_guarded);
    match is_formula || is_read_otherwise {
        true => Cow::Owned(format!("'{cell}")),
        false => Cow::Borrowed(cell),
    }
}

/// Whether an apostrophe before this text guards it. Before other texts it is a part of them:
/// `'s-Hertogenbosch`.
fn is_guarded(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\''])
        || text.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether a cell is a number as spreadsheets show long ones: `1,23457E+11`.
fn is_rounded(cell: &str) -> bool {
    let Some((digits, exponent)) = cell.split_once("E+") else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, rest) = digits.split_once([',', '.']).unwrap_or((digits, "0"));
    is_number(exponent) && is_number(whole.trim_start_matches(['-', '+'])) && is_number(rest)
}
