//! The columns of a file: their names in the first row.

use super::error::SheetError;

/// A column that a file may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Other names, in small letters without spaces and punctuation.
    pub aliases: &'static [&'static str],
    /// Whether a file has it for information only: it is not read.
    pub is_ignored: bool,
}

impl Column {
    /// A column that is read.
    #[must_use]
    pub const fn new(name: &'static str, aliases: &'static [&'static str]) -> Self {
        Self { name, aliases, is_ignored: false }
    }

    /// A column that is written for information, and not read.
    #[must_use]
    pub const fn ignored(name: &'static str) -> Self {
        Self { is_ignored: true, ..Self::new(name, &[]) }
    }

    fn is_named(&self, folded: &str) -> bool {
        fold(self.name) == folded || self.aliases.contains(&folded)
    }
}

/// The columns of the first row, in its order; `None` for a cell without a name.
///
/// # Errors
/// When a name is not known or given twice, or the row has no name.
pub(super) fn named<'a>(
    columns: &'static [Column],
    line: u64,
    header: impl Iterator<Item = &'a str>,
) -> Result<Vec<Option<&'static Column>>, SheetError> {
    let mut found: Vec<Option<&'static Column>> = Vec::new();
    for name in header {
        let folded = fold(name);
        if folded.is_empty() {
            found.push(None);
            continue;
        }
        let Some(column) = columns.iter().find(|column| column.is_named(&folded)) else {
            let name = name.trim().chars().take(64).collect();
            return Err(SheetError::UnknownColumn { line, name, known: listed(columns) });
        };
        if found.contains(&Some(column)) {
            return Err(SheetError::RepeatedColumn { line, name: column.name });
        }
        found.push(Some(column));
    }
    match found.iter().any(Option::is_some) {
        true => Ok(found),
        false => Err(SheetError::NoColumn { line, known: listed(columns) }),
    }
}

/// How many names of a row are known.
pub(super) fn known<'a>(columns: &[Column], header: impl Iterator<Item = &'a str>) -> usize {
    header.filter(|name| columns.iter().any(|column| column.is_named(&fold(name)))).count()
}

/// The names of the columns that are read, for errors.
pub(super) fn listed(columns: &[Column]) -> String {
    let names = columns.iter().filter(|column| !column.is_ignored);
    names.map(|column| format!("`{}`", column.name)).collect::<Vec<_>>().join(", ")
}

/// The name in small letters, without spaces and punctuation.
fn fold(name: &str) -> String {
    let kept = name.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}
