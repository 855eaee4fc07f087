//! WebSockets: opened where the policy says so, and what they carry.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::support::admin::PASSWORD;
use crate::support::client::{Cookie, within};
use crate::support::gate::TestGate;
use crate::support::upstream::drain;
use crate::support::websocket::{echo_at, ends, open, open_by, says_and_hears};
use crate::support::wire::status;

/// A group that may chat and see invoices, and someone in it.
pub(super) async fn chatter(gate: &TestGate) -> (String, String, Cookie) {
    let group =
        gate.admin.group("Chatters", &["portal.access", "chat.start", "invoices.view"]).await;
    let organization = gate.admin.organization("Acme").await;
    let user = gate.admin.user(&organization, "anna@acme.test", &group).await;
    let cookie = gate.sign_in("anna@acme.test", PASSWORD).await;
    (group, user, cookie)
}

#[tokio::test]
async fn websocket_forwards_bytes_both_ways() {
    let gate = TestGate::start().await;
    echo_at(&gate.upstream, "/open/socket");
    let mut socket = open(&gate, "/open/socket", &[]).await.unwrap();
    says_and_hears(&mut socket, "hello").await;
    let record = gate.decided("/open/socket").await;
    assert_eq!((&record["websocket"], &record["status"]), (&true.into(), &101.into()), "{record}");
    let large = vec![7; 3 * 1024 * 1024];
    let (mut to, mut from) = socket.split();
    let (sent, heard) = tokio::join!(to.send(Message::binary(large.clone())), from.next());
    sent.unwrap();
    assert!(heard.unwrap().unwrap() == Message::binary(large));
    let seen = gate.arrived();
    assert_eq!(seen.one("upgrade"), Some("websocket"));
    assert!(seen.one("connection").is_some_and(|to| to.eq_ignore_ascii_case("upgrade")));
    assert_eq!(seen.one("sec-websocket-version"), Some("13"));
    assert_eq!(seen.one("x-forwarded-for"), Some("127.0.0.1"));
}

#[tokio::test]
async fn websocket_outlives_header_and_idle_timeouts() {
    let gate = TestGate::builder()
        .setting("server.limits.header_timeout", "\"200ms\"")
        .setting("server.limits.idle_timeout", "\"300ms\"")
        .start()
        .await;
    echo_at(&gate.upstream, "/open/socket");
    let mut talking = open(&gate, "/open/socket", &[]).await.unwrap();
    let mut quiet = open(&gate, "/open/socket", &[]).await.unwrap();
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(1) {
        says_and_hears(&mut talking, "still here").await;
    }
    says_and_hears(&mut quiet, "at last").await;
    let silence = tokio::time::timeout(Duration::from_secs(1), quiet.next()).await;
    assert!(silence.is_err(), "{silence:?}");
    says_and_hears(&mut quiet, "again").await;
}

#[tokio::test]
async fn websocket_works_over_tls() {
    let gate = TestGate::builder().tls().start().await;
    echo_at(&gate.upstream, "/open/socket");
    let mut socket =
        open(&gate, "/open/socket", &[("origin", "https://portal.test")]).await.unwrap();
    says_and_hears(&mut socket, "hello").await;
    assert!(open(&gate, "/open/socket", &[("origin", "http://portal.test")]).await.is_err());
}

#[tokio::test]
async fn websocket_is_denied_without_the_route_setting() {
    let gate = TestGate::start().await;
    for path in ["/open/a", "/read-only", "/open/denied", "/nowhere", "/closed/socket", "/closed/a"]
    {
        let status = open(&gate, path, &[]).await.err();
        assert!(matches!(status, Some(300..500)), "{path}: {status:?}");
        gate.nothing_arrived(path).await;
    }
}

