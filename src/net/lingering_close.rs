//! Lingering close: reads on after the last response while the client may still be sending.
//!
//! When the last request has a body, as with an upload that is refused, the client may not have
//! read the response yet. Closing a socket that holds unread bytes resets the connection, and the
//! reset may discard the response (RFC 9112, section 9.6). So the rest is read and thrown away.

use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A client that sends nothing for this long has stopped. Noticed up to as much later.
const PAUSE: Duration = Duration::from_secs(1);
/// Upper bound on reading the rest of the request.
const LIMIT: Duration = Duration::from_secs(5);

/// Reads the rest of the request.
#[derive(Debug)]
pub(super) struct LingeringClose {
    timer: Pin<Box<Sleep>>,
    deadline: Instant,
    /// Whether something has come since the timer was set.
    received: bool,
}

impl LingeringClose {
    pub(super) fn new() -> Self {
        let deadline = Instant::now() + LIMIT;
        Self { timer: Box::pin(sleep(PAUSE)), deadline, received: false }
    }

    /// Ready when the client has stopped sending or five seconds have passed.
    pub(super) fn poll_done<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            let mut buffer = [MaybeUninit::uninit(); 8 * 1024];
            let mut buffer = ReadBuf::uninit(&mut buffer);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.received = true;
                    // The timer is not polled while the client sends without a pause.
                    if Instant::now() >= self.deadline {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(Ok(()) | Err(_)) => return Poll::Ready(()),
                Poll::Pending => {
                    ready!(self.timer.as_mut().poll(cx));
                    let now = Instant::now();
                    if !std::mem::take(&mut self.received) || now >= self.deadline {
                        return Poll::Ready(());
                    }
                    self.timer.as_mut().reset(self.deadline.min(now + PAUSE));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn client_that_keeps_sending_is_read_for_up_to_five_seconds() {
        let duration = |chunks: usize| async move {
            let (mut client, mut server) = tokio::io::duplex(10);
            let start = Instant::now();
            let mut lingering = LingeringClose::new();
            let client = async {
                for _ in 0..chunks {
                    if client.write_all(&[0; 10]).await.is_err() {
                        break;
                    }
                    sleep(Duration::from_millis(100)).await;
                }
                client
            };
            tokio::select! {
                () = poll_fn(|cx| lingering.poll_done(&mut server, cx)) => {}
                () = async {
                    let _open = client.await;
                    std::future::pending().await
                } => {}
            }
            start.elapsed()
        };
        assert_eq!(duration(0).await.as_secs(), PAUSE.as_secs());
        let short = duration(1).await;
        assert!((PAUSE..PAUSE * 3).contains(&short), "{short:?}");
        let long = duration(usize::MAX).await;
        assert!((LIMIT..LIMIT * 2).contains(&long), "{long:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn connection_that_the_client_closed_ends_at_once() {
        let (mut client, mut server) = tokio::io::duplex(1000);
        client.write_all(&[0; 500]).await.unwrap();
        drop(client);
        let start = Instant::now();
        let mut lingering = LingeringClose::new();
        poll_fn(|cx| lingering.poll_done(&mut server, cx)).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
