//! One-time links, and the mail that each is sent in.
//!
//! A link is a token of 256 random bits. The token is only in the mail, sealed until it is sent; the
//! user's record keeps its hash, so a newer link of the same kind replaces the older one. The mail's
//! record is written in the commit that writes the link, so neither exists without the other.

use std::time::Duration;

use crate::directory::accounts::context::AccountContext;
use crate::directory::accounts::name;
use crate::directory::error::{DirectoryError, Refusal};
use crate::directory::records::audit::Occurrence;
use crate::directory::records::{
    Mail, MailId, MailState, Occasion, OneTimeLink, Reader, Stored, User, UserId, put,
};
use crate::directory::services::OneTimeTokens;
use jiff::{SignedDuration, Timestamp};
use portcullis_store::{Expect, Write};
use serde_json::{Map, Value};

use crate::credential::folding::fold;
use crate::credential::token::PlainToken;

/// The user that a link is for, and where it is mailed.
#[derive(Debug)]
pub(in crate::directory) struct Recipient<'a> {
    pub(in crate::directory) user: &'a UserId,
    pub(in crate::directory) login: &'a str,
    pub(in crate::directory) organization_name: &'a str,
    pub(in crate::directory) to: String,
    pub(in crate::directory) blind_copy: Option<String>,
    pub(in crate::directory) language: Option<String>,
}

/// The entry of the audit log about a new link.
pub(in crate::directory) fn created(occasion: Occasion, user: &Stored<User>) -> Occurrence {
    Occurrence::of_user("one-time-link.created", user, link(occasion))
}

/// The entry about a link that a password was chosen on.
pub(in crate::directory) fn used(occasion: Occasion, user: &Stored<User>) -> Occurrence {
    Occurrence::of_user("one-time-link.used", user, link(occasion))
}

fn link(occasion: Occasion) -> Map<String, Value> {
    Map::from_iter([("link".to_owned(), occasion.one_time().name().into())])
}

/// A new link, and the write of the mail that it is sent in.
pub(in crate::directory) fn issue(
    tokens: &OneTimeTokens,
    occasion: Occasion,
    recipient: Recipient<'_>,
    now: Timestamp,
) -> (OneTimeLink, Write) {
    let token = PlainToken::generate();
    let expires = after(now, tokens.lifetime(occasion));
    let id = MailId::from(name::id_in_order(now));
    let to = Some(recipient.to.clone());
    let mail = Mail {
        occasion: occasion.into(),
        notice: None,
        user: recipient.user.clone(),
        login: recipient.login.to_owned(),
        organization_name: recipient.organization_name.to_owned(),
        to: recipient.to,
        blind_copy: recipient.blind_copy,
        language: recipient.language,
        token: Some(tokens.seal(&token, &id)),
        expires,
        created: now,
        state: MailState::Waiting { next: now },
        attempts: 0,
        last_error: None,
    };
    let token = token.hash().to_string();
    let (to_chosen, earlier) = (false, Vec::new());
    let link = OneTimeLink { token, created: now, expires, to, to_chosen, earlier };
    (link, put(&id, Expect::Absent, &mail))
}

/// The addresses of an invitation that are not those of the directory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Addresses<'a> {
    /// Where it is sent, instead of the address that R41 chooses.
    pub send_to: Option<&'a str>,
    /// Who gets a blind copy, instead of the sender (R41).
    pub blind_copy: Option<&'a str>,
    /// The address of the administrator who sends the invitation, if it is known.
    pub sender: Option<&'a str>,
}

/// A new invitation, and the write of its mail.
pub(in crate::directory) fn invitation(
    tokens: &OneTimeTokens,
    (user, login): (&UserId, &str),
    context: &AccountContext,
    Addresses { send_to, blind_copy, sender }: Addresses<'_>,
    now: Timestamp,
) -> Result<(OneTimeLink, Write), DirectoryError> {
    if context.is_parked {
        let organization = context.organization_name.clone();
        return Err(Refusal::OrganizationParked { organization }.into());
    }
    let blind_copy = blind_copy.or(sender);
    let blind_copy = blind_copy.map(|given| name::address("blind_copy", given)).transpose()?;
    let chosen = send_to.map(|given| name::address("send_to", given)).transpose()?;
    let to_chosen = chosen.is_some();
    let Some(to) = chosen.or_else(|| address(Occasion::Invitation, login, context)) else {
        return Err(Refusal::NoAddress { login: login.to_owned() }.into());
    };
    let organization_name = &context.organization_name;
    let recipient = Recipient { user, login, organization_name, to, blind_copy, language: None };
    let (link, mail) = issue(tokens, Occasion::Invitation, recipient, now);
    Ok((OneTimeLink { to_chosen, ..link }, mail))
}

/// The address that a link is mailed to: an invitation to the end user's, otherwise the
/// organization's (R41), otherwise the login if it is one; a reset to the login only (R33). The
/// address is spelled as an administrator entered it, not as in the request for a reset.
pub(in crate::directory) fn address(
    occasion: Occasion,
    login: &str,
    context: &AccountContext,
) -> Option<String> {
    let login = || name::address("login", login).ok();
    match occasion {
        Occasion::Invitation => {
            let known = context.email.as_ref().or(context.organization_email.as_ref());
            known.cloned().or_else(login)
        }
        Occasion::Reset => login(),
    }
}

/// The user's link, if the address it was mailed to is still the one it would be mailed to now, and
/// the user's context. An earlier address may belong to someone else. An address that was chosen for
/// the link stays current. The links of a disabled user
/// are not valid.
pub(in crate::directory) async fn current<'a>(
    reader: &Reader,
    occasion: Occasion,
    user: &'a User,
) -> Result<Option<(&'a OneTimeLink, AccountContext)>, DirectoryError> {
    let link = match occasion {
        Occasion::Invitation => &user.invitation,
        Occasion::Reset => &user.reset,
    };
    let Some(link) = link.as_ref().filter(|_| !user.disabled) else { return Ok(None) };
    let context = AccountContext::of(reader, user).await?;
    let now = address(occasion, &user.login, &context);
    let is_current = link
        .to
        .as_ref()
        .is_some_and(|to| link.to_chosen || now.is_some_and(|now| fold(to) == fold(&now)));
    Ok(is_current.then_some((link, context)))
}

fn after(now: Timestamp, lifetime: Duration) -> Timestamp {
    let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX);
    now.saturating_add(lifetime).unwrap_or(Timestamp::MAX)
}
