//! Limits on what one client may take: heads, time, connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Notify;

use crate::support::client::{Reply, within};
use crate::support::gate::TestGate;
use crate::support::program::Home;
use crate::support::upstream::Upstream;
use crate::support::wire::{Io, Wire};

const OPEN: &str = "GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n";

#[tokio::test]
async fn oversized_head_is_431() {
    let gate = TestGate::builder().setting("server.limits.header_bytes", "16384").start().await;
    let large = |size: usize| {
        format!(
            "GET /open/a HTTP/1.1\r\nhost: portal.test\r\nx-large: {}\r\n\r\n",
            "x".repeat(size)
        )
    };
    for size in [17_000, 100_000, 1_000_000] {
        let mut wire = gate.wire().await;
        // The gateway need not read it to its end.
        let _ = wire.try_send(large(size)).await;
        assert_eq!(wire.reply().await.status, 431, "{size}");
        gate.nothing_arrived("a large head").await;
    }
    assert_eq!(gate.raw(large(10_000)).await.status, 200);
    assert_eq!(gate.arrived().one("x-large").unwrap().len(), 10_000);
}

#[tokio::test]
async fn head_size_limit_is_exact() {
    let gate = TestGate::builder().setting("server.limits.header_bytes", "16384").start().await;
    let of_size = |size: usize| {
        let rest = "GET /open/a HTTP/1.1\r\nhost: portal.test\r\nx-large: \r\n\r\n".len();
        let filling = "x".repeat(size - rest);
        format!("GET /open/a HTTP/1.1\r\nhost: portal.test\r\nx-large: {filling}\r\n\r\n")
    };
    assert_eq!(gate.raw(of_size(16_384)).await.status, 200);
    gate.arrived();
    assert_eq!(gate.raw(of_size(16_385)).await.status, 431);
    gate.nothing_arrived("a head of one byte too many").await;
}

#[tokio::test]
async fn head_with_too_many_fields_is_431() {
    let gate = TestGate::builder().setting("server.limits.headers", "20").start().await;
    let lines = |count: usize| {
        let lines: String = (0..count).map(|number| format!("x-{number}: x\r\n")).collect();
        format!("GET /open/a HTTP/1.1\r\nhost: portal.test\r\n{lines}\r\n")
    };
    for count in [20, 50, 2000] {
        let mut wire = gate.wire().await;
        let _ = wire.try_send(lines(count)).await;
        assert_eq!(wire.reply().await.status, 431, "{count}");
        gate.nothing_arrived("many lines").await;
    }
    assert_eq!(gate.raw(lines(19)).await.status, 200);
    let gate = TestGate::start().await;
    assert_eq!(gate.raw(lines(99)).await.status, 200, "when nothing is said, a hundred");
    assert_eq!(gate.raw(lines(100)).await.status, 431);
}

#[tokio::test]
async fn http2_oversized_head_is_refused() {
    let gate = TestGate::builder().setting("server.limits.header_bytes", "16384").start().await;
    for size in [20_000, 200_000] {
        let call = gate.get("/open/a").header("x-large", "x".repeat(size));
        if let Ok(reply) = gate.http2().await.send_to("portal.test", call).await {
            assert_eq!(reply.status, 431, "{size}");
        }
        gate.nothing_arrived("a large head over HTTP/2").await;
    }
    let call = gate.get("/open/a").header("x-large", "x".repeat(8_000));
    assert_eq!(gate.http2().await.send(call).await.status, 200);
}

#[tokio::test]
async fn http2_head_with_too_many_fields_is_431() {
    let gate = TestGate::builder().setting("server.limits.headers", "20").start().await;
    let lines = |count: usize| {
        let call = gate.get("/open/a");
        (0..count).fold(call, |call, number| call.header(&format!("x-{number}"), "x"))
    };
    for count in [21, 150] {
        assert_eq!(gate.http2().await.send(lines(count)).await.status, 431, "{count}");
        gate.nothing_arrived("many lines over HTTP/2").await;
    }
    assert_eq!(gate.http2().await.send(lines(19)).await.status, 200);
}

