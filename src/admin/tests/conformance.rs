//! Whether responses are as the description of the API says. Every response in these tests is
//! compared with it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use http::Method;
use serde_json::{Value, json};

use super::bench::{Answer, Bench};
use crate::admin::openapi::Description;
use crate::admin::{problem_type, routes};

/// The description of the API.
static DESCRIPTION: LazyLock<Value> = LazyLock::new(description);

fn description() -> Value {
    Description::new(routes::table().declarations.into()).document().clone()
}

/// Fails the test if the response to a request is not described.
pub(super) fn assert_described((method, uri): (&Method, &str), got: &Answer) {
    let description = &*DESCRIPTION;
    let path = uri.split('?').next().unwrap();
    let Some(operation) = operation(description, method, path) else { return };
    let status = got.status.as_str();
    let Some(response) = operation["responses"].get(status) else {
        panic!("{method} {path} does not describe {status}: {got:?}");
    };
    let response = match response["$ref"].as_str() {
        Some(reference) => description.pointer(reference.trim_start_matches('#')).unwrap(),
        None => response,
    };
    let schema = ["application/json", "application/problem+json"]
        .iter()
        .find_map(|media_type| response["content"].get(media_type)?.get("schema"));
    match schema {
        Some(schema) => {
            if let Err(fault) = check(description, schema, &got.body) {
                panic!("{method} {path} {status}: {fault} in {}", got.body);
            }
        }
        None => assert_eq!(got.body, Value::Null, "{method} {path} {status}"),
    }
    for name in response["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
        assert!(got.headers.contains_key(name), "{method} {path} {status} has no {name}");
    }
}

/// The operation that serves a request; a literal segment comes before a variable one.
fn operation<'a>(description: &'a Value, method: &Method, path: &str) -> Option<&'a Value> {
    let segments: Vec<_> = path.split('/').collect();
    let fits = |template: &str| {
        let template: Vec<_> = template.split('/').collect();
        let mut pairs = template.iter().zip(&segments);
        template.len() == segments.len()
            && pairs.all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
    };
    let paths = description["paths"].as_object().unwrap();
    let (_, methods) = paths
        .iter()
        .filter(|(template, _)| fits(template))
        .min_by_key(|(template, _)| template.matches('{').count())?;
    methods.get(method.as_str().to_ascii_lowercase())
}

/// Checks a value against a schema, with the keywords that the description uses.
fn check(description: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let Some(schema) = schema.as_object() else { return Ok(()) };
    for (keyword, rule) in schema {
        let holds = match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                let named = description.pointer(pointer).ok_or(format!("no schema {pointer}"))?;
                check(description, named, value).map_err(|fault| format!("{pointer}: {fault}"))?;
                true
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|of| is_of_type(of, value)),
                of => is_of_type(of, value),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "const" => rule == value,
            "required" => {
                let missing =
                    rule.as_array().unwrap().iter().find(|name| {
                        value.is_object() && value.get(name.as_str().unwrap()).is_none()
                    });
                if let Some(name) = missing {
                    return Err(format!("{name} is missing"));
                }
                true
            }
            "properties" => {
                for (name, property) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        check(description, property, value)
                            .map_err(|fault| format!("{name}: {fault}"))?;
                    }
                }
                true
            }
            "additionalProperties" | "unevaluatedProperties" if rule == false => {
                let known = schema.get("properties").and_then(Value::as_object);
                let names = value.as_object().into_iter().flat_map(|object| object.keys());
                names.into_iter().all(|name| known.is_some_and(|known| known.contains_key(name)))
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (name, value) in value.as_object().into_iter().flatten() {
                    if !known.is_some_and(|known| known.contains_key(name)) {
                        check(description, rule, value)?;
                    }
                }
                true
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    check(description, rule, item)?;
                }
                true
            }
            "allOf" => {
                for rule in rule.as_array().unwrap() {
                    check(description, rule, value)?;
                }
                true
            }
            "anyOf" => {
                let mut rules = rule.as_array().unwrap().iter();
                rules.any(|rule| check(description, rule, value).is_ok())
            }
            "oneOf" => {
                let rules = rule.as_array().unwrap().iter();
                rules.filter(|rule| check(description, rule, value).is_ok()).count() == 1
            }
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "description" | "title" | "format" | "default" | "uniqueItems" => true,
            other => return Err(format!("the keyword {other} is not checked")),
        };
        if !holds {
            return Err(format!("{value} is not {keyword} {rule}"));
        }
    }
    Ok(())
}

fn is_of_type(of: &Value, value: &Value) -> bool {
    match of.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other}"),
    }
}

#[test]
fn the_description_is_that_of_the_snapshot() {
    let text = serde_json::to_string_pretty(&description()).unwrap();
    insta::assert_snapshot!("openapi", text);
    assert_eq!(text, serde_json::to_string_pretty(&description()).unwrap());
}

#[test]
fn every_route_is_described_once() {
    let description = description();
    let mut ids = Vec::new();
    for (path, declared) in routes::table().declarations.all() {
        let operation = operation(&description, &declared.method, path).unwrap();
        ids.push(operation["operationId"].as_str().unwrap().to_owned());
        for name in declared.operation.refuses {
            assert!(problem_type::named(name).is_some(), "{name} of {path} is not explained");
        }
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn descriptions_are_for_clients_of_the_api() {
    for text in DESCRIPTION.to_string().split("\"description\":\"").skip(1) {
        let text = text.split('"').next().unwrap();
        assert!(
            !["Some(", "`None`", "[`", "Self"].iter().any(|word| text.contains(word)),
            "{text}"
        );
    }
}

#[test]
fn each_type_of_schema_has_a_name_of_its_own() {
    let names = DESCRIPTION["components"]["schemas"].as_object().unwrap();
    let numbered: Vec<_> = names.keys().filter(|name| name.ends_with('2')).collect();
    assert!(numbered.is_empty(), "{numbered:?}");
}

#[test]
fn a_response_that_is_not_described_is_found() {
    let described = |schema: Value, value: Value| check(&DESCRIPTION, &schema, &value).is_ok();
    let group = json!({ "$ref": "#/components/schemas/GroupPatch" });
    assert!(described(group.clone(), json!({ "name": "A" })));
    for other in [json!({ "name": 7 }), json!({ "nmae": "A" }), json!([])] {
        assert!(!described(group.clone(), other.clone()), "{other}");
    }
}

#[tokio::test]
async fn the_description_needs_a_caller() {
    let bench = Bench::start().await;
    let got = bench.get("/openapi.json").await;
    assert_eq!((got.status.as_u16(), &got.body["openapi"]), (200, &json!("3.1.0")));
}

#[test]
fn every_subject_is_described_and_has_operations() {
    let description = description();
    let names = |list: &Value| -> BTreeSet<String> {
        let tags = list.as_array().unwrap().iter();
        tags.map(|tag| tag["name"].as_str().unwrap().to_owned()).collect()
    };
    let declarations = routes::table().declarations;
    let used = declarations.all().map(|(_, declared)| declared.operation.tag().to_owned());
    assert_eq!(names(&description["tags"]), used.collect());
}
