//! Forgotten passwords (R33): a one-time link, mailed to a login that is an email address.
//!
//! What comes of asking for one is told to nobody who asks: whether there is such a login must not
//! show, neither in an answer nor in how long it takes. Asking changes nothing about the account
//! but the link; only using it does. It then ends all sessions (R34), leaves a second factor as it
//! is, and signs nobody in.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::directory::error::Stopped;
use crate::directory::id::UserId;
use crate::directory::letters::Occasion;
use crate::directory::one_time::{Addressee, mailed_to};
use crate::directory::record::{OneTimeLink, User, UserStatus, login_key};
use crate::directory::records::{attempt, find};
use crate::directory::{Directory, DirectoryError, name};

/// No account gets more letters than so many in an hour, or in a link's lifetime if that is less.
/// The newest link is good for at least as long: beyond so many, it stands until there may be
/// another one, and no stranger's asking leaves a person without.
const LETTERS: usize = 5;
const WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// How far clocks may differ. What was made later than that, was made by a clock that has been set
/// back since, and does not count: nobody waits until it is that late again.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// What came of asking for a reset: for the log, never for who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum ResetAsked {
    /// A letter is on its way.
    Mailed {
        /// The user's id.
        user: UserId,
    },
    /// There were as many as there may be; the newest link stands.
    TooMany {
        /// The user's id.
        user: UserId,
    },
    /// Nobody has this login, or it cannot be reset by mail.
    NoLetter,
}

impl Directory {
    /// Whether somebody at this address may ask for another reset now. Counted by itself: whoever
    /// asks too often can still sign in, and so can everybody else there.
    #[must_use]
    pub fn may_ask_for_reset(&self, address: IpAddr, now: Timestamp) -> bool {
        self.judges.lockout.asks(address, now)
    }

    /// Mails a link to the person with this login, if the login is an email address and the person
    /// has a password or is invited. A newer link ends the older one; there are five an hour.
    ///
    /// # Errors
    /// When the store does not answer, or others keep changing the user.
    pub async fn ask_for_reset(
        &self,
        login: &str,
        language: Option<&str>,
        now: Timestamp,
    ) -> Result<ResetAsked, DirectoryError> {
        attempt(|| async {
            let Some(user) = find::<User>(self.store(), &login_key(login)).await? else {
                return Ok(ResetAsked::NoLetter);
            };
            let owner = self.owner(&user.doc.organization, user.doc.end_user.as_ref()).await?;
            let to = mailed_to(Occasion::Reset, &user.doc.login, &owner);
            let (Some(to), UserStatus::Active | UserStatus::Invited) = (to, user.doc.status())
            else {
                return Ok(ResetAsked::NoLetter);
            };
            let lifetime = SignedDuration::try_from(self.judges.one_time.lifetime(Occasion::Reset));
            let window = lifetime.unwrap_or(SignedDuration::MAX).min(WINDOW);
            let earlier = recent(user.doc.reset.as_ref(), now, window);
            if earlier.len() >= LETTERS {
                return Ok(ResetAsked::TooMany { user: user.id });
            }
            let addressee = Addressee {
                user: &user.id,
                login: &user.doc.login,
                organization_name: &owner.organization_name,
                to,
                blind_copy: None,
                language: language.map(str::to_owned),
            };
            let (link, letter) = self.mailed_link(Occasion::Reset, addressee, now);
            let link = OneTimeLink { earlier, ..link };
            let (write, changed) = user.replace(User { reset: Some(link), ..user.doc.clone() });
            self.commit(vec![write, letter]).await?;
            Ok::<_, Stopped>(ResetAsked::Mailed { user: changed.id })
        })
        .await
    }
}

/// Whether somebody with this login can have the password reset by mail; for others an
/// administrator sets one (R33).
#[must_use]
pub fn is_reset_by_mail(login: &str) -> bool {
    name::address("login", login).is_ok()
}

/// When this link and those before it were made, as far as they count now.
fn recent(link: Option<&OneTimeLink>, now: Timestamp, window: SignedDuration) -> Vec<Timestamp> {
    let made = link.into_iter().flat_map(|link| link.earlier.iter().chain([&link.created]));
    made.copied()
        .filter(|made| {
            let ago = now.duration_since(*made);
            -SKEW <= ago && ago < window
        })
        .collect()
}

#[cfg(test)]
mod tests;
