//! `portcullis audit show`: one entry of the audit log, with what it changed.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::console::{Console, field, text};
use super::lookup;

/// Prints an entry: who, when and what, and a line for each field with its values before and after.
pub(super) fn show(console: &mut Console<'_>, number: u64) -> anyhow::Result<()> {
    let entry = console.get(&["audit", &number.to_string()])?;
    let logins = lookup::logins_of_actors(console, &json!({ "items": [entry] }))?;
    let subject = field(&entry, "subject");
    let mut rows = vec![
        ("number", text(&entry, "number")),
        ("time", text(&entry, "time")),
        ("actor", actor(&entry, &logins)),
        ("role", text(field(&entry, "actor"), "role")),
        ("via", text(&entry, "via")),
        ("from", text(&entry, "from")),
        ("kind", text(&entry, "kind")),
        (
            "subject",
            format!(
                "{} {} (id {})",
                text(subject, "kind"),
                text(subject, "name"),
                text(subject, "id")
            ),
        ),
        ("organization", text(&entry, "organization")),
        ("portal user", text(&entry, "user")),
        ("reason", text(&entry, "reason")),
    ];
    rows.retain(|(_, value)| value != "-");
    let changes = changes(&entry);
    rows.extend(changes.iter().map(|line| ("", line.clone())));
    if let Some((label, _)) = rows.iter_mut().find(|(label, _)| label.is_empty()) {
        *label = "changed";
    }
    console.rows(&entry, &rows)
}

/// Who made an entry. `logins` are those of portal users by id.
pub(super) fn actor(entry: &Value, logins: &HashMap<String, String>) -> String {
    let actor = field(entry, "actor");
    match field(actor, "kind").as_str() {
        Some("socket") | None => "socket".to_owned(),
        Some("portal-user") => {
            let id = text(actor, "id");
            format!("portal-user {}", logins.get(&id).unwrap_or(&id))
        }
        Some(kind) => format!("{kind} {}", text(actor, "name")),
    }
}

/// A line for each field: `name: Acme → Acme Ltd`; of a list that changed, what was added and removed.
fn changes(entry: &Value) -> Vec<String> {
    let [before, after] = ["before", "after"].map(|side| field(entry, side).as_object());
    let names: BTreeSet<&String> =
        [before, after].into_iter().flatten().flat_map(|it| it.keys()).collect();
    let of = |side: Option<&serde_json::Map<String, Value>>, name: &str| {
        side.and_then(|side| side.get(name)).cloned().unwrap_or_default()
    };
    let line = |name: &String| {
        let (old, new) = (of(before, name), of(after, name));
        match (before, &old, &new) {
            (Some(_), Value::Array(old), Value::Array(new)) => {
                let only = |one: &[Value], other: &[Value], sign: &str| {
                    let items = one.iter().filter(|item| !other.contains(item));
                    items.map(|item| format!("{sign}{}", shown(item))).collect::<Vec<_>>()
                };
                let items = [only(new, old, "+"), only(old, new, "-")].concat();
                format!("{name}: {}", items.join(" "))
            }
            (Some(_), ..) if after.is_some() => {
                format!("{name}: {} → {}", shown(&old), shown(&new))
            }
            (Some(_), ..) => format!("{name}: {}", shown(&old)),
            (None, ..) => format!("{name}: {}", shown(&new)),
        }
    };
    names.into_iter().map(line).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_shows_what_changed_field_by_field() {
        let changed = json!({
            "before": { "name": "Few", "permissions": ["a", "b"], "email": null },
            "after": { "name": "Many", "permissions": ["b", "c", "d"], "email": "x@example.com" },
        });
        let expected = ["email: none → x@example.com", "name: Few → Many", "permissions: +c +d -a"];
        assert_eq!(changes(&changed), expected);
        let created = json!({ "after": { "name": "Few", "permissions": ["a", "b"] } });
        assert_eq!(changes(&created), ["name: Few", "permissions: a, b"]);
        let deleted = json!({ "before": { "name": "Few" } });
        assert_eq!(changes(&deleted), ["name: Few"]);
    }
}
