//! The portal down, slow, broken, or gone between two requests: what clients see of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Method;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::support::client::{Reply, within};
use crate::support::gate::TestGate;

/// A portal that is not there.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("[\"http://{}\"]", listener.local_addr().unwrap())
}

#[tokio::test]
async fn unreachable_portal_is_502() {
    let gate = TestGate::builder().setting("upstream.servers", &nobody().await).start().await;
    let page = gate.get("/open/a").by_browser().send().await;
    assert_eq!(page.status, 502);
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page:?}");
    let problem = gate.get("/open/a").header("accept", "application/json").send().await;
    assert_eq!(problem.status, 502);
    problem.problem();
    // Nothing of ours depends on the portal.
    assert_eq!(gate.get("/.portcullis/sign-in").by_browser().send().await.status, 200);
    assert!((300..500).contains(&gate.get("/closed/a").send().await.status));
}

#[tokio::test]
async fn unresponsive_portal_is_504() {
    let gate = TestGate::builder().setting("upstream.response_timeout", "\"300ms\"").start().await;
    gate.upstream.answer("/open/slow", |mut exchange| async move {
        exchange.closed().await;
        Ok(None)
    });
    let page = gate.get("/open/slow").by_browser().send().await;
    assert_eq!(page.status, 504);
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page:?}");
    let problem = gate.get("/open/slow").header("accept", "application/json").send().await;
    assert_eq!(problem.status, 504);
    problem.problem();
    assert_eq!(gate.get("/open/a").send().await.status, 200);
}

#[tokio::test]
async fn response_timeout_does_not_apply_to_bodies() {
    let gate = TestGate::builder().setting("upstream.response_timeout", "\"300ms\"").start().await;
    let first = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
    let go_on = gate.upstream.answer_in_parts("/open/long", first, "done");
    gate.upstream.answer("/open/never", |mut exchange| async move {
        exchange.closed().await;
        Ok(None)
    });
    let long = gate.get("/open/long").open().await;
    // The time-out passes for others, twice.
    for _ in 0..2 {
        assert_eq!(gate.get("/open/never").send().await.status, 504);
    }
    go_on.notify_one();
    assert_eq!(Reply::read(long).await.unwrap().text(), "done");
}

#[tokio::test]
async fn invalid_http_response_is_502() {
    let gate = TestGate::start().await;
    for (number, answer) in [
        "",
        "hello\r\n\r\n",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "\x16\x03\x01\x02\x00\x01\x00\x01\x7c",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/open/answer-{number}");
        gate.upstream.answer_bytes(&path, answer);
        let reply = gate.call(Method::POST, &path).body("x").send().await;
        assert_eq!(reply.status, 502, "{answer:?}");
        reply.problem();
        assert_eq!(gate.get("/open/a").send().await.status, 200);
    }
}

#[tokio::test]
async fn truncated_response_is_truncated_for_the_client() {
    let gate = TestGate::start().await;
    for (path, answer) in [
        ("/open/length", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"),
        ("/open/chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        ("/open/inside", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nhalf"),
    ] {
        gate.upstream.answer_bytes(path, answer);
        let read = gate.get(path).try_send().await;
        assert!(read.is_err(), "{path} looks whole: {read:?}");
        // What came before the break is not kept back.
        let mut wire = gate.wire().await;
        wire.send(format!("GET {path} HTTP/1.1\r\nhost: portal.test\r\n\r\n")).await;
        let rest = String::from_utf8(wire.rest().await).unwrap();
        assert!(rest.starts_with("HTTP/1.1 200") && rest.contains("half"), "{path}: {rest}");

        let http2 = gate.http2().await;
        let read = http2.send_to("portal.test", gate.get(path)).await;
        assert!(read.is_err(), "{path} looks whole over HTTP/2: {read:?}");
        assert_eq!(http2.send(gate.get("/open/a")).await.status, 200, "other streams go on");
    }
}

#[tokio::test]
async fn portal_connections_are_reused() {
    let gate = TestGate::builder().setting("server.threads", "1").start().await;
    let mut connection = gate.connection().await;
    for _ in 0..10 {
        assert_eq!(connection.send(gate.get("/open/a")).await.status, 200);
        assert_eq!(gate.call(Method::POST, "/open/a").send().await.status, 200);
    }
    assert_eq!(gate.upstream.connections(), 1);
}

#[tokio::test]
async fn closed_idle_portal_connection_is_replaced() {
    let gate = TestGate::builder().setting("server.threads", "1").start().await;
    let told = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&told);
    gate.upstream.answer("/open/once", move |mut exchange| {
        // Every second time with a warning, every second time without.
        let warn = tell.fetch_xor(true, Ordering::SeqCst);
        async move {
            exchange.body().await?;
            let close = if warn { "connection: close\r\n" } else { "" };
            let answer = format!("HTTP/1.1 200 OK\r\n{close}content-length: 4\r\n\r\nonce");
            exchange.write(answer.as_bytes()).await?;
            Ok(None)
        }
    });
    let mut connection = gate.connection().await;
    for attempt in 0..40 {
        let reply = connection.send(gate.get("/open/once")).await;
        assert_eq!((reply.status, reply.text()), (200, "once"), "attempt {attempt}");
    }
    assert_eq!(gate.upstream.seen().len(), 40);
}

#[tokio::test]
async fn client_disconnect_cancels_the_portal_request() {
    let gate = TestGate::start().await;
    let gone = Arc::new(Notify::new());
    let told = Arc::clone(&gone);
    gate.upstream.answer("/open/endless", move |mut exchange| {
        let told = Arc::clone(&told);
        async move {
            exchange.write(b"HTTP/1.1 200 OK\r\n\r\nbegin").await?;
            exchange.closed().await;
            told.notify_one();
            Ok(None)
        }
    });
    let response = gate.get("/open/endless").open().await;
    drop(response);
    within("the end of the portal's connection", gone.notified()).await;
}

#[tokio::test]
async fn requests_rotate_over_healthy_servers() {
    let gate = TestGate::start().await;
    let servers = format!(
        "[\"http://{}\", {}]",
        gate.upstream.address,
        nobody().await.trim_matches(['[', ']'])
    );
    let two = TestGate::builder().setting("upstream.servers", &servers).start().await;
    for _ in 0..6 {
        assert_eq!(two.get("/open/a").send().await.status, 200);
    }
    assert_eq!(gate.upstream.seen().len(), 6);
}

#[tokio::test]
async fn each_server_is_tried_once_before_502() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("[\"http://{}\"]", listener.local_addr().unwrap());
    let gate = TestGate::builder().setting("upstream.servers", &server).start().await;
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    let hanging_up = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    for _ in 0..20 {
        assert_eq!(gate.get("/open/a").send().await.status, 502);
    }
    hanging_up.abort();
    let accepted = accepted.load(Ordering::SeqCst);
    assert!(accepted <= 21, "{accepted} connections for 20 requests");
}
