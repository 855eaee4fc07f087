//! The gRPC server for proxies that ask about requests, with limits of its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::acceptor::Serve;
use super::client_socket::ClientSocket;
use super::connection_state::ConnectionState;
use super::connection_tracker::ConnectionGuard;
use super::drive::drive;
use super::http2_idle::Http2IdleTimer;
use super::read_ahead::ReadAhead;
use super::response_body::TrackedBody;
use super::stream_timeout::StreamExecutor;
use super::timed_stream::{Protocol, TimedStream};
use crate::clock;
use crate::config::Limits;
use crate::forward_auth::ForwardAuth;
use crate::proxy::ReplyBody;
use crate::web::peer::Peer;
use portcullis_grpc_api::ext_authz::authorization_server::{
    self, Authorization, AuthorizationServer,
};
use portcullis_grpc_api::ext_authz::{CheckRequest, CheckResponse};
use portcullis_grpc_api::health::health_check_response::ServingStatus;
use portcullis_grpc_api::health::health_server::{self, Health, HealthServer};
use portcullis_grpc_api::health::{HealthCheckRequest, HealthCheckResponse};
use portcullis_grpc_api::tonic::codegen::{BoxStream, Service as _};
use portcullis_grpc_api::tonic::{self, Response, Status};

/// Open connections. Envoy has one for each of its threads.
pub(super) const CONNECTIONS: usize = 1024;
/// Questions at a time on one connection; further ones wait at the proxy.
const STREAMS: u32 = 1000;
/// Bytes of the fields of a question's own head.
const HEADER_BYTES: u32 = 16 * 1024;
/// Bytes of an answer that h2 buffers for each stream.
const SEND_BUFFER: usize = 64 * 1024;
/// Questions that a proxy may take back before its connection is closed (CVE-2023-44487). Envoy does
/// so with each that takes longer than its timeout.
const RESET_STREAMS: usize = 1000;
/// What a question may take, from its head to its answer.
const CALL: Duration = Duration::from_secs(10);
/// Time without anything from the proxy after which it is sent a ping.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long the proxy may take to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Whether requests can be decided now.
pub type Readiness = dyn Fn() -> BoxFuture<'static, bool> + Send + Sync;

/// Serves connections of proxies that ask over gRPC: `envoy.service.auth.v3.Authorization`, and
/// `grpc.health.v1.Health`.
#[derive(Clone)]
pub struct GrpcServer {
    forward_auth: Arc<ForwardAuth>,
    ready: Arc<Readiness>,
    limits: Limits,
    http2: http2::Builder<StreamExecutor>,
}

/// Questions of one connection.
#[derive(Debug)]
struct Questions {
    forward_auth: Arc<ForwardAuth>,
    peer: Peer,
}

/// The state of the services, as a connection reports it.
struct State {
    ready: Arc<Readiness>,
    guard: ConnectionGuard,
}

impl GrpcServer {
    /// Timeouts on connections are those of portal traffic. A message may have twice
    /// `server.limits.header_bytes`, because it repeats parts of a request's head.
    #[must_use]
    pub fn new(forward_auth: Arc<ForwardAuth>, ready: Arc<Readiness>, limits: Limits) -> Self {
        let mut http2 = http2::Builder::new(StreamExecutor { write_timeout: limits.write_timeout });
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_send_buf_size(SEND_BUFFER)
            .max_pending_accept_reset_streams(RESET_STREAMS)
            .max_local_error_reset_streams(RESET_STREAMS)
            .max_header_list_size(HEADER_BYTES)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        Self { forward_auth, ready, limits, http2 }
    }
}

impl std::fmt::Debug for GrpcServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrpcServer").finish_non_exhaustive()
    }
}

impl Serve for GrpcServer {
    fn admits(&self, peer: Peer) -> bool {
        self.forward_auth.admits(peer, clock::now())
    }