#[tokio::test]
async fn websocket_from_another_origin_is_denied() {
    let gate = TestGate::start().await;
    echo_at(&gate.upstream, "/open/socket");
    for origin in [
        "http://other.test",
        "https://portal.test",
        "http://portal.test.other.test",
        "http://xportal.test",
        "http://portal.test@other.test",
        "http://portal.test/",
        "http://portal.test, http://portal.test",
        "portal.test",
        "null",
        "",
    ] {
        assert_eq!(
            open(&gate, "/open/socket", &[("origin", origin)]).await.err(),
            Some(403),
            "{origin}"
        );
        gate.nothing_arrived(origin).await;
    }
    let twice = [("origin", gate.origin()), ("origin", gate.origin())];
    assert_eq!(open(&gate, "/open/socket", &twice).await.err(), Some(403));
    gate.nothing_arrived("two origins").await;
    let mut socket = open(&gate, "/open/socket", &[("origin", gate.origin())]).await.unwrap();
    says_and_hears(&mut socket, "hello").await;
}

#[tokio::test]
async fn websocket_forwards_nothing_before_101() {
    let gate = TestGate::start().await;
    for (number, answer) in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno",
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno",
        "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\n\r\nno",
    ]
    .into_iter()
    .enumerate()
    {
        gate.upstream.answer("/open/socket", move |mut exchange| async move {
            exchange.body().await?;
            exchange.write(answer.as_bytes()).await?;
            Ok(Some(exchange))
        });
        let mut wire = gate.wire().await;
        wire.send(format!(
            "GET /open/socket HTTP/1.1\r\nhost: portal.test\r\nconnection: Upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {}\r\n\r\n\
             GET /closed/smuggled HTTP/1.1\r\nhost: portal.test\r\nx-portal-user: forged\r\n\r\n",
            generate_key()
        ))
        .await;
        assert_eq!(wire.reply().await.text(), "no", "{number}");
        wire.finish().await;
        let rest = String::from_utf8_lossy(&wire.rest().await).into_owned();
        assert!(!rest.contains("200 OK"), "{rest}");
        let seen: Vec<_> = gate.upstream.seen().iter().map(|seen| seen.target.clone()).collect();
        assert_eq!(seen, ["/open/socket"]);
        gate.upstream.forget();
    }
}

#[tokio::test]
async fn incomplete_websocket_upgrade_is_a_plain_request() {
    let gate = TestGate::start().await;
    for fields in [
        "upgrade: websocket\r\n",
        "connection: upgrade\r\n",
        "connection: upgrade\r\nupgrade: h2c\r\n",
        "connection: close\r\nupgrade: websocket\r\n",
    ] {
        let reply =
            gate.raw(format!("GET /open/a HTTP/1.1\r\nhost: portal.test\r\n{fields}\r\n")).await;
        assert_eq!(reply.status, 200, "{fields}");
        let seen = gate.arrived();
        assert_eq!((seen.one("upgrade"), seen.one("connection")), (None, None), "{fields}");
    }
    // HTTP/1.0 knows of no upgrade (RFC 9110, 7.8).
    let key = generate_key();
    let old = format!(
        "GET /open/socket HTTP/1.0\r\nhost: portal.test\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n"
    );
    assert_eq!(gate.raw(old).await.status, 200);
    let seen = gate.arrived();
    assert_eq!((seen.one("upgrade"), seen.one("connection")), (None, None));
}

#[tokio::test]
async fn request_with_a_body_never_becomes_a_websocket() {
    let socket = "[[route]]\nname = \"Socket\"\npath = \"/open/socket\"\naccess = \"public\"\n\
                  websocket = true\nbody = true\n";
    let gate = TestGate::builder().policy(socket).start().await;
    echo_at(&gate.upstream, "/open/socket");
    for body in [
        "content-length: 5\r\n\r\nhello",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        gate.upstream.answer("/open/socket", |mut exchange| async move {
            exchange.body().await?;
            exchange.reply("plain").await
        });
        let reply = gate
            .raw(format!(
                "GET /open/socket HTTP/1.1\r\nhost: portal.test\r\nconnection: Upgrade\r\n\
                 upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {}\r\n{body}",
                generate_key()
            ))
            .await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "plain"), "{body:?}");
        let seen = gate.arrived();
        assert_eq!((seen.one("upgrade"), seen.body().bytes.as_slice()), (None, &b"hello"[..]));
    }
}

