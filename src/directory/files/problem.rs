//! What is wrong with a file, and where.

use std::fmt;

use crate::directory::error::DirectoryError;
use portcullis_store::StoreError;

/// The most problems that are reported.
const MOST: usize = 100;

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// A value of a file, and where it is.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// A problem and where it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileProblem {
    /// Where it is.
    pub place: Place,
    /// The message: lower case, without a full stop.
    pub message: String,
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        write!(f, "line {line}, column {column}: {}", self.message)
    }
}

/// The problems of a file in order, at least one and at most 100. Displayed with one problem a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblems(Vec<FileProblem>);

impl std::error::Error for FileProblems {}

impl FileProblems {
    /// Fails if there are any problems.
    pub(super) fn check(mut problems: Vec<FileProblem>) -> Result<(), Self> {
        problems.sort();
        problems.dedup();
        problems.truncate(MOST);
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }

    /// The problems, ordered by place.
    pub fn iter(&self) -> std::slice::Iter<'_, FileProblem> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a FileProblems {
    type Item = &'a FileProblem;
    type IntoIter = std::slice::Iter<'a, FileProblem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for FileProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// Why a file cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Something is wrong with the file.
    #[error(transparent)]
    File(#[from] FileProblems),
    /// The actor may not do it, or the store is unavailable.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl From<StoreError> for PlanError {
    fn from(error: StoreError) -> Self {
        Self::Directory(error.into())
    }
}
