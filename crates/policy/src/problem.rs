//! What is wrong with a policy: every problem at once, each with its file, line and cause.

use std::fmt;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file's name within the policy directory; `policy.directory` when it is that itself.
    pub file: &'static str,
    /// The line, from 1; none when it is the file as a whole.
    pub line: Option<usize>,
    /// What is wrong, as a sentence without its full stop.
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

/// Everything that is wrong with a policy; never empty. One problem a line when shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PolicyProblems {
    problems: Vec<Problem>,
    unread: bool,
}

impl PolicyProblems {
    /// An error if there is any problem.
    pub(super) fn check(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { problems, unread: false }) }
    }

    /// The problems, file by file.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.problems.iter()
    }

    /// Whether a file could not be read, so that another try may find nothing wrong with it.
    #[must_use]
    pub const fn has_unread(&self) -> bool {
        self.unread
    }

    /// The same, for a policy of which a file could not be read.
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
