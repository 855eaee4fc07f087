//! Mails to portal users about their account: a changed password or second factor, so that they
//! notice a change that was not theirs, and staff that acts as them in the portal.
//!
//! The mail's record is part of the commit that makes the change or starts the session. It goes to the address of the
//! user's end user, otherwise to the login if that is an address; never to the organization's, which
//! others read. A user without either, and a disabled one, gets none, and neither does a user who
//! chooses a first password. Each change is one mail, and there are at most [`MAX_MAILS`] of a kind an
//! hour.

use jiff::{SignedDuration, Timestamp};

use super::context::AccountContext;
use super::name;
use crate::directory::core::Core;
use crate::directory::error::DirectoryError;
use crate::directory::records::{
    AccountChange, Actor, Change, ChangedBy, Mail, MailId, MailKind, MailState, Notice, Stored,
    User, UserId, put,
};
use portcullis_store::{Expect, Key, Write};

/// The most mails of a kind to a portal user in [`WINDOW`].
const MAX_MAILS: usize = 10;
const WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// How long sending one is tried.
const LIFETIME: SignedDuration = SignedDuration::from_hours(72);

/// Who makes a change.
pub(in crate::directory) const fn by(change: &Change) -> ChangedBy {
    match change.actor {
        Actor::PortalUser { .. } => ChangedBy::User,
        Actor::SocketOwner
        | Actor::Token { .. }
        | Actor::Administrator { .. }
        | Actor::Staff(_)
        | Actor::System(_) => ChangedBy::Administrator,
    }
}

/// The write of the mail about a change from `before` to `after`; `None` if no mail is sent.
///
/// # Errors
/// When the store is unavailable.
pub(in crate::directory) async fn mail(
    core: &Core,
    before: &Stored<User>,
    after: &User,
    by: ChangedBy,
    now: Timestamp,
) -> Result<Option<Write>, DirectoryError> {
    let Some(changed) = changed(&before.doc, after) else { return Ok(None) };
    let about = (MailKind::AccountChanged, Some(Notice { changed, by }));
    notice(core, (&before.id, after), about, now).await
}

/// The write of the mail about staff that acts as a portal user; `None` if no mail is sent.
///
/// # Errors
/// When the store is unavailable.
pub(in crate::directory) async fn impersonation(
    core: &Core,
    user: &Stored<User>,
    now: Timestamp,
) -> Result<Option<Write>, DirectoryError> {
    notice(core, (&user.id, &user.doc), (MailKind::Impersonation, None), now).await
}

async fn notice(
    core: &Core,
    (user, after): (&UserId, &User),
    (occasion, notice): (MailKind, Option<Notice>),
    now: Timestamp,
) -> Result<Option<Write>, DirectoryError> {
    if after.disabled {
        return Ok(None);
    }
    let context = AccountContext::of(core.read(), after).await?;
    let Some(to) = address(after, &context) else { return Ok(None) };
    let of_user = Key::new("user", user.as_str());
    let mut mails = core.read().all_intact::<Mail>(Some(&of_user)).await?;
    let recent = |mail: &&Stored<Mail>| {
        mail.doc.occasion == occasion && now.duration_since(mail.doc.created) < WINDOW
    };
    if mails.iter().filter(recent).count() >= MAX_MAILS {
        tracing::warn!(user.id = %user, "no email about the account: there were too many");
        return Ok(None);
    }
    // The languages of the user's newest mail that has some: a change by an operator has none.
    mails.sort_by_key(|mail| mail.doc.created);
    let language = mails.into_iter().rev().find_map(|mail| mail.doc.language);
    let id = MailId::from(name::id_in_order(now));
    let mail = Mail {
        occasion,
        notice,
        user: user.clone(),
        login: after.login.clone(),
        organization_name: context.organization_name,
        to,
        blind_copy: None,
        language,
        token: None,
        expires: now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX),
        created: now,
        state: MailState::Waiting { next: now },
        attempts: 0,
        last_error: None,
    };
    Ok(Some(put(&id, Expect::Absent, &mail)))
}

/// What has changed. A first password and a used recovery code are not a change. For the user, a
/// second factor that is asked for no longer is turned off.
fn changed(before: &User, after: &User) -> Option<AccountChange> {
    if before.password.is_some() && before.password_generation != after.password_generation {
        return Some(AccountChange::Password);
    }
    let asked = |user: &User| user.second_factor.is_some() && user.asks_for_second_factor();
    if asked(before) && !asked(after) {
        return Some(AccountChange::SecondFactorRemoved);
    }
    match (&before.second_factor, &after.second_factor) {
        (None, Some(_)) => Some(AccountChange::SecondFactorSetUp),
        (Some(_), None) => Some(AccountChange::SecondFactorRemoved),
        (Some(old), Some(new)) if old.secret != new.secret => {
            Some(AccountChange::SecondFactorSetUp)
        }
        (Some(old), Some(new)) => {
            let is_new = |code| !old.recovery_codes.contains(code);
            new.recovery_codes.iter().any(is_new).then_some(AccountChange::RecoveryCodes)
        }
        (None, None) => None,
    }
}

fn address(user: &User, context: &AccountContext) -> Option<String> {
    let of_end_user = context.email.clone().filter(|_| user.end_user.is_some());
    of_end_user.or_else(|| name::address("login", &user.login).ok())
}

#[cfg(test)]
mod tests;
