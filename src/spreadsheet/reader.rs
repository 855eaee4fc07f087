//! The rows of a file.

use std::io::Cursor;

use csv::{ReaderBuilder, StringRecord};

use super::cell;
use super::columns::{self, Column};
use super::decoding::{self, Encoding};
use super::error::{RowError, SheetError};

/// Ends the text. It is read as a row of its own, unless a quote before it is still open.
const END: &str = "\n\0\n";

/// A file that is read row by row. Rows without any value are left out.
#[derive(Debug)]
pub struct Sheet {
    rows: csv::Reader<Cursor<String>>,
    header: Vec<Option<&'static Column>>,
    encoding: Encoding,
    /// How many lines were cut off before the first row.
    skipped: u64,
    record: StringRecord,
    ended: bool,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line of the file where it begins, from 1.
    pub line: u64,
    cells: Vec<(&'static str, String)>,
}

impl Row {
    /// The value in a column; `None` if it is empty.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&str> {
        self.cells.iter().find(|(name, _)| *name == column).map(|(_, value)| &**value)
    }
}

impl Sheet {
    /// Begins to read a file that may have these columns.
    ///
    /// # Errors
    /// When it is not such a file.
    pub fn open(bytes: &[u8], columns: &'static [Column]) -> Result<Self, SheetError> {
        let (mut text, encoding) = decoding::decode(bytes)?;
        let stated = stated_separator(&text);
        let mut skipped = 0;
        if stated.is_some() {
            text.drain(..text.find('\n').map_or(text.len(), |end| end + 1));
            skipped = 1;
        }
        if text.trim().is_empty() {
            return Err(SheetError::Empty { known: columns::listed(columns) });
        }
        let separator = stated.unwrap_or_else(|| likely_separator(&text, columns));
        text.push_str(END);
        let mut sheet = Self {
            rows: reader(text, separator),
            header: Vec::new(),
            encoding,
            skipped,
            record: StringRecord::new(),
            ended: false,
        };
        if let Some(line) = sheet.advance()? {
            sheet.header = columns::named(columns, line, sheet.record.iter())?;
        }
        Ok(sheet)
    }

    /// What was guessed about the file, for a person; `None` if nothing was.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let is_guess = self.encoding == Encoding::Windows1252;
        is_guess.then(|| "read as Windows-1252, because it is not UTF-8".to_owned())
    }

    /// The next row: its line, and the row or what is wrong with it.
    ///
    /// # Errors
    /// When the rest cannot be read.
    #[expect(clippy::type_complexity, reason = "a row, an error of a row, or an error of the file")]
    pub fn next_row(&mut self) -> Result<Option<(u64, Result<Row, RowError>)>, SheetError> {
        while let Some(line) = self.advance()? {
            if self.record.iter().any(|cell| !cell.trim().is_empty()) {
                return Ok(Some((line, self.row(line))));
            }
        }
        Ok(None)
    }

    fn row(&self, line: u64) -> Result<Row, RowError> {
        let mut cells = Vec::new();
        for (index, cell) in self.record.iter().enumerate() {
            match self.header.get(index).copied().flatten() {
                Some(column) if column.is_ignored => {}
                Some(column) => {
                    let value = cell::value(column.name, cell)?;
                    if !value.is_empty() {
                        cells.push((column.name, value));
                    }
                }
                None if cell.trim().is_empty() => {}
                None => return Err(RowError::NoColumn { number: index + 1 }),
            }
        }
        Ok(Row { line, cells })
    }

    /// Reads the next record. Returns the line where it begins.
    fn advance(&mut self) -> Result<Option<u64>, SheetError> {
        if self.ended {
            return Ok(None);
        }
        // Text in memory that is UTF-8 is always read.
        let is_read = self.rows.read_record(&mut self.record).unwrap_or(false);
        let breaks: usize = self.record.iter().map(|cell| cell.matches('\n').count()).sum();
        let breaks = u64::try_from(breaks).unwrap_or(u64::MAX);
        let after = self.rows.position().line() + self.skipped;
        let line = after.saturating_sub(breaks + 1);
        if self.record.iter().eq(["\0"]) {
            self.ended = true;
            return Ok(None);
        }
        match is_read && !self.record.iter().any(|cell| cell.contains('\0')) {
            true => Ok(Some(line)),
            // Its text has no line ending of its own.
            false => Err(SheetError::OpenQuote { line: line + 1 }),
        }
    }
}

fn reader(text: String, separator: char) -> csv::Reader<Cursor<String>> {
    ReaderBuilder::new()
        .delimiter(u8::try_from(separator).unwrap_or(b','))
        .has_headers(false)
        .flexible(true)
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(Cursor::new(text))
}

/// The separator that Excel states in the first line: `sep=;`.
fn stated_separator(text: &str) -> Option<char> {
    let first = text.lines().next()?;
    let name = first.get(..4).filter(|name| name.eq_ignore_ascii_case("sep="))?;
    let mut stated = first.get(name.len()..)?.chars();
    let separator = stated.next()?;
    // Some programs fill the line with separators.
    let is_alone = stated.all(|c| c == separator);
    (is_alone && separator.is_ascii() && !"\"\0".contains(separator)).then_some(separator)
}

/// The separator with which the first row has the most known names, then the most cells.
fn likely_separator(text: &str, columns: &[Column]) -> char {
    let first: String = text.trim_start().lines().take(1).collect();
    let score = |separator: char| {
        let mut record = StringRecord::new();
        let is_read = reader(first.clone(), separator).read_record(&mut record).unwrap_or(false);
        is_read.then(|| (columns::known(columns, record.iter()), record.len()))
    };
    [',', ';', '\t'].into_iter().rev().max_by_key(|separator| score(*separator)).unwrap_or(',')
}
