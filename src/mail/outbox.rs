//! The task that sends what is due.
//!
//! A round takes the letters whose time has come, one after the other; then it waits for the next
//! time, or for the bell, which rings when a letter is committed. A letter is read again before it
//! is sent: what has become of it meanwhile counts.
//!
//! A store may read and not write. What came of a try is then remembered until it can be noted,
//! and the letter not touched before: nobody gets it again and again. What is wrong with one
//! letter keeps no other back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::message::Writer;
use super::transport::Carrier;
use crate::clock;
use crate::directory::kind;
use crate::directory::letters::NotSent;
use crate::directory::{Directory, DirectoryError, MailId, UserId};
use crate::tasks::caught;
use portcullis_store::feed::Follower;
use portcullis_store::{Change, StoreError};

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
        if changes.iter().any(|change| change.kind == kind::LETTER) {
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
    unnoted: Mutex<BTreeMap<MailId, Tried>>,
}

/// What came of a try.
#[derive(Debug, Clone)]
struct Tried {
    user: Option<UserId>,
    outcome: Result<(), NotSent>,
    at: Timestamp,
}

impl Outbox {
    pub(super) fn new(
        directory: Directory,
        writer: Writer,
        carrier: Box<dyn Carrier>,
        bell: Arc<Bell>,
    ) -> Self {
        Self { directory, writer, carrier, bell, unnoted: Mutex::default() }
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

    /// Sends the letters whose time has come; answers when there will be others, or when to look
    /// again because something went wrong.
    pub(super) async fn round(
        &self,
        clock: &(dyn Fn() -> Timestamp + Sync),
        stop: &CancellationToken,
    ) -> Result<Option<Timestamp>, DirectoryError> {
        let mut troubled = false;
        let unnoted = self.unnoted.lock().clone();
        for (id, tried) in &unnoted {
            troubled |= !self.note(id, tried).await;
        }
        let now = clock();
        let due = self.directory.due_letters(now, ROUND).await?;
        for id in &due.ids {
            if stop.is_cancelled() {
                break;
            }
            if self.unnoted.lock().contains_key(id) {
                continue;
            }
            troubled |= !self.send(id, clock).await;
        }
        Ok(if troubled { Some(now.saturating_add(PAUSE).unwrap_or(now)) } else { due.next })
    }

    /// Tries a letter; answers whether what came of it is noted.
    async fn send(&self, id: &MailId, clock: &(dyn Fn() -> Timestamp + Sync)) -> bool {
        let now = clock();
        let (user, outcome) = match self.directory.open_letter(id, now).await {
            Ok(None) => return true,
            Ok(Some(open)) => {
                let sending = async {
                    match self.writer.write(&open, now) {
                        Ok(mail) => self.carrier.carry(&mail).await,
                        Err(why) => Err(why),
                    }
                };
                let outcome = caught(sending).await.unwrap_or_else(|panic| {
                    Err(NotSent::Yet(format!("a fault of the gateway: {panic}")))
                });
                (Some(open.letter.user), outcome)
            }
            Err(error) => {
                tracing::warn!(mail = %id, %error, "a mail cannot be read");
                // The store is there, but not for this one: it waits like one that was not taken.
                if !matches!(error, DirectoryError::Store(StoreError::Damaged { .. })) {
                    return false;
                }
                (None, Err(NotSent::Yet(DAMAGED.to_owned())))
            }
        };
        self.note(id, &Tried { user, outcome, at: clock() }).await
    }

    /// Notes what came of a try; remembers it when that cannot be done.
    async fn note(&self, id: &MailId, tried: &Tried) -> bool {
        let noted = match &tried.outcome {
            Ok(()) => self.directory.letter_sent(id, tried.at).await,
            Err(why) => self.directory.letter_not_sent(id, why, tried.at).await,
        };
        if let Err(error) = noted {
            let taken = tried.outcome.is_ok();
            tracing::warn!(mail = %id, taken, %error, "a mail was tried, which cannot be noted yet");
            self.unnoted.lock().insert(id.clone(), tried.clone());
            return false;
        }
        self.unnoted.lock().remove(id);
        let user = tried.user.as_ref().map(UserId::as_str);
        match &tried.outcome {
            Ok(()) => tracing::info!(mail = %id, user, "a mail was sent"),
            Err(NotSent::Yet(error) | NotSent::Ever(error)) => {
                tracing::warn!(mail = %id, user, error, "a mail was not sent");
            }
            Err(NotSent::Unknown(error)) => {
                tracing::warn!(mail = %id, user, error, "a mail may have been sent: unconfirmed");
            }
        }
        true
    }
}

const DAMAGED: &str = "a record that it needs is damaged; the log says which";

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("carrier", &self.carrier).finish_non_exhaustive()
    }
}

fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO).min(LONGEST)
}
