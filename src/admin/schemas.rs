//! JSON schemas of what the API reads and returns, from the types that serde uses.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

/// Where the schemas are in the description of the API.
const PLACE: &str = "#/components/schemas";

/// The schemas so far. What a request may have and what a response has differ: fields with a default
/// may be missing from one, and fields that are left out from the other.
#[derive(Debug)]
pub(super) struct Schemas {
    requests: SchemaGenerator,
    responses: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = PLACE.into();
                settings.meta_schema = None;
            })
        };
        Self {
            requests: settings().for_deserialize().into_generator(),
            responses: settings().for_serialize().into_generator(),
        }
    }

    /// The schema of a document in a request.
    pub(super) fn request<T: JsonSchema>(&mut self) -> Value {
        self.requests.subschema_for::<T>().to_value()
    }

    /// The schema of a document in a response.
    pub(super) fn response<T: JsonSchema>(&mut self) -> Value {
        self.responses.subschema_for::<T>().to_value()
    }

    /// The fields of a struct that is read from parameters: name, schema, and whether it is required.
    pub(super) fn parameters<T: JsonSchema>(&mut self) -> Vec<(String, Value, bool)> {
        let schema = T::json_schema(&mut self.requests).to_value();
        let required = schema.get("required").and_then(Value::as_array).cloned();
        let properties = schema.get("properties").and_then(Value::as_object).cloned();
        let is_required = |name: &str| {
            required.as_ref().is_some_and(|names| names.iter().any(|required| required == name))
        };
        properties
            .unwrap_or_default()
            .into_iter()
            .map(|(name, schema)| {
                let is_required = is_required(&name);
                (name, without_null(schema), is_required)
            })
            .collect()
    }

    /// All schemas that others refer to, by name.
    pub(super) fn into_named(mut self) -> Map<String, Value> {
        let mut named = self.responses.take_definitions(true);
        named.extend(self.requests.take_definitions(true));
        for schema in named.values_mut() {
            without_rust_formats(schema);
        }
        named
    }
}

/// A parameter that is not sent has no value, rather than `null`.
fn without_null(mut schema: Value) -> Value {
    let Some(members) = schema.as_object_mut() else { return schema };
    members.remove("default");
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|of| of != "null");
        if let [only] = &**types {
            let only = only.clone();
            members.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(any)) = members.get_mut("anyOf") {
        any.retain(|of| of.get("type").is_none_or(|of| of != "null"));
    }
    without_rust_formats(&mut schema);
    schema
}

/// Removes formats that only Rust knows, such as `uint64`.
fn without_rust_formats(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let is_rust = |format: &Value| {
                let format = format.as_str().unwrap_or_default();
                format.starts_with("uint") || format.starts_with("int") || format == "ip"
            };
            if members.get("format").is_some_and(is_rust) {
                members.remove("format");
            }
            members.values_mut().for_each(without_rust_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(without_rust_formats),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Example {
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u64>,
    }

    #[test]
    fn parameters_have_their_types_without_null() {
        let found = Schemas::new().parameters::<Example>();
        let limit = ("limit".to_owned(), json!({ "type": "integer", "minimum": 0 }), false);
        assert_eq!(found, [limit, ("name".to_owned(), json!({ "type": "string" }), true)]);
    }

    #[test]
    fn a_schema_is_named_after_its_type() {
        let mut schemas = Schemas::new();
        let reference = schemas.request::<Example>();
        assert_eq!(reference, json!({ "$ref": "#/components/schemas/Example" }));
        let named = schemas.into_named();
        assert_eq!(named["Example"]["required"], json!(["name"]));
        assert_eq!(named["Example"]["additionalProperties"], false);
    }
}
