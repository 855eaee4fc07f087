//! Several servers of the portal: weights, health checks by request, draining, and which requests are
//! tried at another server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use http::Method;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::support::client::{Reply, within};
use crate::support::gate::{Builder, TestGate};
use crate::support::upstream::Upstream;

/// Closes each connection when a request has come.
struct Closing {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    _accepting: AbortOnDropHandle<()>,
}

impl Closing {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        let accepting = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let counted = Arc::clone(&counted);
                tokio::spawn(async move {
                    // Health checks send nothing.
                    if stream.read(&mut [0; 4096]).await.is_ok_and(|length| length > 0) {
                        counted.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        Self { address, requests, _accepting: AbortOnDropHandle::new(accepting) }
    }
}

/// A gateway in front of these servers.
fn gate_to(servers: &[String]) -> Builder {
    TestGate::builder().setting("upstream.servers", &format!("{servers:?}"))
}

fn http(portal: &Upstream) -> String {
    format!("http://{}", portal.address)
}

/// How many requests for a path have come to a portal.
fn requests(portal: &Upstream, path: &str) -> usize {
    portal.seen().iter().filter(|seen| seen.path() == path).count()
}

async fn get_times(gate: &TestGate, path: &str, times: usize) {
    for _ in 0..times {
        assert_eq!(gate.get(path).send().await.status, 200);
    }
}

fn at(portal: &Upstream) -> String {
    format!("/api/v1/portal-servers/{}", portal.address)
}

async fn drain(gate: &TestGate, portal: &Upstream, draining: bool) -> Value {
    gate.admin.patch(&at(portal), json!({ "draining": draining })).await.ok()
}

#[tokio::test]
async fn requests_are_distributed_by_weight() {
    let (large, small) = (Upstream::start().await, Upstream::start().await);
    let gate = gate_to(&[format!("{} weight=3", http(&large)), http(&small)]).start().await;
    get_times(&gate, "/open/a", 12).await;
    assert_eq!((large.seen().len(), small.seen().len()), (9, 3));
}

#[tokio::test]
async fn unhealthy_server_gets_no_requests_until_it_passes() {
    let (one, other) = (Upstream::start().await, Upstream::start().await);
    let status = Arc::new(AtomicU16::new(503));
    let answered = Arc::clone(&status);
    other.answer("/health", move |mut exchange| {
        let status = answered.load(Ordering::SeqCst);
        async move {
            let head = format!("HTTP/1.1 {status} Health\r\ncontent-length: 0\r\n\r\n");
            exchange.write(head.as_bytes()).await?;
            Ok(None)
        }
    });
    let gate = gate_to(&[http(&one), http(&other)])
        .setting("upstream.health_path", "\"/health?full=1\"")
        .setting("upstream.health_interval", "\"50ms\"")
        .setting("upstream.health_failures", "3")
        .start()
        .await;
    gate.logged("a portal server is unhealthy").await;
    assert!(requests(&other, "/health") >= 3, "{:?}", other.seen());
    let check = other.arrived("/health").await;
    assert_eq!((&*check.method, &*check.target), ("GET", "/health?full=1"));
    assert_eq!(check.head.all("host"), ["portal.test"]);
    get_times(&gate, "/open/a", 6).await;
    assert_eq!((requests(&one, "/open/a"), requests(&other, "/open/a")), (6, 0));
    let server = gate.admin.get(&at(&other)).await.ok();
    assert_eq!((&server["healthy"], &server["reachable"]), (&json!(false), &json!(true)));
    assert_eq!(server["problem"], "/health?full=1 responds with 503");

    status.store(204, Ordering::SeqCst);
    gate.logged("a portal server is healthy again").await;
    get_times(&gate, "/open/b", 6).await;
    assert_eq!((requests(&one, "/open/b"), requests(&other, "/open/b")), (3, 3));
    assert_eq!(gate.admin.get(&at(&other)).await.ok()["healthy"], true);
}

#[tokio::test]
async fn only_server_gets_requests_although_unhealthy() {
    let portal = Upstream::start().await;
    portal.answer_bytes("/health", "HTTP/1.1 500 Health\r\ncontent-length: 0\r\n\r\n");
    let gate = gate_to(&[http(&portal)])
        .setting("upstream.health_path", "\"/health\"")
        .setting("upstream.health_interval", "\"50ms\"")
        .start()
        .await;
    gate.logged("a portal server is unhealthy").await;
    get_times(&gate, "/open/a", 2).await;
}

#[tokio::test]
async fn draining_server_finishes_requests_and_gets_none() {
    let (one, other) = (Upstream::start().await, Upstream::start().await);
    let gate = gate_to(&[http(&one), http(&other)]).start().await;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
    let go_on = one.answer_in_parts("/open/slow", head, "done");
    // The first turn is that of the first server.
    let slow = gate.get("/open/slow").open().await;
    let tried = format!("{}?dry_run=true", at(&one));
    gate.admin.patch(&tried, json!({ "draining": true })).await.ok();
    assert_eq!(gate.admin.get(&at(&one)).await.ok()["draining"], false);

    let server = drain(&gate, &one, true).await;
    assert_eq!((&server["draining"], &server["requests"]), (&json!(true), &json!(1)));
    get_times(&gate, "/open/a", 4).await;
    assert_eq!((requests(&one, "/open/a"), requests(&other, "/open/a")), (0, 4));
    go_on.notify_one();
    assert_eq!(Reply::read(slow).await.unwrap().text(), "done");
    within("the end of the request", async {
        while gate.admin.get(&at(&one)).await.ok()["requests"] != 0 {}
    })
    .await;

    assert_eq!(drain(&gate, &one, false).await["draining"], false);
    get_times(&gate, "/open/b", 4).await;
    assert_eq!((requests(&one, "/open/b"), requests(&other, "/open/b")), (2, 2));
    // What changes nothing is not an entry.
    drain(&gate, &one, false).await;
    for kind in ["portal-server.draining", "portal-server.resumed"] {
        let entries = gate.admin.get(&format!("/api/v1/audit?kind={kind}")).await.ok();
        let entries = entries["items"].as_array().unwrap();
        assert_eq!(entries.len(), 1, "{kind}");
        assert_eq!(entries[0]["subject"]["id"], one.address.to_string());
    }
}

#[tokio::test]
async fn request_is_502_if_all_its_servers_are_draining() {
    let gate = TestGate::start().await;
    drain(&gate, &gate.upstream, true).await;
    let page = gate.get("/open/a").by_browser().send().await;
    assert_eq!(page.status, 502);
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page:?}");
    assert_eq!(gate.get("/open/a").send().await.reason(), "portal-down");
    gate.logged("are draining; `portcullis portal-servers resume`").await;
    assert!(gate.upstream.seen().is_empty());
    let warnings = gate.admin.get("/api/v1/status").await.ok()["warnings"].clone();
    assert_eq!(warnings[0]["name"], "portal-draining", "{warnings}");
    assert_eq!(warnings[0]["about"][0]["name"], "upstream.servers");
    drain(&gate, &gate.upstream, false).await;
    assert_eq!(gate.admin.get("/api/v1/status").await.ok()["warnings"], json!([]));
    get_times(&gate, "/open/a", 1).await;
}

#[tokio::test]
async fn unix_server_is_drained_by_its_path() {
    let socket = "unix:/run/portcullis-test/portal.sock";
    let gate = gate_to(&[socket.to_owned()]).start().await;
    let path = "/api/v1/portal-servers/unix%3A%2Frun%2Fportcullis-test%2Fportal.sock";
    let server = gate.admin.patch(path, json!({ "draining": true })).await.ok();
    assert_eq!((&server["address"], &server["draining"]), (&json!(socket), &json!(true)));
    let listed = gate.admin.get("/api/v1/portal-servers").await.ok();
    assert_eq!(listed["items"][0]["draining"], true);
    let unknown = "/api/v1/portal-servers/10.0.0.7:9000";
    gate.admin.patch(unknown, json!({ "draining": true })).await.refused(404, "not-found");
    gate.admin.patch(path, json!({ "drain": true })).await.refused(422, "invalid");
}

#[tokio::test]
async fn unanswered_request_is_tried_once_more_if_it_may_be() {
    let servers = [Closing::start().await, Closing::start().await, Closing::start().await];
    let addresses: Vec<_> =
        servers.iter().map(|server| format!("http://{}", server.address)).collect();
    let gate = gate_to(&addresses).start().await;
    let count = || servers.iter().map(|it| it.requests.load(Ordering::SeqCst)).sum::<usize>();
    for (method, body, tries) in [
        (Method::GET, "", 2),
        (Method::HEAD, "", 2),
        (Method::POST, "a=b", 1),
        (Method::POST, "", 1),
        (Method::PUT, "a=b", 1),
        (Method::DELETE, "", 1),
    ] {
        let before = count();
        let reply = gate.call(method.clone(), "/open/a").body(body).send().await;
        assert_eq!(reply.status, 502, "{method}");
        assert_eq!(count() - before, tries, "{method} {body:?}");
    }
}

#[tokio::test]
async fn request_that_was_not_sent_goes_to_another_server() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let portal = Upstream::start().await;
    let gate = gate_to(&[format!("http://{closed}"), http(&portal)]).start().await;
    for _ in 0..4 {
        let reply = gate.call(Method::POST, "/open/a").body("a=b").send().await;
        assert_eq!(reply.status, 200);
    }
    assert_eq!(portal.seen().len(), 4);
}
