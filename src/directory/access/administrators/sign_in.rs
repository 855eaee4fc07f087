//! Checking an administrator's login, password and code, and the session that follows.
//!
//! An unknown login and a wrong password take the same work and have the same result. Only a right
//! password reveals that a code is required. A code and a recovery code each work once: the commit
//! that starts the session also stores that it was used.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Map;

use super::pending_code::PendingCode;
use super::proposed_factor::{ProposedFactor, ProposedTo};
use super::{AdminRules, AdministratorView, Administrators};
use crate::credential::hashing::Verdict;
use crate::credential::lockout::LockedUntil;
use crate::credential::password::loggable_login;
use crate::credential::secret::Secret;
use crate::credential::token::PlainToken;
use crate::credential::totp::TotpSecret;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::audit::{Occurrence, Subject};
use crate::directory::records::{
    Actor, AdminFactor, AdminSession, AdminSessionId, Administrator, Change, Stored, kind, put,
    retry,
};
use crate::telemetry::events::{Cause, Event};
use portcullis_store::{Expect, StoreError};

/// The length of a code of an authenticator app. Anything else is taken as a recovery code.
const CODE: usize = 6;

/// A request to sign in.
#[derive(Debug, Clone)]
pub struct AdminSignInRequest<'a> {
    /// The login, as typed.
    pub login: &'a str,
    /// The password, as typed.
    pub password: Secret<String>,
    /// A code of the authenticator app, or a recovery code.
    pub code: Option<&'a str>,
    /// The client's address.
    pub address: IpAddr,
}

/// The outcome of a request to sign in.
#[derive(Debug)]
#[must_use]
pub enum AdminSignIn {
    /// A session has started.
    Accepted {
        /// The value of its cookie.
        token: PlainToken,
        /// Whose it is.
        administrator: AdministratorView,
    },
    /// The password is right, and a code must be given too: with the password, or with this.
    CodeRequired(PendingCode),
    /// The password is right, but the account has no second factor, and one is required. It can be
    /// set up with this secret.
    NoSecondFactor(Box<ProposedFactor>),
    /// The login, the password or the code is wrong.
    Wrong,
    /// Too many attempts have failed. Nothing was checked.
    LockedOut {
        /// When the next attempt is allowed.
        until: Timestamp,
    },
    /// Too many passwords are being checked. This one was not.
    Busy,
}

enum Checked {
    Accepted(PlainToken, Box<Stored<Administrator>>),
    CodeRequired(PendingCode),
    NoSecondFactor(Box<ProposedFactor>),
    Wrong,
}

impl Administrators {
    /// Checks login, password and code, and starts a session if they are right.
    ///
    /// # Errors
    /// When the store is unavailable; the attempt is not counted then.
    pub async fn sign_in(
        &self,
        request: AdminSignInRequest<'_>,
        rules: AdminRules,
        now: Timestamp,
    ) -> Result<AdminSignIn, StoreError> {
        let AdminSignInRequest { login, password, code, address } = request;
        let lockout = &self.core.auth.lockout;
        let key = Administrator::login_key(login);
        let found = self.core.read().find::<Administrator>(&key).await?;
        let last = found.as_ref().and_then(|found| found.doc.last_address);
        let attempt = match lockout.begin_administrator(login, address, last, now) {
            Ok(attempt) => attempt,
            Err(LockedUntil(until)) => {
                refused(Cause::LockedOut, found.as_ref(), login);
                return Ok(AdminSignIn::LockedOut { until });
            }
        };
        let wrong = Verdict { matches: false, needs_rehash: false };
        let verdict = match &found {
            Some(found) => self.core.auth.hasher.verify(&found.doc.password.0, &password).await,
            None => self.core.auth.hasher.verify_dummy(&password).await.map(|()| wrong),
        };
        let Ok(verdict) = verdict else {
            attempt.cancelled();
            refused(Cause::Busy, found.as_ref(), login);
            return Ok(AdminSignIn::Busy);
        };
        let found = match found {
            Some(found) if verdict.matches => found,
            found => {
                let cause =
                    if found.is_some() { Cause::WrongPassword } else { Cause::UnknownLogin };
                refused(cause, found.as_ref(), login);
                return Ok(AdminSignIn::Wrong);
            }
        };
        attempt.account_exists();
        let generation = found.doc.generation;
        let checked = retry(|| async {
            let current = self.core.read().get::<Administrator>(&found.id).await?;
            match current.filter(|current| current.doc.generation == generation) {
                Some(current) => self.finish(current, code, address, rules, now).await,
                // The password was replaced since it was checked.
                None => Ok(Checked::Wrong),
            }
        });
        match checked.await {
            Ok(Checked::Accepted(token, administrator)) => {
                attempt.succeeded();
                let (id, login) = (administrator.id.as_str(), &*administrator.doc.login);
                Event::AdministratorSignIn { administrator: id, login }.log();
                Ok(AdminSignIn::Accepted { token, administrator: (*administrator).into() })
            }
            Ok(Checked::CodeRequired(pending)) => {
                attempt.cancelled();
                Ok(AdminSignIn::CodeRequired(pending))
            }
            Ok(Checked::NoSecondFactor(proposed)) => {
                attempt.cancelled();
                refused(Cause::NoSecondFactor, Some(&found), login);
                Ok(AdminSignIn::NoSecondFactor(proposed))
            }
            // An attempt that is dropped has failed.
            Ok(Checked::Wrong) => {
                refused(Cause::WrongCode, Some(&found), login);
                Ok(AdminSignIn::Wrong)
            }
            Err(DirectoryError::Store(error)) => {
                attempt.cancelled();
                Err(error)
            }
            Err(_) => {
                attempt.cancelled();
                Ok(AdminSignIn::Busy)
            }
        }
    }

