//! Forgotten passwords (R33): a one-time link, mailed to a login that is an email address.
//!
//! What comes of asking for one is told to nobody who asks: whether there is such a login must not
//! show, neither in an answer nor in how long it takes. Asking changes nothing about the account
//! but the link; only using it does. It then ends all sessions (R34), leaves a second factor as it
//! is, and signs nobody in.

use std::net::IpAddr;

use crate::directory::accounts::context::AccountContext;
use crate::directory::accounts::mailed_link::Recipient;
use crate::directory::accounts::{mailed_link, name};
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::login_key;
use crate::directory::records::{
    Actor, Change, Occasion, OneTimeLink, User, UserId, UserStatus, retry,
};
use jiff::{SignedDuration, Timestamp};

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
    NotMailed,
}

/// The resets of forgotten passwords.
#[derive(Debug, Clone)]
pub struct Resets {
    pub(in crate::directory) core: Core,
}

impl Resets {
    /// Whether somebody at this address may ask for another reset now. Counted by itself: whoever
    /// asks too often can still sign in, and so can everybody else there.
    #[must_use]
    pub fn may_ask(&self, address: IpAddr, now: Timestamp) -> bool {
        self.core.auth.lockout.allow_asking(address, now)
    }

    /// Mails a link to the person with this login, if the login is an email address and the person
    /// has a password or is invited. A newer link ends the older one; there are five an hour.
    ///
    /// # Errors
    /// When the store does not answer, or others keep changing the user.
    pub async fn ask(
        &self,
        login: &str,
        language: Option<&str>,
        now: Timestamp,
    ) -> Result<ResetAsked, DirectoryError> {
        let change = &Change::new(Actor::System("password reset"), now);
        retry(|| async {
            let Some(user) = self.core.read().find::<User>(&login_key(login)).await? else {
                return Ok(ResetAsked::NotMailed);
            };
            let context = AccountContext::of(self.core.read(), &user.doc).await?;
            let to = mailed_link::address(Occasion::Reset, &user.doc.login, &context);
            let (Some(to), UserStatus::Active | UserStatus::Invited) = (to, user.doc.status())
            else {
                return Ok(ResetAsked::NotMailed);
            };
            let lifetime =
                SignedDuration::try_from(self.core.auth.one_time_tokens.lifetime(Occasion::Reset));
            let window = lifetime.unwrap_or(SignedDuration::MAX).min(WINDOW);
            let earlier = recent(user.doc.reset.as_ref(), now, window);
            if earlier.len() >= LETTERS {
                return Ok(ResetAsked::TooMany { user: user.id });
            }
            let recipient = Recipient {
                user: &user.id,
                login: &user.doc.login,
                organization_name: &context.organization_name,
                to,
                blind_copy: None,
                language: language.map(str::to_owned),
            };
            let tokens = &self.core.auth.one_time_tokens;
            let (link, mail) = mailed_link::issue(tokens, Occasion::Reset, recipient, now);
            let link = OneTimeLink { earlier, ..link };
            let (write, changed) = user.replace(User { reset: Some(link), ..user.doc.clone() });
            self.core.commit(change, vec![write, mail]).await?;
            Ok::<_, AttemptError>(ResetAsked::Mailed { user: changed.id })
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
