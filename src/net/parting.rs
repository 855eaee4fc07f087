//! The end of a connection whose client may be sending still.
//!
//! When the last answer has gone and its request has a body, as with an upload that is refused, the
//! client is read from for a while: a socket that is closed with something unread in it is reset,
//! and a reset may take the answer with it (RFC 9112, 9.6).

use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// One that has sent nothing for so long has stopped; that is told by as much again late.
const STOPPED_AFTER: Duration = Duration::from_secs(1);
/// For so long at most is what it sends read away.
const READ_AWAY_FOR: Duration = Duration::from_secs(5);

/// Reads away what comes after the end.
#[derive(Debug)]
pub(super) struct Parting {
    timer: Pin<Box<Sleep>>,
    until: Instant,
    /// Whether something has come since the timer was set.
    sends: bool,
}

impl Parting {
    pub(super) fn new() -> Self {
        let until = Instant::now() + READ_AWAY_FOR;
        Self { timer: Box::pin(sleep(STOPPED_AFTER)), until, sends: false }
    }

    /// Reads away what the client sends; ready when it has stopped, or has been given its time.
    pub(super) fn poll_over<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            let mut unread = [MaybeUninit::uninit(); 8 * 1024];
            let mut unread = ReadBuf::uninit(&mut unread);
            match Pin::new(&mut *stream).poll_read(cx, &mut unread) {
                Poll::Ready(Ok(())) if !unread.filled().is_empty() => {
                    self.sends = true;
                    // One that never pauses never lets the timer be looked at.
                    if Instant::now() >= self.until {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(Ok(()) | Err(_)) => return Poll::Ready(()),
                Poll::Pending => {
                    ready!(self.timer.as_mut().poll(cx));
                    let now = Instant::now();
                    if !std::mem::take(&mut self.sends) || now >= self.until {
                        return Poll::Ready(());
                    }
                    self.timer.as_mut().reset(self.until.min(now + STOPPED_AFTER));
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
    async fn a_client_that_is_still_sending_is_read_from_for_a_while() {
        let ends = |pieces: usize| async move {
            let (mut client, mut server) = tokio::io::duplex(10);
            let since = Instant::now();
            let mut parting = Parting::new();
            let client = async {
                for _ in 0..pieces {
                    if client.write_all(&[0; 10]).await.is_err() {
                        break;
                    }
                    sleep(Duration::from_millis(100)).await;
                }
                client
            };
            tokio::select! {
                () = poll_fn(|cx| parting.poll_over(&mut server, cx)) => {}
                () = async {
                    let _open = client.await;
                    std::future::pending().await
                } => {}
            }
            since.elapsed()
        };
        assert_eq!(ends(0).await.as_secs(), STOPPED_AFTER.as_secs());
        let short = ends(1).await;
        assert!((STOPPED_AFTER..STOPPED_AFTER * 3).contains(&short), "{short:?}");
        let long = ends(usize::MAX).await;
        assert!((READ_AWAY_FOR..READ_AWAY_FOR * 2).contains(&long), "{long:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_gone_is_not_waited_for() {
        let (mut client, mut server) = tokio::io::duplex(1000);
        client.write_all(&[0; 500]).await.unwrap();
        drop(client);
        let since = Instant::now();
        let mut parting = Parting::new();
        poll_fn(|cx| parting.poll_over(&mut server, cx)).await;
        assert_eq!(since.elapsed(), Duration::ZERO);
    }
}
