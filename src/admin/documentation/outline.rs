//! What the pages show, read from the document of `/openapi.json`.
//!
//! What the document does not have is left out of the page: reading never fails.

use std::collections::BTreeMap;

use serde_json::Value;

use super::markup::Markup;
use super::schema_type::{in_words, reference, references};

/// The methods of a path, in the order of the pages.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The document, as it is read.
pub(super) struct Outline<'a>(pub(super) &'a Value);

/// Paragraphs with a heading; the first section has none.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) heading: Option<String>,
    pub(super) paragraphs: Vec<Markup>,
}

/// A tag of the document: what some operations are about.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    /// The tag.
    pub(super) name: &'a str,
    /// The tag as a heading.
    pub(super) label: String,
    pub(super) text: Markup,
}

/// An operation.
#[derive(Debug)]
pub(super) struct OperationView<'a> {
    pub(super) id: &'a str,
    pub(super) method: &'static str,
    pub(super) path: &'a str,
    pub(super) summary: &'a str,
    /// The role with the fewest rights that may call it; `None` if no caller is required.
    pub(super) role: Option<&'a str>,
    pub(super) parameters: Vec<Field<'a>>,
    pub(super) body: Option<Shape<'a>>,
    pub(super) responses: Vec<ResponseView<'a>>,
}

/// A parameter, or a field of a document.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    /// Where a parameter stands, such as `query`.
    pub(super) place: Option<&'a str>,
    pub(super) kind: Markup,
    pub(super) is_required: bool,
    pub(super) text: Markup,
}

/// What a document is made of.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    pub(super) name: &'a str,
    /// Whether it may be left out of a request.
    pub(super) is_optional: bool,
    pub(super) text: Markup,
    /// Its type, if it is not an object with fields.
    pub(super) kind: Option<Markup>,
    pub(super) fields: Vec<Field<'a>>,
    /// The values that it may have instead, each with what it means.
    pub(super) values: Vec<(Markup, Markup)>,
}

/// A response.
#[derive(Debug)]
pub(super) struct ResponseView<'a> {
    pub(super) status: &'a str,
    pub(super) text: Markup,
    /// The type of the document, or the media type if it is not JSON.
    pub(super) kind: Option<Markup>,
    pub(super) headers: Vec<&'a str>,
    /// The types of problems that it may have.
    pub(super) problems: Vec<&'a str>,
}

/// A type of problem.
#[derive(Debug)]
pub(super) struct ProblemView<'a> {
    /// The last part of its `type`.
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    pub(super) status: u64,
    pub(super) meaning: Markup,
    pub(super) remedy: Markup,
}

