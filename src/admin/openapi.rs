//! `/openapi.json`: the description of the API (OpenAPI 3.1), made from the table of routes.
//!
//! Paths, methods, parameters and documents come from the table and the types of its handlers, so a
//! route without a description cannot exist. The document is the same in every build of the same
//! sources.

mod about;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use axum::Extension;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use self::about::{ABOUT, SUBJECTS};
use super::authority::{Authority, Reach};
use super::dry_run;
use super::input::Parts;
use super::problem::Extension as ProblemExtension;
use super::problem_type::{self, ProblemType};
use super::response::{ApiResult, Document, Success, document};
use super::schemas::Schemas;
use super::table::{Declaration, Declarations};
use crate::web::problem::{ProblemDocument, TYPE_PREFIX};

/// The description, made at the first request.
#[derive(Debug, Clone, Default)]
pub(super) struct Description {
    declarations: Arc<Declarations>,
    document: Arc<OnceLock<Value>>,
}

impl Description {
    pub(super) fn new(declarations: Arc<Declarations>) -> Self {
        Self { declarations, document: Arc::default() }
    }

    /// The whole document.
    pub(super) fn document(&self) -> &Value {
        self.document.get_or_init(|| describe(&self.declarations))
    }
}

pub(super) async fn show(
    Extension(description): Extension<Description>,
) -> ApiResult<Document<Value>> {
    document(description.document())
}

fn describe(declarations: &Declarations) -> Value {
    let mut schemas = Schemas::new();
    let problem = schemas.response::<ProblemDocument<'static, ProblemExtension<'static>>>();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut refusals = Refusals::new(problem);
    for (path, declared) in declarations.all() {
        let method = declared.method.as_str().to_ascii_lowercase();
        let operation = operation(path, declared, &mut refusals, &mut schemas);
        paths.entry(path).or_default().insert(method, operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Portcullis admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": SUBJECTS.iter().map(|(name, text)| json!({ "name": name, "description": text }))
            .collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "responses": refusals.named,
            "schemas": schemas.into_named(),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": "portcullis-admin" },
            },
        },
        "x-problem-types": problem_type::ALL.iter().map(problem_type).collect::<Vec<_>>(),
    })
}

fn operation(
    path: &str,
    declared: &Declaration,
    refusals: &mut Refusals,
    schemas: &mut Schemas,
) -> Value {
    let (parts, success) = (declared.describe)(schemas);
    let mut responses = object([(success.status.as_str(), response(&success))]);
    if declared.query.contains(&dry_run::PARAMETER) {
        add_dry_run(&mut responses, &success, schemas);
    }
    for (status, types) in by_status(&problems(path, declared, &parts)) {
        let reference = refusals.reference(&status, &types);
        responses.insert(status, reference);
    }
    let Declaration { operation, authority, .. } = declared;
    let mut described = object([
        ("operationId", operation.id.into()),
        ("tags", json!([operation.tag()])),
        ("summary", operation.summary.into()),
        ("parameters", parameters(path, declared, &parts).into()),
        ("responses", responses.into()),
    ]);
    if *authority == Authority::Public {
        described.extend(object([("security", json!([]))]));
    } else {
        described.extend(object([
            ("security", json!([{ "token": [] }, { "session": [] }])),
            ("x-required-role", authority.least().name().into()),
        ]));
    }
    if let Some((media_type, schema, is_required)) = parts.body {
        let body = json!({
            "required": is_required,
            "content": { media_type: { "schema": schema } },
        });
        described.extend(object([("requestBody", body)]));
    }
    described.into()
}

