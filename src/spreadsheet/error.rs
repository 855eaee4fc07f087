//! Why a file or a row cannot be read.

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// It is another kind of file.
    #[error("this is {0}, not CSV; save the sheet as CSV")]
    OtherFormat(&'static str),
    /// It is not text.
    #[error("this is not text: it is neither UTF-8, UTF-16 nor Windows-1252; save it as UTF-8")]
    NotText,
    /// There is no row.
    #[error("the file is empty; its first row must name the columns: {known}")]
    Empty {
        /// The columns that it may have.
        known: String,
    },
    /// The first row has no name.
    #[error("line {line}: the first row names no column; the columns are {known}")]
    NoColumn {
        /// The line of the first row.
        line: u64,
        /// The columns that there are.
        known: String,
    },
    /// The first row has a name that is not known.
    #[error("line {line}: there is no column `{name}`; the columns are {known}")]
    UnknownColumn {
        /// The line of the first row.
        line: u64,
        /// The name in the file.
        name: String,
        /// The columns that there are.
        known: String,
    },
    /// Two names in the first row mean the same column.
    #[error("line {line}: the column `{name}` is given twice")]
    RepeatedColumn {
        /// The line of the first row.
        line: u64,
        /// The column.
        name: &'static str,
    },
    /// A quote is opened in the last row and never closed.
    #[error("line {line}: a quote (`\"`) is opened in this row and never closed")]
    OpenQuote {
        /// The line where the row begins.
        line: u64,
    },
}

/// Why a row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The spreadsheet has replaced digits by an approximation.
    #[error(
        "`{column}` is `{value}`: the spreadsheet has rounded a long number; format the column as \
         text, and enter it again"
    )]
    Rounded {
        /// The column.
        column: &'static str,
        /// The cell.
        value: String,
    },
    /// There is a cell below no name.
    #[error("cell {number} has no column; is there a separator too many, or a quote missing?")]
    NoColumn {
        /// The number of the cell in the row, from 1.
        number: usize,
    },
    /// A cell has many lines.
    #[error("`{column}` has {lines} lines; is a quote missing?")]
    ManyLines {
        /// The column.
        column: &'static str,
        /// How many lines.
        lines: usize,
    },
}
