//! The links on which a person chooses a password: what invitations and resets have in common.
//!
//! The commit that sets the password uses the link up. It goes through only if the record is still
//! the one that the link was found in, so of two concurrent uses one succeeds. A link that would be
//! mailed to another address today is invalid, because the earlier address may belong to someone
//! else. Expired, used, withdrawn, replaced and invented links all give the same result.
//!
//! A wrong token is counted against the address it comes from (I6). A right one is never refused
//! because of that: 256 bits cannot be found by trying.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::credential::password::{NewPassword, PasswordRule};
use crate::credential::secret::Secret;
use crate::credential::token::{PlainToken, TokenHash};
use crate::directory::accounts::context::AccountContext;
use crate::directory::accounts::users::Hashed;
use crate::directory::accounts::{change_notice, mailed_link};
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::{
    Actor, Change, ChangedBy, INVITATION, Mail, Occasion, RESET, Stored, User, UserId, retry,
};
use crate::telemetry::events::Event;
use portcullis_store::{Key, StoreError};

/// What the page for choosing a password shows of the link's user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The login.
    pub login: String,
    /// The address that the password must differ from (R31).
    pub email: Option<String>,
    /// The name of the user's organization.
    pub organization_name: String,
}

/// What a link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum LinkState {
    /// Its user can choose a password.
    Valid(Holder),
    /// Its user's organization is parked, for this reason. The link can be used afterwards.
    Parked(Arc<str>),
    /// It is not valid, for whatever reason.
    Invalid,
}

#[cfg(test)]
impl LinkState {
    /// The user of a valid link.
    pub(crate) fn holder(self) -> Option<Holder> {
        match self {
            Self::Valid(holder) => Some(holder),
            Self::Parked(_) | Self::Invalid => None,
        }
    }
}

/// What is found for the token of a link.
enum Linked {
    Valid(Box<(Stored<User>, AccountContext)>),
    Parked(Arc<str>),
    Invalid,
}

/// The outcome of choosing a password on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Choice {
    /// The password is set, all sessions of the user have ended (R34), and the link is used up.
    Set {
        /// The user's id.
        user: UserId,
        /// The user's login.
        login: String,
    },
    /// The password breaks these rules (R30, R31); the link can still be used.
    RulesBroken {
        /// The link's user.
        holder: Holder,
        /// All rules that the password breaks.
        rules: Vec<PasswordRule>,
    },
    /// The user's organization is parked, for this reason; the link can still be used afterwards.
    Parked(Arc<str>),
    /// The link is not valid, for whatever reason.
    InvalidLink,
    /// Too many passwords are being hashed; the link can still be used.
    Busy,
}

/// The link that a waiting mail is for.
#[derive(Debug)]
pub(crate) enum MailedLink {
    /// It can be used; this is its token.
    Valid(PlainToken),
    /// It has expired.
    Expired,
    /// Its token was sealed with another secret key.
    Unreadable,
    /// It is no longer the user's.
    Replaced,
}

/// The links on which a password is chosen.
#[derive(Debug, Clone)]
pub struct PasswordLinks {
    pub(in crate::directory) core: Core,
}

impl PasswordLinks {
    /// What a link leads to. This does not use it up.
    ///
    /// An invalid link is logged, and counted for `address`. Pass `None` for requests that other
    /// pages can cause, such as for images: they are neither logged nor counted.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn holder(
        &self,
        occasion: Occasion,
        token: &str,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<LinkState, StoreError> {
        let found = match self.linked(occasion, token, now).await {
            Ok(found) => found,
            Err(error) => return store_only(error).map(|()| LinkState::Invalid),
        };
        if let (Linked::Invalid, Some(address)) = (&found, address) {
            Event::OneTimeLinkRefused { kind: occasion.one_time() }.log();
            self.core.auth.lockout.wrong_link(address, now);
        }
        Ok(match found {
            Linked::Valid(found) => LinkState::Valid(holder(&found.0.doc, &found.1)),
            Linked::Parked(reason) => LinkState::Parked(reason),
            Linked::Invalid => LinkState::Invalid,
        })
    }

