//! Reads the tables of a file: typed values with their places. Unknown keys are problems, and one
//! problem does not hide another.

use std::cell::RefCell;

use portcullis_policy::did_you_mean;
use toml::de::{DeTable, DeValue};

use super::problem::{At, FileProblem, Place};
use crate::directory::error::DirectoryError;

/// The text of a file and the problems found so far.
#[derive(Debug)]
pub(super) struct Source<'t> {
    text: &'t str,
    /// The offset of each line, in order.
    lines: Vec<usize>,
    problems: RefCell<Vec<FileProblem>>,
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Self { text, lines: lines.collect(), problems: RefCell::default() }
    }

    pub(super) fn problem(&self, place: Place, message: impl Into<String>) {
        self.problems.borrow_mut().push(FileProblem { place, message: message.into() });
    }

    pub(super) fn into_problems(self) -> Vec<FileProblem> {
        self.problems.into_inner()
    }

    /// The whole file; `None` if it is not TOML.
    pub(super) fn document(&self) -> Option<Table<'_>> {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            let key = error.span().and_then(|span| self.text.get(span));
            let message = match (error.message(), key) {
                ("duplicate key", Some(key)) => format!("the key `{key}` is set twice"),
                (message, _) => format!("not TOML: {message}"),
            };
            self.problem(self.place(at), message);
        }
        let place = Place { line: 1, column: 1 };
        let table = document.into_inner();
        errors.is_empty().then(|| Table { source: self, place, table, known: Vec::new() })
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let before = self.text.get(start..offset).unwrap_or_default();
        Place { line, column: before.chars().count() + 1 }
    }
}

/// A table of a file. Keys are taken one by one; [`Table::finish`] reports the rest.
#[derive(Debug)]
pub(super) struct Table<'f> {
    source: &'f Source<'f>,
    /// Where it begins.
    pub(super) place: Place,
    table: DeTable<'f>,
    /// The keys that were asked for, whether they exist or not.
    known: Vec<&'static str>,
}

impl<'f> Table<'f> {
    pub(super) fn problem(&self, place: Place, message: impl Into<String>) {
        self.source.problem(place, message);
    }

    /// Takes a string, if the key exists.
    pub(super) fn string(&mut self, key: &'static str) -> Option<At<String>> {
        let (place, value) = self.take(key)?;
        let DeValue::String(value) = value else { return self.mistyped(place, key, "a string") };
        Some(At { value: value.into_owned(), place })
    }

    /// Takes a string. Without the key, that is a problem.
    pub(super) fn required(&mut self, key: &'static str) -> Option<At<String>> {
        if self.table.keys().all(|found| found.get_ref() != key) {
            self.problem(self.place, format!("`{key}` is missing"));
        }
        self.string(key)
    }

    /// Takes a boolean, or the default.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> Option<bool> {
        let Some((place, value)) = self.take(key) else { return Some(default) };
        let DeValue::Boolean(value) = value else {
            return self.mistyped(place, key, "true or false");
        };
        Some(value)
    }

    /// Takes a list of strings, or a single word instead of it.
    pub(super) fn strings_or(&mut self, key: &'static str, word: &str) -> Option<At<Strings>> {
        let wanted = format!("a list of strings or \"{word}\"");
        let Some((place, value)) = self.take(key) else {
            self.problem(self.place, format!("`{key}` is missing"));
            return None;
        };
        let items = match value {
            DeValue::String(given) if given == word => {
                return Some(At { value: Strings::Word, place });
            }
            DeValue::Array(items) => items,
            _ => return self.mistyped(place, key, &wanted),
        };
        let mut strings = Vec::new();
        for item in items {
            let DeValue::String(value) = item.into_inner() else {
                return self.mistyped(place, key, &wanted);
            };
            strings.push(value.into_owned());
        }
        Some(At { value: Strings::List(strings), place })
    }

    /// Takes the `[key]` table, if there is one.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Self> {
        let (place, value) = self.take(key)?;
        let DeValue::Table(table) = value else {
            self.problem(place, format!("`{key}` must be written as [{key}]"));
            return None;
        };
        Some(self.inner(place, table))
    }

    /// Takes the `[[key]]` tables, if there are any.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Self> {
        let Some((place, value)) = self.take(key) else { return Vec::new() };
        let wrong = |place| self.problem(place, format!("`{key}` must be written as [[{key}]]"));
        let DeValue::Array(items) = value else {
            wrong(place);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items {
            let place = self.source.place(item.span().start);
            match item.into_inner() {
                DeValue::Table(table) => tables.push(self.inner(place, table)),
                _ => wrong(place),
            }
        }
        tables
    }

    /// Reports every key that was not taken, with a similar one that was asked for.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            let name = key.get_ref();
            let proposal = did_you_mean(name, self.known.iter().copied());
            let place = self.source.place(key.span().start);
            self.problem(place, format!("unknown key `{name}`{proposal}"));
        }
    }

    /// A value that was checked by a rule of the directory; if it is invalid, that is a problem.
    pub(super) fn checked<T>(&self, place: Place, value: Result<T, DirectoryError>) -> Option<T> {
        value.map_err(|error| self.problem(place, error.to_string())).ok()
    }

    fn inner(&self, place: Place, table: DeTable<'f>) -> Self {
        Self { source: self.source, place, table, known: Vec::new() }
    }

    fn take(&mut self, key: &'static str) -> Option<(Place, DeValue<'f>)> {
        self.known.push(key);
        let value = self.table.remove(key)?;
        Some((self.source.place(value.span().start), value.into_inner()))
    }

    fn mistyped<T>(&self, place: Place, key: &str, wanted: &str) -> Option<T> {
        self.problem(place, format!("`{key}` must be {wanted}"));
        None
    }
}

/// A list of strings, or a word that stands for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Strings {
    Word,
    List(Vec<String>),
}
