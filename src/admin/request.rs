//! What a request says, read strictly: whatever is not understood is refused, and named.
//!
//! Syntax that no reader could understand is a 400; what can be read and not be taken is a 422
//! that names the field.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::request::Parts;
use http::{StatusCode, header};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::problem::Problem;
use crate::directory::PageRequest;

/// The most items on a page of a list, and how many there are when nobody says.
const LIMIT: std::ops::RangeInclusive<usize> = 1..=1000;
const DEFAULT_LIMIT: usize = 100;

/// A JSON document in the body.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(&request);
        let body = read(request, state).await?;
        if !is_json {
            let detail = "send the body as `Content-Type: application/json`";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "unsupported-media-type", detail));
        }
        parse(&body).map(Self)
    }
}

/// A JSON document in the body, or no body at all, which says nothing.
#[derive(Debug)]
pub(super) struct OptionalBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let whole = read(Request::new(body), state).await?;
        if whole.is_empty() {
            return Ok(Self(T::default()));
        }
        let request = Request::from_parts(parts, axum::body::Body::from(whole));
        Body::from_request(request, state).await.map(|Body(document)| Self(document))
    }
}

/// What an action says that is told all by its path: nothing, as no body or as `{}`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The values of the parameters after the `?`, of which the gate has let through only those that
/// the route declares.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let text = rejection.body_text();
                let message = text.rsplit_once("query string: ").map_or(&*text, |(_, why)| why);
                let (path, message) = message.split_once(": ").unwrap_or(("", message));
                Err(refused(path, message))
            }
        }
    }
}

/// The part of the path that names a record.
#[derive(Debug)]
pub(super) struct Id<T = String>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Problem::new(
                StatusCode::NOT_FOUND,
                "not-found",
                "the path holds an id that no record can have",
            )),
        }
    }
}

/// The version of the record that the caller has read (`If-Match`), if it says one.
#[derive(Debug, Clone, Copy)]
pub(super) struct IfMatch(pub(super) Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut lines = parts.headers.get_all(header::IF_MATCH).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return match parts.headers.contains_key(header::IF_MATCH) {
                true => Err(bad_if_match()),
                false => Ok(Self(None)),
            };
        };
        let text = line.to_str().map_err(|_| bad_if_match())?.trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let unquoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let number = unquoted.unwrap_or(text);
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad_if_match());
        }
        number.parse().map(|version| Self(Some(version))).map_err(|_| bad_if_match())
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageParams {
    limit: Option<usize>,
    #[serde(alias = "cursor")]
    after: Option<String>,
}

impl PageParams {
    pub(super) fn new(limit: Option<usize>, after: Option<String>) -> Self {
        Self { limit, after }
    }

    /// For lists of the directory.
    pub(super) fn request(&self) -> Result<PageRequest, Problem> {
        let limit = self.limit()?;
        PageRequest::parse(self.after.as_deref(), Some(limit))
            .map_err(|_| Problem::invalid("after", "is not a place that a list has told"))
    }

    /// How many items at most.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if LIMIT.contains(&limit) {
            return Ok(limit);
        }
        let message = format!("must be {} to {}", LIMIT.start(), LIMIT.end());
        Err(Problem::invalid("limit", message))
    }

    /// Where the page begins, as an earlier page told it.
    pub(super) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }
}

fn is_json(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| {
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(&*essence, "application/json" | "application/merge-patch+json")
    })
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(cause)
            if cause.status() == StatusCode::PAYLOAD_TOO_LARGE =>
        {
            let detail = "the body is larger than any that this API takes";
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
        }
        _ => malformed("the body did not arrive whole"),
    })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // The whole syntax first, so that a document that is none is never judged by its beginning.
    let body = std::str::from_utf8(body)
        .map_err(|error| malformed(format!("the body is not JSON: {error}")))?;
    if let Err(error) = serde_json::from_str::<IgnoredAny>(body) {
        return Err(malformed(format!("the body is not JSON: {error}")));
    }
    // serde would take a list for an object too, with the fields in their order.
    if !body.trim_ascii_start().starts_with('{') {
        return Err(Problem::invalid("", "the body must be an object, as `{\"field\": …}`"));
    }
    let mut json = serde_json::Deserializer::from_str(body);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let text = error.into_inner().to_string();
        // Where in the text it is helps nobody who has made the text with a program.
        let message = text.rsplit_once(" at line ").map_or(&*text, |(message, _)| message);
        refused(&path, message)
    })
}

fn malformed(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed", detail)
}

fn bad_if_match() -> Problem {
    malformed("`If-Match` must be one version, as `\"3\"`, or `*`")
}

/// A 422 that names the field, which serde names in its message when it is missing or not known.
fn refused(path: &str, message: &str) -> Problem {
    let named = ["unknown field `", "missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start)?.split('`').next());
    let parent = if path == "." { "" } else { path };
    let field = match named {
        None => parent.to_owned(),
        Some(name) if parent.is_empty() || parent == name => name.to_owned(),
        Some(name) if parent.ends_with(&format!(".{name}")) => parent.to_owned(),
        Some(name) => format!("{parent}.{name}"),
    };
    Problem::invalid(&field, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only its type matters")]
        name: String,
        #[serde(default)]
        #[expect(dead_code, reason = "only its type matters")]
        inner: Vec<Outer>,
    }

    fn problem(body: &str) -> serde_json::Value {
        serde_json::to_value(parse::<Outer>(body.as_bytes()).unwrap_err()).unwrap()
    }

    #[test]
    fn what_is_not_json_is_malformed_whatever_it_begins_with() {
        for body in ["", "{", "{\"nme\": 1", "{\"name\": \"a\"} x", "{\"name\": \"\u{1}\"}"] {
            assert_eq!(problem(body)["status"], 400, "{body}");
        }
        let problem = parse::<Outer>(b"{\"name\": \"\xff\"}").unwrap_err();
        assert_eq!(serde_json::to_value(problem).unwrap()["status"], 400);
    }

    #[test]
    fn a_list_is_no_object_however_well_its_items_would_fit() {
        for body in ["[\"a\"]", " [\"a\", []]", "[]", "\"a\"", "null", "7"] {
            assert_eq!(problem(body)["status"], 422, "{body}");
        }
        parse::<Outer>(b"\n {\"name\": \"a\"}").unwrap();
    }

    #[test]
    fn a_field_that_cannot_be_taken_is_named_with_its_path() {
        for (body, field) in [
            ("{}", "name"),
            ("{\"name\": 7}", "name"),
            ("{\"name\": \"a\", \"nmae\": 1}", "nmae"),
            ("{\"name\": \"a\", \"name\": \"b\"}", "name"),
            ("{\"name\": \"a\", \"inner\": [{\"name\": \"b\", \"x\": 1}]}", "inner[0].x"),
            ("{\"name\": \"a\", \"inner\": [{}]}", "inner[0].name"),
            ("[]", ""),
        ] {
            let problem = problem(body);
            assert_eq!(problem["status"], 422, "{body}");
            assert_eq!(problem["errors"][0]["field"], field, "{body}");
        }
    }

    #[test]
    fn a_document_that_is_right_is_taken() {
        parse::<Outer>(b" {\"name\": \"a\", \"inner\": [{\"name\": \"b\"}]} ").unwrap();
    }
}
