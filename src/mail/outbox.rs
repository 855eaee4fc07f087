//! The task that sends what is due.
//!
//! A round takes the letters whose time has come, one after the other; then it waits for the next
//! time, or for the bell, which rings when a letter is committed. A letter is read again before it
//! is sent: what has become of it meanwhile counts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::message::Writer;
use super::transport::Carrier;
use crate::clock;
use crate::directory::letters::NotSent;
use crate::directory::{Directory, DirectoryError};
use crate::store::feed::Follower;
use crate::store::{Change, Kind, StoreError};

/// After so many letters the outbox is looked at again: what came meanwhile may be more urgent.
const ROUND: usize = 100;
/// How long to wait when the store does not answer.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest wait, whatever the clock does meanwhile.
const LONGEST: Duration = Duration::from_secs(3600);

/// Rings when a letter is written or changed. It follows the change feed.
#[derive(Debug, Default)]
pub struct Bell(Notify);

#[async_trait]
impl Follower for Bell {
    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.iter().any(|change| change.kind == Kind::Letter) {
            self.0.notify_one();
        }
        Ok(())
    }

    async fn start_over(&self) -> Result<(), StoreError> {
        self.0.notify_one();
        Ok(())
    }
}

/// Sends the letters of a directory.
pub struct Outbox {
    directory: Directory,
    writer: Writer,
    carrier: Box<dyn Carrier>,
    bell: Arc<Bell>,
}

impl Outbox {
    pub(super) fn new(
        directory: Directory,
        writer: Writer,
        carrier: Box<dyn Carrier>,
        bell: Arc<Bell>,
    ) -> Self {
        Self { directory, writer, carrier, bell }
    }

    /// Sends what is due, until it is stopped; a letter that is on its way then arrives first.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let wait = match self.round(&clock::now, &stop).await {
                Ok(next) => next.map_or(LONGEST, |next| until(next, clock::now())),
                Err(error) => {
                    tracing::warn!(%error, "mails that wait cannot be read; trying again");
                    PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.bell.0.notified() => {}
                () = time::sleep(wait) => {}
            }
        }
    }

    /// Sends the letters whose time has come; answers when there will be others.
    pub(super) async fn round(
        &self,
        clock: &(dyn Fn() -> Timestamp + Sync),
        stop: &CancellationToken,
    ) -> Result<Option<Timestamp>, DirectoryError> {
        let now = clock();
        let due = self.directory.due_letters(now).await?;
        for id in due.ids.iter().take(ROUND) {
            if stop.is_cancelled() {
                break;
            }
            self.send(id, clock).await?;
        }
        Ok(if due.ids.len() > ROUND { Some(now) } else { due.next })
    }

    async fn send(
        &self,
        id: &str,
        clock: &(dyn Fn() -> Timestamp + Sync),
    ) -> Result<(), DirectoryError> {
        let now = clock();
        let Some(open) = self.directory.open_letter(id, now).await? else {
            return Ok(());
        };
        let sent = match self.writer.write(&open, now) {
            Ok(mail) => self.carrier.carry(&mail).await.map_err(NotSent::Yet),
            Err(why) => Err(why),
        };
        match sent {
            Ok(()) => {
                self.directory.letter_sent(id, clock()).await?;
                tracing::info!(mail = id, user = open.letter.user, "a mail was sent");
            }
            Err(why) => {
                self.directory.letter_not_sent(id, &why, clock()).await?;
                let (NotSent::Yet(error) | NotSent::Ever(error)) = &why;
                tracing::warn!(mail = id, user = open.letter.user, error, "a mail was not sent");
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("carrier", &self.carrier).finish_non_exhaustive()
    }
}

fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO).min(LONGEST)
}
