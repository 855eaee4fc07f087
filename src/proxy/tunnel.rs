//! WebSockets: after the portal has answered 101, bytes go both ways until either side ends it, or
//! the re-check does (I7). Nothing that the client sends before the 101 reaches the portal.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Response;
use http::header::{self, HeaderValue};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio_util::io::InspectReader;

use super::connection::Hold;
use super::lease::Lease;
use super::question::is_websocket;
use super::response_body::{ReplyBody, ResponseBody};
use super::watch::{ActivityFlag, End, Watch};

/// How long one side may send nothing after the other has ended. A WebSocket is closed by a message,
/// so what is left is only in transit.
const LINGER: Duration = Duration::from_secs(5);

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
            tokio::select! {
                ended = join(client, portal, activity) => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a WebSocket ended with an error");
                    }
                }
                end = watch.end() => match end {
                    End::Revoked => {
                        tracing::info!("a WebSocket was closed: it is no longer permitted");
                    }
                    End::Shutdown => {
                        tracing::info!("a WebSocket was closed: the gateway is shutting down");
                    }
                },
            }
        });
    }
    Response::from_parts(head, ReplyBody::Own(axum::body::Body::empty()))
}

async fn join(client: OnUpgrade, portal: Lease, activity: ActivityFlag) -> Result<(), TunnelError> {
    let traffic = Traffic::default();
    let mut client = InspectReader::new(TokioIo::new(client.await?), |read: &[u8]| {
        traffic.note(read);
        if !read.is_empty() {
            activity.set();
        }
    });
    let Some((stream, read, _slot)) = portal.into_stream() else { return Ok(()) };
    let mut portal = InspectReader::new(stream, |read: &[u8]| traffic.note(read));
    client.write_all(&read).await?;
    client.flush().await?;
    tokio::select! {
        copied = tokio::io::copy_bidirectional(&mut client, &mut portal) => copied.map(drop)?,
        () = traffic.ended_and_quiet() => {}
    }
    Ok(())
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
