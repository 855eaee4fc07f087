//! Reads a policy file: typed values with their lines. Unknown keys are problems, and one problem
//! does not hide another.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::similar::did_you_mean;

/// A value and its line, from 1.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) line: usize,
}

/// A policy file and the problems found so far.
#[derive(Debug)]
pub(super) struct File<'t> {
    name: Cow<'static, str>,
    text: &'t str,
    /// The offset of each line, in order.
    lines: Vec<usize>,
    problems: RefCell<Vec<Problem>>,
}

impl<'t> File<'t> {
    /// A file, with those of `problems` that are about it.
    pub(super) fn new(
        name: impl Into<Cow<'static, str>>,
        text: &'t str,
        problems: &[Problem],
    ) -> Self {
        let name = name.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        let problems = problems.iter().filter(|problem| problem.file == name).cloned().collect();
        Self { name, text, lines: lines.collect(), problems: RefCell::new(problems) }
    }

    /// The name of the file.
    pub(super) fn name(&self) -> &Cow<'static, str> {
        &self.name
    }

    /// Adds a problem, at a line or with the file as a whole. What several routes inherit is one
    /// problem.
    pub(super) fn problem(&self, line: impl Into<Option<usize>>, message: impl Into<String>) {
        let problem =
            Problem { file: self.name.clone(), line: line.into(), message: message.into() };
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    pub(super) fn has_problems(&self) -> bool {
        !self.problems.borrow().is_empty()
    }

    /// The problems, ordered by line.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line);
        problems
    }

    /// The `[[kind]]` tables, which are all that the file may contain.
    pub(super) fn entries<'f>(&'f self, kind: &str) -> Vec<Entry<'f>>
    where
        't: 'f,
    {
        let Some(mut document) = self.document() else { return Vec::new() };
        let entries = document.tables(kind);
        for key in document.keys() {
            self.problem(key.line, format!("unknown key `{}`; expected [[{kind}]]", key.value));
        }
        entries
    }

    /// The whole file as a table; `None` if it is not TOML, because entries may be incomplete then,
    /// and problems with them misleading.
    pub(super) fn document<'f>(&'f self) -> Option<Entry<'f>>
    where
        't: 'f,
    {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let line = error.span().map(|span| self.line_at(span.start));
            let key = error.span().and_then(|span| self.text.get(span));
            let message = match (error.message(), key) {
                ("duplicate key", Some(key)) => format!("the key `{key}` is set twice"),
                (message, _) => format!("not TOML: {message}"),
            };
            self.problem(line, message);
        }
        let table = document.into_inner();
        errors.is_empty().then(|| Entry::new(self, 1, String::new(), table))
    }

    fn line_at(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset)
    }
}

/// A table of a file. Keys are taken one by one; [`Entry::finish`] reports the rest.
#[derive(Debug)]
pub(super) struct Entry<'f> {
    file: &'f File<'f>,
    line: usize,
    /// For messages: the key of an inner table and a dot, or nothing.
    path: String,
    table: DeTable<'f>,
    /// The keys that were asked for, whether they exist or not.
    known: RefCell<BTreeSet<String>>,
}

impl<'f> Entry<'f> {
    fn new(file: &'f File<'f>, line: usize, path: String, table: DeTable<'f>) -> Self {
        Self { file, line, path, table, known: RefCell::default() }
    }

    /// The first line of the table.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// The keys that have not been taken.
    pub(super) fn keys(&self) -> Vec<At<String>> {
        let at = |line, key: &str| At { value: key.to_owned(), line };
        let keys = self.table.keys();
        keys.map(|key| at(self.file.line_at(key.span().start), key.get_ref())).collect()
    }

    /// Whether the key exists and has not been taken.
    pub(super) fn has(&self, key: &str) -> bool {
        self.known.borrow_mut().insert(key.to_owned());
        self.table.keys().any(|found| found.get_ref() == key)
    }

    /// Takes a string, if the key exists.
    pub(super) fn string(&mut self, key: &str) -> Option<At<String>> {
        let (line, value) = self.take(key)?;
        let DeValue::String(value) = value else { return self.mistyped(line, key, "a string") };
        Some(At { value: value.into_owned(), line })
    }

    /// Takes a string. Without the key, that is a problem.
    pub(super) fn required_string(&mut self, key: &str) -> Option<At<String>> {
        if !self.has(key) {
            self.file.problem(self.line, format!("`{}{key}` is missing", self.path));
        }
        self.string(key)
    }

