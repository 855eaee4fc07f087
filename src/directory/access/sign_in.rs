//! Sign-in with login and password (R8, R50, I6).
//!
//! An unknown login, one that is only invited and a wrong password take the same work and have the
//! same result. Each attempt is counted as failed before the password is checked, for the folded
//! login and the address. A right password undoes that count; it also clears earlier failures,
//! unless a second factor is required, because guesses at the code are counted together with them.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::attempt_source::KnownBrowser;
use super::pending_sign_in::PendingSignIn;
use crate::credential::folding::fold;
use crate::credential::hashing::Verdict;
use crate::credential::lockout::LockedUntil;
use crate::credential::password::loggable_login;
use crate::credential::secret::Secret;
use crate::directory::core::Core;
use crate::directory::error::DirectoryError;
use crate::directory::records::login_key;
use crate::directory::records::{Actor, Change, Stored, User};
use crate::directory::state::UserFacts;
use crate::telemetry::events::{Cause, Event};
use portcullis_store::StoreError;

/// A request to sign in.
#[derive(Debug, Clone)]
pub struct SignInRequest<'a> {
    /// The login, as typed.
    pub login: &'a str,
    /// The password, as typed.
    pub password: Secret<String>,
    /// The client's address.
    pub address: IpAddr,
    /// The browser, if it has signed in before, as any user.
    pub browser: Option<KnownBrowser<'a>>,
}

/// The outcome of checking a login and password.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum SignIn {
    /// The password is right, and nothing else is needed.
    Accepted(Arc<UserFacts>),
    /// The password is right, but the user is disabled, or its group has no access to the portal
    /// (R8).
    NoPortalAccess(Arc<UserFacts>),
    /// The password is right, but the user's organization is parked, for this reason.
    Parked(Arc<str>),
    /// The password is right, and a code must be entered (R50).
    CodeRequired(PendingSignIn),
    /// The password is right, and a second factor must be set up (R50).
    SetUpRequired(PendingSignIn),
    /// The login or the password is wrong. It must not be revealed which.
    Wrong,
    /// Too many attempts have failed. The password was not checked.
    LockedOut {
        /// When the next attempt is allowed.
        until: Timestamp,
    },
    /// Too many passwords are being checked. This one was not.
    Busy,
}

/// Checks logins and passwords.
#[derive(Debug, Clone)]
pub struct PasswordSignIn {
    pub(in crate::directory) core: Core,
}

impl PasswordSignIn {
    /// Checks a login and password.
    ///
    /// # Errors
    /// When the store is unavailable; the attempt is not counted then.
    pub async fn check(
        &self,
        request: SignInRequest<'_>,
        now: Timestamp,
    ) -> Result<SignIn, StoreError> {
        let SignInRequest { login, password, address, browser } = request;
        // Before the lockout, only the user of the browser is looked up, by id, so that the time of a
        // refusal does not reveal which logins exist.
        let (known, browser) = match browser {
            Some(browser) => self.known(browser, login).await?.unzip(),
            None => (None, None),
        };
        let attempt = match self.core.auth.lockout.begin(login, address, browser, now) {
            Ok(attempt) => attempt,
            Err(LockedUntil(until)) => {
                refused(Cause::LockedOut, known.as_ref(), login);
                return Ok(SignIn::LockedOut { until });
            }
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
        let hash = user.as_ref().and_then(|user| user.doc.password.as_deref());
        let verdict = match hash {
            Some(hash) => self.core.auth.hasher.verify(hash, &password).await,
            None => {
                let dummy = self.core.auth.hasher.verify_dummy(&password).await;
                dummy.map(|()| Verdict { matches: false, needs_rehash: false })
            }
        };
        let (user, needs_rehash) = match (user, verdict) {
            (Some(user), Ok(Verdict { matches: true, needs_rehash })) => (user, needs_rehash),
            (user, Err(_)) => {
                attempt.cancelled();
                refused(Cause::Busy, user.as_ref(), login);
                return Ok(SignIn::Busy);
            }
            (user, Ok(_)) => {
                let cause = match &user {
                    None => Cause::UnknownLogin,
                    Some(user) if user.doc.password.is_none() => Cause::NoPassword,
                    Some(_) => Cause::WrongPassword,
                };
                refused(cause, user.as_ref(), login);
                return Ok(SignIn::Wrong);
            }
        };
        match user.doc.asks_for_second_factor() {
            true => attempt.cancelled(),
            false => attempt.succeeded(),
        }
        if needs_rehash {
            self.rehash(&user, &password, now).await;
        }
        // From the record that the password was checked against: if the password has been changed
        // since, the session starts with the old generation and is invalid (R34).
        let facts = Arc::new(UserFacts::new(&user));
        let parked = self.core.snapshot().parked(facts.organization.as_str()).cloned();
        if parked.is_some() {
            refused(Cause::OrganizationParked, Some(&user), login);
        } else if !facts.has_portal_access() {
            let cause = if facts.disabled { Cause::AccountDisabled } else { Cause::NoPortalAccess };
            refused(cause, Some(&user), login);
        } else if facts.asks_for_second_factor {
            Event::SecondFactorRequired(user.account()).log();
        }
        if let Some(reason) = parked {
            return Ok(SignIn::Parked(reason));
        }
        Ok(match &user.doc.second_factor {
            _ if !facts.has_portal_access() => SignIn::NoPortalAccess(facts),
            _ if !facts.asks_for_second_factor => SignIn::Accepted(facts),
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

    /// Whether a user has this login and password. Not counted by the lockout, so it must not be
    /// called with values from a request.
    ///
    /// # Errors
    /// When the store is unavailable, or too many passwords are being checked.
    pub async fn has_password(
        &self,
        login: &str,
        password: &Secret<String>,
    ) -> Result<bool, DirectoryError> {
        let user = self.core.read().find::<User>(&login_key(login)).await?;
        let Some(hash) = user.and_then(|user| user.doc.password) else { return Ok(false) };
        let verdict = self.core.auth.hasher.verify(&hash, password).await;
        verdict.map(|verdict| verdict.matches).map_err(|_| DirectoryError::Busy)
    }

    /// Stores a hash of the current cost. The password does not change, so sessions continue. If it
    /// fails, the next sign-in tries again.
    async fn rehash(&self, user: &Stored<User>, password: &Secret<String>, now: Timestamp) {
        let change = &Change::new(Actor::System("password rehash"), now);
        let Ok(hash) = self.core.auth.hasher.rehash(password).await else { return };
        let mut doc = user.doc.clone();
        doc.password = Some(hash.as_str().to_owned());
        if let Err(error) = self.core.commit(change, vec![user.replace(doc).0]).await {
            tracing::info!(user.id = %user.id, %error, "could not replace an outdated password hash");
        }
    }
}

/// Logs why a login and password are refused; the page does not say.
fn refused(cause: Cause, user: Option<&Stored<User>>, login: &str) {
    // The login of a user is not a password.
    let login = if user.is_some() { login } else { loggable_login(login) };
    let organization = user.map(|user| user.doc.organization.as_str());
    let user = user.map(|user| user.id.as_str());
    Event::SignInRefused { cause, user, organization, login }.log();
}

#[cfg(test)]
mod tests;
