//! What an entry changed, field by field: what was removed and what was added.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// One field.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) field: String,
    pub(super) removed: Vec<String>,
    pub(super) added: Vec<String>,
    /// How many items of a list are in both.
    pub(super) same: u64,
}

/// The fields on either side, in order of their names.
pub(super) fn between(
    before: Option<&Map<String, Value>>,
    after: Option<&Map<String, Value>>,
) -> Vec<Difference> {
    let names: BTreeSet<&String> = before.into_iter().chain(after).flat_map(Map::keys).collect();
    let value = |of: Option<&Map<String, Value>>, name: &str| {
        of.and_then(|of| of.get(name)).filter(|value| !value.is_null()).cloned()
    };
    let field = |name: &String| field(name, value(before, name), value(after, name));
    names.into_iter().map(field).collect()
}

fn field(name: &str, before: Option<Value>, after: Option<Value>) -> Difference {
    let (old, new) = (items(before), items(after));
    let same = old.iter().filter(|item| new.contains(item)).count();
    let only = |these: &[String], those: &[String]| {
        these.iter().filter(|item| !those.contains(item)).cloned().collect()
    };
    Difference {
        field: name.to_owned(),
        removed: only(&old, &new),
        added: only(&new, &old),
        same: u64::try_from(same).unwrap_or(u64::MAX),
    }
}

/// The items of a list, or a value as the only one.
fn items(value: Option<Value>) -> Vec<String> {
    match value {
        None => Vec::new(),
        Some(Value::Array(items)) => items.into_iter().map(plain).collect(),
        Some(value) => vec![plain(value)],
    }
}

/// A value as people read it.
fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn lists_differ_by_their_items_and_values_as_a_whole() {
        let before = map(json!({ "permissions": ["a", "b"], "name": "Old", "email": null }));
        let after = map(json!({ "permissions": ["b", "c"], "name": "New", "email": "x@y" }));
        let found = between(Some(&before), Some(&after));
        let lines: Vec<_> = found
            .iter()
            .map(|it| {
                format!(
                    "{} -{} +{} ={}",
                    it.field,
                    it.removed.join(","),
                    it.added.join(","),
                    it.same
                )
            })
            .collect();
        assert_eq!(lines, ["email - +x@y =0", "name -Old +New =0", "permissions -a +c =1"]);
    }

    #[test]
    fn a_new_record_has_only_added_values() {
        let after = map(json!({ "name": "New", "default": true }));
        let found = between(None, Some(&after));
        assert!(found.iter().all(|it| it.removed.is_empty() && it.added.len() == 1), "{found:?}");
    }
}
