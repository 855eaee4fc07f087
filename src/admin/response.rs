//! The responses of requests that succeeded.
//!
//! The type of a handler's response names its status and its document, so that the description of
//! the API is made from what the handler returns.

use std::borrow::Cow;
use std::marker::PhantomData;

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use super::problem::Problem;
use super::schemas::Schemas;
use super::state::AdminState;
use crate::directory::access::administrators::{AdministratorView, IssuedAdministrator};
use crate::directory::access::api_tokens::ApiTokenView;
use crate::directory::access::second_factors::SecondFactorView;
use crate::directory::accounts::end_users::EndUserView;
use crate::directory::accounts::groups::GroupView;
use crate::directory::accounts::organizations::OrganizationView;
use crate::directory::accounts::preferences::PreferencesView;
use crate::directory::accounts::users::UserView;
use crate::jobs::JobView;
use crate::mail::queue::MailView;
use crate::telemetry::metrics::MEDIA_TYPE;
use portcullis_store::Kind;

/// What every handler returns.
pub(super) type ApiResult<R> = Result<R, Problem>;

/// A response that the description of the API can be made from.
pub(super) trait Reply: IntoResponse {
    /// What it is.
    fn describe(schemas: &mut Schemas) -> Success;
}

/// The description of a response.
#[derive(Debug)]
pub(super) struct Success {
    pub(super) status: StatusCode,
    pub(super) text: &'static str,
    /// The media type and the schema of the body, if it has one.
    pub(super) content: Option<(&'static str, Value)>,
    /// Another media type that a client may ask for.
    pub(super) also: Option<&'static str>,
    /// The headers that it has, and what they are.
    pub(super) headers: &'static [(&'static str, &'static str)],
}

/// The marker of a document's type. It takes the type as an argument, so a document that borrows is
/// a document of its `'static` type too.
type Of<T> = PhantomData<fn(T)>;

/// 200 with a document that has no version.
#[derive(Debug)]
pub(super) struct Document<T>(Response, Of<T>);

/// 200 with a record, and its version as `ETag`.
#[derive(Debug)]
pub(super) struct Record<T>(Response, Of<T>);

/// 200 with a page of a list, or with the whole list as CSV.
#[derive(Debug)]
pub(super) struct Lists<T>(Response, Of<T>);

/// 201 with a record, its version as `ETag`, and its `Location`.
#[derive(Debug)]
pub(super) struct Created<T>(Response, Of<T>);

/// 201 with a document, and the cookie of a new session.
#[derive(Debug)]
pub(super) struct Opened<T>(Response, Of<T>);

/// 201 with a document that cannot be read again.
#[derive(Debug)]
pub(super) struct Issued<T>(Response, Of<T>);

/// 204.
#[derive(Debug)]
pub(super) struct NoContent(Response);

/// 200 with a JSON document on each line.
#[derive(Debug)]
pub(super) struct Lines(Response);

/// 200 with the report of a job: a JSON document on each line, or CSV.
#[derive(Debug)]
pub(super) struct Report(Response);

/// 200 with a file in TOML.
#[derive(Debug)]
pub(super) struct Toml(Response);

/// 200 with a backup.
#[derive(Debug)]
pub(super) struct BackupFile(Response);

/// 200 with a page for people.
#[derive(Debug)]
pub(super) struct Page(Response);

/// 200 with the metrics.
#[derive(Debug)]
pub(super) struct Metrics(Response);

const ETAG: (&str, &str) = ("ETag", "The version of the record, for `If-Match`");

macro_rules! replies {
    ($($name:ident$(<$document:ident>)?: $status:ident, $text:literal, $headers:expr, $content:expr$(, also $also:literal)?;)+) => {$(
        impl$(<$document>)? IntoResponse for $name$(<$document>)? {
            fn into_response(self) -> Response {
                self.0
            }
        }

        impl$(<$document: JsonSchema>)? Reply for $name$(<$document>)? {
            fn describe(schemas: &mut Schemas) -> Success {
                let content: fn(&mut Schemas) -> Option<(&'static str, Value)> = $content;
                Success {
                    status: StatusCode::$status,
                    text: $text,
                    content: content(schemas),
                    also: None$(.or(Some($also)))?,
                    headers: $headers,
                }
            }
        }

        #[allow(dead_code, reason = "not every response is changed")]
        impl$(<$document>)? $name$(<$document>)? {
            /// The same with another header field.
            pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
                self.0.headers_mut().append(name, value);
                self
            }
        }
    )+};
}

replies! {
    Document<T>: OK, "The document", &[], |schemas| Some(("application/json", schemas.response::<T>()));
    Record<T>: OK, "The record", &[ETAG], |schemas| Some(("application/json", schemas.response::<T>()));
    Created<T>: CREATED, "The record", &[ETAG, ("Location", "The path of the record")],
        |schemas| Some(("application/json", schemas.response::<T>()));
    Opened<T>: CREATED, "The session has started", &[("Set-Cookie", "The session")],
        |schemas| Some(("application/json", schemas.response::<T>()));
    Issued<T>: CREATED, "The document, which cannot be read again", &[],
        |schemas| Some(("application/json", schemas.response::<T>()));
    Lists<T>: OK, "The page; the whole list if it is requested as CSV", &[],
        |schemas| Some(("application/json", schemas.response::<T>())), also "text/csv";
    NoContent: NO_CONTENT, "Done", &[], |_| None;
    Lines: OK, "A document on each line", &[],
        |_| Some(("application/jsonl", serde_json::json!({ "type": "string" })));
    Report: OK, "A line for each item; `text/csv` if that is requested", &[],
        |_| Some(("application/jsonl", serde_json::json!({ "type": "string" }))), also "text/csv";
    Toml: OK, "A file", &[],
        |_| Some(("application/toml", serde_json::json!({ "type": "string" })));
    BackupFile: OK, "The file", &[],
        |_| Some(("application/octet-stream", serde_json::json!({ "type": "string", "format": "binary" })));
    Metrics: OK, "The metrics", &[],
        |_| Some((MEDIA_TYPE, serde_json::json!({ "type": "string" })));
    Page: OK, "A page", &[], |_| Some(("text/html", serde_json::json!({ "type": "string" })));
}

/// The marker of a document that is one of two.
#[derive(Debug)]
pub(super) struct OneOf<A, B>(PhantomData<(A, B)>);

impl<A: JsonSchema, B: JsonSchema> JsonSchema for OneOf<A, B> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}Or{}", A::schema_name(), B::schema_name()).into()
    }

    fn json_schema(schemas: &mut SchemaGenerator) -> Schema {
        let any = [schemas.subschema_for::<A>(), schemas.subschema_for::<B>()];
        schemars::json_schema!({ "anyOf": any })
    }
}

