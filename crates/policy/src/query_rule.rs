//! The query of a route: what its parameters must be for the route to apply.
//!
//! Some portals use one path for almost everything and select the action by parameters
//! (`/doku.php?do=edit`). Portals accept many spellings of a name and a value, so a rule accepts only
//! the plain spelling of the parameters that it names:
//!
//! - A parameter is given once, by its exact name, and its value is not empty. Unless any value is
//!   allowed, the value is not escaped.
//! - It is not given: the value `""`.
//! - Anything else is ambiguous: given twice or empty, an escaped value, another name that a portal
//!   may take for it, an invalid escape anywhere in the query, or a `;` where it does not separate
//!   parameters.
//!
//! The body is not read. If the portal also accepts the parameter in a form, a route for POST must
//! require the strictest permission that the form may need.

mod compile;

use percent_encoding::percent_decode_str;

pub(super) use self::compile::compile;
use super::request_path::starts_with_hex;

/// What the parameters of a query must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRule {
    conditions: Vec<Condition>,
    separator: Separator,
    /// Whether other parameters may be given.
    allows_others: bool,
}

/// A parameter, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    /// Contains a letter or a digit, so that no portal takes an empty name for it.
    parameter: String,
    wanted: Wanted,
}

/// What a parameter must be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    /// One of these values, at least one; `""` is a parameter that is not given.
    OneOf(Vec<String>),
    /// Given, with any value.
    Given,
    /// Given: the value of a variable with this name.
    Variable(String),
}

/// What separates parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// `&`
    Ampersand,
    /// `;` or `&`, but not both in one query.
    Semicolon,
}

/// The value of a parameter is ambiguous.
pub(super) struct Ambiguous;

impl QueryRule {
    /// Whether the route applies for a query; `None` if the query is ambiguous.
    pub(super) fn matches(&self, query: Option<&str>) -> Option<bool> {
        let query = query.unwrap_or_default();
        let separator = self.separator.of(query).ok()?;
        if !query.split('%').skip(1).all(|after| starts_with_hex(after, 2)) {
            return None;
        }
        let mut matches = true;
        for condition in &self.conditions {
            let value = condition.value(query, separator).ok()?;
            matches &= match &condition.wanted {
                Wanted::OneOf(values) => values.iter().any(|listed| listed == value),
                Wanted::Given | Wanted::Variable(_) => !value.is_empty(),
            };
        }
        let is_named = |pair: &str| {
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            pair.is_empty() || self.conditions.iter().any(|known| known.parameter == name)
        };
        Some(matches && (self.allows_others || query.split(separator).all(is_named)))
    }

    /// Whether no portal could take a query for one that matches: one of the parameters has another
    /// value, also without regard to case and punctuation, and no other parameter has a value that is
    /// wanted. Not if the query is ambiguous.
    pub(super) fn is_clearly_other(&self, query: Option<&str>) -> bool {
        let query = query.unwrap_or_default();
        let Ok(separator) = self.separator.of(query) else { return false };
        if !query.split('%').skip(1).all(|after| starts_with_hex(after, 2)) {
            return false;
        }
        let mut values = Vec::new();
        for condition in &self.conditions {
            let Ok(value) = condition.value(query, separator) else { return false };
            values.push((condition, value));
        }
        let pairs = query.split(separator).filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let given: Vec<[String; 2]> =
            pairs.map(|(name, value)| [loosely(name), loosely(value)]).collect();
        values.iter().any(|(condition, value)| match &condition.wanted {
            Wanted::OneOf(listed) => listed.iter().all(|listed| match loosely(listed).as_str() {
                "" => !value.is_empty(),
                listed => !given.iter().any(|[_, given]| given == listed),
            }),
            Wanted::Given | Wanted::Variable(_) => {
                let parameter = loosely(&condition.parameter);
                !given.iter().any(|[name, _]| name.contains(&parameter))
            }
        })
    }

    /// The value of a variable in a query that matches.
    pub(super) fn value_of<'q>(&self, variable: &str, query: Option<&'q str>) -> Option<&'q str> {
        let query = query?;
        let separator = self.separator.of(query).ok()?;
        let condition = self.conditions.iter().find(|condition| condition.has_variable(variable));
        condition?.value(query, separator).ok()
    }

    /// Whether a parameter stands for a variable with this name.
    pub(super) fn has_variable(&self, name: &str) -> bool {
        self.conditions.iter().any(|condition| condition.has_variable(name))
    }

    /// The names of the variables.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().filter_map(|condition| match &condition.wanted {
            Wanted::Variable(name) => Some(name.as_str()),
            Wanted::OneOf(_) | Wanted::Given => None,
        })
    }
}