    fn write_timeout(&self) -> Duration {
        self.limits.write_timeout
    }

    async fn serve(&self, stream: ReadAhead<ClientSocket>, peer: Peer, guard: ConnectionGuard) {
        let state = ConnectionState::default();
        let questions = Questions { forward_auth: Arc::clone(&self.forward_auth), peer };
        let authorization = AuthorizationServer::new(questions)
            .max_decoding_message_size(self.limits.header_bytes.saturating_mul(2));
        let state_of_services = State { ready: Arc::clone(&self.ready), guard: guard.clone() };
        let health = HealthServer::new(state_of_services);
        let requests = state.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let active = requests.request_started(true);
            let service =
                request.uri().path().strip_prefix('/').and_then(|path| path.split_once('/'));
            let call = match service {
                Some((health_server::SERVICE_NAME, _)) => health.clone().call(request),
                // Answers calls of services that do not exist, too.
                _ => authorization.clone().call(request),
            };
            async move {
                let response = match tokio::time::timeout(CALL, call).await {
                    Ok(response) => response?,
                    Err(_) => Status::deadline_exceeded("the question took too long").into_http(),
                };
                let body = |body| TrackedBody::http2(ReplyBody::Own(Body::new(body)), active);
                Ok::<_, Infallible>(response.map(body))
            }
        });
        let stream = TimedStream::new(stream, Protocol::Http2, state.clone(), self.limits);
        let idle = Http2IdleTimer::new(state.clone(), self.limits);
        let serving = self.http2.serve_connection(TokioIo::new(stream), service);
        let ended =
            drive(serving, &guard, &state, Some(idle), |serving| serving.graceful_shutdown()).await;
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended with an error");
        }
    }
}

#[tonic::async_trait]
impl Authorization for Questions {
    async fn check(
        &self,
        request: tonic::Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let question = request.into_inner();
        Ok(Response::new(self.forward_auth.check(question, self.peer, clock::now()).await))
    }
}

#[tonic::async_trait]
impl Health for State {
    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        if !["", authorization_server::SERVICE_NAME].contains(&service.as_str()) {
            return Err(Status::not_found("there is no such service"));
        }
        // Requests are still answered during a shutdown, but the next ones need another gateway.
        let serves = !self.guard.is_shutting_down() && (self.ready)().await;
        let status = if serves { ServingStatus::Serving } else { ServingStatus::NotServing };
        Ok(Response::new(HealthCheckResponse { status: status.into() }))
    }

    type WatchStream = BoxStream<HealthCheckResponse>;

    /// A server that does not tell changes says so, and is asked with `Check` then.
    async fn watch(
        &self,
        _: tonic::Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("ask with `Check`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::connection_tracker::ConnectionTracker;

    async fn status(state: &State, service: &str) -> Result<ServingStatus, Status> {
        let asked = HealthCheckRequest { service: service.to_owned() };
        let answer = state.check(tonic::Request::new(asked)).await?;
        Ok(answer.into_inner().status())
    }

    #[tokio::test]
    async fn i1_health_is_not_serving_unless_requests_are_decided() {
        let tracker = ConnectionTracker::new(2);
        let state = |is_ready: bool| State {
            ready: Arc::new(move || Box::pin(async move { is_ready })),
            guard: tracker.try_open().unwrap(),
        };
        let (ready, not_ready) = (state(true), state(false));
        for service in ["", authorization_server::SERVICE_NAME] {
            assert_eq!(status(&ready, service).await.unwrap(), ServingStatus::Serving);
            assert_eq!(status(&not_ready, service).await.unwrap(), ServingStatus::NotServing);
        }
        tracker.begin_shutdown();
        for service in ["", authorization_server::SERVICE_NAME] {
            assert_eq!(status(&ready, service).await.unwrap(), ServingStatus::NotServing);
        }
        assert_eq!(status(&ready, "another").await.unwrap_err().code(), tonic::Code::NotFound);
    }
}