impl<T> Document<T> {
    /// The same as the first of two documents.
    pub(super) fn first_of<Other>(self) -> Document<OneOf<T, Other>> {
        Document(self.0, PhantomData)
    }

    /// The same as the second of two documents.
    pub(super) fn second_of<Other>(self) -> Document<OneOf<Other, T>> {
        Document(self.0, PhantomData)
    }
}

/// Documents with a version, which is sent as `ETag` too.
pub(super) trait Versioned: Serialize {
    fn version(&self) -> u64;
}

macro_rules! versioned {
    ($($record:ty),+ $(,)?) => {
        $(impl Versioned for $record {
            fn version(&self) -> u64 {
                self.version
            }
        })+
    };
}

versioned!(
    AdministratorView,
    ApiTokenView,
    EndUserView,
    GroupView,
    JobView,
    MailView,
    OrganizationView,
    PreferencesView,
    SecondFactorView,
    UserView,
);

impl Versioned for IssuedAdministrator {
    fn version(&self) -> u64 {
        self.administrator.version
    }
}

/// 200 with a document that has no version.
#[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
pub(super) fn document<T: Serialize>(document: &T) -> ApiResult<Document<T>> {
    Ok(Document(Json(document).into_response(), PhantomData))
}

/// A list that is not paged.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub(super) struct List<T> {
    items: Vec<T>,
    /// Always `null`: the list is complete.
    next: Option<()>,
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self { items: items.into_iter().collect(), next: None }
    }
}

