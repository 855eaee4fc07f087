//! A warning, and what the operator's `check.allow` makes of it.

use std::fmt;
use std::path::PathBuf;

use crate::config::{AllowedWarning, WarningName};

/// Something that prevents no start and is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The name.
    pub name: WarningName,
    /// What is the case, what follows, and what to do: sentences without the last full stop.
    pub detail: String,
    /// The file, if it is about a place in one.
    pub file: Option<PathBuf>,
    /// The line in the file, from 1.
    pub line: Option<usize>,
    /// Why the operator allows it, if it is allowed.
    pub allowed: Option<String>,
}

impl Warning {
    /// A warning about settings.
    pub(super) fn new(name: WarningName, detail: impl Into<String>) -> Self {
        Self { name, detail: detail.into(), file: None, line: None, allowed: None }
    }

    /// The same, about a line of a file.
    pub(super) fn at(self, file: PathBuf, line: usize) -> Self {
        Self { file: Some(file), line: Some(line), ..self }
    }
}

/// The place if there is one, and the detail.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.detail)
    }
}

/// Marks the warnings that are allowed. An entry that allows none is a warning itself, unless
/// warnings with its name were not looked for.
pub(super) fn allow(
    warnings: &mut Vec<Warning>,
    allowed: &[AllowedWarning],
    is_checked: impl Fn(WarningName) -> bool,
) {
    let applies = |entry: &AllowedWarning, warnings: &[Warning]| {
        warnings.iter().any(|warning| warning.name == entry.name)
    };
    let unused = allowed.iter().filter(|entry| {
        is_checked(entry.name)
            && entry.name != WarningName::UnusedAllow
            && !applies(entry, warnings)
    });
    let unused: Vec<_> = unused
        .map(|entry| {
            let detail = format!("check.allow: there is no warning `{}`; remove it", entry.name);
            Warning::new(WarningName::UnusedAllow, detail)
        })
        .collect();
    warnings.extend(unused);
    for warning in warnings {
        let entry = allowed.iter().find(|entry| entry.name == warning.name);
        warning.allowed = entry.map(|entry| entry.reason.clone());
    }
}