    /// Checks the code of an account whose password is right, and starts the session.
    async fn finish(
        &self,
        current: Stored<Administrator>,
        code: Option<&str>,
        address: IpAddr,
        rules: AdminRules,
        now: Timestamp,
    ) -> Result<Checked, AttemptError> {
        let started = match (&current.doc.second_factor, code) {
            (None, _) if rules.require_mfa => {
                let proposed = self.propose(&current, ProposedTo::SignIn, now);
                return Ok(Checked::NoSecondFactor(Box::new(proposed)));
            }
            (None, _) => {
                let doc = current.doc.clone();
                Some(self.start_session(&current, doc, "password", address, now).await?)
            }
            (Some(_), None) => return Ok(Checked::CodeRequired(self.pending_code(&current, now))),
            (Some(_), Some(code)) => self.enter(&current, code, address, now).await?,
        };
        Ok(match started {
            Some((token, administrator)) => Checked::Accepted(token, administrator),
            None => Checked::Wrong,
        })
    }

    /// Starts a session of an account, which is stored as `doc` in the same commit. `way` is what the
    /// sign-in was with.
    pub(super) async fn start_session(
        &self,
        current: &Stored<Administrator>,
        mut doc: Administrator,
        way: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<(PlainToken, Box<Stored<Administrator>>), AttemptError> {
        let token = PlainToken::generate();
        let session = AdminSession {
            administrator: current.id.clone(),
            generation: doc.generation,
            created: now,
            last_seen: now,
            address,
        };
        let id = AdminSessionId::from(token.hash().to_string());
        doc.last_sign_in = Some(now);
        doc.last_address = Some(address);
        let (write, changed) = current.replace(doc);
        let writes = vec![write, put(&id, Expect::Absent, &session)];
        let rights = changed.doc.rights();
        let (id, login) = (changed.id.clone(), changed.doc.login.clone());
        let actor = Actor::Administrator { id, login, rights, session: None };
        let occurrence = Occurrence {
            kind: "administrator.signed-in",
            subject: Subject::new("administrator", changed.id.as_str(), &changed.doc.login),
            reason: None,
            organization: None,
            user: None,
            after: Map::from_iter([("way".to_owned(), way.into())]),
        };
        let change = Change::new(actor, now);
        self.core.records.commit_noting(&change, writes, occurrence).await?;
        Ok((token, Box::new(changed)))
    }

    /// Whether a code is right. What it uses up is removed from `factor`.
    pub(super) fn accepts(
        &self,
        of: &Stored<Administrator>,
        factor: &mut AdminFactor,
        code: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let keys = &self.core.auth.second_factors;
        let context = Administrator::sealed_for(of.id.as_str());
        if is_recovery(code) {
            let place = keys.recovery_codes.find(code, &context, &factor.recovery_codes);
            return Ok(place.map(|place| factor.recovery_codes.remove(place)).is_some());
        }
        let opened = keys.secrets.open(&factor.secret.0, &context);
        let secret = opened.and_then(|secret| TotpSecret::from_bytes(secret.expose()));
        let secret = secret.ok_or_else(|| StoreError::Damaged {
            kind: kind::ADMINISTRATOR,
            id: of.id.to_string(),
            cause: "its second factor was sealed with another secret key".to_owned(),
        })?;
        let Some(step) = secret.step_of(code, now, &factor.steps) else { return Ok(false) };
        factor.steps.add(step);
        factor.confirmed = true;
        Ok(true)
    }
}

/// Whether what was entered is a recovery code, and not one of the authenticator app.
pub(super) fn is_recovery(code: &str) -> bool {
    code.chars().filter(|c| !c.is_whitespace() && *c != '-').count() != CODE
}

/// Logs why a sign-in is refused; the answer does not say.
pub(super) fn refused(cause: Cause, found: Option<&Stored<Administrator>>, login: &str) {
    // The login of an administrator is not a password.
    let login = if found.is_some() { login } else { loggable_login(login) };
    let administrator = found.map(|found| found.id.as_str());
    Event::AdministratorSignInRefused { cause, administrator, login }.log();
}