/// A page of a list, as a caller's scope shows it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Scoped{P}")]
pub(super) struct Listed<P> {
    #[serde(flatten)]
    page: P,
    /// How many records are outside of the caller's scope; without a filter only.
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<u64>,
}

/// 200 with a page of a list.
///
/// With a limited scope, `hidden` is how many records are outside of it. It is given without a filter
/// only: the number that a filter would select tells of other customers.
pub(super) async fn listed<P: Serialize>(
    admin: &AdminState,
    (kind, filtered): (Kind, bool),
    page: &P,
) -> ApiResult<Document<Listed<P>>> {
    let hidden = if filtered { None } else { admin.directory.hidden(kind).await? };
    listed_hiding(hidden, page)
}

/// 200 with a page of a list of which a limited scope hides so many.
pub(super) fn listed_hiding<P: Serialize>(
    hidden: Option<u64>,
    page: &P,
) -> ApiResult<Document<Listed<P>>> {
    let Document(response, _) = document(&Listed { page, hidden })?;
    Ok(Document(response, PhantomData))
}

impl<T> From<Document<T>> for Lists<T> {
    fn from(Document(response, of): Document<T>) -> Self {
        Self(response, of)
    }
}

/// 200 with the whole list as CSV.
#[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
pub(super) fn csv_list<T>(body: Body) -> ApiResult<Lists<T>> {
    let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    Ok(Lists((kind, body).into_response(), PhantomData))
}

/// 200 with a record.
#[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
pub(super) fn record<T: Versioned>(record: &T) -> ApiResult<Record<T>> {
    Ok(Record((etag(record.version()), Json(record)).into_response(), PhantomData))
}

/// 201 with a new record and its `Location`.
#[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
pub(super) fn created<T: Versioned>(record: &T, path: String) -> ApiResult<Created<T>> {
    let location = [(header::LOCATION, path)];
    let response = (StatusCode::CREATED, etag(record.version()), location, Json(record));
    Ok(Created(response.into_response(), PhantomData))
}

/// 201 with a document, and a cookie.
#[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
pub(super) fn opened<T: Serialize>(
    document: &T,
    cookie: Option<HeaderValue>,
) -> ApiResult<Opened<T>> {
    let mut response = (StatusCode::CREATED, Json(document)).into_response();
    if let Some(line) = cookie {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    Ok(Opened(response, PhantomData))
}

/// 201 with a document that cannot be read again.
#[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
pub(super) fn issued<T: Serialize>(document: &T) -> ApiResult<Issued<T>> {
    Ok(Issued((StatusCode::CREATED, Json(document)).into_response(), PhantomData))
}

/// 204.
#[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
pub(super) fn no_content() -> ApiResult<NoContent> {
    Ok(NoContent(StatusCode::NO_CONTENT.into_response()))
}

/// 200 with a JSON document on each line.
#[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
pub(super) fn lines(body: Body) -> ApiResult<Lines> {
    Ok(Lines(([(header::CONTENT_TYPE, "application/jsonl")], body).into_response()))
}

/// 200 with the report of a job.
#[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
pub(super) fn report(body: Body, is_csv: bool) -> ApiResult<Report> {
    let media_type = if is_csv { "text/csv; charset=utf-8" } else { "application/jsonl" };
    Ok(Report(([(header::CONTENT_TYPE, media_type)], body).into_response()))
}

/// 200 with a file in TOML.
#[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
pub(super) fn toml(body: Body) -> ApiResult<Toml> {
    Ok(Toml(([(header::CONTENT_TYPE, "application/toml")], body).into_response()))
}

/// 200 with a backup.
#[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
pub(super) fn backup(body: Body) -> ApiResult<BackupFile> {
    Ok(BackupFile(([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response()))
}

/// 200 with the metrics.
#[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
pub(super) fn metrics(text: String) -> ApiResult<Metrics> {
    Ok(Metrics(([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response()))
}

/// 200 with a page for people.
#[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
pub(super) fn page(response: Response) -> ApiResult<Page> {
    Ok(Page(response))
}

fn etag(version: u64) -> [(HeaderName, String); 1] {
    [(header::ETAG, format!("\"{version}\""))]
}
