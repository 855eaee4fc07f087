//! One-time links by mail: what invitations and resets have in common.
//!
//! A link is a token of 256 random bits. It is told once, in a letter that is written in the same
//! commit, and kept as a hash under which its user is found; so a newer link of the same kind
//! takes the older one's place. It is used up by the commit that sets the password, which goes
//! through only if the record is still the one the link was found in: of two that use it at once,
//! one wins. It is worthless when it would be mailed elsewhere today: whoever reads the first
//! address may be a stranger. Expired, used, withdrawn, replaced, sent elsewhere and never there are
//! one answer.
//!
//! A wrong token is counted against the address it comes from (I6). A right one is never refused
//! for such failures: nobody finds 256 bits by trying, so it is no guess.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::Passwords;
use crate::credential::folding::fold;
use crate::credential::key::{Purpose, SecretKey};
use crate::credential::password::{NewPassword, PasswordRule};
use crate::credential::seal::Sealer;
use crate::credential::secret::Secret;
use crate::credential::token::{PlainToken, TokenHash};
use crate::directory::error::Stopped;
use crate::directory::id::{MailId, UserId};
use crate::directory::letters::{Letter, LetterState, Occasion};
use crate::directory::record::{INVITATION, OneTimeLink, RESET, User};
use crate::directory::records::{Stored, attempt, find, put};
use crate::directory::users::{Hashed, Owner};
use crate::directory::{Directory, DirectoryError, name};
use portcullis_store::{Expect, Key, StoreError, Write};

/// What links are made with: how long they live, and how their tokens wait in letters.
#[derive(Debug, Clone)]
pub struct OneTimeLinks {
    letters: Sealer,
    lifetimes: Passwords,
}

impl OneTimeLinks {
    /// For the installation with this key.
    #[must_use]
    pub fn new(key: &SecretKey, lifetimes: Passwords) -> Self {
        Self { letters: Sealer::new(key, Purpose::Letter), lifetimes }
    }

    pub(super) const fn lifetime(&self, occasion: Occasion) -> Duration {
        match occasion {
            Occasion::Invitation => self.lifetimes.invitation_lifetime,
            Occasion::Reset => self.lifetimes.reset_lifetime,
        }
    }

    /// The token as it waits in the letter with this id.
    pub(super) fn seal(&self, token: &PlainToken, id: &MailId) -> String {
        self.letters.seal(token.expose().as_bytes(), id.as_str())
    }

    /// The token that waits in the letter with this id; none if another key has sealed it.
    pub(super) fn open(&self, sealed: &str, id: &MailId) -> Option<PlainToken> {
        let token = self.letters.open(sealed, id.as_str())?;
        PlainToken::parse(std::str::from_utf8(token.expose()).ok()?)
    }

    /// The token that waits in a letter.
    #[cfg(test)]
    pub(crate) fn token_in(&self, id: &MailId, letter: &Letter) -> String {
        self.open(letter.token.as_deref().unwrap(), id).unwrap().expose().to_owned()
    }
}

/// The person a link is for, as far as choosing a password must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The login.
    pub login: String,
    /// The address that the password must not be (R31).
    pub email: Option<String>,
    /// The name of the person's organization.
    pub organization_name: String,
}

/// What comes of choosing a password by a link.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Choice {
    /// It is set; every session of the user is over (R34), and the link is used up.
    Set {
        /// The user's id.
        user: UserId,
        /// The user's login.
        login: String,
    },
    /// It breaks these rules (R30, R31); the link is as good as before.
    Broken {
        /// Whose link it is.
        holder: Holder,
        /// All the rules that are broken.
        rules: Vec<PasswordRule>,
    },
    /// The link is worth nothing, whatever the cause.
    Dead,
    /// Too many passwords are being hashed; the link is as good as before.
    Busy,
}

/// Who gets a link, and where the letter goes.
pub(super) struct Addressee<'a> {
    pub(super) user: &'a UserId,
    pub(super) login: &'a str,
    pub(super) organization_name: &'a str,
    pub(super) to: String,
    pub(super) blind_copy: Option<String>,
    pub(super) language: Option<String>,
}

impl Directory {
    /// A new link, and the write of the letter that carries it.
    pub(super) fn mailed_link(
        &self,
        occasion: Occasion,
        addressee: Addressee<'_>,
        now: Timestamp,
    ) -> (OneTimeLink, Write) {
        let links = &self.judges.one_time;
        let token = PlainToken::generate();
        let expires = after(now, links.lifetime(occasion));
        let id = MailId::from(name::id_in_order(now));
        let to = Some(fold(&addressee.to));
        let letter = Letter {
            occasion,
            user: addressee.user.clone(),
            login: addressee.login.to_owned(),
            organization_name: addressee.organization_name.to_owned(),
            to: addressee.to,
            blind_copy: addressee.blind_copy,
            language: addressee.language,
            token: Some(links.seal(&token, &id)),
            expires,
            created: now,
            state: LetterState::Waiting { next: now },
            attempts: 0,
            last_error: None,
        };
        let token = token.hash().to_string();
        let link = OneTimeLink { token, created: now, expires, to, earlier: Vec::new() };
        (link, put(&id, Expect::Absent, &letter))
    }

