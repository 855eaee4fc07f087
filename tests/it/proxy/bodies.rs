//! Bodies of any size stream both ways in constant memory, and mean the same on both sides.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::client::within;
use crate::support::gate::TestGate;
use crate::support::upstream::drain;
use crate::support::wire::status;

/// Much more than the gateway may keep, and quick enough for an unoptimized build.
const MUCH: u64 = 768 * 1024 * 1024;
/// What a transfer may add to the gateway's memory.
const LITTLE_KIB: u64 = 24 * 1024;
/// What may be under way in socket buffers when one side stops reading.
const UNDER_WAY: u64 = 48 * 1024 * 1024;
/// How long nothing moves when nothing will.
const STANDSTILL: Duration = Duration::from_millis(700);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_upload_streams_in_constant_memory() {
    let gate = TestGate::start().await;
    gate.upstream.answer("/open/upload", |mut exchange| async move {
        let length: u64 = exchange.seen.one("content-length").unwrap().parse().unwrap();
        let read = drain(&mut exchange.stream, length).await?;
        exchange.reply(&read.to_string()).await
    });
    assert_eq!(gate.get("/open/warm").send().await.status, 200);
    let before = gate.memory_kib("VmHWM");
    let mut wire = gate.wire().await;
    let head =
        format!("POST /open/upload HTTP/1.1\r\nhost: portal.test\r\ncontent-length: {MUCH}\r\n");
    wire.send(format!("{head}\r\n")).await;
    let block = vec![b'x'; 256 * 1024];
    for _ in 0..MUCH / block.len() as u64 {
        within("room for more", wire.send(&block)).await;
    }
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.text()), (200, MUCH.to_string()));
    let grown = gate.memory_kib("VmHWM").saturating_sub(before);
    assert!(grown < LITTLE_KIB, "an upload took {grown} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_download_streams_in_constant_memory() {
    let gate = TestGate::start().await;
    gate.upstream.answer("/open/download", |mut exchange| async move {
        exchange
            .write(format!("HTTP/1.1 200 OK\r\ncontent-length: {MUCH}\r\n\r\n").as_bytes())
            .await?;
        let block = vec![b'x'; 256 * 1024];
        for _ in 0..MUCH / block.len() as u64 {
            exchange.write(&block).await?;
        }
        Ok(Some(exchange))
    });
    assert_eq!(gate.get("/open/warm").send().await.status, 200);
    let before = gate.memory_kib("VmHWM");
    let mut wire = gate.wire().await;
    wire.send("GET /open/download HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    let head = wire.head().await;
    assert_eq!((status(&head), head.one("content-length")), (200, Some(&*MUCH.to_string())));
    assert_eq!(within("the download", drain(&mut wire.0, MUCH)).await.unwrap(), MUCH);
    let grown = gate.memory_kib("VmHWM").saturating_sub(before);
    assert!(grown < LITTLE_KIB, "a download took {grown} KiB");
}

/// Writes until nothing moves any more; tells how much went.
async fn write_until_standstill<W: tokio::io::AsyncWrite + Unpin>(to: &mut W, most: u64) -> u64 {
    let block = vec![b'x'; 64 * 1024];
    let mut written = 0;
    while written < most {
        match tokio::time::timeout(STANDSTILL, to.write(&block)).await {
            Ok(Ok(count)) => written += count as u64,
            Ok(Err(error)) => panic!("after {written} bytes: {error}"),
            Err(_) => break,
        }
    }
    written
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_client_slows_the_portal_down() {
    let gate = TestGate::start().await;
    let held_at = Arc::new(AtomicU64::new(0));
    let stands = Arc::new(tokio::sync::Notify::new());
    let (at, told) = (Arc::clone(&held_at), Arc::clone(&stands));
    gate.upstream.answer("/open/download", move |mut exchange| {
        let (at, told) = (Arc::clone(&at), Arc::clone(&told));
        async move {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {MUCH}\r\n\r\n");
            exchange.write(head.as_bytes()).await?;
            let written = write_until_standstill(&mut exchange.stream, MUCH).await;
            at.store(written, Ordering::SeqCst);
            told.notify_one();
            let mut left = MUCH.saturating_sub(written);
            let block = vec![b'x'; 64 * 1024];
            while left > 0 {
                let count = exchange.stream.write(&block[..block.len().min(left as usize)]).await?;
                left -= count as u64;
            }
            exchange.stream.flush().await?;
            Ok(Some(exchange))
        }
    });
    assert_eq!(gate.get("/open/warm").send().await.status, 200);
    let before = gate.memory_kib("VmHWM");
    let mut wire = gate.wire().await;
    wire.send("GET /open/download HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    wire.head().await;
    within("a standstill", stands.notified()).await;
    let held_at = held_at.load(Ordering::SeqCst);
    assert!(held_at < UNDER_WAY, "{held_at} bytes went to a client that does not read");
    let grown = gate.memory_kib("VmHWM").saturating_sub(before);
    assert!(grown < LITTLE_KIB, "a slow reader took {grown} KiB");
    // It goes on where it stood still.
    assert_eq!(within("the rest", drain(&mut wire.0, MUCH)).await.unwrap(), MUCH);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_portal_slows_the_client_down() {
    let gate = TestGate::start().await;
    let go_on = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&go_on);
    gate.upstream.answer("/open/upload", move |mut exchange| {
        let told = Arc::clone(&told);
        async move {
            told.notified().await;
            let length: u64 = exchange.seen.one("content-length").unwrap().parse().unwrap();
            let read = drain(&mut exchange.stream, length).await?;
            exchange.reply(&read.to_string()).await
        }
    });
    assert_eq!(gate.get("/open/warm").send().await.status, 200);
    let before = gate.memory_kib("VmHWM");
    let mut wire = gate.wire().await;
    let total = 128 * 1024 * 1024;
    wire.send(format!(
        "POST /open/upload HTTP/1.1\r\nhost: portal.test\r\ncontent-length: {total}\r\n\r\n"
    ))
    .await;
    let written = write_until_standstill(&mut wire.0, total).await;
    assert!(written < UNDER_WAY, "{written} bytes were taken for a portal that does not read");
    let grown = gate.memory_kib("VmHWM").saturating_sub(before);
    assert!(grown < LITTLE_KIB, "a slow portal took {grown} KiB");
    go_on.notify_one();
    let mut left = total - written;
    let block = vec![b'x'; 64 * 1024];
    while left > 0 {
        let piece = &block[..block.len().min(left as usize)];
        within("room for more", wire.send(piece)).await;
        left -= piece.len() as u64;
    }
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.text()), (200, total.to_string()));
}

#[tokio::test]
async fn bodies_and_trailers_pass_both_ways() {
    let gate = TestGate::start().await;
    gate.upstream.answer_bytes(
        "/open/trailers",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: X-Sum\r\n\r\n\
         5\r\nworld\r\n0\r\nX-Sum: 7\r\n\r\n",
    );
    let reply = gate
        .raw(
            "POST /open/trailers HTTP/1.1\r\nhost: portal.test\r\nte: trailers\r\n\
             transfer-encoding: chunked\r\ntrailer: X-Check\r\n\r\n\
             5\r\nhello\r\n0\r\nX-Check: 9\r\n\r\n",
        )
        .await;
    let seen = gate.arrived();
    assert_eq!(seen.body().bytes, b"hello");
    assert_eq!(seen.body().trailers, [("x-check".to_owned(), "9".to_owned())]);
    assert_eq!(reply.text(), "world");
    assert_eq!(reply.body.trailers, [("x-sum".to_owned(), "7".to_owned())]);
}

#[tokio::test]
async fn every_byte_value_passes_both_ways() {
    let gate = TestGate::start().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let mut answer =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes.len()).into_bytes();
    answer.extend_from_slice(&bytes);
    gate.upstream.answer_bytes("/open/echo", answer);
    let reply = gate.call(Method::PUT, "/open/echo").body(bytes.clone()).send().await;
    assert!(reply.body == bytes, "the answer's body");
    let seen = gate.arrived();
    assert!(seen.body().bytes == bytes, "the request's body");
    assert_eq!((seen.method.as_str(), seen.one("content-length")), ("PUT", Some("100000")));
}

