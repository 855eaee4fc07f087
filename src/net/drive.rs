//! Runs one HTTP connection to its end, on either plane.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use super::connection_state::ConnectionState;
use super::connection_tracker::ConnectionGuard;
use super::http2_idle::{Http2IdleTimer, IdleAction};

/// Runs a connection until it ends. When shutdown begins, or an HTTP/2 connection is idle,
/// `graceful_shutdown` asks hyper to finish what is in flight and take no more requests.
pub(super) async fn drive<C, E>(
    connection: C,
    guard: &ConnectionGuard,
    state: &ConnectionState,
    mut idle: Option<Http2IdleTimer>,
    graceful_shutdown: impl Fn(Pin<&mut C>),
) -> Result<(), E>
where
    C: Future<Output = Result<(), E>>,
{
    let mut connection = pin!(connection);
    let mut shutdown = pin!(guard.shutdown());
    let (mut registered, mut shutting_down) = (false, false);
    poll_fn(|cx: &mut Context<'_>| {
        if !registered {
            // Polling takes a lock that all connections share, and a task's waker stays the same:
            // once is enough to be woken, and the flag is read from then on.
            let _ = shutdown.as_mut().poll(cx);
            registered = true;
        }
        let begins = !shutting_down && guard.is_shutting_down();
        if begins {
            shutting_down = true;
            graceful_shutdown(connection.as_mut());
        }
        // What has come in completely is read before the state is looked at.
        let ended = connection.as_mut().poll(cx);
        let dropped = (begins && state.can_drop()) || (shutting_down && state.is_closing());
        if ended.is_ready() || dropped {
            return Poll::Ready(match ended {
                Poll::Ready(ended) => ended,
                Poll::Pending => Ok(()),
            });
        }
        match idle.as_mut().map_or(Poll::Pending, |idle| idle.poll_idle(cx)) {
            Poll::Ready(IdleAction::Close) => Poll::Ready(Ok(())),
            Poll::Ready(IdleAction::GoAway) => {
                graceful_shutdown(connection.as_mut());
                // Poll again at once, so that GOAWAY is sent.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
