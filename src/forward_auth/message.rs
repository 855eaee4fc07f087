//! Questions and answers as messages of gRPC (`envoy.service.auth.v3`).
//!
//! To Envoy, a message without content allows the request, and so does status 0 with the response to
//! a refusal. Each answer therefore says which of the two it is.

use axum::body::Body;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;

use super::mistake::Mistake;
use super::original::{Asked, Unbodied};
use crate::authz::decision_record::Entry;
use crate::proxy::ContractError;
use portcullis_grpc_api::ext_authz::attribute_context::HttpRequest;
use portcullis_grpc_api::ext_authz::check_response::HttpResponse;
use portcullis_grpc_api::ext_authz::header_value_option::HeaderAppendAction;
use portcullis_grpc_api::ext_authz::{
    CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValue as Field, HeaderValueOption,
    HttpStatus, OkHttpResponse, Status,
};
use portcullis_grpc_api::tonic::Code;
use portcullis_grpc_api::{Struct, Value, value::Kind};

/// What a proxy is told.
#[derive(Debug)]
pub(super) struct Answer {
    /// Whether the request may be sent on. The response's status alone does not say so.
    pub(super) is_permission: bool,
    pub(super) response: Response<Body>,
    /// For the proxy's log, if the contract takes it.
    pub(super) metadata: Option<Struct>,
}

/// The client's fields, and what the message says besides them.
pub(super) fn read(message: CheckRequest) -> (Request<Unbodied>, Result<Asked, Mistake>) {
    let mut request = Request::new(Unbodied::new());
    let http = message.attributes.and_then(|attributes| attributes.request?.http);
    let stated = match http {
        Some(http) => stated(http, request.headers_mut()),
        None => Err(ContractError::MissingField.into()),
    };
    (request, stated)
}

/// Moves the client's fields into `fields`. Those of HTTP/2 whose names begin with a colon must
/// repeat what the message says.
fn stated(http: HttpRequest, fields: &mut HeaderMap) -> Result<Asked, Mistake> {
    let mut repeated = Repeated::default();
    match http.header_map {
        Some(raw) => {
            for Field { key, value, raw_value } in raw.headers {
                let value = if raw_value.is_empty() { value.into() } else { raw_value };
                match key.strip_prefix(':') {
                    Some(key) => repeated.add(key, &value)?,
                    None => add(fields, &key, HeaderValue::from_maybe_shared(value).ok())?,
                }
            }
        }
        None => {
            for (key, value) in http.headers {
                match key.strip_prefix(':') {
                    Some(key) => repeated.add(key, value.as_bytes())?,
                    None => add(fields, &key, HeaderValue::try_from(value).ok())?,
                }
            }
        }
    }
    if fields.contains_key(header::HOST) {
        return Err(Mistake::in_field(ContractError::RepeatedField, &header::HOST));
    }
    let Repeated { method, path, authority } = repeated;
    for (stated, repeated) in [(&http.method, method), (&http.path, path), (&http.host, authority)]
    {
        if stated.is_empty() {
            return Err(ContractError::MissingField.into());
        }
        if repeated.is_some_and(|repeated| repeated != stated.as_bytes()) {
            return Err(ContractError::RepeatedField.into());
        }
    }
    let unreadable = || Mistake::from(ContractError::UnreadableField);
    Ok(Asked {
        method: Method::from_bytes(http.method.as_bytes()).map_err(|_| unreadable())?,
        host: HeaderValue::try_from(http.host).map_err(|_| unreadable())?,
        target: http.path.into_bytes(),
    })
}

/// What a message says a second time in the fields of HTTP/2.
#[derive(Debug, Default)]
struct Repeated {
    method: Option<Vec<u8>>,
    path: Option<Vec<u8>>,
    authority: Option<Vec<u8>>,
}

impl Repeated {
    fn add(&mut self, name: &str, value: &[u8]) -> Result<(), Mistake> {
        let place = match name {
            "method" => &mut self.method,
            "path" => &mut self.path,
            "authority" => &mut self.authority,
            // What else there may be is not decided by.
            _ => return Ok(()),
        };
        match place.replace(value.to_vec()) {
            None => Ok(()),
            Some(_) => Err(ContractError::RepeatedField.into()),
        }
    }
}

fn add(fields: &mut HeaderMap, name: &str, value: Option<HeaderValue>) -> Result<(), Mistake> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok();
    let (name, value) = name.zip(value).ok_or(ContractError::UnreadableField)?;
    fields.try_append(name, value).map_err(|_| ContractError::UnreadableField)?;
    Ok(())
}

/// The answer as a message.
pub(super) async fn answer(answer: Answer) -> CheckResponse {
    let Answer { is_permission, response, metadata } = answer;
    let (status, response) = if is_permission {
        (Code::Ok, HttpResponse::OkResponse(permission(&response)))
    } else {
        (Code::PermissionDenied, HttpResponse::DeniedResponse(refusal(response).await))
    };
    CheckResponse {
        status: Some(Status { code: status.into(), message: String::new() }),
        http_response: Some(response),
        dynamic_metadata: metadata,
    }
}

/// Sets each field of the response; those of the client that are empty now are removed.
fn permission(response: &Response<Body>) -> OkHttpResponse {
    let fields = response.headers();
    let mut headers = Vec::with_capacity(fields.len());
    let mut headers_to_remove = Vec::new();
    for (name, value) in fields {
        let is_of_client = [header::COOKIE, header::AUTHORIZATION].contains(name);
        if *name == header::CACHE_CONTROL {
            // It is about the answer over HTTP.
        } else if is_of_client && value.is_empty() {
            headers_to_remove.push(name.as_str().to_owned());
        } else {
            let action = HeaderAppendAction::OverwriteIfExistsOrAdd;
            headers.push(field(name, value, action));
        }
    }
    OkHttpResponse { headers, headers_to_remove }
}

/// The response as the client of the proxy gets it.
async fn refusal(response: Response<Body>) -> DeniedHttpResponse {
    let (parts, body) = response.into_parts();
    // Pages and documents are in memory; one that were not would be left out.
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let action = HeaderAppendAction::AppendIfExistsOrAdd;
    let fields = parts.headers.iter().filter(|(name, _)| *name != header::CONTENT_LENGTH);
    DeniedHttpResponse {
        status: Some(HttpStatus { code: parts.status.as_u16().into() }),
        headers: fields.map(|(name, value)| field(name, value, action)).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

/// Envoy ignores `raw_value` in answers, so a value that is not text is sent as nothing.
fn field(name: &HeaderName, value: &HeaderValue, action: HeaderAppendAction) -> HeaderValueOption {
    let value = std::str::from_utf8(value.as_bytes()).unwrap_or_default().to_owned();
    let header = Field { key: name.as_str().to_owned(), value, ..Field::default() };
    HeaderValueOption { header: Some(header), append_action: action.into(), keep_empty_value: true }
}

/// What the decision record says, for the proxy's access log.
pub(super) fn metadata(entry: &Entry<'_>) -> Struct {
    let known = [
        ("request_id", Some(entry.request)),
        ("decision", Some(entry.decision)),
        ("reason", Some(entry.reason)),
        ("route", entry.route),
        ("organization", entry.organization),
        ("user", entry.user),
        ("group", entry.group),
        ("policy", Some(entry.policy).filter(|policy| !policy.is_empty())),
    ];
    let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let known = known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), text(value?))));
    Struct { fields: known.collect() }
}