    /// Whose link it is, if it is worth anything; looking does not use it up.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn look_at_link(
        &self,
        occasion: Occasion,
        token: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Option<Holder>, StoreError> {
        let found = match self.linked(occasion, token, now).await {
            Ok(found) => found,
            Err(error) => return store_only(error).map(|()| None),
        };
        if found.is_none() {
            self.count_wrong_link(address, now);
        }
        Ok(found.map(|(user, owner)| holder(&user.doc, &owner)))
    }

    /// Sets the password that the person has chosen, and uses up the link. Whatever the occasion, an
    /// invitation that stands is claimed.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn choose_password(
        &self,
        occasion: Occasion,
        token: &str,
        password: &Secret<String>,
        (address, now): (IpAddr, Timestamp),
    ) -> Result<Choice, StoreError> {
        let hashed = Hashed::default();
        let choosing = || self.try_choose_password(occasion, token, (password, &hashed), now);
        let choice = match attempt(choosing).await {
            Ok(choice) => choice,
            Err(DirectoryError::Busy | DirectoryError::Contended) => Choice::Busy,
            Err(error) => store_only(error).map(|()| Choice::Dead)?,
        };
        if choice == Choice::Dead {
            self.count_wrong_link(address, now);
        }
        Ok(choice)
    }

    async fn try_choose_password(
        &self,
        occasion: Occasion,
        token: &str,
        (password, hashed): (&Secret<String>, &Hashed),
        now: Timestamp,
    ) -> Result<Choice, Stopped> {
        let Some((user, owner)) = self.linked(occasion, token, now).await? else {
            return Ok(Choice::Dead);
        };
        let (login, email) = (&user.doc.login, owner.email.as_deref());
        let password = match NewPassword::parse(password.clone(), login, email) {
            Ok(password) => password,
            Err(rules) => {
                return Ok(Choice::Broken { holder: holder(&user.doc, &owner), rules });
            }
        };
        let Ok(hash) = hashed.get_or_try_init(|| self.judges.hasher.hash(&password)).await else {
            return Ok(Choice::Busy);
        };
        let mut doc = user.doc.clone();
        doc.set_password(hash.as_str());
        let (write, changed) = user.replace(doc);
        let mut commit = owner.conditions;
        commit.push(write);
        self.commit(commit).await?;
        self.forgive(&changed.doc);
        Ok(Choice::Set { user: changed.id, login: changed.doc.login })
    }

    /// The user's link of this occasion, if it went where it would be mailed today; and whose
    /// sign-in the user is.
    pub(super) async fn standing_link<'a>(
        &self,
        occasion: Occasion,
        user: &'a User,
    ) -> Result<Option<(&'a OneTimeLink, Owner)>, DirectoryError> {
        let link = match occasion {
            Occasion::Invitation => &user.invitation,
            Occasion::Reset => &user.reset,
        };
        let Some(link) = link else { return Ok(None) };
        let owner = self.owner(&user.organization, user.end_user.as_ref()).await?;
        let today = mailed_to(occasion, &user.login, &owner).map(|to| fold(&to));
        Ok((link.to.is_some() && link.to == today).then_some((link, owner)))
    }

    /// The user whose link has this token, unless it has expired or went elsewhere.
    async fn linked(
        &self,
        occasion: Occasion,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<(Stored<User>, Owner)>, DirectoryError> {
        let Some(hash) = TokenHash::of_presented(token) else { return Ok(None) };
        let field = match occasion {
            Occasion::Invitation => INVITATION,
            Occasion::Reset => RESET,
        };
        let Some(user) = find::<User>(self.store(), &Key::new(field, hash.to_string())).await?
        else {
            return Ok(None);
        };
        let standing = self.standing_link(occasion, &user.doc).await?;
        let owner = standing.filter(|(link, _)| now < link.expires).map(|(_, owner)| owner);
        Ok(owner.map(|owner| (user, owner)))
    }
}

/// Where a link is mailed, if there is an address: an invitation to the end user's, else the
/// organization's (R41), else the login's; a reset to the login's only (R33). It is the address as
/// the administrator has given it, not as a stranger spells it.
pub(super) fn mailed_to(occasion: Occasion, login: &str, owner: &Owner) -> Option<String> {
    let login = || name::address("login", login).ok();
    match occasion {
        Occasion::Invitation => {
            let known = owner.email.as_ref().or(owner.organization_email.as_ref());
            known.cloned().or_else(login)
        }
        Occasion::Reset => login(),
    }
}

fn holder(user: &User, owner: &Owner) -> Holder {
    Holder {
        login: user.login.clone(),
        email: owner.email.clone(),
        organization_name: owner.organization_name.clone(),
    }
}

/// A store that does not answer is told; whatever else is wrong about the user makes the link
/// worthless.
pub(super) fn store_only(error: DirectoryError) -> Result<(), StoreError> {
    match error {
        DirectoryError::Store(error) => Err(error),
        _ => Ok(()),
    }
}

fn after(now: Timestamp, lifetime: Duration) -> Timestamp {
    let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX);
    now.saturating_add(lifetime).unwrap_or(Timestamp::MAX)
}
