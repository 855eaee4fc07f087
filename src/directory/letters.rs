//! Mails to portal users, from the moment somebody is owed one: the outbox's records.
//!
//! A letter is written in the commit that makes the one-time link it carries, so neither is ever
//! there without the other. The token waits sealed and is wiped when the letter is done with. What
//! a letter says, and how it travels, is not known here.
//!
//! A letter waits until its time, is handed to a transport, and ends in one of four ways: sent;
//! failed, when no further try would come before its link expires, or none would help; not needed,
//! when the link it carries is no longer the user's; unconfirmed, when nobody knows whether the
//! server took it. Between tries it waits longer and longer.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::credential::token::PlainToken;
use crate::directory::error::Stopped;
use crate::directory::id::MailId;
use crate::directory::kind;
use crate::directory::one_time::store_only;
use crate::directory::record::User;
use crate::directory::records::{Stored, attempt, get, intact};
use crate::directory::{Directory, DirectoryError};
use portcullis_store::{Key, StoreError};

mod letter;
mod view;

pub use letter::{Letter, LetterState, Occasion};
pub use view::LetterView;

/// How long a letter waits after each try; the last again and again.
const PAUSES: [SignedDuration; 5] = [
    SignedDuration::from_secs(30),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(8),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
];
/// So many records are read at once.
const AT_ONCE: usize = 200;
/// How much is kept of what a transport said.
const LONGEST_ERROR: usize = 500;

/// The letters whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueLetters {
    /// Their ids, as many as were asked for: those that somebody sits and waits for first, but of
    /// neither occasion more than half while the other has letters that are due.
    pub ids: Vec<MailId>,
    /// When the next of the others is due; now, if more were due than were asked for.
    pub next: Option<Timestamp>,
}

/// A letter that is to be sent now, and its token in the clear.
#[derive(Debug, Clone)]
pub struct OpenLetter {
    /// Its id.
    pub id: MailId,
    /// What it is about.
    pub letter: Letter,
    /// The token of the link in it.
    pub token: PlainToken,
}

/// A part of the letters in a state.
struct Read {
    letters: Vec<Stored<Letter>>,
    /// Where the next part begins; none on the last.
    last: Option<String>,
}

/// Why a letter was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSent {
    /// It may be another time.
    Yet(String),
    /// It never will be.
    Ever(String),
    /// Nobody knows: it may have been.
    Unknown(String),
}

impl NotSent {
    /// What was said.
    #[must_use]
    pub fn why(&self) -> &str {
        let (Self::Yet(why) | Self::Ever(why) | Self::Unknown(why)) = self;
        why
    }
}

