//! Clients that take their answers slowly, and clients that take nothing: the clocks run while
//! nothing moves, and what is buffered has not been sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::support::client::{Http2, within};
use crate::support::gate::TestGate;
use crate::support::wire::http2_frame;

/// Clocks that are much shorter than the downloads of these tests.
async fn hurried() -> TestGate {
    TestGate::builder()
        .setting("server.limits.idle_timeout", "\"200ms\"")
        .setting("server.limits.header_timeout", "\"200ms\"")
        .setting("server.limits.write_timeout", "\"1s\"")
        .start()
        .await
}

/// The portal sends so much at this path, as quickly as it is taken.
fn sends(gate: &TestGate, path: &str, length: usize) {
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + length, b'a');
    gate.upstream.answer_bytes(path, answer);
}

/// A connection that holds little of what its client has not read.
async fn narrow(gate: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.connect(&gate.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpStream::from_std(socket.into()).unwrap()
}

/// A client over HTTP/2 that makes room for so much at a time.
async fn with_windows(gate: &TestGate, stream: u32, connection: u32) -> Http2 {
    let io = TokioIo::new(TcpStream::connect(gate.address).await.unwrap());
    let (sender, serving) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(stream)
        .initial_connection_window_size(connection)
        .handshake::<_, Full<bytes::Bytes>>(io)
        .await
        .unwrap();
    tokio::spawn(serving);
    Http2::over(sender)
}

#[tokio::test]
async fn slow_steady_download_completes() {
    const LENGTH: usize = 4_000_000;
    let gate = hurried().await;
    sends(&gate, "/open/large", LENGTH);
    let mut client = narrow(gate.address).await;
    client.write_all(b"GET /open/large HTTP/1.1\r\nhost: portal.test\r\n\r\n").await.unwrap();
    let mut piece = vec![0; 32 * 1024];
    let (mut read, mut ticks) = (0, tokio::time::interval(Duration::from_millis(25)));
    while read < LENGTH {
        ticks.tick().await;
        match within("a piece", client.read(&mut piece)).await {
            Ok(0) | Err(_) => panic!("cut off after {read} bytes"),
            Ok(count) => read += count,
        }
    }
}

#[tokio::test]
async fn http2_slow_steady_download_completes() {
    const LENGTH: usize = 300_000;
    let gate = hurried().await;
    sends(&gate, "/open/large", LENGTH);
    let http2 = with_windows(&gate, 16 * 1024, 64 * 1024).await;
    let mut answer = http2.open(gate.get("/open/large")).await;
    let (mut read, mut ticks) = (0, tokio::time::interval(Duration::from_millis(100)));
    while let Some(frame) = within("a piece", answer.frame()).await {
        read += frame
            .unwrap_or_else(|error| panic!("cut off after {read}: {error}"))
            .into_data()
            .unwrap()
            .len();
        ticks.tick().await;
    }
    assert_eq!(read, LENGTH);
}

/// What such a client has not read stands before anything that it would have to answer.
#[tokio::test]
async fn http2_slow_client_keeps_a_buffered_response() {
    const LENGTH: usize = 600_000;
    let gate = hurried().await;
    sends(&gate, "/open/large", LENGTH);
    let mut client = TcpStream::connect(gate.address).await.unwrap();
    let windows = [&[0, 4][..], &u32::to_be_bytes(1 << 30)].concat();
    let head = b"\x82\x86\x04\x0b/open/large\x01\x0bportal.test";
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    client.write_all(&http2_frame(4, 0, 0, &windows)).await.unwrap();
    client.write_all(&http2_frame(8, 0, 0, &u32::to_be_bytes(1 << 30))).await.unwrap();
    client.write_all(&http2_frame(1, 0x5, 1, head)).await.unwrap();
    let mut piece = vec![0; 16 * 1024];
    let (mut read, mut ticks) = (0, tokio::time::interval(Duration::from_millis(40)));
    while read < LENGTH {
        ticks.tick().await;
        match within("a piece", client.read(&mut piece)).await {
            Ok(0) | Err(_) => panic!("cut off after {read} bytes"),
            Ok(count) => read += count,
        }
    }
}

#[tokio::test]
async fn i12_stalled_stream_is_reset_beside_an_active_one() {
    let gate =
        TestGate::builder().setting("server.limits.write_timeout", "\"500ms\"").start().await;
    let gone = Arc::new(Notify::new());
    for path in ["/open/stalled", "/open/moving"] {
        let gone = Arc::clone(&gone);
        gate.upstream.answer(path, move |mut exchange| {
            let gone = Arc::clone(&gone);
            async move {
                exchange.write(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                while exchange.write(&[b'a'; 10_000]).await.is_ok() {}
                gone.notify_one();
                Ok(None)
            }
        });
    }
    let http2 = with_windows(&gate, 64 * 1024, 1024 * 1024).await;
    let mut moving = http2.open(gate.get("/open/moving")).await;
    let stalled = http2.open(gate.get("/open/stalled")).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let move_on = async {
        loop {
            ticks.tick().await;
            within("a piece", moving.frame()).await.unwrap().unwrap();
        }
    };
    tokio::select! {
        () = within("the end of the stalled stream", gone.notified()) => {}
        () = move_on => {}
    }
    let rest = within("the end of a body", stalled.into_body().collect()).await;
    assert!(rest.is_err(), "it is reset, and not ended");
    for _ in 0..10 {
        within("a piece", moving.frame()).await.unwrap().unwrap();
    }
    assert_eq!(http2.send(gate.get("/open/a")).await.status, 200, "the connection goes on");
}