#[tokio::test]
async fn switch_to_another_protocol_is_502() {
    let gate = TestGate::start().await;
    for fields in ["upgrade: h2c\r\n", "upgrade: websocket, h2c\r\n", ""] {
        gate.upstream.answer_bytes(
            "/open/socket",
            format!("HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n{fields}\r\n"),
        );
        assert_eq!(open(&gate, "/open/socket", &[]).await.err(), Some(502), "{fields:?}");
    }
    echo_at(&gate.upstream, "/open/socket");
    let mut socket = open(&gate, "/open/socket", &[]).await.unwrap();
    says_and_hears(&mut socket, "hello").await;
}

#[tokio::test]
async fn websocket_half_close_keeps_the_other_direction() {
    const LENGTH: u64 = 8_000_000;
    let gate = TestGate::start().await;
    let (told, heard) = tokio::sync::oneshot::channel();
    let told = Arc::new(Mutex::new(Some(told)));
    gate.upstream.answer("/open/socket", move |mut exchange| {
        let told = told.lock().take();
        async move {
            exchange
                .write(
                    b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n\
                      upgrade: websocket\r\n\r\n",
                )
                .await?;
            exchange.stream.shutdown().await?;
            let read = drain(&mut exchange.stream, LENGTH).await;
            let _ = told.unwrap().send(read.ok());
            Ok(None)
        }
    });
    let mut wire = gate.wire().await;
    wire.send(format!(
        "GET /open/socket HTTP/1.1\r\nhost: portal.test\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {}\r\n\r\n",
        generate_key()
    ))
    .await;
    assert_eq!(status(&wire.head().await), 101);
    assert!(wire.rest().await.is_empty(), "the portal has said all");
    wire.send(vec![b'a'; usize::try_from(LENGTH).unwrap()]).await;
    assert_eq!(within("what the client said", heard).await.unwrap(), Some(LENGTH));
}

#[tokio::test]
async fn i12_websocket_of_a_vanished_client_is_closed() {
    let gate = TestGate::builder().setting("server.limits.connections", "1").start().await;
    // This portal takes no notice of a client that has ended.
    gate.upstream.answer("/open/socket", |mut exchange| async move {
        exchange
            .write(
                b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n\
                  upgrade: websocket\r\n\r\n",
            )
            .await?;
        std::future::pending().await
    });
    let mut wire = gate.wire().await;
    wire.send(format!(
        "GET /open/socket HTTP/1.1\r\nhost: portal.test\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {}\r\n\r\n",
        generate_key()
    ))
    .await;
    assert_eq!(status(&wire.head().await), 101);
    drop(wire);
    gate.accepts_a_connection().await;
}

#[tokio::test]
async fn either_side_can_close_a_websocket() {
    let gate = TestGate::start().await;
    echo_at(&gate.upstream, "/open/socket");
    let mut socket = open(&gate, "/open/socket", &[]).await.unwrap();
    socket.close(None).await.unwrap();
    ends(&mut socket).await;
    gate.upstream.answer("/open/socket", |mut exchange| async move {
        let accept = derive_accept_key(exchange.seen.one("sec-websocket-key").unwrap().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: {accept}\r\n\r\n"
        );
        exchange.write(answer.as_bytes()).await?;
        Ok(None)
    });
    let mut socket = open(&gate, "/open/socket", &[]).await.unwrap();
    ends(&mut socket).await;
}

