//! Extractors for the parts of a request. They are strict: what is unknown or invalid is rejected
//! and named, never ignored.
//!
//! A body or header that cannot be parsed is a 400; a field with an invalid value is a 422 that
//! names the field.

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::request::Parts;
use http::{StatusCode, header};
use http_body_util::LengthLimitError;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::caller::Caller;
use super::field_error;
use super::problem::Problem;
use super::scoped::no_caller;
use crate::clock;
use crate::directory::records::Marks;
use crate::directory::{Change, PageRequest};

/// The error of a page's `after` that no list returned.
pub(super) const UNKNOWN_CURSOR: &str = "is not a cursor from an earlier page";

/// The largest body in MiB, except a file.
pub(super) const LARGEST_BODY: usize = 2;
/// The largest file in MiB.
pub(super) const LARGEST_FILE: usize = 32;

/// A file in TOML in the body.
#[derive(Debug)]
pub(super) struct TomlFile(pub(super) String);

impl<S: Send + Sync> FromRequest<S> for TomlFile {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let is_toml = is_of(&request, &["application/toml"]);
        let body = read(request, LARGEST_FILE).await?;
        if !is_toml {
            return Err(unsupported("application/toml"));
        }
        match String::from_utf8(body.into()) {
            Ok(text) => Ok(Self(text)),
            Err(_) => Err(malformed("the file is not UTF-8")),
        }
    }
}

/// A CSV file in the body.
#[derive(Debug)]
pub(super) struct CsvFile(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for CsvFile {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let is_csv = is_of(&request, &["text/csv", "text/tab-separated-values", "text/plain"]);
        let body = read(request, LARGEST_FILE).await?;
        match is_csv {
            true => Ok(Self(body)),
            false => Err(unsupported("text/csv")),
        }
    }
}

/// A JSON document in the body.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let is_json = is_of(&request, &["application/json", "application/merge-patch+json"]);
        let body = read(request, LARGEST_BODY).await?;
        if !is_json {
            return Err(unsupported("application/json"));
        }
        parse(&body).map(Self)
    }
}

/// A JSON document in the body, or `T::default()` when the body is empty.
#[derive(Debug)]
pub(super) struct OptionalBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(Request::new(body), LARGEST_BODY).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        let request = Request::from_parts(parts, axum::body::Body::from(bytes));
        Body::from_request(request, state).await.map(|Body(document)| Self(document))
    }
}

/// The body of an action without fields: `{}`.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoFields {}

/// Query parameters. A handler may read several groups of them; each type ignores the parameters of
/// the others, and the guard rejects those that none of them has.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let text = rejection.body_text();
                let message = text.rsplit_once("query string: ").map_or(&*text, |(_, it)| it);
                let (path, message) = message.split_once(": ").unwrap_or(("", message));
                Err(invalid_at(path, message))
            }
        }
    }
}

/// The ids in the path.
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
                "the path contains an invalid id",
            )),
        }
    }
}

/// The version that the record must still have (`If-Match`); `None` when the field is missing or
/// `*`.
#[derive(Debug, Clone, Copy)]
pub(super) struct IfMatch(pub(super) Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut fields = parts.headers.get_all(header::IF_MATCH).iter();
        let (Some(field), None) = (fields.next(), fields.next()) else {
            return match parts.headers.contains_key(header::IF_MATCH) {
                true => Err(bad_if_match()),
                false => Ok(Self(None)),
            };
        };
        let text = field.to_str().map_err(|_| bad_if_match())?.trim();
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

/// What a write to a record is made with: the caller, the time, and the version of `If-Match`.
#[derive(Debug)]
pub(super) struct RecordChange(pub(super) Change);

impl<S: Send + Sync> FromRequestParts<S> for RecordChange {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let IfMatch(version) = IfMatch::from_request_parts(parts, state).await?;
        Ok(Self(change(parts)?.expecting(version)))
    }
}

/// What an edit of a record that a file may manage is made with: as [`RecordChange`], and whether the
/// file stops managing it.
#[derive(Debug)]
pub(super) struct RecordEdit(pub(super) Change);

impl<S: Send + Sync> FromRequestParts<S> for RecordEdit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let RecordChange(change) = RecordChange::from_request_parts(parts, state).await?;
        let Params(Detaching { detach }) = Params::from_request_parts(parts, state).await?;
        let marks = if detach == Some(true) { Marks::Remove } else { Marks::Keep };
        Ok(Self(change.marking(marks)))
    }
}

/// The parameter of edits of records that a file may manage.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(super) struct Detaching {
    /// `true`: edit a record that a file manages, and the file no longer manages it.
    detach: Option<bool>,
}

/// The same for a write that is not to a record with a version. `If-Match` with a version is refused,
/// because a client that sends it relies on a check that is not made.
#[derive(Debug)]
pub(super) struct NewRecord(pub(super) Change);

