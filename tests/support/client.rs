//! Well-behaved clients: HTTP/1.1 and HTTP/2, in the clear and over TLS, by hyper.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::support::gate::TestGate;

/// Longer than anything takes; what takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what must happen, and fails when it does not.
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what} did not come within {PATIENCE:?}"),
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

/// A session cookie as it is sent back: `name=value`.
#[derive(Debug, Clone)]
pub(crate) struct Cookie(pub(crate) String);

/// A request to be sent over a connection of its own.
pub(crate) struct Call<'g> {
    gate: &'g TestGate,
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A connection that stays open between requests.
pub(crate) struct Connection(http1::SendRequest<Full<Bytes>>);

/// An HTTP/2 connection.
#[derive(Clone)]
pub(crate) struct Http2 {
    sender: http2::SendRequest<Full<Bytes>>,
    scheme: &'static str,
}

impl TestGate {
    pub(crate) fn get(&self, target: &str) -> Call<'_> {
        self.call(Method::GET, target)
    }

    pub(crate) fn call(&self, method: Method, target: &str) -> Call<'_> {
        let headers = HeaderMap::new();
        Call { gate: self, method, target: target.to_owned(), headers, body: Bytes::new() }
    }

    /// An HTTP/1.1 connection.
    pub(crate) async fn connection(&self) -> Connection {
        let stream = self.stream(&[b"http/1.1"]).await;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        Connection(sender)
    }

    /// An HTTP/2 connection: by prior knowledge in the clear, by ALPN over TLS.
    pub(crate) async fn http2(&self) -> Http2 {
        let stream = self.stream(&[b"h2"]).await;
        let executor = TokioExecutor::new();
        let (sender, connection) = http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Http2 { sender, scheme: if self.is_tls() { "https" } else { "http" } }
    }
}

impl Call<'_> {
    /// Adds a field.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_ref()).unwrap());
        self
    }

    /// Comes with a session.
    pub(crate) fn cookie(self, cookie: &Cookie) -> Self {
        self.header("cookie", &cookie.0)
    }

    /// Says that the answer is read by a person.
    pub(crate) fn by_browser(self) -> Self {
        self.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-mode", "navigate")
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The request, with the gate's host unless another was named.
    pub(crate) fn request(mut self) -> Request<Full<Bytes>> {
        if !self.headers.contains_key("host") {
            self.headers.insert("host", self.gate.host().parse().unwrap());
        }
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target.parse().unwrap();
        *request.headers_mut() = self.headers;
        request
    }

    pub(crate) async fn send(self) -> Reply {
        self.try_send().await.unwrap()
    }

    /// Sends it; an error when the answer breaks off.
    pub(crate) async fn try_send(self) -> hyper::Result<Reply> {
        let mut connection = self.gate.connection().await;
        let response = within("an answer", connection.0.send_request(self.request())).await?;
        Reply::read(response).await
    }

    /// Sends it and leaves the answer's body to be read.
    pub(crate) async fn open(self) -> Response<Incoming> {
        let mut connection = self.gate.connection().await;
        within("an answer", connection.0.send_request(self.request())).await.unwrap()
    }
}

impl Connection {
    pub(crate) async fn send(&mut self, call: Call<'_>) -> Reply {
        within("a free connection", self.0.ready()).await.unwrap();
        let response = within("an answer", self.0.send_request(call.request())).await.unwrap();
        Reply::read(response).await.unwrap()
    }
}

impl Http2 {
    /// Over a connection in the clear with settings of its own.
    pub(crate) fn over(sender: http2::SendRequest<Full<Bytes>>) -> Self {
        Self { sender, scheme: "http" }
    }

    /// Sends a request with the gate's host as `:authority`.
    pub(crate) async fn send(&self, call: Call<'_>) -> Reply {
        let host = call.gate.host();
        self.send_to(host, call).await.unwrap()
    }

    /// Sends a request with another `:authority`; `Host` is only sent when the call names it.
    pub(crate) async fn send_to(&self, authority: &str, call: Call<'_>) -> hyper::Result<Reply> {
        self.exchange(self.request(authority, call)).await
    }

    /// A call as it is sent to this `:authority`.
    pub(crate) fn request(&self, authority: &str, call: Call<'_>) -> Request<Full<Bytes>> {
        let named = call.headers.contains_key("host");
        let mut request = call.request();
        let target = request.uri().path_and_query().unwrap().as_str();
        let uri: Uri = format!("{}://{authority}{target}", self.scheme).parse().unwrap();
        *request.uri_mut() = uri;
        if !named {
            request.headers_mut().remove("host");
        }
        request
    }

    /// The answer's head; its body is read later or not at all.
    pub(crate) async fn open(&self, call: Call<'_>) -> Response<Incoming> {
        let request = self.request(call.gate.host(), call);
        within("an answer", self.sender.clone().send_request(request)).await.unwrap()
    }

    pub(crate) async fn exchange(&self, request: Request<Full<Bytes>>) -> hyper::Result<Reply> {
        let response = within("an answer", self.sender.clone().send_request(request)).await?;
        Reply::read(response).await
    }
}

impl Reply {
    pub(crate) async fn read(response: Response<Incoming>) -> hyper::Result<Self> {
        let (head, body) = response.into_parts();
        let body = within("a body", body.collect()).await?;
        let trailers = body.trailers().cloned();
        let body = body.to_bytes();
        Ok(Self { status: head.status.as_u16(), headers: head.headers, body, trailers })
    }

    /// The value of a field that may be there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} came more than once: {:?}", self.headers);
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The last part of a problem document's type: the stable reason.
    pub(crate) fn reason(&self) -> String {
        let problem = self.problem();
        let kind = problem["type"].as_str().unwrap_or_default();
        kind.rsplit(['/', ':']).next().unwrap_or_default().to_owned()
    }

    /// The problem document (RFC 9457) that it must be.
    pub(crate) fn problem(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status, "{problem}");
        assert!(problem["type"].is_string() && problem["title"].is_string(), "{problem}");
        problem
    }
}