impl<'a> Outline<'a> {
    pub(super) fn title(&self) -> &'a str {
        text_at(self.0, "/info/title")
    }

    pub(super) fn version(&self) -> &'a str {
        text_at(self.0, "/info/version")
    }

    /// How the API is used in general.
    pub(super) fn sections(&self) -> Vec<Section> {
        let mut sections = vec![Section::default()];
        for block in text_at(self.0, "/info/description").split("\n\n") {
            match block.strip_prefix("## ") {
                Some(heading) => sections
                    .push(Section { heading: Some(heading.to_owned()), paragraphs: Vec::new() }),
                None => {
                    if let Some(section) = sections.last_mut() {
                        section.paragraphs.push(Markup::prose(block));
                    }
                }
            }
        }
        sections
    }

    pub(super) fn subjects(&self) -> impl Iterator<Item = Subject<'a>> + use<'a> {
        items_at(self.0, "/tags").iter().map(|tag| {
            let name = text_at(tag, "/name");
            let mut label = name.replace('_', " ");
            if let Some(first) = label.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            Subject { name, label, text: prose_at(tag, "/description") }
        })
    }

    /// The operations with a tag, by their paths.
    pub(super) fn operations(&self, tag: &str) -> Vec<OperationView<'a>> {
        let declared = self.declared(tag);
        declared.map(|(path, method, operation)| self.operation(path, method, operation)).collect()
    }

    /// The documents that the operations with a tag refer to, by name. The documents in bodies of
    /// requests are left out unless another refers to them: the operations show their fields.
    pub(super) fn documents_of(&self, tag: &str) -> Vec<Shape<'a>> {
        let mut names = Vec::new();
        for (_, _, operation) in self.declared(tag) {
            let parts = ["parameters", "responses"];
            names.extend(parts.iter().filter_map(|name| operation.get(name)).flat_map(references));
            let body = body(operation).map(|(schema, _)| self.resolved(schema));
            names.extend(body.into_iter().flat_map(references));
        }
        self.documents(names)
    }

    /// The documents with these names and those that they refer to, by name.
    pub(super) fn documents(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<Shape<'a>> {
        let mut found = BTreeMap::new();
        let mut names: Vec<&str> = names.into_iter().collect();
        while let Some(name) = names.pop() {
            let schema = self.named("schemas", name);
            if found.insert(name, schema).is_none() {
                names.extend(references(schema));
            }
        }
        found.into_iter().map(|(name, schema)| shape(name, schema)).collect()
    }

    pub(super) fn problems(&self) -> Vec<ProblemView<'a>> {
        let known = items_at(self.0, "/x-problem-types").iter();
        known
            .map(|known| ProblemView {
                name: last_part(text_at(known, "/type")),
                kind: text_at(known, "/type"),
                status: known.get("status").and_then(Value::as_u64).unwrap_or_default(),
                meaning: prose_at(known, "/meaning"),
                remedy: prose_at(known, "/remedy"),
            })
            .collect()
    }

    fn declared(&self, tag: &str) -> impl Iterator<Item = (&'a str, &'static str, &'a Value)> {
        let paths = self.0.get("paths").and_then(Value::as_object).into_iter().flatten();
        let operations = paths.flat_map(|(path, methods)| {
            let declared =
                METHODS.iter().filter_map(|method| Some((*method, methods.get(method)?)));
            declared.map(|(method, operation)| (path.as_str(), method, operation))
        });
        operations.filter(move |(_, _, operation)| text_at(operation, "/tags/0") == tag)
    }

    fn operation(
        &self,
        path: &'a str,
        method: &'static str,
        operation: &'a Value,
    ) -> OperationView<'a> {
        let parameters = items_at(operation, "/parameters").iter();
        let responses = operation.get("responses").and_then(Value::as_object);
        OperationView {
            id: text_at(operation, "/operationId"),
            method,
            path,
            summary: text_at(operation, "/summary"),
            role: operation.get("x-required-role").and_then(Value::as_str),
            parameters: parameters.map(parameter).collect(),
            body: body(operation).map(|(schema, is_required)| Shape {
                is_optional: !is_required,
                ..shape("", self.resolved(schema))
            }),
            responses: responses
                .into_iter()
                .flatten()
                .map(|(status, response)| self.response(status, response))
                .collect(),
        }
    }

    fn response(&self, status: &'a str, response: &'a Value) -> ResponseView<'a> {
        let name = text_at(response, "/$ref").strip_prefix("#/components/responses/");
        let response = name.map_or(response, |name| self.named("responses", name));
        let content = response.get("content").and_then(Value::as_object);
        let content = content.and_then(|content| content.iter().next());
        let problems = content.map_or(&[][..], |(_, content)| {
            items_at(content, "/schema/allOf/1/properties/type/enum")
        });
        let kind =
            content.map(|(media_type, content)| match (&**media_type, content.get("schema")) {
                ("application/json", Some(schema)) => in_words(schema),
                _ => Markup::prose(&format!("`{media_type}`")),
            });
        let headers = response.get("headers").and_then(Value::as_object);
        let is_problem = !problems.is_empty();
        ResponseView {
            status,
            text: if is_problem { Markup::default() } else { prose_at(response, "/description") },
            kind: kind.filter(|_| !is_problem),
            headers: headers.into_iter().flatten().map(|(name, _)| name.as_str()).collect(),
            problems: problems.iter().filter_map(Value::as_str).map(last_part).collect(),
        }
    }

    /// A schema, or the one that it refers to.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        reference(schema).map_or(schema, |name| self.named("schemas", name))
    }

    fn named(&self, kind: &str, name: &str) -> &'a Value {
        let named = self.0.get("components").and_then(|components| components.get(kind)?.get(name));
        named.unwrap_or(&Value::Null)
    }
}

/// The schema of the body of a request, and whether it is required.
fn body(operation: &Value) -> Option<(&Value, bool)> {
    let body = operation.get("requestBody")?;
    Some((body.pointer("/content/application~1json/schema")?, is_true(body, "required")))
}

fn parameter(parameter: &Value) -> Field<'_> {
    Field {
        name: text_at(parameter, "/name"),
        place: parameter.get("in").and_then(Value::as_str),
        kind: in_words(parameter.get("schema").unwrap_or(&Value::Null)),
        is_required: is_true(parameter, "required"),
        text: prose_at(parameter, "/description"),
    }
}

fn shape<'a>(name: &'a str, schema: &'a Value) -> Shape<'a> {
    let mut fields = Vec::new();
    add_fields(&mut fields, schema);
    let alternatives = ["oneOf", "anyOf"].iter().find_map(|name| schema.get(name)?.as_array());
    let values: Vec<_> = alternatives
        .into_iter()
        .flatten()
        .map(|value| (in_words(value), prose_at(value, "/description")))
        .collect();
    let kind = (fields.is_empty() && values.is_empty()).then(|| in_words(schema));
    let text = prose_at(schema, "/description");
    Shape { name, is_optional: false, text, kind, fields, values }
}

/// Adds the fields of an object, and of the objects that it is all of.
fn add_fields<'a>(fields: &mut Vec<Field<'a>>, schema: &'a Value) {
    let required = items_at(schema, "/required");
    let properties = schema.get("properties").and_then(Value::as_object);
    fields.extend(properties.into_iter().flatten().map(|(name, schema)| Field {
        name,
        place: None,
        kind: in_words(schema),
        is_required: required.iter().any(|required| required == name),
        text: prose_at(schema, "/description"),
    }));
    for part in items_at(schema, "/allOf") {
        add_fields(fields, part);
    }
}

fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn prose_at(value: &Value, pointer: &str) -> Markup {
    Markup::prose(text_at(value, pointer))
}

fn items_at<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn is_true(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or_default()
}

/// What follows the last colon.
fn last_part(kind: &str) -> &str {
    kind.rsplit(':').next().unwrap_or_default()
}