    /// Takes a boolean, if the key exists.
    pub(super) fn boolean(&mut self, key: &str) -> Option<bool> {
        let (line, value) = self.take(key)?;
        let DeValue::Boolean(value) = value else {
            return self.mistyped(line, key, "true or false");
        };
        Some(value)
    }

    /// Takes a whole number, if the key exists.
    pub(super) fn integer(&mut self, key: &str) -> Option<At<i64>> {
        let (line, value) = self.take(key)?;
        let number =
            value.as_integer().map(|number| i64::from_str_radix(number.as_str(), number.radix()));
        match number {
            Some(Ok(value)) => Some(At { value, line }),
            Some(Err(_)) | None => self.mistyped(line, key, "a whole number"),
        }
    }

    /// Takes a list of at least one string, if the key exists.
    pub(super) fn strings(&mut self, key: &str) -> Option<Vec<At<String>>> {
        let strings = self.possibly_empty_strings(key)?;
        if strings.value.is_empty() {
            self.file.problem(strings.line, format!("`{}{key}` must not be empty", self.path));
            return None;
        }
        Some(strings.value)
    }

    /// Takes a list of strings that may be empty, if the key exists.
    pub(super) fn possibly_empty_strings(&mut self, key: &str) -> Option<At<Vec<At<String>>>> {
        let (line, value) = self.take(key)?;
        let DeValue::Array(items) = value else {
            return self.mistyped(line, key, "a list of strings");
        };
        let mut strings = Vec::new();
        for item in items {
            let line = self.file.line_at(item.span().start);
            let DeValue::String(value) = item.into_inner() else {
                return self.mistyped(line, key, "a list of strings");
            };
            strings.push(At { value: value.into_owned(), line });
        }
        Some(At { value: strings, line })
    }

    /// Takes an inner table, if the key exists.
    pub(super) fn table(&mut self, key: &str) -> Option<Self> {
        let (line, value) = self.take(key)?;
        let DeValue::Table(table) = value else { return self.mistyped(line, key, "a table") };
        Some(Self::new(self.file, line, format!("{}{key}.", self.path), table))
    }

    /// Whether the key exists and its value is a string.
    pub(super) fn is_string(&self, key: &str) -> bool {
        self.table.iter().any(|(found, value)| found.get_ref() == key && value.get_ref().is_str())
    }

    /// Whether the key exists and its value is a boolean.
    pub(super) fn is_boolean(&self, key: &str) -> bool {
        let mut keys = self.table.iter();
        keys.any(|(found, value)| found.get_ref() == key && value.get_ref().as_bool().is_some())
    }

    /// Takes the `[[key]]` tables, if there are any.
    pub(super) fn tables(&mut self, key: &str) -> Vec<Self> {
        let Some((line, value)) = self.take(key) else { return Vec::new() };
        let wrong = |line| {
            let name = format!("{}{key}", self.path);
            self.file.problem(line, format!("`{name}` must be written as [[{name}]]"));
        };
        let DeValue::Array(items) = value else {
            wrong(line);
            return Vec::new();
        };
        let mut entries = Vec::new();
        for item in items {
            let line = self.file.line_at(item.span().start);
            match item.into_inner() {
                DeValue::Table(table) => {
                    entries.push(Self::new(self.file, line, String::new(), table));
                }
                _ => wrong(line),
            }
        }
        entries
    }

    /// Copies a key of another table of the file, if it has it.
    pub(super) fn copy(&mut self, key: &str, from: &Self) {
        let found = from.table.iter().find(|(found, _)| found.get_ref() == key);
        if let Some((key, value)) = found {
            self.table.insert(key.clone(), value.clone());
        }
    }

    /// Reports every key that was not taken, with a similar one that was asked for. Returns whether
    /// there was none.
    pub(super) fn finish(self) -> bool {
        let known = self.known.borrow();
        for key in self.keys() {
            let proposal = did_you_mean(&key.value, known.iter().map(String::as_str));
            let message = format!("unknown key `{}{}`{proposal}", self.path, key.value);
            self.file.problem(key.line, message);
        }
        self.table.is_empty()
    }

    fn take(&mut self, key: &str) -> Option<(usize, DeValue<'f>)> {
        self.known.borrow_mut().insert(key.to_owned());
        let value = self.table.remove(key)?;
        Some((self.file.line_at(value.span().start), value.into_inner()))
    }

    fn mistyped<T>(&self, line: usize, key: &str, wanted: &str) -> Option<T> {
        self.file.problem(line, format!("`{}{key}` must be {wanted}", self.path));
        None
    }
}