    /// Sets the password and uses up the link. A reset claims an open invitation, too.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn choose_password(
        &self,
        occasion: Occasion,
        token: &str,
        password: &Secret<String>,
        (address, now): (IpAddr, Timestamp),
    ) -> Result<Choice, StoreError> {
        let hashed = Hashed::default();
        let choosing = || self.try_choose_password(occasion, token, (password, &hashed), now);
        let choice = match retry(choosing).await {
            Ok(choice) => choice,
            Err(DirectoryError::Busy | DirectoryError::Contended) => Choice::Busy,
            Err(error) => store_only(error).map(|()| Choice::InvalidLink)?,
        };
        if choice == Choice::InvalidLink {
            Event::OneTimeLinkRefused { kind: occasion.one_time() }.log();
            self.core.auth.lockout.wrong_link(address, now);
        }
        Ok(choice)
    }

    /// The link that a waiting mail is for.
    pub(crate) async fn mailed(
        &self,
        mail: &Stored<Mail>,
        now: Timestamp,
    ) -> Result<MailedLink, StoreError> {
        let Mail { occasion, user, token, expires, .. } = &mail.doc;
        let Some(user) = self.core.read().get::<User>(user).await? else {
            return Ok(MailedLink::Replaced);
        };
        let Some(occasion) = occasion.link() else { return Ok(MailedLink::Replaced) };
        let current = mailed_link::current(self.core.read(), occasion, &user.doc).await;
        let Some((link, _)) = current.or_else(|error| store_only(error).map(|()| None))? else {
            return Ok(MailedLink::Replaced);
        };
        let tokens = &self.core.auth.one_time_tokens;
        let token = token.as_deref().and_then(|sealed| tokens.open(sealed, &mail.id));
        Ok(match token {
            None => MailedLink::Unreadable,
            Some(token) if link.token != token.hash().to_string() => MailedLink::Replaced,
            Some(token) if now < *expires && now < link.expires => MailedLink::Valid(token),
            Some(_) => MailedLink::Expired,
        })
    }

    async fn try_choose_password(
        &self,
        occasion: Occasion,
        token: &str,
        (password, hashed): (&Secret<String>, &Hashed),
        now: Timestamp,
    ) -> Result<Choice, AttemptError> {
        let (user, context) = match self.linked(occasion, token, now).await? {
            Linked::Valid(found) => *found,
            Linked::Parked(reason) => return Ok(Choice::Parked(reason)),
            Linked::Invalid => return Ok(Choice::InvalidLink),
        };
        let (login, email) = (&user.doc.login, context.email.as_deref());
        let password = match NewPassword::parse(password.clone(), login, email) {
            Ok(password) => password,
            Err(rules) => {
                return Ok(Choice::RulesBroken { holder: holder(&user.doc, &context), rules });
            }
        };
        let Ok(hash) = hashed.get_or_try_init(|| self.core.auth.hasher.hash(&password)).await
        else {
            return Ok(Choice::Busy);
        };
        let change = &Change::new(Actor::PortalUser { id: user.id.clone() }, now);
        let mut doc = user.doc.clone();
        doc.set_password(hash.as_str());
        let (write, changed) = user.replace(doc);
        let notice = change_notice::mail(&self.core, &user, &changed.doc, ChangedBy::Link, now);
        let mut commit = context.conditions;
        commit.push(write);
        commit.extend(notice.await?);
        let entry = mailed_link::used(occasion, &changed);
        self.core.records.commit_noting(change, commit, entry).await?;
        self.core.auth.password_replaced(&changed.doc);
        Event::OneTimeLinkUsed { kind: occasion.one_time(), account: changed.account() }.log();
        Ok(Choice::Set { user: changed.id, login: changed.doc.login })
    }

    /// The user whose link has this token, if the link is valid.
    async fn linked(
        &self,
        occasion: Occasion,
        token: &str,
        now: Timestamp,
    ) -> Result<Linked, DirectoryError> {
        let Some(hash) = TokenHash::of_presented(token) else { return Ok(Linked::Invalid) };
        let field = match occasion {
            Occasion::Invitation => INVITATION,
            Occasion::Reset => RESET,
        };
        let Some(user) = self.core.read().find::<User>(&Key::new(field, hash.to_string())).await?
        else {
            return Ok(Linked::Invalid);
        };
        let current = mailed_link::current(self.core.read(), occasion, &user.doc).await?;
        let context = current.filter(|(link, _)| now < link.expires).map(|(_, context)| context);
        let Some(context) = context else { return Ok(Linked::Invalid) };
        if let Some(reason) = self.core.snapshot().parked(user.doc.organization.as_str()) {
            return Ok(Linked::Parked(Arc::clone(reason)));
        }
        Ok(Linked::Valid(Box::new((user, context))))
    }
}

pub(super) fn holder(user: &User, context: &AccountContext) -> Holder {
    Holder {
        login: user.login.clone(),
        email: context.email.clone(),
        organization_name: context.organization_name.clone(),
    }
}

/// Only an unavailable store is an error here; any other makes the link invalid.
fn store_only(error: DirectoryError) -> Result<(), StoreError> {
    match error {
        DirectoryError::Store(error) => Err(error),
        _ => Ok(()),
    }
}
