//! Reads `query`, `query_separator` and `query_other` of a route.

use super::{Condition, QueryRule, Separator, Wanted, is_name_byte, is_parameter};
use crate::document::{At, Entry, File};
use crate::path_pattern::variable_name;

/// Reads the keys; `Some(None)` if the route has none of them, `None` after a problem. Problems are
/// added to the file.
pub(crate) fn compile(file: &File<'_>, entry: &mut Entry<'_>) -> Option<Option<QueryRule>> {
    let is_given = ["query", "query_separator", "query_other"].map(|key| entry.has(key));
    let conditions = if entry.has("query") { conditions(file, entry) } else { Some(Vec::new()) };
    let separators = [("&", Separator::Ampersand), (";", Separator::Semicolon)];
    let separator = one_of(file, entry, "query_separator", &separators);
    let others = one_of(file, entry, "query_other", &[("allow", true), ("deny", false)]);
    if !is_given.contains(&true) {
        return Some(None);
    }
    let (conditions, separator, allows_others) = (conditions?, separator?, others?);
    if conditions.is_empty() && allows_others {
        file.problem(entry.line(), "`query_separator` and `query_other` need a `query`");
        return None;
    }
    Some(Some(QueryRule { conditions, separator, allows_others }))
}

/// A string with a closed list of values, of which the first is the default.
fn one_of<T: Copy>(
    file: &File<'_>,
    entry: &mut Entry<'_>,
    key: &str,
    values: &[(&str, T); 2],
) -> Option<T> {
    let [first, second] = values;
    if !entry.has(key) {
        return Some(first.1);
    }
    let given = entry.string(key)?;
    let found = values.iter().find(|(name, _)| *name == given.value).map(|(_, value)| *value);
    if found.is_none() {
        let message =
            format!("`{key}` must be \"{}\" or \"{}\", not `{}`", first.0, second.0, given.value);
        file.problem(given.line, message);
    }
    found
}

/// `query = { name = ["value", ..], other = true, .. }`.
fn conditions(file: &File<'_>, entry: &mut Entry<'_>) -> Option<Vec<Condition>> {
    let mut table = entry.table("query")?;
    let parameters = table.keys();
    if parameters.is_empty() {
        file.problem(table.line(), "`query` names no parameter; write { name = [\"value\", ..] }");
        return None;
    }
    let mut conditions: Vec<Condition> = Vec::new();
    for At { value: parameter, line } in &parameters {
        let valid = is_parameter(parameter);
        if !valid {
            file.problem(
                *line,
                format!(
                    "`{parameter}` is not a valid parameter name; use letters, digits, `_` and `-`"
                ),
            );
        }
        let wanted = wanted(file, &mut table, parameter);
        if valid && let Some(wanted) = wanted {
            conditions.push(Condition { parameter: parameter.clone(), wanted });
        }
    }
    for (place, condition) in conditions.iter().enumerate() {
        let mut earlier = conditions.iter().take(place);
        if let Some(other) = earlier.find(|other| other.may_be_taken_for(&condition.parameter)) {
            let (one, other) = (&other.parameter, &condition.parameter);
            file.problem(
                table.line(),
                format!("portals may take the parameters `{one}` and `{other}` for each other"),
            );
            return None;
        }
    }
    (conditions.len() == parameters.len()).then_some(conditions)
}

/// A list of values, `true`, `false`, or `"{variable}"`.
fn wanted(file: &File<'_>, table: &mut Entry<'_>, parameter: &str) -> Option<Wanted> {
    if table.is_boolean(parameter) {
        return Some(match table.boolean(parameter)? {
            true => Wanted::Given,
            false => Wanted::OneOf(vec![String::new()]),
        });
    }
    if table.is_string(parameter) {
        let text = table.string(parameter)?;
        let name = text.value.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        let name = name.and_then(|name| variable_name(name).ok());
        if name.is_none() {
            file.problem(
                text.line,
                format!(
                    "`query.{parameter}` must be a list of strings, true, false, or a variable such \
                     as \"{{organization}}\""
                ),
            );
        }
        return name.map(Wanted::Variable);
    }
    values(file, &table.strings(parameter)?).map(Wanted::OneOf)
}

fn values(file: &File<'_>, listed: &[At<String>]) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut valid = true;
    for At { value, line } in listed {
        let message = if !value.bytes().all(is_value_byte) {
            format!(
                "`{value}` is not a valid value; use letters, digits, `_`, `-`, `.`, `/`, `:`, `,`, \
                 `@` and `~`"
            )
        } else if values.contains(value) {
            format!("the value `{value}` is listed twice")
        } else {
            values.push(value.clone());
            continue;
        };
        file.problem(*line, message);
        valid = false;
    }
    valid.then_some(values)
}

/// Whether a value may contain a byte: those that clients do not have to escape in a query.
fn is_value_byte(byte: u8) -> bool {
    is_name_byte(byte) || matches!(byte, b'.' | b'/' | b':' | b',' | b'@' | b'~')
}
