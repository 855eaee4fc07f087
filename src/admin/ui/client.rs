//! Requests of a page to the API, in the same process.
//!
//! They carry the header fields of the browser's request, so the API authenticates the same cookie,
//! and sees the same host and origin, as if the browser had sent them.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt as _;

use super::kit::Ui;
use super::refusal::{Answer, Refusal};
use crate::admin::caller::Unattended;
use crate::web::fetch_metadata::SEC_FETCH_SITE;
use crate::web::peer::Peer;

/// The largest document that a page reads, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;

/// Header fields of a page's request that are not those of its requests to the API.
const OWN: [header::HeaderName; 7] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::AUTHORIZATION,
    header::IF_MATCH,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
];

/// Makes requests to the API as the browser that sent the page's request.
#[derive(Debug, Clone)]
pub(super) struct Client {
    api: Router,
    headers: HeaderMap,
    peer: Option<Peer>,
    is_unattended: bool,
    /// Has the reader's words for what the API says.
    ui: Arc<Ui>,
}

/// A record, and the version that a change must name.
#[derive(Debug)]
pub(super) struct Versioned<T> {
    pub(super) record: T,
    pub(super) version: String,
}

/// A write.
#[derive(Debug, Clone)]
pub(super) struct Write<'a> {
    method: Method,
    path: &'a str,
    body: Option<(&'static str, Bytes)>,
    version: Option<&'a str>,
}

impl<'a> Write<'a> {
    /// A write without a body.
    pub(super) const fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, body: None, version: None }
    }

    /// The same with a document.
    pub(super) fn with(self, document: &impl Serialize) -> Self {
        let body = serde_json::to_vec(document).unwrap_or_default();
        self.with_file("application/json", body.into())
    }

    /// The same with a file of this media type.
    pub(super) fn with_file(self, media_type: &'static str, content: Bytes) -> Self {
        Self { body: Some((media_type, content)), ..self }
    }

    /// The same for a record that must still be at this version; an empty version is any.
    pub(super) fn at(self, version: &'a str) -> Self {
        Self { version: (!version.is_empty()).then_some(version), ..self }
    }
}

impl Client {
    /// A client that sends the header fields of this request of a page. `is_unattended` if a script
    /// has sent it by itself: such requests do not keep a session alive.
    pub(super) fn new(
        api: Router,
        headers: &HeaderMap,
        peer: Option<Peer>,
        is_unattended: bool,
        ui: Arc<Ui>,
    ) -> Self {
        let mut headers = headers.clone();
        for name in OWN {
            headers.remove(name);
        }
        Self { api, headers, peer, is_unattended, ui }
    }

    /// The same with this cookie in place of the browser's.
    pub(super) fn with_cookie(&self, cookie: HeaderValue) -> Self {
        let mut client = self.clone();
        client.headers.insert(header::COOKIE, cookie);
        client
    }

    /// The document at a path of the API, which may have a query.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        let response = self.send(Write::new(Method::GET, path)).await?;
        read(response).await
    }

    /// A record, and its version.
    pub(super) async fn record<T: DeserializeOwned>(&self, path: &str) -> Answer<Versioned<T>> {
        let response = self.send(Write::new(Method::GET, path)).await?;
        let version = version(&response);
        Ok(Versioned { record: read(response).await?, version })
    }

    /// Makes a write, and returns its document; `null` if it has none.
    pub(super) async fn write(&self, write: Write<'_>) -> Answer<Value> {
        let response = self.send(write).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        read(response).await
    }

    /// What a write would change: the `changes` of its dry run.
    pub(super) async fn try_out(&self, write: Write<'_>) -> Answer<Value> {
        let separator = if write.path.contains('?') { '&' } else { '?' };
        let path = format!("{}{separator}dry_run=true", write.path);
        // Nothing is kept, so it does not matter from where the visitor came to the page.
        let mut client = self.clone();
        client.headers.insert(SEC_FETCH_SITE, HeaderValue::from_static("same-origin"));
        let response = client.send(Write { path: &path, ..write }).await?;
        read(response).await
    }

    /// Makes a request, and returns the response if it succeeded.
    pub(super) async fn send(&self, write: Write<'_>) -> Answer<Response> {
        let Write { method, path, body, version } = write;
        let (media_type, body) = body.unzip();
        let mut request = Request::new(Body::from(body.unwrap_or_default()));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|_| Refusal::broken("an invalid path"))?;
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        if let Some(media_type) = media_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        if let Some(version) = version.and_then(|it| HeaderValue::from_str(it).ok()) {
            headers.insert(header::IF_MATCH, version);
        }
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        if self.is_unattended {
            request.extensions_mut().insert(Unattended);
        }
        let Ok(response) = self.api.clone().oneshot(request).await;
        if response.status().is_success() {
            return Ok(response);
        }
        let messages = &self.ui.texts.of(&self.headers).api;
        Err(refusal(response).await.said_in(messages))
    }
}

fn version(response: &Response) -> String {
    let etag = response.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok());
    etag.unwrap_or_default().to_owned()
}

/// The document of a response.
pub(super) async fn document(response: Response) -> Answer<Value> {
    read(response).await
}

async fn read<T: DeserializeOwned>(response: Response) -> Answer<T> {
    let body = to_bytes(response.into_body(), LARGEST)
        .await
        .map_err(|_| Refusal::broken("the document is too large"))?;
    serde_json::from_slice(&body).map_err(|error| Refusal::broken(&error.to_string()))
}

async fn refusal(response: Response) -> Refusal {
    let status = response.status();
    let body = to_bytes(response.into_body(), LARGEST).await.unwrap_or_default();
    Refusal::read(status, &body)
}
