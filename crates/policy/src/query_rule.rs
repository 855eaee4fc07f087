//! The query of a route: a parameter, and the values for which the route applies.
//!
//! Some portals use one path for almost everything and select the action by a parameter
//! (`/doku.php?do=edit`). Portals accept many spellings of a name and a value, so a rule lists the
//! allowed values and accepts only the plain spelling:
//!
//! - The parameter is given once, by its exact name, and its value is neither empty nor escaped: that
//!   value.
//! - It is not given: the value `""`.
//! - Anything else is ambiguous: given twice or empty, an escaped value, another name that a portal
//!   may take for it, a raw `;` or an invalid escape anywhere in the query.
//!
//! The body is not read. If the portal also accepts the parameter in a form, a route for POST must
//! require the strictest permission that the form may need.

use percent_encoding::percent_decode_str;

use super::document::{At, Entry, File};
use super::request_path::starts_with_hex;

/// A parameter, and the values for which a route applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRule {
    /// Contains a letter or a digit, so that no portal takes an empty name for it.
    parameter: String,
    /// At least one.
    values: Vec<String>,
}

impl QueryRule {
    /// The name of the parameter.
    #[must_use]
    pub fn parameter(&self) -> &str {
        &self.parameter
    }

    /// Whether the route applies for this value; `""` is a parameter that is not given.
    #[must_use]
    pub fn lists(&self, value: &str) -> bool {
        self.values.iter().any(|listed| listed == value)
    }

    /// The value of the parameter in a query; `None` if it is ambiguous.
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
            } else if self.may_be_taken_for(name) {
                return None;
            }
        }
        Some(given)
    }

    /// Whether a portal may take a name for the parameter. The name is decoded and compared without
    /// case, from its first letter or digit to the first byte that a parameter cannot have
    /// (`do[edit]`, `do%00x`, `do.x`). Signs are equal, because PHP turns `a.b` into `a_b`. A plus is
    /// a space, and neither is part of a name.
    fn may_be_taken_for(&self, name: &str) -> bool {
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
        read.next().is_none_or(|byte| !is_name_byte(byte))
    }
}

/// Why two routes of the same host, path and method apply to the same queries, as the end of a
/// sentence; `None` if they do not.
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

/// Reads `query = { name = ["value", ..] }`. Problems are added to the file.
pub(super) fn compile(file: &File<'_>, entry: &mut Entry<'_>) -> Option<QueryRule> {
    let mut table = entry.table("query")?;
    let parameters = table.keys();
    let [parameter] = parameters.as_slice() else {
        file.problem(
            table.line(),
            "`query` takes exactly one parameter: { name = [\"value\", ..] }",
        );
        return None;
    };
    let name = &parameter.value;
    let named = name.bytes().all(is_name_byte) && name.bytes().any(|b| b.is_ascii_alphanumeric());
    if !named {
        file.problem(
            parameter.line,
            format!("`{name}` is not a valid parameter name; use letters, digits, `_` and `-`"),
        );
    }
    let values = values(file, &table.strings(name)?)?;
    named.then(|| QueryRule { parameter: name.clone(), values })
}

fn values(file: &File<'_>, listed: &[At<String>]) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut sound = true;
    for At { value, line } in listed {
        let message = if !value.bytes().all(|byte| byte == b'.' || is_name_byte(byte)) {
            format!("`{value}` is not a valid value; use letters, digits, `_`, `-` and `.`")
        } else if values.contains(value) {
            format!("the value `{value}` is listed twice")
        } else {
            values.push(value.clone());
            continue;
        };
        file.problem(*line, message);
        sound = false;
    }
    sound.then_some(values)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests;
