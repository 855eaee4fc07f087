//! Traces that are sent to a collector of OpenTelemetry.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::support::client::within;
use crate::support::gate::TestGate;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A collector that answers with this status, and what it received.
async fn collector(status: StatusCode) -> (SocketAddr, UnboundedReceiver<Span>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (spans, received) = unbounded_channel();
    let spans = Arc::new(spans);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let spans = Arc::clone(&spans);
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let spans = Arc::clone(&spans);
                async move {
                    assert_eq!(request.uri().path(), "/v1/traces");
                    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
                    let body = request.into_body().collect().await?.to_bytes();
                    let sent = ExportTraceServiceRequest::decode(body).unwrap();
                    let scopes = sent.resource_spans.into_iter().flat_map(|it| it.scope_spans);
                    for span in scopes.flat_map(|scope| scope.spans) {
                        let _ = spans.send(span);
                    }
                    let mut response = Response::new(Empty::<Bytes>::new());
                    *response.status_mut() = status;
                    Ok::<_, hyper::Error>(response)
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, received)
}

async fn gate(collector: SocketAddr) -> TestGate {
    let traces = format!("{{ endpoint = \"http://{collector}/v1/traces\", one_in = 1 }}");
    TestGate::builder().setting("telemetry.traces", &traces).start().await
}

#[tokio::test]
async fn requests_are_spans_of_the_callers_trace() {
    let (address, mut received) = collector(StatusCode::OK).await;
    let gate = gate(address).await;
    let request = gate.get("/open/traced").header("traceparent", PARENT);
    let request = request.header("tracestate", "a=1");
    assert_eq!(request.send().await.status, 200);
    let (first, second) =
        within("spans", async { (received.recv().await, received.recv().await) }).await;
    let (request, portal) = (first.unwrap(), second.unwrap());
    assert_eq!(data_encoding::HEXLOWER.encode(&request.trace_id), PARENT[3..35]);
    assert_eq!(data_encoding::HEXLOWER.encode(&request.parent_span_id), PARENT[36..52]);
    assert_eq!(portal.parent_span_id, request.span_id);
    assert!(request.end_time_unix_nano >= portal.end_time_unix_nano);
    // The portal's spans are below the one of its response.
    let span = data_encoding::HEXLOWER.encode(&portal.span_id);
    let seen = gate.arrived();
    assert_eq!(seen.head.all("traceparent"), [format!("{}{span}-01", &PARENT[..36])]);
    assert_eq!(seen.head.all("tracestate"), ["a=1"]);
}

#[tokio::test]
async fn without_traces_the_portal_gets_the_callers_span() {
    let gate = TestGate::start().await;
    gate.get("/open/a").header("traceparent", PARENT).send().await;
    assert_eq!(gate.arrived().head.all("traceparent"), [PARENT]);
}

#[tokio::test]
async fn spans_that_wait_are_sent_before_the_end() {
    let (address, mut received) = collector(StatusCode::OK).await;
    let gate = gate(address).await;
    assert_eq!(gate.get("/open/last").send().await.status, 200);
    // Before the records are written out, which happens five times a second.
    gate.terminate();
    assert!(gate.exited().await.success());
    let span = received.try_recv().unwrap();
    assert!(span.attributes.iter().any(|it| it.key == "url.path"), "{span:?}");
}

#[tokio::test]
async fn a_silent_collector_delays_the_end_by_two_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gate = gate(silent.local_addr().unwrap()).await;
    assert_eq!(gate.get("/open/last").send().await.status, 200);
    let since = Instant::now();
    gate.terminate();
    assert!(gate.exited().await.success());
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    gate.logged("the last traces could not be sent in time").await;
}

#[tokio::test]
async fn a_trace_that_its_caller_does_not_sample_is_not_sent() {
    let (address, mut received) = collector(StatusCode::OK).await;
    let gate = gate(address).await;
    let unsampled = format!("{}0", &PARENT[..54]);
    gate.get("/open/unsampled").header("traceparent", &unsampled).send().await;
    assert_eq!(gate.arrived().head.all("traceparent"), [unsampled]);
    gate.get("/open/own").send().await;
    let span = within("a span", received.recv()).await.unwrap();
    assert_ne!(data_encoding::HEXLOWER.encode(&span.trace_id), PARENT[3..35]);
}

#[tokio::test]
async fn i11_a_collector_that_refuses_loses_traces_only() {
    let (address, mut received) = collector(StatusCode::SERVICE_UNAVAILABLE).await;
    let gate = gate(address).await;
    assert_eq!(gate.get("/open/a").send().await.status, 200);
    within("a span", received.recv()).await.unwrap();
    gate.logged("traces cannot be sent").await;
    assert_eq!(gate.get("/open/b").send().await.status, 200);
    gate.decided("/open/b").await;
}
