//! WebSockets: a portal that echoes, and clients.

use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::client::{Cookie, within};
use super::gate::TestGate;
use super::upstream::{Exchange, Upstream};
use super::wire::{Io, status};

/// What I7 promises.
pub(crate) const SOON: Duration = Duration::from_secs(1);
/// What it takes to see it on a busy machine.
pub(crate) const ALLOWANCE: Duration = Duration::from_millis(700);

pub(crate) type Socket = WebSocketStream<Box<dyn Io>>;

/// The portal echoes what is said to it here.
pub(crate) fn echo_at(upstream: &Upstream, path: &str) {
    upstream.answer(path, |mut exchange: Exchange| async move {
        let accept = derive_accept_key(exchange.seen.one("sec-websocket-key").unwrap().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: {accept}\r\n\r\n"
        );
        exchange.write(answer.as_bytes()).await?;
        let mut socket =
            WebSocketStream::from_raw_socket(exchange.stream, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() || message.is_binary() {
                socket.send(message).await.map_err(std::io::Error::other)?;
            }
        }
        Ok(None)
    });
}

/// Asks for a WebSocket; gets it, or the status of the refusal.
pub(crate) async fn open(
    gate: &TestGate,
    path: &str,
    fields: &[(&str, &str)],
) -> Result<Socket, u16> {
    let mut wire = gate.wire().await;
    let key = generate_key();
    let mut request = format!(
        "GET {path} HTTP/1.1\r\nhost: portal.test\r\nconnection: keep-alive, Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n"
    );
    for (name, value) in fields {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    wire.send(request + "\r\n").await;
    let head = wire.head().await;
    if status(&head) != 101 {
        return Err(status(&head));
    }
    assert_eq!(head.one("sec-websocket-accept"), Some(&*derive_accept_key(key.as_bytes())));
    assert!(head.one("upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket")));
    assert!(head.one("connection").is_some_and(|to| to.eq_ignore_ascii_case("upgrade")));
    assert!(wire.0.buffer().is_empty());
    Ok(WebSocketStream::from_raw_socket(wire.0.into_inner(), Role::Client, None).await)
}

pub(crate) async fn open_by(gate: &TestGate, path: &str, cookie: &Cookie) -> Result<Socket, u16> {
    open(gate, path, &[("cookie", &cookie.0), ("origin", gate.origin())]).await
}

pub(crate) async fn says_and_hears(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text)).await.unwrap();
    let heard = within("an echo", socket.next()).await.unwrap().unwrap();
    assert_eq!(heard, Message::Text(Utf8Bytes::from(text)));
}

/// Is still there when the question has been asked again.
pub(crate) async fn stays(socket: &mut Socket) {
    let since = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    while since.elapsed() < SOON {
        ticks.tick().await;
        says_and_hears(socket, "still here").await;
    }
}

/// Waits for the end of a socket; tells how long that took.
pub(crate) async fn ends(socket: &mut Socket) -> Duration {
    let since = Instant::now();
    within("the end of a WebSocket", async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                break;
            }
        }
    })
    .await;
    since.elapsed()
}