#[tokio::test]
async fn slow_head_is_cut_off() {
    let gate =
        TestGate::builder().setting("server.limits.header_timeout", "\"400ms\"").start().await;
    let since = Instant::now();
    // One stops after a part, one goes on a byte at a time, one stops in its second request.
    let mut stops = gate.wire().await;
    stops.send("GET /open/a HTTP/1.1\r\nhost: por").await;
    let mut second = gate.wire().await;
    second.send("GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    assert_eq!(second.reply().await.status, 200);
    gate.arrived();
    second.send("GET /open/a HTTP/1.1\r\nhost: por").await;
    let mut drips = gate.wire().await;
    let dripping = async {
        drips.send("GET /open/a HTTP/1.1\r\nx-slow: ").await;
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        loop {
            ticks.tick().await;
            if drips.try_send("x").await.is_err() {
                return;
            }
        }
    };
    let (rest, again, ()) =
        tokio::join!(stops.rest(), second.rest(), within("the end of a slow head", dripping));
    for rest in [rest, again] {
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    }
    assert!(since.elapsed() >= Duration::from_millis(400), "{:?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    gate.nothing_arrived("slow heads").await;
}

#[tokio::test]
async fn header_timeout_does_not_apply_to_bodies() {
    let gate =
        TestGate::builder().setting("server.limits.header_timeout", "\"200ms\"").start().await;
    let mut wire = gate.wire().await;
    wire.send("POST /open/a HTTP/1.1\r\nhost: portal.test\r\ncontent-length: 8\r\n\r\n").await;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..8 {
        ticks.tick().await;
        wire.send("x").await;
    }
    assert_eq!(wire.reply().await.status, 200);
    assert_eq!(gate.arrived().body().bytes, b"xxxxxxxx");
}

/// The portal answers `/open/slow` when it is told to.
fn answers_when_told(gate: &TestGate) -> Arc<Notify> {
    let go_on = Arc::new(Notify::new());
    let told = Arc::clone(&go_on);
    gate.upstream.answer("/open/slow", move |exchange| {
        let told = Arc::clone(&told);
        async move {
            told.notified().await;
            exchange.reply("at last").await
        }
    });
    go_on
}

#[tokio::test]
async fn idle_connection_is_closed() {
    let gate = TestGate::builder().setting("server.limits.idle_timeout", "\"400ms\"").start().await;
    let since = Instant::now();
    let mut silent = gate.wire().await;
    assert!(!String::from_utf8_lossy(&silent.rest().await).contains("200 OK"));
    let mut used = gate.wire().await;
    used.send("GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    assert_eq!(used.reply().await.status, 200);
    assert!(!String::from_utf8_lossy(&used.rest().await).contains("200 OK"));
    // One that waited for its answer is no exception.
    let go_on = answers_when_told(&gate);
    let mut waited = gate.wire().await;
    waited.send("GET /open/slow HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    within("the request", gate.upstream.arrived("/open/slow")).await;
    go_on.notify_one();
    assert_eq!(waited.reply().await.text(), "at last");
    assert!(waited.rest().await.is_empty());
    assert!(since.elapsed() >= Duration::from_millis(1100), "{:?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
}

/// Under the time for heads and between requests as they are by default, long after this test has
/// lost its patience.
#[tokio::test]
async fn unread_response_closes_the_connection() {
    let gate = TestGate::builder().setting("server.limits.connections", "3").start().await;
    for target in ["/closed/a", "/open/denied", "/nowhere", "/%00", "/.portcullis/nothing"] {
        for framing in
            ["content-length: 50\r\n\r\nsome", "transfer-encoding: chunked\r\n\r\n4\r\nsome"]
        {
            let mut wire = gate.wire().await;
            wire.send(format!("POST {target} HTTP/1.1\r\nhost: portal.test\r\n{framing}")).await;
            let status = wire.reply().await.status;
            assert!((300..500).contains(&status), "{target}: {status}");
            wire.rest().await;
        }
    }
    gate.nothing_arrived("a body that was refused").await;
    assert_eq!(gate.raw(OPEN).await.status, 200);
}

#[tokio::test]
async fn stalled_upload_closes_the_connection() {
    let gate = TestGate::builder()
        .setting("upstream.response_timeout", "\"300ms\"")
        .setting("server.limits.idle_timeout", "\"300ms\"")
        .start()
        .await;
    // This portal has answered before it has read.
    gate.upstream.answer("/open/early", |mut exchange| async move {
        exchange.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nenough").await?;
        exchange.closed().await;
        Ok(None)
    });
    for target in ["/open/a", "/open/early"] {
        let mut wire = gate.wire().await;
        let head =
            format!("POST {target} HTTP/1.1\r\nhost: portal.test\r\ncontent-length: 8\r\n\r\n");
        wire.send(format!("{head}some")).await;
        let reply = wire.reply().await;
        assert_eq!(reply.status == 200, target == "/open/early", "{reply:?}");
        wire.rest().await;
        // One that goes on gets through.
        let mut wire = gate.wire().await;
        wire.send(format!("{head}somebody")).await;
        assert_eq!(wire.reply().await.status, 200, "{target}");
    }
}

#[tokio::test]
async fn response_may_take_longer_than_idle_timeout() {
    let gate = TestGate::builder()
        .setting("server.limits.idle_timeout", "\"200ms\"")
        .setting("server.limits.header_timeout", "\"200ms\"")
        .start()
        .await;
    let go_on = answers_when_told(&gate);
    let mut waits = gate.wire().await;
    waits.send("GET /open/slow HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    within("the request", gate.upstream.arrived("/open/slow")).await;
    // Both limits pass for others, and then once more.
    for start in ["", "GET /open/a HTTP/1.1\r\n", ""] {
        let mut other = gate.wire().await;
        other.send(start).await;
        other.rest().await;
    }
    go_on.notify_one();
    assert_eq!(waits.reply().await.text(), "at last");
}

#[tokio::test]
async fn incomplete_form_on_our_pages_is_408() {
    let gate =
        TestGate::builder().setting("server.limits.header_timeout", "\"300ms\"").start().await;
    for path in ["/.portcullis/sign-in", "/.portcullis/password/forgot", "/.portcullis/none"] {
        let mut wire = gate.wire().await;
        let head = format!("POST {path} HTTP/1.1\r\nhost: portal.test\r\n");
        wire.send(head + "sec-fetch-site: same-origin\r\ncontent-length: 100\r\n\r\nlogin=").await;
        assert_eq!(wire.reply().await.status, 408, "{path}");
        wire.rest().await;
    }
    assert_eq!(gate.raw(OPEN).await.status, 200);
}

/// How a client says that it speaks HTTP/2 and has no settings (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test]
async fn http2_idle_connection_is_closed() {
    let gate = TestGate::builder()
        .setting("server.limits.idle_timeout", "\"300ms\"")
        .setting("server.limits.header_timeout", "\"200ms\"")
        .start()
        .await;
    let since = Instant::now();
    // One stops within its greeting, one after it.
    for greeting in [&PREFACE[..10], PREFACE] {
        let mut wire = gate.wire().await;
        wire.send(greeting).await;
        wire.rest().await;
    }
    assert!(since.elapsed() >= Duration::from_millis(600), "{:?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    gate.upstream.answer("/open/slow", |exchange| async move {
        // Longer than the limits.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        exchange.reply("at last").await
    });
    assert_eq!(gate.http2().await.send(gate.get("/open/slow")).await.text(), "at last");
}

#[tokio::test]
async fn http2_client_that_reads_nothing_is_cut_off() {
    let gate =
        TestGate::builder().setting("server.limits.write_timeout", "\"400ms\"").start().await;
    let gone = Arc::new(Notify::new());
    let told = Arc::clone(&gone);
    gate.upstream.answer("/open/endless", move |mut exchange| {
        let told = Arc::clone(&told);
        async move {
            exchange.write(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            while exchange.write(&[b'a'; 10_000]).await.is_ok() {}
            told.notify_one();
            Ok(None)
        }
    });
    let http2 = gate.http2().await;
    let answer = http2.open(gate.get("/open/endless")).await;
    within("the end of the portal's connection", gone.notified()).await;
    assert!(Reply::read(answer).await.is_err(), "it is cut off, and not ended");
    // One that takes what there is may wait for more.
    let first = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf";
    let go_on = gate.upstream.answer_in_parts("/open/slow", first, "rest");
    let http2 = gate.http2().await;
    let mut answer = http2.open(gate.get("/open/slow")).await;
    let mut piece = async || {
        let frame = answer.frame().await?.ok()?;
        frame.into_data().ok()
    };
    assert_eq!(within("a piece", piece()).await.unwrap(), "half");
    let waits = tokio::time::timeout(Duration::from_millis(1200), piece()).await;
    assert!(waits.is_err(), "{waits:?}");
    go_on.notify_one();
    assert_eq!(within("the rest", piece()).await.unwrap(), "rest");
}

/// Connections to the two places at which operators come in.
async fn to_operators(gate: &TestGate) -> [Wire; 2] {
    let tcp = TcpStream::connect(gate.admin_address).await.unwrap();
    let unix = UnixStream::connect(&gate.admin.socket).await.unwrap();
    let streams: [Box<dyn Io>; 2] = [Box::new(tcp), Box::new(unix)];
    streams.map(|stream| Wire(BufReader::new(stream)))
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Under the time between requests as it is by default, long after this test has lost its patience.
#[tokio::test]
async fn admin_connection_with_half_a_head_is_closed() {
    let gate =
        TestGate::builder().setting("server.limits.header_timeout", "\"400ms\"").start().await;
    for mut half in to_operators(&gate).await {
        half.send("GET /healthz HTTP/1.1\r\nho").await;
        for mut beside in to_operators(&gate).await {
            beside.send(HEALTH).await;
            assert_eq!(beside.reply().await.status, 200, "others are answered");
        }
        let rest = half.rest().await;
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"), "{rest:?}");
    }
}

#[tokio::test]
async fn admin_connection_with_unread_responses_is_closed() {
    let gate =
        TestGate::builder().setting("server.limits.write_timeout", "\"400ms\"").start().await;
    for mut unread in to_operators(&gate).await {
        let asking = async { while unread.try_send(HEALTH.repeat(100)).await.is_ok() {} };
        within("the end of a connection that is not read from", asking).await;
    }
    assert_eq!(gate.admin.get("/api/v1/groups").await.status, 200);
}

#[tokio::test]
async fn admin_connections_over_the_limit_wait() {
    let gate = TestGate::start().await;
    let mut open = Vec::new();
    for _ in 0..128 {
        open.push(to_operators(&gate).await);
    }
    for (mut wire, which) in to_operators(&gate).await.into_iter().zip(0..) {
        wire.send(HEALTH).await;
        let waits = tokio::time::timeout(Duration::from_millis(200), wire.0.fill_buf()).await;
        assert!(waits.is_err(), "there is no room: {waits:?}");
        open[0][which].finish().await;
        assert_eq!(wire.reply().await.status, 200);
    }
}

#[tokio::test]
async fn connections_over_the_limit_are_closed() {
    let gate = TestGate::builder().setting("server.limits.connections", "2").start().await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut wire = gate.wire().await;
        wire.send("GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
        assert_eq!(wire.reply().await.status, 200);
        open.push(wire);
    }
    let mut third = gate.wire().await;
    let _ = third.try_send("GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    assert!(third.rest().await.is_empty(), "closed without an answer");
    assert_eq!(gate.upstream.seen().len(), 2);
    // Those that are open still work.
    open[0].send("GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    assert_eq!(open[0].reply().await.status, 200);
    drop(open);
    gate.accepts_a_connection().await;
}

/// A connection to a TLS port on which no handshake has been done.
async fn silent(gate: &TestGate) -> Wire {
    let stream = TcpStream::connect(gate.address).await.unwrap();
    Wire(BufReader::new(Box::new(stream)))
}

#[tokio::test]
async fn slow_tls_handshake_is_cut_off() {
    let gate = TestGate::builder()
        .tls()
        .setting("server.limits.header_timeout", "\"400ms\"")
        .start()
        .await;
    let since = Instant::now();
    // One says nothing, one stops after the first bytes of its greeting.
    let mut quiet = silent(&gate).await;
    let mut stops = silent(&gate).await;
    stops.send(b"\x16\x03\x01\x02\x00\x01").await;
    tokio::join!(quiet.rest(), stops.rest());
    assert!(since.elapsed() >= Duration::from_millis(400), "{:?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert_eq!(gate.raw(OPEN).await.status, 200);
}

#[tokio::test]
async fn tls_handshake_counts_as_a_connection() {
    let gate = TestGate::builder().tls().setting("server.limits.connections", "2").start().await;
    let mut waiting = [silent(&gate).await, silent(&gate).await];
    // The third is closed, without a word: there is nothing yet to say it in.
    assert_eq!(silent(&gate).await.rest().await, b"");
    for wire in &mut waiting {
        wire.finish().await;
        wire.rest().await;
    }
    assert_eq!(gate.raw(OPEN).await.status, 200);
}

/// A burst finds room to wait in while the program does not come round to accepting.
#[tokio::test]
async fn connection_burst_is_queued_on_every_listener() {
    // More than the standard library makes room for, which is 128.
    const BURST: usize = 200;
    let portal = Upstream::start().await;
    let home = Home::new(portal.address, "");
    let program = home.serve().await;
    program.signal(Signal::STOP);
    for address in [program.gateway, program.admin_address] {
        let mut waiting = Vec::new();
        for _ in 0..BURST {
            // Without room, the system does not even answer.
            waiting.push(within("room to wait", TcpStream::connect(address)).await.unwrap());
        }
    }
    let mut waiting = Vec::new();
    for _ in 0..BURST {
        // Without room, the system refuses at once.
        waiting.push(UnixStream::connect(&program.admin.socket).await.unwrap());
    }
    drop(waiting);
    program.signal(Signal::CONT);
    program.stop().await;
}
