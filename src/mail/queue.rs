//! The records of mails to portal users: which are due, and how each attempt to send one ended.
//!
//! A mail's record is written by the directory, in the commit that writes the one-time link that
//! the mail is for. It waits until it is due, is handed to a transport, and ends as
//!
//! - *sent*;
//! - *failed*: the next attempt would come after the link expires, or no attempt can succeed;
//! - *not needed*: the link is no longer the user's;
//! - *unconfirmed*: the mail server may have accepted it.
//!
//! The pause between attempts grows. The link's token is sealed while the mail waits, and removed
//! when it ends.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::error::SendError;
use crate::credential::token::PlainToken;
use crate::directory::access::password_links::MailedLink;
use crate::directory::error::AttemptError;
use crate::directory::records::{Mail, MailKind, MailState, Stored, retry};
use crate::directory::{Actor, Change, Directory, DirectoryError, MailId};
use portcullis_store::{Key, StoreError};

mod view;

pub use view::MailView;

/// The pauses after each attempt; the last is used for all further ones.
const PAUSES: [SignedDuration; 5] = [
    SignedDuration::from_secs(30),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(8),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
];
/// How many records are read at a time.
const BATCH: usize = 200;
/// The longest error message that is kept, in characters.
const LONGEST_ERROR: usize = 500;

const EXPIRED: &str = "the link expired before the mail could be sent";
const TOO_LATE: &str = "it could not be sent for three days";
const UNREADABLE: &str = "the link cannot be read: it was sealed with another secret key";

/// The records of mails. Clones share them.
#[derive(Debug, Clone)]
pub struct MailQueue {
    directory: Directory,
}

/// The mails that are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DueMails {
    /// Their ids, at most as many as were asked for. Resets come first, because their users wait for
    /// them, but neither they nor all others get more than half while the other has mails that are
    /// due.
    pub(super) ids: Vec<MailId>,
    /// When the next of the others is due; now, if more were due than were asked for.
    pub(super) next: Option<Timestamp>,
}

/// A mail to send now.
#[derive(Debug, Clone)]
pub(super) struct OpenMail {
    pub(super) id: MailId,
    pub(super) mail: Mail,
    /// The token of the link in it, if it has one.
    pub(super) token: Option<PlainToken>,
}

/// Some of the mails in a state.
struct Batch {
    mails: Vec<Stored<Mail>>,
    /// The id to continue after; `None` in the last batch.
    last: Option<String>,
}

impl MailQueue {
    /// The mails of this directory.
    #[must_use]
    pub fn new(directory: Directory) -> Self {
        Self { directory }
    }

    /// The mails that are due, at most `limit`.
    pub(super) async fn due(&self, now: Timestamp, limit: usize) -> Result<DueMails, StoreError> {
        let mut resets = BTreeSet::new();
        let mut invitations = BTreeSet::new();
        let mut next: Option<Timestamp> = None;
        let mut after = None;
        loop {
            let batch = self.batch(MailState::WAITING, after.as_deref()).await?;
            for mail in batch.mails {
                let MailState::Waiting { next: at } = mail.doc.state else { continue };
                if at > now {
                    next = Some(next.map_or(at, |earliest| earliest.min(at)));
                    continue;
                }
                let due = match mail.doc.occasion {
                    MailKind::Invitation | MailKind::AccountChanged | MailKind::Impersonation => {
                        &mut invitations
                    }
                    MailKind::Reset => &mut resets,
                };
                due.insert((at, mail.id));
                if due.len() > limit {
                    due.pop_last();
                    next = Some(now);
                }
            }
            after = batch.last;
            if after.is_none() {
                break;
            }
        }
        if resets.len() + invitations.len() > limit {
            next = Some(now);
        }
        // Half, and what the invitations leave of theirs.
        let share = (limit - limit / 2).max(limit.saturating_sub(invitations.len()));
        let due = resets.into_iter().take(share).chain(invitations).take(limit);
        Ok(DueMails { ids: due.map(|(_, id)| id).collect(), next })
    }

    /// The mail with this id, if it is due and its link is still valid. A mail whose link is not
    /// ends: the link has expired, another one has replaced it, it was used or withdrawn, it would
    /// be sent to another address now, or the user was deleted.
    pub(super) async fn open(
        &self,
        id: &MailId,
        now: Timestamp,
    ) -> Result<Option<OpenMail>, DirectoryError> {
        let records = self.directory.records();
        retry(|| async {
            let Some(mail) = records.read().get::<Mail>(id).await? else { return Ok(None) };
            match mail.doc.state {
                MailState::Waiting { next } if next <= now => {}
                _ => return Ok(None),
            }
            let failed = |why: &str| Mail {
                last_error: Some(why.to_owned()),
                ..mail.doc.completed(MailState::Failed { at: now })
            };
            let opened =
                |token| Ok(Some(OpenMail { id: mail.id.clone(), mail: mail.doc.clone(), token }));
            if mail.doc.occasion.link().is_none() && now < mail.doc.expires {
                return opened(None);
            }
            let link = match mail.doc.occasion.link() {
                Some(_) => self.directory.password_links().mailed(&mail, now).await?,
                None => MailedLink::Expired,
            };
            let doc = match link {
                MailedLink::Valid(token) => return opened(Some(token)),
                MailedLink::Expired if mail.doc.occasion.link().is_none() => {
                    failed(mail.doc.last_error.as_deref().unwrap_or(TOO_LATE))
                }
                MailedLink::Expired => failed(mail.doc.last_error.as_deref().unwrap_or(EXPIRED)),
                MailedLink::Unreadable => failed(UNREADABLE),
                MailedLink::Replaced => mail.doc.completed(MailState::NotNeeded { at: now }),
            };
            self.replace(&mail, doc, &outbox(now)).await?;
            Ok(None)
        })
        .await
    }

