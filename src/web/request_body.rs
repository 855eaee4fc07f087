//! The body of a request to one of our own pages, read completely before anything is done.
//!
//! Forms are small and sent at once. Without a time limit, a client that holds one back would keep a
//! connection for as long as it likes, and the form would be processed with the time at which it
//! began: with one-time links that have expired since, and pauses after wrong passwords that have
//! passed since.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::{Request, StatusCode, header};
use http_body::Body as _;
use jiff::SignedDuration;
use tokio::time::{Instant, timeout};

use super::Visitor;

/// Why the body is not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incomplete {
    /// It took too long.
    Late,
    /// It is larger than any form of ours, or broke off.
    Unreadable,
}

impl Incomplete {
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::Unreadable => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads a body of at most `max_bytes` within `max_time`, and advances the visitor's time by how
/// long that took.
///
/// # Errors
/// When the body is not complete by then.
pub(crate) async fn read(
    request: Request<Body>,
    visitor: &mut Visitor,
    max_bytes: usize,
    max_time: Duration,
) -> Result<Request<Body>, Incomplete> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    let (mut parts, body) = request.into_parts();
    let mut reading = pin!(to_bytes(body, max_bytes));
    // Most forms arrive together with the head.
    let at_once = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await;
    let bytes = match at_once {
        Poll::Ready(read) => read,
        Poll::Pending => {
            let began = Instant::now();
            let read = timeout(max_time, reading).await.map_err(|_| Incomplete::Late)?;
            let took = SignedDuration::try_from(began.elapsed()).unwrap_or(SignedDuration::MAX);
            visitor.now = visitor.now.saturating_add(took).unwrap_or(visitor.now);
            read
        }
    }
    .map_err(|_| Incomplete::Unreadable)?;
    // The body is no longer chunked.
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

    const MAX_TIME: Duration = Duration::from_secs(10);

    fn visitor() -> Visitor {
        Visitor {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            request_id: "request-1".to_owned(),
            now: Timestamp::UNIX_EPOCH,
            host: "portal.example".to_owned(),
        }
    }

    /// A form in two pieces, the second of which is held back.
    fn held_back(pause: Duration) -> Request<Body> {
        let second = stream::once(async move {
            sleep(pause).await;
            Ok::<_, std::io::Error>("word=x")
        });
        Request::new(Body::from_stream(stream::iter([Ok("pass")]).chain(second)))
    }

    #[tokio::test(start_paused = true)]
    async fn i6_a_form_is_processed_with_the_time_of_its_arrival() {
        let mut visitor = visitor();
        let request = held_back(Duration::from_secs(7));
        let request = read(request, &mut visitor, 100, MAX_TIME).await.unwrap();
        assert_eq!(visitor.now.as_second(), 7);
        assert_eq!(to_bytes(request.into_body(), 100).await.unwrap(), "password=x");
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_form_is_refused() {
        let request = held_back(Duration::from_secs(11));
        let incomplete = read(request, &mut visitor(), 100, MAX_TIME).await.unwrap_err();
        assert_eq!(incomplete, Incomplete::Late);
    }

    #[tokio::test(start_paused = true)]
    async fn a_too_large_form_is_refused() {
        let request = held_back(Duration::ZERO);
        let incomplete = read(request, &mut visitor(), 9, MAX_TIME).await.unwrap_err();
        assert_eq!(incomplete, Incomplete::Unreadable);
    }
}