#[tokio::test]
async fn websocket_needs_the_permission() {
    let gate = TestGate::start().await;
    echo_at(&gate.upstream, "/closed/socket");
    let (_, _, anna) = chatter(&gate).await;
    let mut socket = open_by(&gate, "/closed/socket", &anna).await.unwrap();
    says_and_hears(&mut socket, "hello").await;
    let seen = gate.arrived();
    assert_eq!(seen.one("portcullis-user"), Some("anna@acme.test"));
    assert_eq!(seen.one("portcullis-granted"), Some("chat.start"));
    assert_eq!(seen.one("cookie"), None);

    let organization = gate.admin.organization("Other").await;
    gate.admin.user(&organization, "ludwig@other.test", "limited").await;
    let ludwig = gate.sign_in("ludwig@other.test", PASSWORD).await;
    assert_eq!(open_by(&gate, "/closed/socket", &ludwig).await.err(), Some(403));
    assert_eq!(open(&gate, "/closed/socket", &[]).await.err(), Some(401));
    let foreign = [("cookie", &*anna.0), ("origin", "http://other.test")];
    assert_eq!(open(&gate, "/closed/socket", &foreign).await.err(), Some(403));
    gate.nothing_arrived("those who may not").await;
    says_and_hears(&mut socket, "still here").await;
}

#[tokio::test]
async fn shutdown_is_the_logged_reason_for_closed_streams() {
    let gate = TestGate::start().await;
    echo_at(&gate.upstream, "/closed/socket");
    gate.upstream.answer("/closed/events", |mut exchange| async move {
        exchange
            .write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
            .await?;
        exchange.closed().await;
        Ok(None)
    });
    let (_, _, anna) = chatter(&gate).await;
    let mut socket = open_by(&gate, "/closed/socket", &anna).await.unwrap();
    says_and_hears(&mut socket, "hello").await;
    let mut stream = gate.get("/closed/events").cookie(&anna).open().await.into_body();
    within("the first event", stream.frame()).await.unwrap().unwrap();
    gate.terminate();
    ends(&mut socket).await;
    let end = within("the end of an event stream", stream.frame()).await;
    assert!(!matches!(end, Some(Ok(_))), "{end:?}");
    assert!(gate.exited().await.success());
    for what in ["a WebSocket", "an event stream"] {
        gate.logged(&format!("{what} was closed: the gateway is shutting down")).await;
    }
    assert!(!gate.log().contains("no longer permitted"), "{}", gate.log());
}

#[tokio::test]
async fn shutdown_closes_a_websocket_with_1012() {
    let gate = TestGate::start().await;
    echo_at(&gate.upstream, "/open/socket");
    let mut socket = open(&gate, "/open/socket", &[]).await.unwrap();
    says_and_hears(&mut socket, "hello").await;
    gate.terminate();
    let last = within("a close frame", socket.next()).await.unwrap().unwrap();
    let Message::Close(Some(frame)) = last else { panic!("{last:?}") };
    assert_eq!(u16::from(frame.code), 1012);
    let end = within("the end", socket.next()).await;
    assert!(!matches!(end, Some(Ok(_))), "{end:?}");
    assert!(gate.exited().await.success());
}

#[tokio::test]
async fn shutdown_sends_no_close_within_a_frame() {
    let gate = TestGate::start().await;
    gate.upstream.answer("/open/socket", |mut exchange| async move {
        let accept = derive_accept_key(exchange.seen.one("sec-websocket-key").unwrap().as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: {accept}\r\n\r\n"
        );
        exchange.write(head.as_bytes()).await?;
        // Of ten bytes, three.
        exchange.write(&[0x82, 10, 1, 2, 3]).await?;
        exchange.closed().await;
        Ok(None)
    });
    let mut wire = gate.wire().await;
    wire.send(format!(
        "GET /open/socket HTTP/1.1\r\nhost: portal.test\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {}\r\n\r\n",
        generate_key()
    ))
    .await;
    assert_eq!(status(&wire.head().await), 101);
    let mut part = [0; 5];
    within("a part of a frame", wire.0.read_exact(&mut part)).await.unwrap();
    gate.terminate();
    assert_eq!(wire.rest().await, [0_u8; 0]);
    assert!(gate.exited().await.success());
}
