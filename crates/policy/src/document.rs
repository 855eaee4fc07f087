//! A policy file on its way from TOML to typed values: every value knows its line, every unknown
//! key is a problem, and no problem hides another.

use std::cell::RefCell;

use toml::de::{DeTable, DeValue};

use super::problem::Problem;

/// A value and the line it stands on.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) line: usize,
}

/// One policy file: its text and what was found wrong with it so far.
#[derive(Debug)]
pub(super) struct File<'t> {
    name: &'static str,
    text: &'t str,
    /// Where each line begins, so that an offset becomes a line by binary search.
    lines: Vec<usize>,
    problems: RefCell<Vec<Problem>>,
}

impl<'t> File<'t> {
    /// The file of this name, with those of the problems that are its own.
    pub(super) fn new(name: &'static str, text: &'t str, problems: &[Problem]) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        let problems = problems.iter().filter(|problem| problem.file == name).cloned().collect();
        Self { name, text, lines: lines.collect(), problems: RefCell::new(problems) }
    }

    /// Says what is wrong, at a line or about the file as a whole.
    pub(super) fn problem(&self, line: impl Into<Option<usize>>, message: impl Into<String>) {
        let problem = Problem { file: self.name, line: line.into(), message: message.into() };
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn has_problems(&self) -> bool {
        !self.problems.borrow().is_empty()
    }

    /// The problems in order of line.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line);
        problems
    }

    /// The tables of `[[kind]]`, the only key the file may have.
    pub(super) fn entries<'f>(&'f self, kind: &str) -> Vec<Entry<'f>>
    where
        't: 'f,
    {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let line = error.span().map(|span| self.line_at(span.start));
            self.problem(line, format!("not TOML: {}", error.message()));
        }
        let mut entries = Vec::new();
        for (key, value) in document.into_inner() {
            let line = self.line_at(key.span().start);
            match value.into_inner() {
                _ if key.get_ref() != kind => {
                    self.problem(line, format!("unknown key `{}`: only [[{kind}]]", key.get_ref()))
                }
                DeValue::Array(items) => {
                    for item in items {
                        let line = self.line_at(item.span().start);
                        match item.into_inner() {
                            DeValue::Table(table) => {
                                entries.push(Entry {
                                    file: self,
                                    line,
                                    path: String::new(),
                                    table,
                                });
                            }
                            _ => self.problem(line, format!("`{kind}` is written [[{kind}]]")),
                        }
                    }
                }
                _ => self.problem(line, format!("`{kind}` is written [[{kind}]]")),
            }
        }
        // After a syntax error the recovered entries may lack what the error swallowed: what would
        // be said about them is noise.
        if errors.is_empty() { entries } else { Vec::new() }
    }

    fn line_at(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset)
    }
}

/// One table of a file; its keys are taken out one by one, and [`Entry::finish`] complains of the
/// rest.
#[derive(Debug)]
pub(super) struct Entry<'f> {
    file: &'f File<'f>,
    line: usize,
    /// The key of an inner table and a dot, for messages.
    path: String,
    table: DeTable<'f>,
}

impl<'f> Entry<'f> {
    /// Where the table begins.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// The keys that are still there.
    pub(super) fn keys(&self) -> Vec<At<String>> {
        let at = |line, key: &str| At { value: key.to_owned(), line };
        let keys = self.table.keys();
        keys.map(|key| at(self.file.line_at(key.span().start), key.get_ref())).collect()
    }

    /// Whether the key is there, or still there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.keys().any(|found| found.get_ref() == key)
    }

    /// A string, if the key is there.
    pub(super) fn string(&mut self, key: &str) -> Option<At<String>> {
        let (line, value) = self.take(key)?;
        let DeValue::String(value) = value else { return self.mistyped(line, key, "a string") };
        Some(At { value: value.into_owned(), line })
    }

    /// A string that must be there.
    pub(super) fn required_string(&mut self, key: &str) -> Option<At<String>> {
        if !self.has(key) {
            self.file.problem(self.line, format!("`{}{key}` is missing", self.path));
        }
        self.string(key)
    }

    /// A boolean, if the key is there.
    pub(super) fn boolean(&mut self, key: &str) -> Option<bool> {
        let (line, value) = self.take(key)?;
        let DeValue::Boolean(value) = value else {
            return self.mistyped(line, key, "true or false");
        };
        Some(value)
    }

    /// A list of strings that is not empty, if the key is there.
    pub(super) fn strings(&mut self, key: &str) -> Option<Vec<At<String>>> {
        let strings = self.strings_or_none(key)?;
        if strings.value.is_empty() {
            self.file.problem(strings.line, format!("`{}{key}` is empty", self.path));
            return None;
        }
        Some(strings.value)
    }

    /// A list of strings that may be empty, if the key is there.
    pub(super) fn strings_or_none(&mut self, key: &str) -> Option<At<Vec<At<String>>>> {
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

    /// An inner table, if the key is there.
    pub(super) fn table(&mut self, key: &str) -> Option<Self> {
        let (line, value) = self.take(key)?;
        let DeValue::Table(table) = value else { return self.mistyped(line, key, "a table") };
        Some(Self { file: self.file, line, path: format!("{}{key}.", self.path), table })
    }

    /// Whether the value of a key that is there is a string.
    pub(super) fn is_string(&self, key: &str) -> bool {
        self.table.iter().any(|(found, value)| found.get_ref() == key && value.get_ref().is_str())
    }

    /// Complains of every key that was not taken.
    pub(super) fn finish(self) {
        for key in self.keys() {
            self.file.problem(key.line, format!("unknown key `{}{}`", self.path, key.value));
        }
    }

    fn take(&mut self, key: &str) -> Option<(usize, DeValue<'f>)> {
        let value = self.table.remove(key)?;
        Some((self.file.line_at(value.span().start), value.into_inner()))
    }

    fn mistyped<T>(&self, line: usize, key: &str, wanted: &str) -> Option<T> {
        self.file.problem(line, format!("`{}{key}` must be {wanted}", self.path));
        None
    }
}
