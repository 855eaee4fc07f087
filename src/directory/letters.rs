//! Mails to portal users, from the moment somebody is owed one: the outbox's records.
//!
//! A letter is written in the commit that makes the one-time link it carries, so neither is ever
//! there without the other. The token waits sealed and is wiped when the letter is done with. What
//! a letter says, and how it travels, is not known here.
//!
//! A letter waits until its time, is handed to a transport, and ends in one of three ways: sent;
//! failed, when no further try would come before its link expires, or none would help; not needed,
//! when the link it carries is not the user's any more. Between tries it waits longer and longer.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::credential::token::PlainToken;
use crate::directory::error::Stopped;
use crate::directory::one_time::store_only;
use crate::directory::page::{Page, PageRequest};
use crate::directory::record::{Document, User};
use crate::directory::records::{Stored, attempt, existing, get, intact, page};
use crate::directory::{Directory, DirectoryError, Refusal};
use crate::store::{Key, Kind, StoreError};

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

/// A mail to a portal user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Why it is written.
    pub occasion: Occasion,
    /// The id of the portal user it is about.
    pub user: String,
    /// The user's login, as it was then.
    pub login: String,
    /// The name of the user's organization, as it was then.
    pub organization: String,
    /// The address it goes to.
    pub to: String,
    /// Who gets a blind copy (R41).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind_copy: Option<String>,
    /// The language to write it in, as a tag (RFC 5646); the installation's own if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The token of the link in it, sealed for the letter's id; gone when the letter is done with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// From when on the link is worthless, and the letter not worth sending.
    pub expires: Timestamp,
    /// When it was written.
    pub written: Timestamp,
    /// How far it has come.
    pub state: LetterState,
    /// How often it has been handed to the transport.
    pub attempts: u32,
    /// What the transport said the last time it did not take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// Why a letter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// To choose a first password (R40).
    Invitation,
    /// To choose another password in place of a forgotten one (R33).
    Reset,
}

/// How far a letter has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LetterState {
    /// To be sent at this time or later.
    Waiting {
        /// When it is tried next.
        next: Timestamp,
    },
    /// Taken by the transport.
    Sent {
        /// When.
        at: Timestamp,
    },
    /// Given up.
    Failed {
        /// When.
        at: Timestamp,
    },
    /// Not sent, because its link was not the user's any more.
    NotNeeded {
        /// When that was found.
        at: Timestamp,
    },
}

impl Occasion {
    /// How long a letter that is done with stays to be looked at. Anybody may ask for a reset.
    const fn kept(self) -> SignedDuration {
        match self {
            Self::Invitation => SignedDuration::from_hours(30 * 24),
            Self::Reset => SignedDuration::from_hours(24),
        }
    }
}

impl LetterState {
    /// The names of all states.
    pub const NAMES: [&str; 4] = ["waiting", "sent", "failed", "not_needed"];

    /// The name of the state.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Sent { .. } => "sent",
            Self::Failed { .. } => "failed",
            Self::NotNeeded { .. } => "not_needed",
        }
    }

    const fn done_at(self) -> Option<Timestamp> {
        match self {
            Self::Waiting { .. } => None,
            Self::Sent { at } | Self::Failed { at } | Self::NotNeeded { at } => Some(at),
        }
    }
}

impl Letter {
    /// The letter when it is done with: nobody can read the token in it any more.
    fn done(&self, state: LetterState) -> Self {
        Self { state, token: None, ..self.clone() }
    }
}

impl Document for Letter {
    const KIND: Kind = Kind::Letter;

    fn index(&self) -> Vec<Key> {
        vec![Key::new("state", self.state.name()), Key::new("user", self.user.as_str())]
    }
}

/// A letter as administrators see it, without its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LetterView {
    /// Its id.
    pub id: String,
    /// Why it is written.
    pub occasion: Occasion,
    /// The id of the portal user it is about.
    pub user: String,
    /// The user's login, as it was then.
    pub login: String,
    /// The name of the user's organization, as it was then.
    pub organization: String,
    /// The address it goes to.
    pub to: String,
    /// Who gets a blind copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blind_copy: Option<String>,
    /// How far it has come: `state`, and `next` or `at`.
    #[serde(flatten)]
    pub state: LetterState,
    /// How often it has been tried.
    pub attempts: u32,
    /// What went wrong the last time it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was written.
    pub written: Timestamp,
    /// From when on its link is worthless.
    pub expires: Timestamp,
    /// The version of its record.
    pub version: u64,
}