/// The letters and digits of a name or a value once decoded, in lower case.
fn loosely(value: &str) -> String {
    let decoded = percent_decode_str(value).decode_utf8_lossy();
    decoded.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Separator {
    /// The character that separates the parameters of a query.
    fn of(self, query: &str) -> Result<char, Ambiguous> {
        match self {
            _ if !query.contains(';') => Ok('&'),
            Self::Semicolon if !query.contains('&') => Ok(';'),
            Self::Ampersand | Self::Semicolon => Err(Ambiguous),
        }
    }
}

impl Condition {
    /// A parameter whose value matters; `None` if the name is not valid.
    pub(super) fn given(parameter: &str) -> Option<Self> {
        let wanted = Wanted::Variable(String::new());
        is_parameter(parameter).then(|| Self { parameter: parameter.to_owned(), wanted })
    }

    /// The name of the parameter.
    pub(super) fn parameter(&self) -> &str {
        &self.parameter
    }

    fn has_variable(&self, name: &str) -> bool {
        matches!(&self.wanted, Wanted::Variable(variable) if variable == name)
    }

    /// The value of the parameter; empty when it is not given.
    pub(super) fn value<'q>(&self, query: &'q str, separator: char) -> Result<&'q str, Ambiguous> {
        let mut given = "";
        for pair in query.split(separator) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if name == self.parameter {
                if !given.is_empty() || !self.is_plain(value) {
                    return Err(Ambiguous);
                }
                given = value;
            } else if self.may_be_taken_for(name) {
                return Err(Ambiguous);
            }
        }
        Ok(given)
    }

    /// Whether a value is not empty for any portal and, if it matters, has one reading.
    fn is_plain(&self, value: &str) -> bool {
        match self.wanted {
            Wanted::OneOf(_) | Wanted::Variable(_) => {
                !value.is_empty() && !value.contains(['%', '+'])
            }
            Wanted::Given => {
                let mut decoded = percent_decode_str(value);
                decoded.any(|byte| byte.is_ascii_alphanumeric())
            }
        }
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

impl Wanted {
    /// Whether no value is allowed by both.
    fn is_disjoint(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::OneOf(one), Self::OneOf(other)) => {
                one.iter().all(|value| !other.contains(value))
            }
            (Self::OneOf(values), Self::Given | Self::Variable(_))
            | (Self::Given | Self::Variable(_), Self::OneOf(values)) => {
                values.iter().all(String::is_empty)
            }
            (Self::Given | Self::Variable(_), Self::Given | Self::Variable(_)) => false,
        }
    }
}

/// Why two routes of the same host, path and method apply to the same queries, as the end of a
/// sentence; `None` if they do not, because of a parameter that both name.
pub(super) fn overlap(one: Option<&QueryRule>, other: Option<&QueryRule>) -> Option<String> {
    let (one, other) = match (one, other) {
        (Some(one), Some(other)) => (one, other),
        (None, None) => return Some(String::new()),
        (Some(_), None) | (None, Some(_)) => {
            return Some(": only one of them has a `query`".to_owned());
        }
    };
    if one.separator != other.separator {
        return Some(": their `query_separator` differs".to_owned());
    }
    let of_other = |parameter: &str| {
        other.conditions.iter().find(|condition| condition.parameter == parameter)
    };
    let shared = one.conditions.iter().filter_map(|condition| {
        Some((&condition.parameter, &condition.wanted, &of_other(&condition.parameter)?.wanted))
    });
    let mut both = None;
    for (parameter, one, other) in shared {
        if one.is_disjoint(other) {
            return None;
        }
        both.get_or_insert((parameter, one, other));
    }
    Some(match (both, one.conditions.first(), other.conditions.first()) {
        (Some((parameter, Wanted::OneOf(one), Wanted::OneOf(other))), _, _) => {
            let value = one.iter().find(|value| other.contains(value)).map_or("", String::as_str);
            format!(": both list \"{value}\" of `{parameter}`")
        }
        (Some((parameter, _, _)), _, _) => format!(": both allow the same values of `{parameter}`"),
        (None, Some(one), Some(other)) => {
            format!(": they name `{}` and `{}`", one.parameter, other.parameter)
        }
        (None, _, _) => ": no parameter distinguishes them".to_owned(),
    })
}

/// Whether a text is the name of a parameter.
fn is_parameter(name: &str) -> bool {
    name.bytes().all(is_name_byte) && name.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests;
