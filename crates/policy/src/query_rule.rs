//! What a route says about the query: which values of one parameter it is for.
//!
//! Some portals answer nearly everything at one path and let a parameter say what is meant
//! (`/doku.php?do=edit`). Portals read queries generously: many spellings of a name and of a value
//! mean the same to them. So a rule lists the values that are allowed and takes the plain spelling
//! alone; what might be read as the parameter in any other way has no value at all.
//!
//! - Given once, under its exact name, with a value that is neither empty nor escaped: that value.
//! - Not given: the value `""`.
//! - Otherwise ambiguous: given twice or empty, an escaped value, another parameter whose name a
//!   portal might take for it, a raw `;` or a bad escape anywhere in the query.
//!
//! Names and values are decoded once. The body is not looked at: where a portal looks for the
//! parameter in a form as well, a route for POST must ask for whatever the form might do.

use percent_encoding::percent_decode_str;

use super::document::{At, Entry, File};
use super::request_path::starts_with_hex;

/// The parameter that a route looks at, and the values it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRule {
    /// Holds a letter or a digit, so that it is never what an empty name might mean.
    parameter: String,
    /// Never none.
    values: Vec<String>,
}

impl QueryRule {
    /// The name of the parameter.
    #[must_use]
    pub fn parameter(&self) -> &str {
        &self.parameter
    }

    /// Whether the route is for this value; `""` stands for a parameter that is not given.
    #[must_use]
    pub fn lists(&self, value: &str) -> bool {
        self.values.iter().any(|listed| listed == value)
    }

    /// The value of the parameter in a query, none when it is ambiguous.
    pub(super) fn value<'q>(&self, query: Option<&'q str>) -> Option<&'q str> {
        let query = query.unwrap_or_default();
        let sound_escapes = query.split('%').skip(1).all(|after| starts_with_hex(after, 2));
        if !sound_escapes || query.contains(';') {
            return None;
        }
        let mut given = "";
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if name == self.parameter {
                if !given.is_empty() || value.is_empty() || value.contains(['%', '+']) {
                    return None;
                }
                given = value;
            } else if self.may_be_meant_by(name) {
                return None;
            }
        }
        Some(given)
    }

    /// Whether a portal might take the name for the parameter: decoded, whatever the case, what
    /// stands before the first letter or digit left out, and cut at the first byte that no listed
    /// name has (`do[edit]`, `do%00x`, `do.x`). PHP makes `a_b` of `a.b`, so any other sign may
    /// stand for a sign. A plus is a space, and no more part of a name than a plus.
    fn may_be_meant_by(&self, name: &str) -> bool {
        let mut read = percent_decode_str(name).skip_while(|byte| !byte.is_ascii_alphanumeric());
        let wanted = self.parameter.bytes().skip_while(|byte| !byte.is_ascii_alphanumeric());
        for wanted in wanted {
            let same = read.next().is_some_and(|byte| {
                byte.eq_ignore_ascii_case(&wanted)
                    || !(byte.is_ascii_alphanumeric() || wanted.is_ascii_alphanumeric())
            });
            if !same {
                return false;
            }
        }
        read.next().is_none_or(|byte| !stands_in_a_name(byte))
    }
}

/// Why two routes of the same host, path and method cannot be told apart by their queries, as the
/// end of a sentence; none when they can.
pub(super) fn overlap(one: Option<&QueryRule>, other: Option<&QueryRule>) -> Option<String> {
    let (one, other) = match (one, other) {
        (Some(one), Some(other)) => (one, other),
        (None, None) => return Some(String::new()),
        (Some(_), None) | (None, Some(_)) => {
            return Some(": only one of them has a `query`".to_owned());
        }
    };
    if one.parameter != other.parameter {
        return Some(format!(": they name `{}` and `{}`", one.parameter, other.parameter));
    }
    let shared = one.values.iter().find(|value| other.lists(value))?;
    Some(format!(": both list \"{shared}\" of `{}`", one.parameter))
}

/// Reads `query = { name = ["value", ..] }`; what is wrong goes to the file's problems.
pub(super) fn compile(file: &File<'_>, entry: &mut Entry<'_>) -> Option<QueryRule> {
    let mut table = entry.table("query")?;
    let parameters = table.keys();
    let [parameter] = parameters.as_slice() else {
        file.problem(table.line(), "`query` takes one parameter: { name = [\"value\", ..] }");
        return None;
    };
    let name = &parameter.value;
    let named =
        name.bytes().all(stands_in_a_name) && name.bytes().any(|b| b.is_ascii_alphanumeric());
    if !named {
        file.problem(
            parameter.line,
            format!("`{name}` is no name of a parameter: letters, digits, `_` and `-`"),
        );
    }
    let values = values(file, &table.strings(name)?)?;
    named.then(|| QueryRule { parameter: name.clone(), values })
}

fn values(file: &File<'_>, listed: &[At<String>]) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut sound = true;
    for At { value, line } in listed {
        let message = if !value.bytes().all(|byte| byte == b'.' || stands_in_a_name(byte)) {
            format!("`{value}` is no value: letters, digits, `_`, `-` and `.`, or nothing")
        } else if values.contains(value) {
            format!("the value `{value}` is there twice")
        } else {
            values.push(value.clone());
            continue;
        };
        file.problem(*line, message);
        sound = false;
    }
    sound.then_some(values)
}

fn stands_in_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests;