impl From<Stored<Letter>> for LetterView {
    fn from(letter: Stored<Letter>) -> Self {
        let Stored { id, version, doc } = letter;
        Self {
            id,
            occasion: doc.occasion,
            user: doc.user,
            login: doc.login,
            organization: doc.organization,
            to: doc.to,
            blind_copy: doc.blind_copy,
            state: doc.state,
            attempts: doc.attempts,
            last_error: doc.last_error,
            written: doc.written,
            expires: doc.expires,
            version,
        }
    }
}

/// The letters whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueLetters {
    /// Their ids, as many as were asked for: those that somebody sits and waits for first, but of
    /// neither occasion more than half while the other has letters that are due.
    pub ids: Vec<String>,
    /// When the next of the others is due; now, if more were due than were asked for.
    pub next: Option<Timestamp>,
}

/// A letter that is to be sent now, and its token in the clear.
#[derive(Debug, Clone)]
pub struct OpenLetter {
    /// Its id.
    pub id: String,
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
}

impl Directory {
    /// The letters, a page at a time; those in the state of this name if one is given.
    ///
    /// # Errors
    /// When there is no such state, or the store does not answer.
    pub async fn letters(
        &self,
        state: Option<&str>,
        request: &PageRequest,
    ) -> Result<Page<LetterView>, DirectoryError> {
        if state.is_some_and(|state| !LetterState::NAMES.contains(&state)) {
            let known = LetterState::NAMES.join(", ");
            return Err(DirectoryError::invalid("state", format!("must be one of {known}")));
        }
        let key = state.map(|state| Key::new("state", state));
        Ok(page::<Letter>(self.store(), key.as_ref(), request).await?.map(LetterView::from))
    }

    /// The letter with this id.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or when the store does not answer.
    pub async fn show_letter(&self, id: &str) -> Result<LetterView, DirectoryError> {
        Ok(existing::<Letter>(self.store(), id, None).await?.into())
    }

    /// Lets a waiting letter be tried now.
    ///
    /// # Errors
    /// When there is no such letter, it is not at the expected version, or it is done with: its
    /// token is gone.
    pub async fn retry_letter(
        &self,
        id: &str,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<LetterView, DirectoryError> {
        let changed = attempt(|| async {
            let letter = existing::<Letter>(self.store(), id, expected).await?;
            if letter.doc.state.done_at().is_some() {
                return Err(DirectoryError::from(Refusal::letter_done(&letter.doc)).into());
            }
            let doc = Letter { state: LetterState::Waiting { next: now }, ..letter.doc.clone() };
            self.replace_letter(&letter, doc).await
        })
        .await?;
        Ok(changed.into())
    }

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
            let read = self.read_letters(LetterState::NAMES[0], after.as_deref()).await?;
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
        id: &str,
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
    pub async fn letter_sent(&self, id: &str, now: Timestamp) -> Result<(), DirectoryError> {
        self.letter_tried(id, |letter| Letter {
            attempts: letter.attempts.saturating_add(1),
            last_error: None,
            ..letter.done(LetterState::Sent { at: now })
        })
        .await
    }

    /// Notes that a letter was not sent, and when it is tried again. It is given up when its link
    /// will have expired by then.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn letter_not_sent(
        &self,
        id: &str,
        why: &NotSent,
        now: Timestamp,
    ) -> Result<(), DirectoryError> {
        self.letter_tried(id, |letter| {
            let attempts = letter.attempts.saturating_add(1);
            let (NotSent::Yet(error) | NotSent::Ever(error)) = why;
            let tried = Letter { attempts, last_error: Some(on_a_line(error)), ..letter.clone() };
            let next = now.saturating_add(pause(attempts)).unwrap_or(Timestamp::MAX);
            match why {
                NotSent::Yet(_) if next < letter.expires => {
                    Letter { state: LetterState::Waiting { next }, ..tried }
                }
                NotSent::Yet(_) | NotSent::Ever(_) => tried.done(LetterState::Failed { at: now }),
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
        let records = self.store().list(Kind::Letter, Some(&key), after, AT_ONCE).await?;
        let last = records.last().filter(|_| records.len() == AT_ONCE);
        let last = last.map(|record| record.id.clone());
        Ok(Read { letters: records.into_iter().filter_map(intact).collect(), last })
    }

    /// Notes how a try ended, if the letter is still waiting for one.
    async fn letter_tried(
        &self,
        id: &str,
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
    let line: String =
        error.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_ERROR).collect();
    line.trim().to_owned()
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
