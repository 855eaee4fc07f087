//! The type of a value, in words, from its schema.

use serde_json::{Map, Value};

use super::markup::Markup;

/// Where the description has its named schemas.
const NAMED: &str = "#/components/schemas/";

/// The type in words. Named schemas are linked, not written out.
pub(super) fn in_words(schema: &Value) -> Markup {
    let mut words = Markup::default();
    write(&mut words, schema);
    words
}

/// The name of the schema that this one refers to.
pub(super) fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(NAMED)
}

/// The names of all schemas that a part of the description refers to.
pub(super) fn references(part: &Value) -> Vec<&str> {
    let inner: Box<dyn Iterator<Item = &Value>> = match part {
        Value::Object(members) => Box::new(members.values()),
        Value::Array(items) => Box::new(items.iter()),
        _ => return Vec::new(),
    };
    reference(part).into_iter().chain(inner.flat_map(references)).collect()
}

fn write(to: &mut Markup, schema: &Value) {
    let Some(members) = schema.as_object() else { return to.text("any value") };
    let list = |name: &str| members.get(name).and_then(Value::as_array);
    if let Some(name) = reference(schema) {
        to.document(name);
    } else if let Some(value) = members.get("const") {
        write_value(to, value);
    } else if let Some(values) = list("enum") {
        joined(to, values, " or ", write_value);
    } else if let Some(schemas) = list("oneOf").or_else(|| list("anyOf")) {
        joined(to, schemas, " or ", write);
    } else if let Some(schemas) = list("allOf") {
        joined(to, schemas, " and ", write);
    } else if let Some(types) = list("type") {
        joined(to, types, " or ", |to, of| write_simple(to, of, members));
    } else if let Some(of) = members.get("type") {
        write_simple(to, of, members);
    } else {
        to.text("any value");
    }
}

fn joined(to: &mut Markup, items: &[Value], between: &str, write: impl Fn(&mut Markup, &Value)) {
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            to.text(between);
        }
        write(to, item);
    }
}

fn write_value(to: &mut Markup, value: &Value) {
    to.code(value.as_str().unwrap_or(&value.to_string()));
}

fn write_simple(to: &mut Markup, of: &Value, members: &Map<String, Value>) {
    let of = of.as_str().unwrap_or_default();
    to.text(if of == "array" { "list" } else { of });
    match of {
        "array" => {
            if let Some(items) = members.get("items").filter(|items| items.is_object()) {
                to.text(" of ");
                write(to, items);
            }
        }
        "object" => {
            if let Some(properties) = members.get("properties").and_then(Value::as_object) {
                for (number, (name, schema)) in properties.iter().enumerate() {
                    to.text(if number == 0 { " with " } else { ", " });
                    to.code(name);
                    to.text(": ");
                    write(to, schema);
                }
            } else if let Some(values) = members.get("additionalProperties")
                && values.is_object()
            {
                to.text(" of ");
                write(to, values);
            }
        }
        "string" => {
            if let Some(format) = members.get("format").and_then(Value::as_str) {
                to.text(&format!(" ({format})"));
            }
        }
        "integer" => {
            if let (Some(least), Some(most)) = (members.get("minimum"), members.get("maximum")) {
                to.text(&format!(" from {least} to {most}"));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_written_in_words() {
        for (schema, words) in [
            (json!(true), "any value"),
            (
                json!({ "type": ["string", "null"], "format": "date-time" }),
                "string (date-time) or null",
            ),
            (json!({ "type": "integer", "minimum": 1, "maximum": 9 }), "integer from 1 to 9"),
            (json!({ "type": "array", "items": { "type": "string" } }), "list of string"),
            (json!({ "anyOf": [{ "const": "a" }, { "type": "null" }] }), "<code>a</code> or null"),
            (json!({ "$ref": "#/components/schemas/Role" }), "<a href=\"#schema-Role\">Role</a>"),
        ] {
            assert_eq!(in_words(&schema).to_string(), words);
        }
    }
}