/// The response to `?dry_run=true`, which has the status of some records too.
fn add_dry_run(responses: &mut Map<String, Value>, success: &Success, schemas: &mut Schemas) {
    let tried = schemas.response::<dry_run::Answer>();
    let (text, schema) = match (&success.content, success.status) {
        (Some((_, record)), StatusCode::OK) => {
            ("The record; with `dry_run`, what would change", json!({ "anyOf": [record, tried] }))
        }
        _ => ("With `dry_run`, what would change", tried),
    };
    let described = object([
        ("description", text.into()),
        ("content", json!({ "application/json": { "schema": schema } })),
    ]);
    responses.insert(StatusCode::OK.as_str().to_owned(), described.into());
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn parameters(path: &str, declared: &Declaration, parts: &Parts) -> Vec<Value> {
    let in_path = path.split('/').filter_map(|segment| {
        segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'))
    });
    let mut parameters: Vec<_> = in_path
        .map(|name| {
            json!({
                "name": name,
                "in": "path",
                "required": true,
                "schema": { "type": "string", "minLength": 1 },
            })
        })
        .collect();
    parameters.extend(parts.query.iter().map(|(name, schema, is_required)| {
        let mut schema = schema.clone();
        let text = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        let mut parameter = object([
            ("name", name.as_str().into()),
            ("in", "query".into()),
            ("required", (*is_required).into()),
            ("schema", schema),
        ]);
        parameter.extend(text.map(|text| ("description".to_owned(), text)));
        Value::Object(parameter)
    }));
    if declared.query.contains(&dry_run::PARAMETER) {
        parameters.push(json!({
            "name": dry_run::PARAMETER,
            "in": "query",
            "required": false,
            "description": "`true`: change nothing, and respond with what would change.",
            "schema": { "type": "boolean" },
        }));
    }
    if declared.reads_version {
        parameters.push(json!({
            "name": "If-Match",
            "in": "header",
            "required": false,
            "description": "The version that the record must have, or `*`.",
            "schema": { "type": "string", "pattern": r#"^(\*|[0-9]{1,19}|"[0-9]{1,19}")$"# },
        }));
    }
    parameters
}

fn response(success: &Success) -> Value {
    let mut response = object([("description", success.text.into())]);
    if let Some((media_type, schema)) = &success.content {
        let mut content = object([(media_type, json!({ "schema": schema }))]);
        if let Some(other) = success.also {
            content.insert(other.to_owned(), json!({ "schema": { "type": "string" } }));
        }
        response.extend(object([("content", content.into())]));
    }
    if !success.headers.is_empty() {
        let headers = success.headers.iter().map(|(name, text)| {
            let header = json!({
                "description": text, "required": true, "schema": { "type": "string" },
            });
            ((*name).to_owned(), header)
        });
        response.extend(object([("headers", Value::Object(headers.collect()))]));
    }
    response.into()
}

/// The types of problems that a request may get.
fn problems(path: &str, declared: &Declaration, parts: &Parts) -> BTreeSet<&'static str> {
    let mut names: BTreeSet<&str> = declared.operation.refuses.iter().copied().collect();
    let is_write = declared.method != Method::GET;
    let is_public = declared.authority == Authority::Public;
    if !is_public {
        names.extend(["token-missing", "token-unknown", "session-ended", "cross-site"]);
        names.extend(["unknown-host", "invalid", "store-unavailable"]);
        if !declared.authority.includes(crate::directory::records::Role::Auditor)
            || declared.authority == Authority::Export
        {
            names.insert("role-required");
        }
    }
    if declared.reach == Reach::Gateway {
        names.insert("out-of-scope");
    }
    if path.contains('{') {
        names.insert("not-found");
    }
    if parts.body.is_some() {
        names.extend(["malformed", "too-large", "unsupported-media-type", "invalid"]);
    }
    if is_write {
        names.extend(["malformed", "contended", "store-unavailable"]);
        if !is_public {
            names.insert("escalation");
        }
    }
    if declared.reads_version {
        names.insert("changed");
    }
    names
}

/// The types by the status that they have.
fn by_status(names: &BTreeSet<&'static str>) -> BTreeMap<String, Vec<&'static ProblemType>> {
    let mut by_status: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for known in names.iter().filter_map(|name| problem_type::named(name)) {
        by_status.entry(known.status.as_str().to_owned()).or_default().push(known);
    }
    by_status
}

/// The error responses, each of which many operations have.
struct Refusals {
    /// The schema of a problem document.
    problem: Value,
    named: Map<String, Value>,
    names: BTreeMap<Vec<&'static str>, String>,
}

impl Refusals {
    fn new(problem: Value) -> Self {
        Self { problem, named: Map::new(), names: BTreeMap::new() }
    }

    /// A reference to the response with one of these types.
    fn reference(&mut self, status: &str, types: &[&'static ProblemType]) -> Value {
        let key: Vec<_> = types.iter().map(|known| known.name).collect();
        let name = match self.names.get(&key) {
            Some(name) => name.clone(),
            None => {
                let name = match types {
                    [one] => one.name.to_owned(),
                    _ => format!("problem-{status}-{}", self.names.len()),
                };
                self.named.insert(name.clone(), problem_response(types, &self.problem));
                self.names.insert(key, name.clone());
                name
            }
        };
        json!({ "$ref": format!("#/components/responses/{name}") })
    }
}

/// A type of problem as the description lists it.
fn problem_type(known: &ProblemType) -> Value {
    json!({
        "type": format!("{TYPE_PREFIX}{}", known.name),
        "status": known.status.as_u16(),
        "meaning": known.meaning,
        "remedy": known.remedy,
    })
}

fn problem_response(types: &[&ProblemType], problem: &Value) -> Value {
    let text: Vec<_> = types
        .iter()
        .map(|known| format!("`{}`: {} {}", known.name, known.meaning, known.remedy))
        .collect();
    let of: Vec<_> = types.iter().map(|known| format!("{TYPE_PREFIX}{}", known.name)).collect();
    json!({
        "description": text.join("\n\n"),
        "content": {
            "application/problem+json": {
                "schema": { "allOf": [problem, { "properties": { "type": { "enum": of } } }] },
            },
        },
    })
}
