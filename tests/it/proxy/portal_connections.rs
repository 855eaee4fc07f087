//! What goes over one connection to the portal stays apart: no body is taken for a request, no
//! answer for that of somebody else.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http_body_util::StreamBody;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::Notify;

use crate::support::client::within;
use crate::support::gate::TestGate;

/// A request that must never reach the portal, sent as a body.
const HIDDEN: &str =
    "GET /closed/admin HTTP/1.1\r\nhost: portal.test\r\nportcullis-user: root\r\n\r\n";

const ROUTES: &str = r#"
[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"

[[route]]
name = "Search"
methods = ["GET"]
path = "/search"
access = "public"
body = true

[[route]]
name = "Closed"
path = "/closed/{*rest}"
require = "invoices.view"
"#;

/// A portal that answers without reading the request's body, and closes only when it is asked to.
fn answer_unread(gate: &TestGate, path: &str) {
    gate.upstream.answer(path, |exchange| async move {
        let close = exchange.seen.one("connection") == Some("close");
        Ok(exchange.reply("unread").await?.filter(|_| !close))
    });
}

#[tokio::test]
async fn body_on_get_or_head_is_refused() {
    let gate = TestGate::builder().policy(ROUTES).start().await;
    answer_unread(&gate, "/open/a");
    let length = HIDDEN.len();
    for (framing, body) in [
        (format!("content-length: {length}"), HIDDEN.to_owned()),
        ("transfer-encoding: chunked".to_owned(), format!("{length:x}\r\n{HIDDEN}\r\n0\r\n\r\n")),
        ("transfer-encoding: chunked".to_owned(), "0\r\n\r\n".to_owned()),
        (format!("content-length: {length}\r\nexpect: 100-continue"), String::new()),
    ] {
        for (method, path) in [("GET", "/open/a"), ("HEAD", "/open/a"), ("GET", "/closed/a")] {
            let head =
                format!("{method} {path} HTTP/1.1\r\nhost: portal.test\r\n{framing}\r\n\r\n");
            let mut wire = gate.wire().await;
            wire.send(head + &body).await;
            let head = wire.head().await;
            assert!(head.first.starts_with("HTTP/1.1 400 "), "{method} {framing}: {}", head.first);
            gate.nothing_arrived(&framing).await;
            let decided = gate.decided(path).await;
            assert_eq!(decided["reason"], "body-not-allowed", "{decided}");
        }
    }
    let http2 = gate.http2().await;
    for method in [Method::GET, Method::HEAD] {
        let reply = http2.send(gate.call(method, "/open/a").body(HIDDEN)).await;
        assert_eq!(reply.status, 400);
        gate.nothing_arrived("a body over HTTP/2").await;
    }
}

#[tokio::test]
async fn body_passes_where_route_or_method_allows_it() {
    let gate = TestGate::builder().policy(ROUTES).start().await;
    let none = "GET /open/a HTTP/1.1\r\nhost: portal.test\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(gate.raw(none).await.status, 200);
    gate.arrived();
    for (method, path) in [
        (Method::GET, "/search"),
        (Method::POST, "/open/a"),
        (Method::DELETE, "/open/a"),
        (Method::OPTIONS, "/open/a"),
    ] {
        assert_eq!(gate.call(method.clone(), path).body("hello").send().await.status, 200);
        assert_eq!(gate.arrived().body().bytes, b"hello", "{method}");
        let http2 = gate.http2().await;
        assert_eq!(http2.send(gate.call(method.clone(), path).body("hello")).await.status, 200);
        assert_eq!(gate.arrived().body().bytes, b"hello", "{method}");
    }
}

#[tokio::test]
async fn http2_empty_body_is_no_body() {
    let gate = TestGate::builder()
        .policy(ROUTES)
        .setting("upstream.response_timeout", "\"300ms\"")
        .start()
        .await;
    let stream = gate.stream(&[b"h2"]).await;
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    for (ends, expected) in [(true, 200), (false, 408)] {
        // Trailers are none of a GET's business either; here there are not even those.
        let frames = futures_util::stream::once(async move {
            if !ends {
                std::future::pending::<()>().await;
            }
            Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::new()))
        });
        let body = StreamBody::new(Box::pin(frames));
        let request = http::Request::get(format!("http://{}/open/a", gate.host()));
        let answer = within("an answer", sender.send_request(request.body(body).unwrap())).await;
        assert_eq!(answer.unwrap().status(), expected);
    }
    let seen = gate.arrived();
    assert_eq!((seen.one("content-length"), seen.one("transfer-encoding")), (None, None));
}

#[tokio::test]
async fn connection_that_carried_a_body_is_not_reused() {
    let gate = TestGate::builder().policy(ROUTES).setting("server.threads", "1").start().await;
    answer_unread(&gate, "/open/early");
    for method in [Method::POST, Method::DELETE] {
        let before = gate.upstream.connections();
        let reply = gate.call(method, "/open/early").body(HIDDEN).send().await;
        assert_eq!(reply.text(), "unread");
        assert_eq!(gate.arrived().one("connection"), Some("close"));
        // The portal was asked not to read on, and has not.
        gate.nothing_arrived("a request in a body").await;
        assert!(gate.upstream.connections() > before);
    }
}

#[tokio::test]
async fn connection_reuse_after_bodies_can_be_enabled() {
    let gate = TestGate::builder()
        .policy(ROUTES)
        .setting("server.threads", "1")
        .setting("upstream.reuse_after_body", "true")
        .start()
        .await;
    for _ in 0..3 {
        assert_eq!(gate.call(Method::POST, "/open/a").body("hello").send().await.status, 200);
        assert_eq!(gate.arrived().one("connection"), None);
    }
    assert_eq!(gate.upstream.connections(), 1);
}

#[tokio::test]
async fn unsolicited_response_reaches_no_client() {
    let gate = TestGate::builder().policy(ROUTES).setting("server.threads", "1").start().await;
    let (more, sent) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    gate.upstream.answer("/open/twice", {
        let (more, sent) = (Arc::clone(&more), Arc::clone(&sent));
        move |exchange| {
            let (more, sent) = (Arc::clone(&more), Arc::clone(&sent));
            async move {
                let Some(mut exchange) = exchange.reply("once").await? else { return Ok(None) };
                more.notified().await;
                exchange.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison").await?;
                sent.notify_one();
                Ok(Some(exchange))
            }
        }
    });
    for method in [Method::GET, Method::POST] {
        for _ in 0..20 {
            assert_eq!(gate.get("/open/twice").send().await.text(), "once");
            more.notify_one();
            within("the extra answer", sent.notified()).await;
            let reply = gate.call(method.clone(), "/open/a").send().await;
            assert_eq!(reply.text(), format!("the portal saw {method} /open/a"));
        }
    }
}
