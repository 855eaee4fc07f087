//! The problems of a policy, each with its file, line and message.

use std::borrow::Cow;
use std::fmt;

pub(super) const PERMISSIONS_FILE: &str = "permissions.toml";
pub(super) const GROUPS_FILE: &str = "groups.toml";
pub(super) const ROUTES_FILE: &str = "routes.toml";
/// The directory with more files of routes.
pub(super) const ROUTES_DIRECTORY: &str = "routes.d";
pub(super) const EXPECTATIONS_FILE: &str = "expectations.toml";

/// A problem and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The name of the file; `policy.directory` if the problem is the directory itself.
    pub file: Cow<'static, str>,
    /// The line, from 1; `None` if the problem is the file as a whole.
    pub line: Option<usize>,
    /// The message: lower case, without a full stop.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// All problems of a policy, at least one. Displayed with one problem a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PolicyProblems {
    problems: Vec<Problem>,
    unread: bool,
}

impl PolicyProblems {
    /// Fails if there are any problems.
    pub(super) fn check(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { problems, unread: false }) }
    }

    /// The problems, ordered by file and line.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.problems.iter()
    }

    /// Whether a file could not be read, so that another attempt may succeed.
    #[must_use]
    pub const fn has_unread(&self) -> bool {
        self.unread
    }

    /// Marks the problems as those of files that could not all be read.
    pub(super) fn with_unread(self) -> Self {
        Self { unread: true, ..self }
    }
}

impl From<Problem> for PolicyProblems {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem], unread: false }
    }
}

impl<'a> IntoIterator for &'a PolicyProblems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for PolicyProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}
