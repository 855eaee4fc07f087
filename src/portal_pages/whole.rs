//! A request to a page of ours, read whole before anything is done about it.
//!
//! Forms are small and sent at once. A client that keeps one back would otherwise hold a connection
//! for as long as it likes, and be judged by the time at which it began: one-time links that have
//! expired since, and pauses after wrong passwords that have not passed, would count as they did
//! then.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::{Request, StatusCode, header};
use http_body::Body as _;
use jiff::SignedDuration;
use tokio::time::{Instant, timeout};

use crate::web::Visitor;

/// Why there is no whole request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Incomplete {
    /// The client took too long.
    Late,
    /// It is larger than any form of ours, or broke off.
    Unreadable,
}

impl Incomplete {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::Unreadable => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads the body, of at most `largest` bytes, for at most `patience`, and moves the visitor's time
/// on by how long that took.
///
/// # Errors
/// When there is no whole body by then.
pub(super) async fn read(
    request: Request<Body>,
    visitor: &mut Visitor,
    largest: usize,
    patience: Duration,
) -> Result<Request<Body>, Incomplete> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    let (mut parts, body) = request.into_parts();
    let mut reading = pin!(to_bytes(body, largest));
    // Most forms have come along with their head.
    let at_once = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await;
    let bytes = match at_once {
        Poll::Ready(read) => read,
        Poll::Pending => {
            let began = Instant::now();
            let read = timeout(patience, reading).await.map_err(|_| Incomplete::Late)?;
            let took = SignedDuration::try_from(began.elapsed()).unwrap_or(SignedDuration::MAX);
            visitor.now = visitor.now.saturating_add(took).unwrap_or(visitor.now);
            read
        }
    }
    .map_err(|_| Incomplete::Unreadable)?;
    // What remains of the framing would no longer be true.
    parts.headers.remove(header::TRANSFER_ENCODING);
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use futures_util::{StreamExt as _, stream};
    use jiff::Timestamp;
    use tokio::time::sleep;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn visitor() -> Visitor {
        Visitor {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            request_id: "request-1".to_owned(),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    /// A form in two pieces, the second of which is kept back.
    fn kept_back(pause: Duration) -> Request<Body> {
        let second = stream::once(async move {
            sleep(pause).await;
            Ok::<_, std::io::Error>("word=x")
        });
        Request::new(Body::from_stream(stream::iter([Ok("pass")]).chain(second)))
    }

    #[tokio::test(start_paused = true)]
    async fn i6_a_form_is_judged_by_the_time_at_which_it_has_been_read() {
        let mut visitor = visitor();
        let request = kept_back(Duration::from_secs(7));
        let request = read(request, &mut visitor, 100, PATIENCE).await.unwrap();
        assert_eq!(visitor.now.as_second(), 7);
        assert_eq!(to_bytes(request.into_body(), 100).await.unwrap(), "password=x");
    }

    #[tokio::test(start_paused = true)]
    async fn a_form_is_not_waited_for_longer_than_a_head() {
        let request = kept_back(Duration::from_secs(11));
        let incomplete = read(request, &mut visitor(), 100, PATIENCE).await.unwrap_err();
        assert_eq!(incomplete, Incomplete::Late);
    }

    #[tokio::test(start_paused = true)]
    async fn a_form_larger_than_any_of_ours_is_not_kept() {
        let request = kept_back(Duration::ZERO);
        let incomplete = read(request, &mut visitor(), 9, PATIENCE).await.unwrap_err();
        assert_eq!(incomplete, Incomplete::Unreadable);
    }
}
