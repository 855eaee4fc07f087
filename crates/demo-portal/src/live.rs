//! Long-lived connections: the chat's WebSocket and the event stream.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, Stream, StreamExt, stream};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::broadcast::error::RecvError;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use super::page::{Block, Page};
use super::portal::{Line, Portal};
use super::visitor::Visitor;

/// The longest message of the chat; a longer one closes it.
const LONGEST_LINE: usize = 64 * 1024;

pub(super) async fn chat(visitor: Visitor) -> Response {
    Page::new("Chat")
        .lead("Everyone in your organization who has this page open can read along.")
        .with(Block::Chat)
        .show(&visitor)
}

/// Opens the WebSocket. Each message is sent to everyone in the same organization, including the
/// sender.
pub(super) async fn socket(
    State(portal): State<Portal>,
    visitor: Visitor,
    mut request: Request,
) -> Response {
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let (Some(accept), Some(upgrade)) = (accept_key(&request), upgrade) else {
        return (
            StatusCode::UPGRADE_REQUIRED,
            [(header::UPGRADE, "websocket")],
            "this address accepts WebSockets only\n",
        )
            .into_response();
    };
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => converse(portal, visitor, upgraded).await,
            Err(error) => tracing::debug!(%error, "cannot open a chat"),
        }
    });
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// Sends an event at once, then one every second, until the client leaves or the portal stops.
pub(super) async fn events(
    State(portal): State<Portal>,
    visitor: Visitor,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ticks = tokio::time::interval(Duration::from_secs(1));
    let events = stream::unfold((ticks, 0_u64), move |(mut ticks, count)| {
        let name = visitor.name().to_owned();
        async move {
            ticks.tick().await;
            let data = serde_json::json!({ "count": count, "for": name }).to_string();
            let event = Event::default().event("tick").id(count.to_string()).data(data);
            Some((Ok(event), (ticks, count + 1)))
        }
    });
    Sse::new(events.take_until(portal.closing.cancelled_owned()))
}

/// The `Sec-WebSocket-Accept` of a WebSocket handshake (RFC 6455, section 4.2.2); `None` for any
/// other request.
fn accept_key(request: &Request) -> Option<HeaderValue> {
    let headers = request.headers();
    let handshake = request.method() == Method::GET
        && names(headers, &header::CONNECTION, "upgrade")
        && names(headers, &header::UPGRADE, "websocket")
        && headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| handshake)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

/// Whether a comma-separated header contains a token.
fn names(headers: &HeaderMap, header: &header::HeaderName, word: &str) -> bool {
    headers
        .get_all(header)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(word))
}

async fn converse(portal: Portal, visitor: Visitor, upgraded: Upgraded) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LONGEST_LINE))
        .max_frame_size(Some(LONGEST_LINE));
    let mut socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let mut heard = portal.chat.subscribe();
    let welcome = format!("Welcome, {}. We will be with you shortly.", visitor.name());
    if socket.send(Message::text(welcome)).await.is_err() {
        return;
    }
    loop {
        let outgoing = tokio::select! {
            () = portal.closing.cancelled() => break,
            incoming = socket.next() => match incoming {
                Some(Ok(Message::Text(said))) => {
                    let text = format!("{}: {said}", visitor.name());
                    let organization = visitor.organization().to_owned();
                    // Cannot fail: this socket is a subscriber.
                    let _sent = portal.chat.send(Line { organization, text });
                    continue;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => continue,
            },
            line = heard.recv() => match line {
                Ok(line) if line.organization == visitor.organization() => line.text,
                Ok(_) | Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => break,
            },
        };
        if socket.send(Message::text(outgoing)).await.is_err() {
            return;
        }
    }
    // The client may have left already.
    let _closed = socket.close(None).await;
}