impl Directory {
    /// The letters whose time has come, `most` of them at most.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn due_letters(&self, now: Timestamp, most: usize) -> Result<DueLetters, StoreError> {
        let mut resets = BTreeSet::new();
        let mut invitations = BTreeSet::new();
        let mut next: Option<Timestamp> = None;
        let mut after = None;
        loop {
            let read = self.read_letters(LetterState::WAITING, after.as_deref()).await?;
            for letter in read.letters {
                let LetterState::Waiting { next: at } = letter.doc.state else { continue };
                if at > now {
                    next = Some(next.map_or(at, |earliest| earliest.min(at)));
                    continue;
                }
                let due = match letter.doc.occasion {
                    Occasion::Invitation => &mut invitations,
                    Occasion::Reset => &mut resets,
                };
                due.insert((at, letter.id));
                if due.len() > most {
                    due.pop_last();
                    next = Some(now);
                }
            }
            after = read.last;
            if after.is_none() {
                break;
            }
        }
        if resets.len() + invitations.len() > most {
            next = Some(now);
        }
        // What the other does not use of its half.
        let share = (most - most / 2).max(most.saturating_sub(invitations.len()));
        let due = resets.into_iter().take(share).chain(invitations).take(most);
        Ok(DueLetters { ids: due.map(|(_, id)| id).collect(), next })
    }

    /// The letter with this id, if it is still to be sent now. One that has become worthless
    /// meanwhile is ended: its link has expired, or is not the user's any more, because another
    /// has taken its place, it was claimed or withdrawn, its address is not the user's any more, or
    /// the user is gone.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn open_letter(
        &self,
        id: &MailId,
        now: Timestamp,
    ) -> Result<Option<OpenLetter>, DirectoryError> {
        attempt(|| async {
            let Some(letter) = get::<Letter>(self.store(), id).await? else { return Ok(None) };
            match letter.doc.state {
                LetterState::Waiting { next } if next <= now => {}
                _ => return Ok(None),
            }
            let user = get::<User>(self.store(), &letter.doc.user).await?;
            let link = match &user {
                Some(user) => self
                    .standing_link(letter.doc.occasion, &user.doc)
                    .await
                    .or_else(|error| store_only(error).map(|()| None))?
                    .map(|(link, _)| link),
                None => None,
            };
            let sealed = letter.doc.token.as_deref();
            let token = sealed.and_then(|sealed| self.judges.one_time.open(sealed, &letter.id));
            let doc = match (token, link) {
                (Some(token), Some(link)) if link.token == token.hash().to_string() => {
                    if now < letter.doc.expires && now < link.expires {
                        return Ok(Some(OpenLetter { id: letter.id, letter: letter.doc, token }));
                    }
                    Letter {
                        last_error: letter.doc.last_error.clone().or_else(|| Some(EXPIRED.into())),
                        ..letter.doc.done(LetterState::Failed { at: now })
                    }
                }
                // Sealed by another key: the installation has been given a new one.
                (None, Some(_)) => Letter {
                    last_error: Some(UNREADABLE.to_owned()),
                    ..letter.doc.done(LetterState::Failed { at: now })
                },
                (_, _) => letter.doc.done(LetterState::NotNeeded { at: now }),
            };
            self.replace_letter(&letter, doc).await?;
            Ok(None)
        })
        .await
    }

    /// Notes that a transport has taken a letter.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn letter_sent(&self, id: &MailId, now: Timestamp) -> Result<(), DirectoryError> {
        self.letter_tried(id, |letter| Letter {
            attempts: letter.attempts.saturating_add(1),
            last_error: None,
            ..letter.done(LetterState::Sent { at: now })
        })
        .await
    }

    /// Notes that a letter was not sent, and when it is tried again. It is given up when its link
    /// will have expired by then. One that may have been sent is not tried again by itself.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn letter_not_sent(
        &self,
        id: &MailId,
        why: &NotSent,
        now: Timestamp,
    ) -> Result<(), DirectoryError> {
        self.letter_tried(id, |letter| {
            let attempts = letter.attempts.saturating_add(1);
            let last_error = Some(on_a_line(why.why()));
            let tried = Letter { attempts, last_error, ..letter.clone() };
            let next = now.saturating_add(pause(attempts)).unwrap_or(Timestamp::MAX);
            match why {
                NotSent::Yet(_) if next < letter.expires => {
                    Letter { state: LetterState::Waiting { next }, ..tried }
                }
                NotSent::Yet(_) | NotSent::Ever(_) => tried.done(LetterState::Failed { at: now }),
                // Another try might be another copy, so a person decides; its token stays for that.
                NotSent::Unknown(_) => {
                    Letter { state: LetterState::Unconfirmed { at: now }, ..tried }
                }
            }
        })
        .await
    }

    /// Removes letters that have been done with for a while; answers how many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sweep_letters(&self, now: Timestamp) -> Result<usize, DirectoryError> {
        let mut removed = 0;
        for state in LetterState::NAMES {
            let mut after = None;
            loop {
                let read = self.read_letters(state, after.as_deref()).await?;
                for letter in read.letters {
                    let kept = letter.doc.occasion.kept();
                    let done = letter.doc.state.done_at();
                    if done.is_none_or(|at| now.duration_since(at) <= kept) {
                        continue;
                    }
                    // One that has changed meanwhile is looked at again the next time.
                    match self.commit(vec![letter.delete()]).await.map_err(Stopped::from) {
                        Ok(_) => removed += 1,
                        Err(Stopped::Raced) => {}
                        Err(Stopped::Failed(error)) => return Err(error),
                    }
                }
                after = read.last;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(removed)
    }

    /// Some of the letters in a state, those after a place, without those that are damaged.
    async fn read_letters(&self, state: &str, after: Option<&str>) -> Result<Read, StoreError> {
        let key = Key::new("state", state);
        let records = self.store().list(kind::LETTER, Some(&key), after, AT_ONCE).await?;
        let last = records.last().filter(|_| records.len() == AT_ONCE);
        let last = last.map(|record| record.id.clone());
        Ok(Read { letters: records.into_iter().filter_map(intact).collect(), last })
    }

    /// Notes how a try ended, if the letter is still waiting for one.
    async fn letter_tried(
        &self,
        id: &MailId,
        tried: impl Fn(&Letter) -> Letter,
    ) -> Result<(), DirectoryError> {
        attempt(|| async {
            let Some(letter) = get::<Letter>(self.store(), id).await? else { return Ok(()) };
            if letter.doc.state.done_at().is_some() {
                return Ok(());
            }
            self.replace_letter(&letter, tried(&letter.doc)).await?;
            Ok(())
        })
        .await
    }

    async fn replace_letter(
        &self,
        letter: &Stored<Letter>,
        doc: Letter,
    ) -> Result<Stored<Letter>, Stopped> {
        let (write, changed) = letter.replace(doc);
        self.commit(vec![write]).await?;
        Ok(changed)
    }
}

const EXPIRED: &str = "the link expired before the mail could be sent";
const UNREADABLE: &str =
    "the link cannot be read: the secret key is not the one it was sealed with";

/// How long to wait after so many tries.
fn pause(attempts: u32) -> SignedDuration {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let [.., last] = PAUSES;
    PAUSES.get(index).copied().unwrap_or(last)
}

/// What a transport said, fit for a table.
fn on_a_line(error: &str) -> String {
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
