//! The limits of the gRPC listener, and its end.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::client::within;
use crate::support::gate::TestGate;
use crate::support::grpc::{Proxy, question};

/// Open connections at a time.
const CONNECTIONS: usize = 1024;

async fn gate() -> TestGate {
    let asked = TestGate::builder()
        .setting("forward_auth.enabled", "true")
        .setting("forward_auth.grpc_listen", "\"127.0.0.1:0\"")
        .setting("server.trusted_proxies", r#"["127.0.0.0/8"]"#);
    asked.start().await
}

/// Whether the gateway answers on a new connection, which is returned, or closes it.
async fn connect(gate: &TestGate) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(gate.grpc_address.unwrap()).await.unwrap();
    // The preface of HTTP/2 and empty settings (RFC 9113, 3.4 and 6.5).
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.ok()?;
    let mut first = [0; 1];
    match within("settings", stream.read(&mut first)).await {
        Ok(1) => Some(stream),
        _ => None,
    }
}

#[tokio::test]
async fn i12_grpc_connections_are_limited_and_given_back() {
    let gate = gate().await;
    let mut open = Vec::new();
    for number in 0..CONNECTIONS {
        open.push(connect(&gate).await.unwrap_or_else(|| panic!("{number} are open")));
    }
    assert!(connect(&gate).await.is_none(), "one more is closed");
    gate.accepts_a_connection().await;
    open.truncate(CONNECTIONS / 2);
    let began = Instant::now();
    while connect(&gate).await.is_none() {
        assert!(began.elapsed() < Duration::from_secs(10), "closed connections make room");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn i12_grpc_questions_of_a_connection_are_limited() {
    let gate = gate().await;
    let mut stream = TcpStream::connect(gate.grpc_address.unwrap()).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut head = [0; 9];
    within("a frame", stream.read_exact(&mut head)).await.unwrap();
    assert_eq!(head[3], 4, "SETTINGS");
    let mut settings = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
    within("settings", stream.read_exact(&mut settings)).await.unwrap();
    // SETTINGS_MAX_CONCURRENT_STREAMS is 3, SETTINGS_MAX_HEADER_LIST_SIZE 6 (RFC 9113, 6.5.2).
    let value = |id| {
        let entry = settings.chunks_exact(6).find(|entry| entry[1] == id);
        entry.map(|entry| u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]))
    };
    assert_eq!((value(3), value(6)), (Some(1000), Some(16 * 1024)));
}

#[tokio::test]
async fn an_idle_grpc_connection_does_not_delay_the_end() {
    let gate = gate().await;
    let proxy = Proxy::of(&gate).await;
    proxy.check(question("GET", "/open/a", "")).await.unwrap();
    let began = Instant::now();
    gate.terminate();
    assert!(gate.exited().await.success());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(proxy.check(question("GET", "/open/a", "")).await.is_err());
}
