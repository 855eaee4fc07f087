//! Asks over gRPC as Envoy does, with clients generated from the messages that the gateway uses.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis_grpc_api::ext_authz::attribute_context::{HttpRequest, Request as Asked};
use portcullis_grpc_api::ext_authz::authorization_client::AuthorizationClient;
use portcullis_grpc_api::ext_authz::{
    AttributeContext, CheckRequest, CheckResponse, HeaderMap, HeaderValue,
};
use portcullis_grpc_api::health::HealthCheckRequest;
use portcullis_grpc_api::health::health_client::HealthClient;
use portcullis_grpc_api::tonic::Status;
use portcullis_grpc_api::tonic::body::Body;
use portcullis_grpc_api::tonic::codegen::Service;
use tokio::net::TcpStream;

use crate::support::client::within;
use crate::support::gate::{HOST, TestGate};

/// One connection of a proxy.
#[derive(Debug, Clone)]
pub(crate) struct Channel(pub(crate) http2::SendRequest<Body>);

impl Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = BoxFuture<'static, hyper::Result<Response<Incoming>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.send_request(request).boxed()
    }
}

/// A proxy with one connection.
#[derive(Debug)]
pub(crate) struct Proxy(pub(crate) Channel);

impl Proxy {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, hyper::Error> {
        Self::over(TcpStream::connect(address).await.unwrap()).await
    }

    /// A proxy that speaks over a connection which is open already.
    pub(crate) async fn over(stream: TcpStream) -> Result<Self, hyper::Error> {
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(Channel(sender)))
    }

    pub(crate) async fn of(gate: &TestGate) -> Self {
        Self::connect(gate.grpc_address.unwrap()).await.unwrap()
    }

    pub(crate) async fn check(&self, asked: CheckRequest) -> Result<CheckResponse, Status> {
        let origin = "http://portcullis".parse().unwrap();
        let mut client = AuthorizationClient::with_origin(self.0.clone(), origin);
        within("an answer", client.check(asked)).await.map(|answer| answer.into_inner())
    }

    pub(crate) async fn health(&self, service: &str) -> Result<i32, Status> {
        let origin = "http://portcullis".parse().unwrap();
        let mut client = HealthClient::with_origin(self.0.clone(), origin);
        let asked = HealthCheckRequest { service: service.to_owned() };
        within("health", client.check(asked)).await.map(|answer| answer.into_inner().status)
    }
}

/// A line of a field.
pub(crate) fn raw(key: &str, value: impl Into<Vec<u8>>) -> HeaderValue {
    let raw_value = value.into().into();
    HeaderValue { key: key.to_owned(), value: String::new(), raw_value }
}

pub(crate) fn asked(http: HttpRequest) -> CheckRequest {
    let request = Some(Asked { http: Some(http) });
    CheckRequest { attributes: Some(AttributeContext { request }) }
}

/// A request as Envoy states it with `encode_raw_headers`.
pub(crate) fn stated(method: &str, target: &str, lines: &str) -> HttpRequest {
    let mut headers = vec![raw(":authority", HOST), raw(":path", target), raw(":method", method)];
    headers.extend([raw(":scheme", "http"), raw("x-forwarded-for", "192.0.2.7")]);
    let lines = lines.lines().map(|line| line.split_once(": ").expect("a field"));
    headers.extend(lines.map(|(name, value)| raw(name, value)));
    HttpRequest {
        method: method.to_owned(),
        path: target.to_owned(),
        host: HOST.to_owned(),
        header_map: Some(HeaderMap { headers }),
        ..HttpRequest::default()
    }
}

/// The question about such a request.
pub(crate) fn question(method: &str, target: &str, lines: &str) -> CheckRequest {
    asked(stated(method, target, lines))
}
