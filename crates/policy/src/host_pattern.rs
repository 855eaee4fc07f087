//! The hosts of a route: a name, or one label below a name.

use std::fmt;

use super::host::Host;
use super::path_pattern::variable_name;

/// A host to which a route applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// The host with this name ([`Host::name`]).
    Name(String),
    /// `{organization}.portal.example.com`: all hosts with one label before `parent`.
    Below {
        /// The name of the variable that stands for the label.
        variable: String,
        /// What follows the label and the dot.
        parent: String,
    },
}

impl HostPattern {
    /// Reads a host without a port.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix('{') {
            let wrong = || "write one variable before a name, as in `{organization}.example.com`";
            let (variable, parent) = rest.split_once("}.").ok_or_else(wrong)?;
            let variable = variable_name(variable).map_err(|problem| problem.to_string())?;
            let Self::Name(parent) = Self::parse(parent)? else { return Err(wrong().to_owned()) };
            let is_name = parent.bytes().any(|byte| byte.is_ascii_alphabetic());
            if !is_name || parent.starts_with('[') {
                return Err("an address has no names below it".to_owned());
            }
            return Ok(Self::Below { variable, parent });
        }
        match Host::parse(text) {
            Ok(host) if host.port().is_none() => Ok(Self::Name(host.name().to_owned())),
            Ok(_) => Err("write the host without a port".to_owned()),
            Err(cause) => Err(cause.to_string()),
        }
    }

    /// A name that it matches, for examples.
    pub(super) fn example(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Below { parent, .. } => format!("example.{parent}"),
        }
    }

    /// Whether it has a variable with this name.
    pub(super) fn has_variable(&self, name: &str) -> bool {
        matches!(self, Self::Below { variable, .. } if variable == name)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Below { variable, parent } => write!(f, "{{{variable}}}.{parent}"),
        }
    }
}
