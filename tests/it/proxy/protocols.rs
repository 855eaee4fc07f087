//! HTTP/2 in the clear and over TLS, HTTP/1.1 over TLS, HTTP/1.0: always HTTP/1.1 to the portal.

use http::Method;

use crate::support::gate::TestGate;

#[tokio::test]
async fn http2_in_clear_text_by_prior_knowledge() {
    let gate = TestGate::start().await;
    let http2 = gate.http2().await;
    let reply = http2.send(gate.call(Method::POST, "/open/a?b=c").body("hello")).await;
    assert_eq!((reply.status, reply.text()), (200, "the portal saw POST /open/a?b=c"));
    let seen = gate.arrived();
    assert_eq!(seen.body().bytes, b"hello");
    assert_eq!(seen.one("host"), Some("portal.test"));
    assert_eq!(seen.one("x-forwarded-proto"), Some("http"));
    assert!(!seen.head.fields.iter().any(|(name, _)| name.starts_with(':')), "{seen:?}");
    assert!((300..500).contains(&http2.send(gate.get("/closed/a")).await.status));
    gate.nothing_arrived("a refused stream").await;
    assert_eq!(http2.send(gate.get("/open/%2e%2e/closed")).await.status, 400);
}

#[tokio::test]
async fn http2_over_tls_is_chosen_by_alpn() {
    let gate = TestGate::builder().tls().start().await;
    let http2 = gate.http2().await;
    assert_eq!(http2.send(gate.get("/open/a")).await.status, 200);
    let seen = gate.arrived();
    assert_eq!(seen.one("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.one("x-forwarded-for"), Some("127.0.0.1"));
    assert!((300..500).contains(&http2.send(gate.get("/closed/a")).await.status));
    gate.nothing_arrived("a refused stream over TLS").await;
}

#[tokio::test]
async fn http1_over_tls_with_or_without_alpn() {
    let gate = TestGate::builder().tls().start().await;
    assert_eq!(gate.get("/open/a").send().await.status, 200);
    assert_eq!(gate.arrived().one("x-forwarded-proto"), Some("https"));
    let reply = gate.raw("GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    assert_eq!(reply.status, 200);
    gate.arrived();
    assert!((300..500).contains(&gate.get("/closed/a").send().await.status));
    gate.nothing_arrived("a refused request over TLS").await;
}

#[tokio::test]
async fn head_responses_never_have_a_body() {
    let gate = TestGate::start().await;
    gate.upstream.answer_bytes(
        "/open/chunks",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
    );
    gate.upstream.answer("/open/down", |_| async { Ok(None) });
    for (path, expected) in [
        ("/open/a", 200),
        ("/open/chunks", 200),
        ("/open/down", 502),
        ("/open/denied", 401),
        ("/nowhere", 401),
        ("/closed/a", 401),
        ("/open/../a", 400),
        ("/.portcullis/sign-in", 200),
        ("/.portcullis/assets/page.css", 404),
        ("/.portcullis/nothing", 404),
        ("/.portcullis/link/wrong", 404),
    ] {
        let head = || gate.call(Method::HEAD, path);
        let reply = gate.http2().await.send(head()).await;
        assert_eq!((reply.status, &*reply.body), (expected, &b""[..]), "{path} over HTTP/2");
        let mut connection = gate.connection().await;
        let reply = connection.send(head().by_browser()).await;
        assert!(reply.body.is_empty(), "{path}");
        if reply.header("connection").is_none() {
            // No byte of a body was left on the connection.
            assert_eq!(connection.send(gate.get("/open/a")).await.status, 200, "after {path}");
        }
    }
    let large = || gate.call(Method::HEAD, "/open/a").header("x-a", "a".repeat(40_000));
    let reply = gate.http2().await.send(large()).await;
    assert_eq!((reply.status, &*reply.body), (431, &b""[..]));
    let reply = large().send().await;
    assert_eq!((reply.status, &*reply.body), (431, &b""[..]));
    // A length is still given where it is known.
    let reply = gate.http2().await.send(gate.call(Method::HEAD, "/open/denied")).await;
    let length = gate.get("/open/denied").send().await.body.len().to_string();
    assert_eq!(reply.header("content-length"), Some(&*length));
}

#[tokio::test]
async fn http2_streams_run_concurrently() {
    let gate = TestGate::start().await;
    let http2 = gate.http2().await;
    // Each waits at the portal until all have come.
    let all = std::sync::Arc::new(tokio::sync::Barrier::new(20));
    gate.upstream.answer("/open/together", move |mut exchange| {
        let all = std::sync::Arc::clone(&all);
        async move {
            exchange.body().await?;
            all.wait().await;
            exchange.reply("together").await
        }
    });
    let mut streams = tokio::task::JoinSet::new();
    for number in 0..20 {
        let http2 = http2.clone();
        let call = gate.call(Method::POST, "/open/together").body(format!("body {number}"));
        let request = http2.request(gate.host(), call);
        streams.spawn(async move { http2.exchange(request).await });
    }
    while let Some(reply) = streams.join_next().await {
        let reply = reply.unwrap().unwrap();
        assert_eq!((reply.status, reply.text()), (200, "together"));
    }
    let mut bodies: Vec<_> =
        gate.upstream.seen().iter().map(|seen| seen.body().bytes.clone()).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 20);
}

#[tokio::test]
async fn http2_cookie_fields_are_joined_for_the_portal() {
    let gate = TestGate::start().await;
    let http2 = gate.http2().await;
    let call = gate
        .get("/open/a")
        .header("cookie", "a=1")
        .header("cookie", "portcullis=token")
        .header("cookie", "b=2");
    assert_eq!(http2.send(call).await.status, 200);
    assert_eq!(gate.arrived().one("cookie"), Some("a=1; b=2"));
    let call = gate.get("/open/a").header("cookie", "a=1").header("cookie", "b=2");
    assert_eq!(http2.send(call).await.status, 200);
    assert_eq!(gate.arrived().one("cookie"), Some("a=1; b=2"));
}

#[tokio::test]
async fn i5_identity_headers_are_removed_over_http2() {
    let gate = TestGate::start().await;
    let http2 = gate.http2().await;
    let call = gate
        .get("/open/a")
        .header("portcullis-user", "forged")
        .header("portcullis_group", "forged")
        .header("x-forwarded-for", "203.0.113.9")
        .header("x-original-url", "/closed/a");
    assert_eq!(http2.send(call).await.status, 200);
    let seen = gate.arrived();
    let raw = String::from_utf8_lossy(&seen.head.raw).into_owned();
    assert!(!raw.contains("forged") && !raw.contains("203.0.113.9"), "{raw}");
    assert_eq!(seen.one("x-original-url"), None);
}

#[tokio::test]
async fn http2_head_and_bodiless_answers_end_their_streams() {
    let gate = TestGate::start().await;
    gate.upstream.answer_bytes("/open/204", "HTTP/1.1 204 No Content\r\n\r\n");
    let http2 = gate.http2().await;
    let head = http2.send(gate.call(Method::HEAD, "/open/a")).await;
    assert_eq!((head.status, head.header("content-length")), (200, Some("27")));
    assert!(head.body.is_empty());
    assert_eq!(http2.send(gate.get("/open/204")).await.status, 204);
}

#[tokio::test]
async fn response_trailers_reach_http2_clients() {
    let gate = TestGate::start().await;
    gate.upstream.answer_bytes(
        "/open/trailers",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: X-Sum\r\n\r\n\
         5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n",
    );
    let reply = gate.http2().await.send(gate.get("/open/trailers")).await;
    assert_eq!(reply.text(), "hello");
    assert_eq!(reply.trailers.unwrap().get("x-sum").unwrap(), "7");
}

#[tokio::test]
async fn http10_client_gets_http10_framing() {
    let gate = TestGate::start().await;
    gate.upstream.answer_bytes(
        "/open/chunks",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    );
    let mut wire = gate.wire().await;
    wire.send("GET /open/chunks HTTP/1.0\r\nhost: portal.test\r\n\r\n").await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "hello"));
    assert_eq!(reply.head.one("transfer-encoding"), None, "chunks are unknown to HTTP/1.0");
    assert!(wire.rest().await.is_empty(), "the connection ends after the answer");
    assert_eq!(gate.arrived().head.first, "GET /open/chunks HTTP/1.1");

    let mut wire = gate.wire().await;
    for _ in 0..2 {
        wire.send("GET /open/a HTTP/1.0\r\nhost: portal.test\r\nconnection: keep-alive\r\n\r\n")
            .await;
        assert_eq!(wire.reply().await.text(), "the portal saw GET /open/a");
    }
    wire.send("GET /closed/a HTTP/1.0\r\nhost: portal.test\r\n\r\n").await;
    assert_ne!(wire.reply().await.status, 200);
}

#[tokio::test]
async fn clear_text_to_a_tls_port_is_refused() {
    let gate = TestGate::builder().tls().start().await;
    let stream = tokio::net::TcpStream::connect(gate.address).await.unwrap();
    let mut wire = crate::support::wire::Wire(tokio::io::BufReader::new(Box::new(stream)));
    wire.send("GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    let rest = wire.rest().await;
    assert!(!String::from_utf8_lossy(&rest).contains("HTTP/1.1 200"));
    gate.nothing_arrived("clear text").await;
}
