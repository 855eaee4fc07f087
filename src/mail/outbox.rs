//! The task that sends the mails that are due.
//!
//! In each round it sends the due mails one after the other, then waits until another is due or one
//! is committed. A mail's record is read again just before it is sent, because its link may have
//! been used or replaced.
//!
//! The store may be readable but not writable. The outcome of an attempt is then kept in memory
//! until it can be recorded, and the mail is not sent again before that. A mail that cannot be sent
//! does not delay others.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::error::SendError;
use super::message::Composer;
use super::queue::MailQueue;
use super::transport::Transport;
use crate::clock;
use crate::directory::records::kind;
use crate::directory::{Directory, DirectoryError, MailId, UserId};
use crate::tasks::caught;
use portcullis_store::feed::Follower;
use portcullis_store::{Change, StoreError};

/// The most mails in a round. The next round may have more urgent ones.
const ROUND: usize = 100;
/// The wait after the store was unavailable.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// The longest wait between two rounds, whatever happens to the clock.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

const DAMAGED: &str = "a record that the mail depends on is damaged; the log names it";

/// Wakes the outbox when a mail's record is written. It follows the change feed.
#[derive(Debug, Default)]
pub struct OutboxWaker(Notify);

#[async_trait]
impl Follower for OutboxWaker {
    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.iter().any(|change| change.kind == kind::MAIL) {
            self.0.notify_one();
        }
        Ok(())
    }

    async fn start_over(&self) -> Result<(), StoreError> {
        self.0.notify_one();
        Ok(())
    }
}

/// Sends the mails of a directory.
pub struct Outbox {
    queue: MailQueue,
    sending: Arc<ArcSwap<Sending>>,
    waker: Arc<OutboxWaker>,
    /// The outcomes that are not recorded yet.
    unrecorded: Mutex<BTreeMap<MailId, Outcome>>,
}

/// How mails are composed and sent.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) composer: Arc<Composer>,
    pub(super) transport: Box<dyn Transport>,
}

/// The outcome of an attempt.
#[derive(Debug, Clone)]
struct Outcome {
    user: Option<UserId>,
    result: Result<(), SendError>,
    at: Timestamp,
}

impl Outbox {
    pub(super) fn new(
        directory: Directory,
        sending: Arc<ArcSwap<Sending>>,
        waker: Arc<OutboxWaker>,
    ) -> Self {
        let queue = MailQueue::new(directory);
        Self { queue, sending, waker, unrecorded: Mutex::default() }
    }

    /// Sends mails until `stop` is cancelled; then finishes the one that is being sent.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let wait = match self.round(&clock::now, &stop).await {
                Ok(next) => next.map_or(LONGEST_WAIT, |next| until(next, clock::now())),
                Err(error) => {
                    tracing::warn!(%error, "could not read the waiting emails; trying again");
                    RETRY_AFTER
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.waker.0.notified() => {}
                () = time::sleep(wait) => {}
            }
        }
    }

    /// Sends the mails that are due; returns when the next one is, or when to try again after an
    /// error.
    pub(super) async fn round(
        &self,
        clock: &(dyn Fn() -> Timestamp + Sync),
        stop: &CancellationToken,
    ) -> Result<Option<Timestamp>, DirectoryError> {
        let mut complete = true;
        let unrecorded = self.unrecorded.lock().clone();
        for (id, outcome) in &unrecorded {
            complete &= self.record(id, outcome).await;
        }
        let now = clock();
        let due = self.queue.due(now, ROUND).await?;
        for id in &due.ids {
            if stop.is_cancelled() {
                break;
            }
            if self.unrecorded.lock().contains_key(id) {
                continue;
            }
            complete &= self.send(id, clock).await;
        }
        Ok(if complete { due.next } else { Some(now.saturating_add(RETRY_AFTER).unwrap_or(now)) })
    }

    /// Tries to send a mail; returns whether the outcome is recorded.
    async fn send(&self, id: &MailId, clock: &(dyn Fn() -> Timestamp + Sync)) -> bool {
        let now = clock();
        let (user, result) = match self.queue.open(id, now).await {
            Ok(None) => return true,
            Ok(Some(open)) => {
                let Sending { composer, transport } = &*self.sending.load_full();
                let sending = async {
                    match composer.compose(&open, now) {
                        Ok(mail) => transport.send(&mail).await,
                        Err(error) => Err(error),
                    }
                };
                let result = caught(sending).await.unwrap_or_else(|panic| {
                    Err(SendError::Transient(format!("internal error: {panic}")))
                });
                (Some(open.mail.user), result)
            }
            Err(error) => {
                tracing::warn!(mail.id = %id, %error, "could not read an email");
                if !matches!(error, DirectoryError::Store(StoreError::Damaged { .. })) {
                    return false;
                }
                // Only this mail is affected, so it waits like one that could not be sent.
                (None, Err(SendError::Transient(DAMAGED.to_owned())))
            }
        };
        self.record(id, &Outcome { user, result, at: clock() }).await
    }

    /// Records the outcome of an attempt; keeps it in memory if that fails.
    async fn record(&self, id: &MailId, outcome: &Outcome) -> bool {
        let recorded = match &outcome.result {
            Ok(()) => self.queue.sent(id, outcome.at).await,
            Err(error) => self.queue.not_sent(id, error, outcome.at).await,
        };
        if let Err(error) = recorded {
            let sent = outcome.result.is_ok();
            tracing::warn!(
                mail.id = %id, sent, %error,
                "could not record whether an email was sent; trying again"
            );
            self.unrecorded.lock().insert(id.clone(), outcome.clone());
            return false;
        }
        self.unrecorded.lock().remove(id);
        let user = outcome.user.as_ref().map(UserId::as_str);
        match &outcome.result {
            Ok(()) => tracing::info!(mail.id = %id, user.id = user, "an email was sent"),
            Err(SendError::Transient(error) | SendError::Permanent(error)) => {
                tracing::warn!(mail.id = %id, user.id = user, error, "an email was not sent");
            }
            Err(SendError::Unconfirmed(error)) => {
                tracing::warn!(mail.id = %id, user.id = user, error, "an email may have been sent: unconfirmed");
            }
        }
        true
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("sending", &self.sending.load()).finish_non_exhaustive()
    }
}

fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO).min(LONGEST_WAIT)
}
