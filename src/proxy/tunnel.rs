//! WebSockets: after the portal has answered 101, bytes go both ways until either side ends it, or
//! the re-check does (I7). Nothing that the client sends before the 101 reaches the portal. At shutdown,
//! the client is sent a close frame with the code 1012.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::Response;
use http::header::{self, HeaderValue};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio_util::io::{InspectReader, InspectWriter};

use super::connection::Hold;
use super::frame_ends::FrameEnds;
use super::lease::Lease;
use super::question::is_websocket;
use super::response_body::{ReplyBody, ResponseBody};
use super::watch::{ActivityFlag, End, Watch};

/// How long one side may send nothing after the other has ended. A WebSocket is closed by a message,
/// so what is left is only in transit.
const LINGER: Duration = Duration::from_secs(5);

/// At shutdown, how long to wait for the end of a frame that the portal is sending.
const FRAME_END: Duration = Duration::from_millis(250);
/// At shutdown, how long the client may take to get the close frame and close the connection.
const CLOSE: Duration = Duration::from_millis(500);
/// A close frame with the code 1012, *Service Restart* (IANA registry of RFC 6455): clients connect
/// again after a moment.
const SERVICE_RESTART: [u8; 4] = [0x88, 2, 0x03, 0xF4];

/// Counts what both sides of a tunnel send.
#[derive(Default)]
struct Traffic {
    reads: AtomicU64,
    ended: Notify,
}

/// Why a tunnel ended before either side closed it.
#[derive(Debug, thiserror::Error)]
enum TunnelError {
    #[error(transparent)]
    Upgrade(#[from] hyper::Error),
    #[error(transparent)]
    Stream(#[from] io::Error),
}

/// Whether a 101 switches to a WebSocket, and to nothing else.
pub(super) fn switches_to_websocket<B>(response: &Response<B>) -> bool {
    response.headers().get(header::UPGRADE).is_some_and(is_websocket)
}

/// Passes the portal's 101 on, and connects both sides once the client has switched.
pub(super) fn open(
    client: OnUpgrade,
    hold: Hold,
    response: Response<ResponseBody>,
    mut watch: Watch,
    activity: ActivityFlag,
) -> Response<ReplyBody> {
    let (mut head, body) = response.into_parts();
    head.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    head.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Some(portal) = body.into_lease() {
        tokio::spawn(async move {
            let _hold = hold;
            if let Err(error) = connect(client, portal, &mut watch, activity).await {
                tracing::debug!(%error, "a WebSocket ended with an error");
            }
        });
    }
    Response::from_parts(head, ReplyBody::Own(axum::body::Body::empty()))
}

/// Connects both sides until either ends it or the watch does, and logs why it does. At shutdown, the
/// client gets a close frame.
async fn connect(
    client: OnUpgrade,
    portal: Lease,
    watch: &mut Watch,
    activity: ActivityFlag,
) -> Result<(), TunnelError> {
    let client = tokio::select! {
        client = client => TokioIo::new(client?),
        end = watch.end() => {
            log(end);
            return Ok(());
        }
    };
    let traffic = Traffic::default();
    let frames = Mutex::new(FrameEnds::default());
    let client = InspectReader::new(client, |read: &[u8]| {
        traffic.note(read);
        if !read.is_empty() {
            activity.set();
        }
    });
    let mut client = InspectWriter::new(client, |written: &[u8]| frames.lock().note(written));
    let end = {
        let mut joined = pin!(join(&mut client, portal, &traffic));
        let end = tokio::select! {
            ended = &mut joined => return ended,
            end = watch.end() => end,
        };
        // Before the client is waited for, which may take longer than the shutdown.
        log(end);
        if end == End::Shutdown {
            let _ = tokio::time::timeout(FRAME_END, frame_end(joined, &frames)).await;
        }
        end
    };
    if end == End::Shutdown && frames.lock().may_send() {
        // The client may have gone, or may not read.
        let _ = tokio::time::timeout(CLOSE, close(&mut client)).await;
    }
    Ok(())
}

/// Logs why a watch has ended a WebSocket.
fn log(end: End) {
    match end {
        End::Revoked => tracing::info!("a WebSocket was closed: it is no longer permitted"),
        End::Shutdown => tracing::info!("a WebSocket was closed: the gateway is shutting down"),
    }
}

async fn join<C>(client: &mut C, portal: Lease, traffic: &Traffic) -> Result<(), TunnelError>
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    let Some((stream, read, _slot)) = portal.into_stream() else { return Ok(()) };
    let mut portal = InspectReader::new(stream, |read: &[u8]| traffic.note(read));
    client.write_all(&read).await?;
    client.flush().await?;
    tokio::select! {
        copied = tokio::io::copy_bidirectional(client, &mut portal) => copied.map(drop)?,
        () = traffic.ended_and_quiet() => {}
    }
    Ok(())
}

/// Passes bytes on until another frame may be sent to the client, or the tunnel has ended.
async fn frame_end(
    mut joined: Pin<&mut impl Future<Output = Result<(), TunnelError>>>,
    frames: &Mutex<FrameEnds>,
) {
    poll_fn(|cx| {
        let is_over = frames.lock().may_send()
            || joined.as_mut().poll(cx).is_ready()
            || frames.lock().may_send();
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Sends the client a close frame, and reads until it closes the connection: with unread bytes, it
/// would be reset, and the client might not see the frame.
async fn close<C: AsyncRead + AsyncWrite + Unpin>(client: &mut C) -> io::Result<()> {
    client.write_all(&SERVICE_RESTART).await?;
    client.shutdown().await?;
    tokio::io::copy(client, &mut tokio::io::sink()).await.map(drop)
}

impl Traffic {
    /// Notes a read from one side; an empty one is its end.
    fn note(&self, read: &[u8]) {
        if read.is_empty() {
            self.ended.notify_one();
        } else {
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until one side has ended and the other sends nothing.
    async fn ended_and_quiet(&self) {
        self.ended.notified().await;
        loop {
            let before = self.reads.load(Ordering::Relaxed);
            tokio::time::sleep(LINGER).await;
            if self.reads.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}