#[tokio::test]
async fn request_without_a_body_stays_without() {
    let gate = TestGate::start().await;
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "POST"] {
        let mut wire = gate.wire().await;
        wire.send(format!("{method} /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n")).await;
        assert_eq!(status(&wire.head().await), 200, "{method}");
        let seen = gate.arrived();
        assert_eq!(seen.method, method);
        assert_eq!(seen.one("transfer-encoding"), None, "{method}");
        assert!(matches!(seen.one("content-length"), None | Some("0")), "{method}");
    }
}

#[tokio::test]
async fn head_response_has_a_length_and_no_body() {
    let gate = TestGate::start().await;
    let mut wire = gate.wire().await;
    for _ in 0..2 {
        wire.send("HEAD /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
        let head = wire.head().await;
        assert_eq!(status(&head), 200);
        assert_eq!(head.one("content-length"), Some("27"));
        assert_eq!(gate.arrived().method, "HEAD");
    }
    // The connection goes on: no byte of a body was left on it.
    wire.send("GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    assert_eq!(wire.reply().await.text(), "the portal saw GET /open/a");
    gate.arrived();
    // HEAD needs what GET needs.
    wire.send("HEAD /closed/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    assert_ne!(status(&wire.head().await), 200);
    gate.nothing_arrived("HEAD of what GET may not see").await;
}

#[tokio::test]
async fn forbidden_response_body_is_no_later_response() {
    let gate = TestGate::builder().setting("server.threads", "1").start().await;
    for (number, (method, answer)) in [
        (Method::HEAD, "HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n"),
        (Method::HEAD, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        (Method::GET, "HTTP/1.1 204 No Content\r\ncontent-length: 40\r\n\r\n"),
        (Method::GET, "HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/open/body-{number}");
        let go_on = Arc::new(tokio::sync::Notify::new());
        let told = Arc::clone(&go_on);
        gate.upstream.answer(&path, move |mut exchange| {
            let told = Arc::clone(&told);
            async move {
                exchange.write(answer.as_bytes()).await?;
                told.notified().await;
                exchange.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno").await?;
                Ok(Some(exchange))
            }
        });
        gate.call(method, &path).send().await;
        go_on.notify_one();
        for _ in 0..3 {
            let reply = gate.get("/open/a").send().await;
            assert_eq!(reply.text(), "the portal saw GET /open/a", "after {answer:?}");
        }
    }
}

#[tokio::test]
async fn options_is_authorized_like_any_method() {
    let gate = TestGate::start().await;
    let preflight = |target| {
        gate.call(Method::OPTIONS, target)
            .header("origin", "https://other.test")
            .header("access-control-request-method", "GET")
    };
    assert_eq!(preflight("/open/a").send().await.status, 200);
    assert_eq!(gate.arrived().method, "OPTIONS");
    assert!((300..500).contains(&preflight("/closed/a").send().await.status));
    gate.nothing_arrived("OPTIONS without permission").await;
}

#[tokio::test]
async fn responses_without_a_body_stay_without() {
    let gate = TestGate::start().await;
    for (path, answer) in [
        ("/open/204", "HTTP/1.1 204 No Content\r\nx-a: b\r\n\r\n"),
        ("/open/304", "HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\nx-a: b\r\n\r\n"),
        ("/open/205", "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\nx-a: b\r\n\r\n"),
    ] {
        gate.upstream.answer(path, move |mut exchange| async move {
            exchange.write(answer.as_bytes()).await?;
            Ok(Some(exchange))
        });
        let mut wire = gate.wire().await;
        for _ in 0..2 {
            wire.send(format!("GET {path} HTTP/1.1\r\nhost: portal.test\r\n\r\n")).await;
            let head = wire.head().await;
            assert_eq!(status(&head).to_string(), path["/open/".len()..]);
            assert_eq!(head.one("x-a"), Some("b"));
            assert_eq!(head.one("transfer-encoding"), None, "{path}");
        }
    }
}

#[tokio::test]
async fn allowed_expect_100_gets_continue() {
    let gate = TestGate::start().await;
    let mut wire = gate.wire().await;
    wire.send(
        "POST /open/a HTTP/1.1\r\nhost: portal.test\r\nexpect: 100-continue\r\n\
         content-length: 5\r\n\r\n",
    )
    .await;
    assert_eq!(wire.reply().await.status, 100);
    wire.send("hello").await;
    assert_eq!(wire.reply().await.status, 200);
    assert_eq!(gate.arrived().body().bytes, b"hello");
}

#[tokio::test]
async fn denied_expect_100_gets_no_continue() {
    let gate = TestGate::start().await;
    for path in ["/closed/a", "/open/denied", "/nowhere"] {
        let mut wire = gate.wire().await;
        wire.send(format!(
            "POST {path} HTTP/1.1\r\nhost: portal.test\r\nexpect: 100-continue\r\n\
             content-length: 1000000000\r\n\r\n"
        ))
        .await;
        let status = wire.reply().await.status;
        assert!((300..500).contains(&status), "{path}: {status} and not 100");
        gate.nothing_arrived(path).await;
    }
}

#[tokio::test]
async fn denied_upload_is_drained_so_the_response_arrives() {
    let gate = TestGate::start().await;
    gate.upstream.answer("/open/full", |mut exchange| async move {
        exchange
            .write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
            .await?;
        Ok(None)
    });
    for (path, expected) in [("/closed/a", 401), ("/nowhere", 401), ("/open/full", 413)] {
        let mut wire = gate.wire().await;
        // All of it, before a byte of the answer is read.
        wire.send(format!(
            "POST {path} HTTP/1.1\r\nhost: portal.test\r\ncontent-length: 20000000\r\n\r\n"
        ))
        .await;
        wire.send(vec![b'a'; 20_000_000]).await;
        assert_eq!(wire.reply().await.status, expected, "{path}");
    }
}

#[tokio::test]
async fn early_hints_are_harmless() {
    let gate = TestGate::start().await;
    gate.upstream.answer("/open/hints", |mut exchange| async move {
        exchange.write(b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n").await?;
        exchange.write(b"HTTP/1.1 102 Processing\r\n\r\n").await?;
        exchange.reply("after hints").await
    });
    let mut connection = gate.connection().await;
    for _ in 0..2 {
        let reply = connection.send(gate.get("/open/hints")).await;
        assert_eq!((reply.status, reply.text()), (200, "after hints"));
    }
}

#[tokio::test]
async fn early_response_is_forwarded_during_the_upload() {
    let gate = TestGate::start().await;
    gate.upstream.answer("/open/upload", |mut exchange| async move {
        exchange
            .write(
                b"HTTP/1.1 413 Too Large\r\ncontent-length: 8\r\nconnection: close\r\n\r\ntoo much",
            )
            .await?;
        exchange.closed().await;
        Ok(None)
    });
    let mut wire = gate.wire().await;
    wire.send(
        "POST /open/upload HTTP/1.1\r\nhost: portal.test\r\ncontent-length: 10000000\r\n\r\nbegin",
    )
    .await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.text().as_str()), (413, "too much"));
    // What belongs to the unfinished upload is never read as a request.
    let _ = wire.try_send("GET /open/smuggled HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    wire.finish().await;
    assert!(wire.rest().await.is_empty());
    let seen: Vec<_> = gate.upstream.seen().iter().map(|seen| seen.target.clone()).collect();
    assert_eq!(seen, ["/open/upload"]);
}

#[tokio::test]
async fn upload_after_its_response_delays_no_other_client() {
    let gate = TestGate::builder().setting("server.threads", "1").start().await;
    gate.upstream.answer("/open/upload", |mut exchange| async move {
        exchange.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nenough").await?;
        exchange.closed().await;
        Ok(None)
    });
    let mut wire = gate.wire().await;
    wire.send(
        "POST /open/upload HTTP/1.1\r\nhost: portal.test\r\ncontent-length: 10000000\r\n\r\nbegin",
    )
    .await;
    assert_eq!(wire.reply().await.text(), "enough");
    for _ in 0..3 {
        assert_eq!(gate.get("/open/a").send().await.status, 200);
    }
    drop(wire);
    assert_eq!(gate.get("/open/a").send().await.status, 200);
}

#[tokio::test]
async fn aborted_upload_is_aborted_at_the_portal() {
    let gate = TestGate::start().await;
    let outcome = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&outcome);
    gate.upstream.answer("/open/upload", move |mut exchange| {
        let told = Arc::clone(&told);
        async move {
            let body = exchange.body().await.map(|_| ());
            if body.is_err() {
                told.notify_one();
            }
            Ok(None)
        }
    });
    for framing in
        ["content-length: 100\r\n\r\nhello", "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"]
    {
        let mut wire = gate.wire().await;
        wire.send(format!("POST /open/upload HTTP/1.1\r\nhost: portal.test\r\n{framing}")).await;
        within("the request", gate.upstream.arrived("/open/upload")).await;
        drop(wire);
        within("a body that breaks off", outcome.notified()).await;
        gate.upstream.forget();
    }
}

#[tokio::test]
async fn event_stream_is_forwarded_unbuffered() {
    let gate = TestGate::start().await;
    let next = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&next);
    gate.upstream.answer("/open/events", move |mut exchange| {
        let told = Arc::clone(&told);
        async move {
            exchange
                .write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
                .await?;
            told.notified().await;
            exchange.write(b"data: 2\n\n").await?;
            Ok(None)
        }
    });
    let mut wire = gate.wire().await;
    wire.send("GET /open/events HTTP/1.1\r\nhost: portal.test\r\nconnection: close\r\n\r\n").await;
    assert_eq!(wire.head().await.one("content-type"), Some("text/event-stream"));
    let mut event = [0; 14];
    within("the first event", wire.0.read_exact(&mut event)).await.unwrap();
    assert_eq!(&event, b"9\r\ndata: 1\n\n\r\n");
    next.notify_one();
    let rest = wire.rest().await;
    assert!(String::from_utf8_lossy(&rest).contains("data: 2\n\n"), "{rest:?}");
}

#[tokio::test]
async fn invalid_request_body_is_not_a_portal_error() {
    let gate = TestGate::start().await;
    let post = |body: &str| {
        format!(
            "POST /open/a HTTP/1.1\r\nhost: portal.test\r\ntransfer-encoding: chunked\r\n\r\n{body}"
        )
    };
    for body in [
        "zz\r\nhello\r\n0\r\n\r\n",
        "-3\r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "5\r\nhelloXX0\r\n\r\n",
        "5\r\nhello\r\nffffffffffffffffff\r\n",
    ] {
        let reply = gate.raw(post(body)).await;
        assert_eq!(reply.status, 400, "{body:?}: {}", reply.text());
        assert!(reply.text().contains("bad-body"), "{body:?}: {}", reply.text());
        assert_eq!(reply.head.one("connection"), Some("close"), "{body:?}");
        assert_eq!(reply.head.one("retry-after"), None, "{body:?}");
    }
    // Somebody who leaves half-way is told nothing, and nobody is blamed.
    let mut leaves = gate.wire().await;
    leaves.send(post("5\r\nhel")).await;
    within("the request", gate.upstream.arrived("/open/a")).await;
    drop(leaves);
    assert_eq!(gate.raw(post("5\r\nhello\r\n0\r\n\r\n")).await.status, 200);
    assert!(!gate.log().contains("the portal did not answer"), "{}", gate.log());
}

#[tokio::test]
async fn stalled_upload_is_408_and_stalled_portal_is_504() {
    let gate = TestGate::builder().setting("upstream.response_timeout", "\"300ms\"").start().await;
    let head = "POST /open/a HTTP/1.1\r\nhost: portal.test\r\ncontent-length: 10\r\n\r\n";
    let mut stalls = gate.wire().await;
    stalls.send(format!("{head}hello")).await;
    let reply = stalls.reply().await;
    assert_eq!(reply.status, 408, "{}", reply.text());
    assert!(reply.text().contains("slow-body"), "{}", reply.text());
    assert_eq!(reply.head.one("connection"), Some("close"));
    assert!(!gate.log().contains("the portal did not answer"), "{}", gate.log());

    gate.upstream.answer("/open/a", |mut exchange| async move {
        exchange.body().await?;
        exchange.closed().await;
        Ok(None)
    });
    assert_eq!(gate.raw(format!("{head}hellohello")).await.status, 504);
    gate.logged("the portal did not answer").await;
}
