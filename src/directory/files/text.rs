//! Writes entries as TOML. The same entries always give the same bytes.

use std::fmt::Write as _;

use serde_json::Value;

use super::entry::Entry;
use crate::telemetry::escape::is_deceptive;

/// Appends an entry, with an empty line before it.
pub(super) fn push(text: &mut String, entry: &Entry) {
    let header = match entry {
        Entry::Preferences(_) => "[preferences]",
        Entry::Group(_) => "[[group]]",
        Entry::Organization(_) => "[[organization]]",
        Entry::EndUser(_) => "[[end_user]]",
        Entry::User(_) => "[[user]]",
    };
    text.push('\n');
    text.push_str(header);
    text.push('\n');
    for (name, value) in entry.fields() {
        if !value.is_null() {
            text.push_str(name);
            text.push_str(" = ");
            push_value(text, &value);
            text.push('\n');
        }
    }
}

fn push_value(text: &mut String, value: &Value) {
    match value {
        Value::String(value) => push_string(text, value),
        // One item on each line, so that a difference between two files shows which one changed.
        Value::Array(items) if !items.is_empty() => {
            text.push_str("[\n");
            for item in items {
                text.push_str("    ");
                push_value(text, item);
                text.push_str(",\n");
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

/// A basic string (TOML 1.0), in which invisible characters are visible.
fn push_string(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c if c.is_control() || is_deceptive(c) => {
                // Writing to a string cannot fail.
                let _ = match u32::from(c) {
                    code @ 0..=0xffff => write!(text, "\\u{code:04X}"),
                    code => write!(text, "\\U{code:08X}"),
                };
            }
            c => text.push(c),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    #[test]
    fn a_string_reads_back_as_it_was() {
        for value in [
            "",
            "Acme",
            "M\u{fc}ller & S\u{f6}hne \"GmbH\"",
            "a\\b\nc\r\td\u{0}\u{7f}",
            "\u{202e}evil\u{feff}\u{e0041}\u{1f469}",
            "'''\"\"\"",
        ] {
            let mut text = "key = ".to_owned();
            push_string(&mut text, value);
            assert!(text.chars().all(|c| !c.is_control() && !is_deceptive(c)), "{text}");
            let table = DeTable::parse(&text).unwrap();
            let read = table.get_ref().get("key").unwrap().get_ref().as_str().unwrap();
            assert_eq!(read, value);
        }
    }

    #[test]
    fn a_list_has_a_line_for_each_item() {
        let mut text = String::new();
        push_value(&mut text, &serde_json::json!(["a", "b"]));
        assert_eq!(text, "[\n    \"a\",\n    \"b\",\n]");
        text.clear();
        push_value(&mut text, &serde_json::json!([]));
        assert_eq!(text, "[]");
    }
}