    /// Records that a transport has accepted a mail.
    pub(super) async fn sent(&self, id: &MailId, now: Timestamp) -> Result<(), DirectoryError> {
        self.attempted(id, now, |mail| Mail {
            attempts: mail.attempts.saturating_add(1),
            last_error: None,
            ..mail.completed(MailState::Sent { at: now })
        })
        .await
    }

    /// Records that a mail was not sent, and when to try again: never, if its link will have
    /// expired by then. A mail that may have been sent is not tried again by itself.
    pub(super) async fn not_sent(
        &self,
        id: &MailId,
        error: &SendError,
        now: Timestamp,
    ) -> Result<(), DirectoryError> {
        self.attempted(id, now, |mail| {
            let attempts = mail.attempts.saturating_add(1);
            let last_error = Some(on_one_line(error.message()));
            let tried = Mail { attempts, last_error, ..mail.clone() };
            let next = now.saturating_add(pause(attempts)).unwrap_or(Timestamp::MAX);
            match error {
                SendError::Transient(_) if next < mail.expires => {
                    Mail { state: MailState::Waiting { next }, ..tried }
                }
                SendError::Transient(_) | SendError::Permanent(_) => {
                    tried.completed(MailState::Failed { at: now })
                }
                // Another attempt might send a second copy, so an operator decides. The token is
                // kept for that.
                SendError::Unconfirmed(_) => {
                    Mail { state: MailState::Unconfirmed { at: now }, ..tried }
                }
            }
        })
        .await
    }

    /// Removes records of mails that ended long enough ago; returns how many.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn remove_expired(&self, now: Timestamp) -> Result<usize, DirectoryError> {
        let change = Change::new(Actor::System("removal of expired mails"), now);
        let mut removed = 0;
        for state in MailState::NAMES {
            let mut after = None;
            loop {
                let batch = self.batch(state, after.as_deref()).await?;
                for mail in batch.mails {
                    let kept = mail.doc.occasion.retention();
                    let ended = mail.doc.state.ended_at();
                    if ended.is_none_or(|at| now.duration_since(at) <= kept) {
                        continue;
                    }
                    let committed = self.directory.records().commit(&change, vec![mail.delete()]);
                    match committed.await.map_err(AttemptError::from) {
                        Ok(_) => removed += 1,
                        // It has changed; the next run looks at it again.
                        Err(AttemptError::Conflict) => {}
                        Err(AttemptError::Failed(error)) => return Err(error),
                    }
                }
                after = batch.last;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(removed)
    }

    /// Some of the mails in a state, in order of id, without damaged ones.
    async fn batch(&self, state: &str, after: Option<&str>) -> Result<Batch, StoreError> {
        let key = Key::new("state", state);
        let reader = self.directory.records().read();
        let records = reader.records::<Mail>(Some(&key), after, BATCH).await?;
        let last = records.last().filter(|_| records.len() == BATCH);
        let last = last.map(|record| record.id.clone());
        let mails = records.into_iter().filter_map(Stored::decode_intact).collect();
        Ok(Batch { mails, last })
    }

    /// Records the outcome of an attempt, if the mail is still waiting.
    async fn attempted(
        &self,
        id: &MailId,
        now: Timestamp,
        outcome: impl Fn(&Mail) -> Mail,
    ) -> Result<(), DirectoryError> {
        retry(|| async {
            let reader = self.directory.records().read();
            let Some(mail) = reader.get::<Mail>(id).await? else { return Ok(()) };
            if mail.doc.state.ended_at().is_some() {
                return Ok(());
            }
            self.replace(&mail, outcome(&mail.doc), &outbox(now)).await?;
            Ok(())
        })
        .await
    }

    async fn replace(
        &self,
        mail: &Stored<Mail>,
        doc: Mail,
        change: &Change,
    ) -> Result<Stored<Mail>, AttemptError> {
        let (write, changed) = mail.replace(doc);
        self.directory.records().commit(change, vec![write]).await?;
        Ok(changed)
    }
}

/// A change that the outbox makes.
fn outbox(now: Timestamp) -> Change {
    Change::new(Actor::System("outbox"), now)
}

/// The pause after this many attempts.
fn pause(attempts: u32) -> SignedDuration {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let [.., last] = PAUSES;
    PAUSES.get(index).copied().unwrap_or(last)
}

/// An error message for a table: one line, and not too long.
fn on_one_line(error: &str) -> String {
    let line: String = error
        .chars()
        .map(|c| if portcullis_policy::breaks_line(c) { ' ' } else { c })
        .take(LONGEST_ERROR)
        .collect();
    line.trim().to_owned()
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
