//! Runs one HTTP connection to its end, on either plane.
//!
//! When shutdown begins, HTTP/2 clients are sent GOAWAY, and responses of HTTP/1 say
//! `Connection: close` ([`say_close`]). A client that has no request open may have sent one that has
//! not arrived yet, so its connection stays open for [`LAST_REQUEST`].

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use http::{HeaderValue, Response, StatusCode, header};
use tokio::time::{Sleep, sleep};

use super::connection_state::{ActiveRequest, ConnectionState};
use super::connection_tracker::{ConnectionGuard, LAST_REQUEST};
use super::http2_idle::{Http2IdleTimer, IdleAction};

/// Runs a connection until it ends; one with an `idle` timer is of HTTP/2. When shutdown begins, or
/// an HTTP/2 connection is idle, `graceful_shutdown` asks hyper to finish what is in flight and take
/// no more requests.
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
    let (mut registered, mut last) = (false, None);
    poll_fn(|cx: &mut Context<'_>| {
        if !registered {
            // Polling takes a lock that all connections share, and a task's waker stays the same:
            // once is enough to be woken, and the flag is read from then on.
            let _ = shutdown.as_mut().poll(cx);
            registered = true;
        }
        if last.is_none() && guard.is_shutting_down() {
            state.begin_shutdown();
            if idle.is_some() {
                graceful_shutdown(connection.as_mut());
            }
            last = Some(LastRequest::default());
        }
        // What has come in completely is read before the state is looked at.
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(ended);
        }
        if let Some(last) = &mut last {
            if state.is_closing() {
                return Poll::Ready(Ok(()));
            }
            if last.poll_over(state, cx).is_ready() {
                if state.can_drop() {
                    return Poll::Ready(Ok(()));
                }
                // A client of HTTP/2 answers GOAWAY when it has sent its last request.
                if idle.is_none() {
                    graceful_shutdown(connection.as_mut());
                    cx.waker().wake_by_ref();
                }
            }
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

/// The response to a request of HTTP/1, after which the connection is closed if shutdown has begun.
pub(super) fn say_close<B>(mut response: Response<B>, active: &ActiveRequest) -> Response<B> {
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if active.connection().is_shutting_down() && !switches {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The time that a client has for a last request.
#[derive(Debug, Default)]
struct LastRequest {
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether the head of a request had begun when the timer was set.
    in_head: bool,
    over: bool,
}

impl LastRequest {
    /// Ready once: when no request is open, and the client has sent nothing for [`LAST_REQUEST`], or
    /// the head of a request is not complete that long after its first byte.
    fn poll_over(&mut self, state: &ConnectionState, cx: &mut Context<'_>) -> Poll<()> {
        let in_head = state.in_head();
        if self.over || !(in_head || state.is_idle()) {
            self.timer = None;
            return Poll::Pending;
        }
        if self.in_head != in_head {
            self.timer = None;
        }
        self.in_head = in_head;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(LAST_REQUEST)));
        ready!(timer.as_mut().poll(cx));
        self.over = true;
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    async fn over(last: &mut LastRequest, state: &ConnectionState) -> Duration {
        let start = Instant::now();
        poll_fn(|cx| last.poll_over(state, cx)).await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connection_has_time_for_a_last_request() {
        let state = ConnectionState::default();
        let mut last = LastRequest::default();
        let took = over(&mut last, &state).await;
        assert!((LAST_REQUEST..LAST_REQUEST * 2).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn head_that_begins_late_has_time_to_be_completed() {
        let state = ConnectionState::default();
        let mut last = LastRequest::default();
        let soon = LAST_REQUEST - Duration::from_millis(10);
        assert!(tokio::time::timeout(soon, over(&mut last, &state)).await.is_err());
        state.head_started(b"GET /a HTTP/1.1\r\n");
        assert!(tokio::time::timeout(soon, over(&mut last, &state)).await.is_err());
        let took = over(&mut last, &state).await;
        assert!(
            took <= Duration::from_millis(20),
            "a head that is not completed is not waited for"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn open_request_is_waited_for() {
        let state = ConnectionState::default();
        let request = state.request_started(false);
        let mut last = LastRequest::default();
        let long = LAST_REQUEST * 10;
        assert!(tokio::time::timeout(long, over(&mut last, &state)).await.is_err());
        drop(request);
        let took = over(&mut last, &state).await;
        assert!((LAST_REQUEST..LAST_REQUEST * 2).contains(&took), "{took:?}");
    }

    #[test]
    fn responses_say_close_once_shutdown_has_begun() {
        let state = ConnectionState::default();
        let request = state.request_started(false);
        let said = |status: u16| {
            let response = Response::builder().status(status).body(()).unwrap();
            say_close(response, &request).headers().get("connection").cloned()
        };
        assert_eq!(said(200), None);
        state.begin_shutdown();
        assert_eq!(said(200).unwrap(), "close");
        assert_eq!(said(101), None, "the connection is another protocol's");
    }
}
