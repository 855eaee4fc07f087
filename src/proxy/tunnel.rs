//! WebSockets: after the portal has answered 101, bytes go both ways until one side, or the
//! policy, ends it. Nothing the client sends before the 101 reaches the portal.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Method, Request, Response, Version};
use http_body::Body;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::Notify;

use super::Hold;
use super::body::{ReplyBody, ResponseBody};
use super::lease::Lease;
use super::watch::{Ear, Watch};

/// How long one side may send nothing after the other has ended. A WebSocket is closed by a message,
/// so the rest is only what is still on its way.
const AFTER_THE_OTHER: Duration = Duration::from_secs(5);

/// One side of a tunnel.
struct Side<'a, S> {
    stream: S,
    /// Notes what the client sends.
    ear: Option<Ear>,
    traffic: &'a Traffic,
}

/// What both sides of a tunnel have sent.
#[derive(Default)]
struct Traffic {
    pieces: AtomicU64,
    ended: Notify,
}

/// Why a tunnel ended before either side closed it.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Upgrade(#[from] hyper::Error),
    #[error(transparent)]
    Stream(#[from] io::Error),
}

/// Whether the request asks to become a WebSocket (RFC 6455, 4.1), which has no body. Any other
/// upgrade is ignored, as a server may (RFC 9110, 7.8): it never reaches the portal.
pub(super) fn asks_for_websocket<B: Body>(request: &Request<B>) -> bool {
    let fields = request.headers();
    let Some(upgrade) = fields.get(header::UPGRADE) else { return false };
    // HTTP/1.0 has none (RFC 9110, 7.8), HTTP/2 another way.
    request.version() == Version::HTTP_11
        && *request.method() == Method::GET
        && request.body().is_end_stream()
        && is_websocket(upgrade)
        && fields.get_all(header::CONNECTION).iter().any(|line| {
            line.as_bytes()
                .split(|b| *b == b',')
                .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        })
}

/// Whether a 101 switches to a WebSocket, and to nothing else.
pub(super) fn switches_to_websocket<B>(response: &Response<B>) -> bool {
    response.headers().get(header::UPGRADE).is_some_and(is_websocket)
}

fn is_websocket(upgrade: &HeaderValue) -> bool {
    upgrade.as_bytes().eq_ignore_ascii_case(b"websocket")
}

/// Passes the portal's 101 on and joins the two connections when both have switched.
pub(super) fn open(
    client: OnUpgrade,
    hold: Hold,
    response: Response<ResponseBody>,
    mut watch: Watch,
    ear: Ear,
) -> Response<ReplyBody> {
    let (mut head, body) = response.into_parts();
    head.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    head.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Some(portal) = body.into_lease() {
        tokio::spawn(async move {
            let _hold = hold;
            tokio::select! {
                ended = join(client, portal, ear) => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a WebSocket broke off");
                    }
                }
                () = watch.revoked() => {
                    tracing::info!("a WebSocket was closed: it is no longer permitted");
                }
            }
        });
    }
    Response::from_parts(head, ReplyBody::Own(axum::body::Body::empty()))
}

async fn join(client: OnUpgrade, portal: Lease, ear: Ear) -> Result<(), Broken> {
    let traffic = Traffic::default();
    let stream = TokioIo::new(client.await?);
    let mut client = Side { stream, ear: Some(ear), traffic: &traffic };
    let Some((stream, said, _slot)) = portal.into_stream() else { return Ok(()) };
    let mut portal = Side { stream, ear: None, traffic: &traffic };
    client.write_all(&said).await?;
    client.flush().await?;
    tokio::select! {
        copied = tokio::io::copy_bidirectional(&mut client, &mut portal) => copied.map(drop)?,
        () = traffic.dies_away() => {}
    }
    Ok(())
}

impl Traffic {
    /// Waits until one side has ended and the other sends nothing.
    async fn dies_away(&self) {
        self.ended.notified().await;
        loop {
            let before = self.pieces.load(Ordering::Relaxed);
            tokio::time::sleep(AFTER_THE_OTHER).await;
            if self.pieces.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Side<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.traffic.pieces.fetch_add(1, Ordering::Relaxed);
            if let Some(ear) = &self.ear {
                ear.hear();
            }
        } else if read.is_ready() {
            self.traffic.ended.notify_one();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Side<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
