//! Forgotten passwords (R33): a one-time link, mailed to a login that is an email address.
//!
//! The outcome is not shown on the page: neither the response nor its timing may reveal whether the
//! login exists. Asking for a link changes nothing else about the account. Using it ends all sessions
//! (R34), does not change the second factor, and does not sign in.

use std::net::IpAddr;

use crate::directory::accounts::context::AccountContext;
use crate::directory::accounts::mailed_link::Recipient;
use crate::directory::accounts::{mailed_link, name};
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::login_key;
use crate::directory::records::{
    Actor, Change, Occasion, OneTimeLink, Stored, User, UserId, UserStatus, retry,
};
use crate::telemetry::events::{Cause, Event, OneTime};
use jiff::{SignedDuration, Timestamp};

/// The most mails to an account in [`WINDOW`], or in a link's lifetime if that is shorter. Beyond
/// that, the newest link stays valid at least until another mail is allowed, so that requests by
/// strangers cannot leave a person without a valid link.
const MAX_MAILS: usize = 5;
const WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// How far the clocks of replicas may differ. A link from further in the future was created before
/// the clock was set back, and is not counted: otherwise resets would stop until that time.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// The outcome of asking for a reset. For the log only: the page must not reveal it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum ResetOutcome {
    /// A mail will be sent.
    Mailed {
        /// The user's id.
        user: UserId,
    },
    /// There were [`MAX_MAILS`] already; the newest link stays valid.
    TooMany {
        /// The user's id.
        user: UserId,
    },
    /// The login does not exist, or cannot be reset by mail.
    NotMailed,
}

/// The resets of forgotten passwords.
#[derive(Debug, Clone)]
pub struct Resets {
    pub(in crate::directory) core: Core,
}

impl Resets {
    /// Whether another reset may be requested from this address now. Counted separately, so that too
    /// many requests do not prevent sign-in from the address.
    #[must_use]
    pub fn may_ask(&self, address: IpAddr, now: Timestamp) -> bool {
        let allowed = self.core.auth.lockout.allow_asking(address, now);
        if !allowed {
            refused(Cause::LockedOut, None);
        }
        allowed
    }

    /// Mails a link to the person with this login, if the login is an email address and the person
    /// has a password or is invited, and is not disabled. Earlier links become invalid.
    ///
    /// # Errors
    /// When the store is unavailable, or there are too many concurrent changes.
    pub async fn ask(
        &self,
        login: &str,
        language: Option<&str>,
        now: Timestamp,
    ) -> Result<ResetOutcome, DirectoryError> {
        let change = &Change::new(Actor::System("password reset"), now);
        retry(|| async {
            let Some(user) = self.core.read().find::<User>(&login_key(login)).await? else {
                refused(Cause::UnknownLogin, None);
                return Ok(ResetOutcome::NotMailed);
            };
            if user.doc.disabled {
                refused(Cause::AccountDisabled, Some(&user));
                return Ok(ResetOutcome::NotMailed);
            }
            let context = AccountContext::of(self.core.read(), &user.doc).await?;
            if context.is_parked {
                refused(Cause::OrganizationParked, Some(&user));
                return Ok(ResetOutcome::NotMailed);
            }
            let to = mailed_link::address(Occasion::Reset, &user.doc.login, &context);
            let (Some(to), UserStatus::Active | UserStatus::Invited) = (to, user.doc.status())
            else {
                refused(Cause::NotByMail, Some(&user));
                return Ok(ResetOutcome::NotMailed);
            };
            let lifetime =
                SignedDuration::try_from(self.core.auth.one_time_tokens.lifetime(Occasion::Reset));
            let window = lifetime.unwrap_or(SignedDuration::MAX).min(WINDOW);
            let earlier = recent(user.doc.reset.as_ref(), now, window);
            if earlier.len() >= MAX_MAILS {
                refused(Cause::TooManyResets, Some(&user));
                return Ok(ResetOutcome::TooMany { user: user.id });
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
            let entry = mailed_link::created(Occasion::Reset, &changed);
            self.core.records.commit_noting(change, vec![write, mail], entry).await?;
            Event::OneTimeLinkCreated { kind: OneTime::Reset, account: changed.account() }.log();
            Ok::<_, AttemptError>(ResetOutcome::Mailed { user: changed.id })
        })
        .await
    }
}

fn refused(cause: Cause, user: Option<&Stored<User>>) {
    let organization = user.map(|user| user.doc.organization.as_str());
    let user = user.map(|user| user.id.as_str());
    Event::ResetRefused { cause, user, organization }.log();
}

/// Whether a password can be reset by mail for this login; for others an administrator sets one
/// (R33).
#[must_use]
pub fn is_reset_by_mail(login: &str) -> bool {
    name::address("login", login).is_ok()
}

/// When this link and earlier ones were created, as far as they still count.
fn recent(link: Option<&OneTimeLink>, now: Timestamp, window: SignedDuration) -> Vec<Timestamp> {
    let created = link.into_iter().flat_map(|link| link.earlier.iter().chain([&link.created]));
    created
        .copied()
        .filter(|created| {
            let ago = now.duration_since(*created);
            -CLOCK_SKEW <= ago && ago < window
        })
        .collect()
}

#[cfg(test)]
mod tests;