impl<S: Send + Sync> FromRequestParts<S> for NewRecord {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match IfMatch::from_request_parts(parts, state).await? {
            IfMatch(None) => change(parts).map(Self),
            IfMatch(Some(_)) => Err(malformed(
                "this request is not about a record with a version; send it without `If-Match`",
            )),
        }
    }
}

/// A change by the caller, now.
fn change(parts: &Parts) -> Result<Change, Problem> {
    match parts.extensions.get::<Caller>() {
        Some(caller) => Ok(Change::new(caller.actor.clone(), clock::now())),
        // The guard lets no request without a caller reach a handler that writes.
        None => Err(no_caller()),
    }
}

/// Which part of a list to return. The bounds of `limit` are those of [`PageRequest`].
#[derive(Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
pub(super) struct PageParams {
    /// The largest number of items; by default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
    /// The `next` of the page before; `cursor` is another name.
    #[serde(alias = "cursor")]
    after: Option<String>,
}

impl PageParams {
    /// For lists of the directory.
    pub(super) fn request(&self) -> Result<PageRequest, Problem> {
        Ok(PageRequest::parse(self.after.as_deref(), self.limit)?)
    }

    /// For lists whose cursors are not the directory's: the maximum number of items.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        Ok(PageRequest::parse(None, self.limit)?.limit())
    }

    /// The `next` of the page before.
    pub(super) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }
}

/// Whether the body has one of these media types.
fn is_of(request: &Request, types: &[&str]) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| {
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        types.contains(&&*essence)
    })
}

fn unsupported(expected: &str) -> Problem {
    let detail = format!("send the body as `Content-Type: {expected}`");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
}

/// The whole body, of at most this many MiB.
pub(super) async fn read(request: Request, mebibytes: usize) -> Result<Bytes, Problem> {
    to_bytes(request.into_body(), mebibytes << 20).await.map_err(|error| {
        match std::error::Error::source(&error).is_some_and(|it| it.is::<LengthLimitError>()) {
            true => {
                let detail = format!("the request body is larger than {mebibytes} MiB");
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
            }
            false => malformed("the request body is incomplete"),
        }
    })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // Check the syntax of the whole document first, so that a syntax error at its end is not
    // reported as an invalid field at its beginning.
    let body = std::str::from_utf8(body).map_err(|error| {
        malformed(format!("the body is not UTF-8, at byte {}", error.valid_up_to()))
    })?;
    if body.trim_ascii().is_empty() {
        return Err(malformed("the body is empty; send a JSON object"));
    }
    if let Err(error) = serde_json::from_str::<IgnoredAny>(body) {
        let (line, column) = (error.line(), error.column());
        let what = if error.is_eof() { "ends too early" } else { "is not valid JSON" };
        return Err(malformed(format!("the body {what}, at line {line}, column {column}")));
    }
    // serde would also read a list, taking its items as the fields in order.
    if !body.trim_ascii_start().starts_with('{') {
        return Err(Problem::invalid("", "the body must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_str(body);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let text = error.into_inner().to_string();
        // Line and column are useless for documents written by a program.
        let message = text.rsplit_once(" at line ").map_or(&*text, |(message, _)| message);
        invalid_at(&path, message)
    })
}

fn malformed(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed", detail)
}

fn bad_if_match() -> Problem {
    malformed("`If-Match` must be one version, such as `\"3\"`, or `*`")
}

/// A 422 for the field at `path`. serde names missing, unknown and duplicate fields in its message
/// only; `path` is then that of their parent.
fn invalid_at(path: &str, message: &str) -> Problem {
    let (named, message) = field_error::plain(message);
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
        serde_json::to_value(parse::<Outer>(body.as_bytes()).unwrap_err().document()).unwrap()
    }

    #[test]
    fn a_body_that_is_not_json_is_malformed() {
        for body in ["", "{", "{\"nme\": 1", "{\"name\": \"a\"} x", "{\"name\": \"\u{1}\"}"] {
            assert_eq!(problem(body)["status"], 400, "{body}");
        }
        let problem = parse::<Outer>(b"{\"name\": \"\xff\"}").unwrap_err();
        assert_eq!(serde_json::to_value(problem.document()).unwrap()["status"], 400);
    }

    #[test]
    fn a_list_is_not_read_as_an_object() {
        for body in ["[\"a\"]", " [\"a\", []]", "[]", "\"a\"", "null", "7"] {
            assert_eq!(problem(body)["status"], 422, "{body}");
        }
        parse::<Outer>(b"\n {\"name\": \"a\"}").unwrap();
    }

    #[test]
    fn an_invalid_field_is_named_with_its_path() {
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
    fn a_valid_document_is_read() {
        parse::<Outer>(b" {\"name\": \"a\", \"inner\": [{\"name\": \"b\"}]} ").unwrap();
    }
}
