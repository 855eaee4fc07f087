//! Login and password (R8, R50, I6).
//!
//! An unknown login, one that is only invited and a wrong password cost the same work and get the
//! same answer. Each try is counted as failed before it is made, under the folded login and the
//! address; only a right password takes it back, and of a user with a second factor that alone does
//! not clear what failed before: the code is guessed at in the same count.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::attempt_source::KnownBrowser;
use super::pending_sign_in::PendingSignIn;
use crate::credential::folding::fold;
use crate::credential::hashing::Verdict;
use crate::credential::lockout::LockedUntil;
use crate::credential::secret::Secret;
use crate::directory::core::Core;
use crate::directory::error::DirectoryError;
use crate::directory::records::login_key;
use crate::directory::records::{Actor, Change, Stored, User};
use crate::directory::state::UserFacts;
use portcullis_store::StoreError;

/// Who asks to be let in.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    /// The login, as typed.
    pub login: &'a str,
    /// The password, as typed.
    pub password: Secret<String>,
    /// Where the request comes from.
    pub address: IpAddr,
    /// The browser, if it has signed in before, to whatever login.
    pub browser: Option<KnownBrowser<'a>>,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum SignIn {
    /// It is the person.
    Welcome(Arc<UserFacts>),
    /// It is the person, whose group keeps out of the portal (R8).
    NoPortalAccess(Arc<UserFacts>),
    /// It is the person, who owes a code (R50).
    CodeRequired(PendingSignIn),
    /// It is the person, who owes the set-up of a second factor (R50).
    SetUpRequired(PendingSignIn),
    /// It is not, or there is no such person: the page must not tell which.
    Wrong,
    /// Too many have failed: nothing was checked.
    LockedOut {
        /// When the next try is allowed.
        until: Timestamp,
    },
    /// Too many passwords are being checked: nothing was checked.
    Busy,
}

/// Checks logins and passwords.
#[derive(Debug, Clone)]
pub struct PasswordSignIn {
    pub(in crate::directory) core: Core,
}

impl PasswordSignIn {
    /// Judges a login and password.
    ///
    /// # Errors
    /// When the store does not answer; the try does not count then.
    pub async fn check(&self, claim: Claim<'_>, now: Timestamp) -> Result<SignIn, StoreError> {
        let Claim { login, password, address, browser } = claim;
        // Before the lockout is asked, only the browser's own user is looked up, by id, so that the
        // time a refusal takes does not tell which logins exist.
        let (known, browser) = match browser {
            Some(browser) => self.known(browser, login).await?.unzip(),
            None => (None, None),
        };
        let attempt = match self.core.auth.lockout.begin(login, address, browser, now) {
            Ok(attempt) => attempt,
            Err(LockedUntil(until)) => return Ok(SignIn::LockedOut { until }),
        };
        let user = match known {
            Some(user) => Some(user),
            None => match self.core.read().find::<User>(&login_key(login)).await {
                Ok(user) => user,
                Err(error) => {
                    attempt.cancelled();
                    return Err(error);
                }
            },
        };
        if user.is_some() {
            attempt.account_exists();
        }
        let phc = user.as_ref().and_then(|user| user.doc.password.as_deref());
        let verdict = match phc {
            Some(phc) => self.core.auth.hasher.verify(phc, &password).await,
            None => {
                let nobody = self.core.auth.hasher.verify_dummy(&password).await;
                nobody.map(|()| Verdict { matches: false, needs_rehash: false })
            }
        };
        let (Some(user), Ok(Verdict { matches: true, needs_rehash })) = (user, verdict) else {
            if verdict.is_err() {
                attempt.cancelled();
                return Ok(SignIn::Busy);
            }
            return Ok(SignIn::Wrong);
        };
        match user.doc.require_mfa {
            true => attempt.cancelled(),
            false => attempt.succeeded(),
        }
        if needs_rehash {
            self.rehash(&user, &password, now).await;
        }
        // Of the record the password was checked against: had the password been set meanwhile, the
        // session would begin under the old number, and be over (R34).
        let facts = Arc::new(UserFacts::new(&user));
        Ok(match &user.doc.second_factor {
            _ if !facts.has_portal_access() => SignIn::NoPortalAccess(facts),
            _ if !facts.require_mfa => SignIn::Welcome(facts),
            Some(_) => SignIn::CodeRequired(PendingSignIn::new(&user, now)),
            None => SignIn::SetUpRequired(PendingSignIn::new(&user, now)),
        })
    }

    /// The user of this login, and the browser's name, if it has signed in as that user.
    async fn known<'a>(
        &self,
        browser: KnownBrowser<'a>,
        login: &str,
    ) -> Result<Option<(Stored<User>, &'a str)>, StoreError> {
        let user = self.core.read().get::<User>(&browser.user.into()).await?;
        let user = user.filter(|user| fold(&user.doc.login) == fold(login));
        Ok(user.and_then(|user| browser.name_with(&user).map(|name| (user, name))))
    }

    /// Whether somebody has this login and this password. It counts nowhere and is no sign-in:
    /// nothing that a request brings may be asked here.
    ///
    /// # Errors
    /// When the store does not answer, or too many passwords are being checked.
    pub async fn has_password(
        &self,
        login: &str,
        password: &Secret<String>,
    ) -> Result<bool, DirectoryError> {
        let user = self.core.read().find::<User>(&login_key(login)).await?;
        let Some(phc) = user.and_then(|user| user.doc.password) else { return Ok(false) };
        let verdict = self.core.auth.hasher.verify(&phc, password).await;
        verdict.map(|verdict| verdict.matches).map_err(|_| DirectoryError::Busy)
    }

    /// Stores a hash of today's cost. The password is the same, so sessions stand. When it cannot
    /// be done now, the next sign-in tries again.
    async fn rehash(&self, user: &Stored<User>, password: &Secret<String>, now: Timestamp) {
        let change = &Change::new(Actor::System("password rehash"), now);
        let Ok(hash) = self.core.auth.hasher.rehash(password).await else { return };
        let mut doc = user.doc.clone();
        doc.password = Some(hash.as_str().to_owned());
        if let Err(error) = self.core.commit(change, vec![user.replace(doc).0]).await {
            tracing::info!(user.id = %user.id, %error, "a password was not hashed anew");
        }
    }
}

#[cfg(test)]
mod tests;
