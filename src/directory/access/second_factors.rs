//! Second factors (R50, R51): set-up, codes, recovery codes, reset.
//!
//! Between the right password and the code there is no session, only a [`PendingSignIn`]. It gives no
//! access by itself. It is invalid after ten minutes, after it was used, and when the password or
//! the user has been replaced. What it still needs is decided by the user's record at that moment,
//! which may have changed since the password was checked.
//!
//! An attempt is counted as failed before it is checked, together with the user's passwords (I6).
//! The commit that accepts a code records that it was used, and goes through only if no other was
//! accepted in between: of two concurrent uses of one code exactly one succeeds.
//!
//! A second factor is asked for if it is required, or if the user chose to set one up. A user who is
//! signed in sets up another with a pending sign-in that is for nothing else (`own`).

mod own;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::attempt_source::AttemptSource;
use super::pending_sign_in::{PENDING_LIFETIME, PendingSignIn};
use crate::credential::lockout::{Attempt, LockedUntil};
use crate::credential::recovery::RecoveryCode;
use crate::credential::totp::{TotpSecret, UsedSteps};
use crate::directory::accounts::change_notice;
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::ChangedBy;
use crate::directory::records::{
    Actor, Change, SecondFactor, Stored, TotpStep, UsedSignIn, User, UserId, kind, put, retry,
};
use crate::directory::state::UserFacts;
use crate::telemetry::events::{Cause, Event};
use portcullis_store::{Expect, StoreError, Write};

pub use self::own::TurnedOff;

/// What a pending sign-in still needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum NextStep {
    /// A code.
    Code(Arc<UserFacts>),
    /// The second factor must be set up.
    SetUp(Arc<UserFacts>),
    /// Nothing: the user is disabled, or its group has no access to the portal (R8).
    NoPortalAccess(Arc<UserFacts>),
    /// The user's organization is parked, for this reason.
    Parked(Arc<str>),
    /// It is no longer valid; the person has to sign in again.
    Invalid,
}

/// A code that was entered.
#[derive(Debug, Clone, Copy)]
pub enum EnteredCode<'a> {
    /// A code of the authenticator app (RFC 6238).
    Totp(&'a str),
    /// A recovery code.
    Recovery(&'a str),
}

/// The outcome of an attempt.
#[derive(Debug)]
#[must_use]
pub enum SecondStep<T> {
    /// The code is right.
    Accepted(T),
    /// The code is wrong or was used before.
    Wrong,
    /// Too many attempts have failed. The code was not checked.
    LockedOut {
        /// When the next attempt is allowed.
        until: Timestamp,
    },
    /// The pending sign-in is no longer valid, or needs another step by now. The code was not
    /// checked.
    Invalid,
    /// Too many concurrent changes. The code was not checked.
    Busy,
}

/// A second factor that was just set up.
#[derive(Debug)]
pub struct NewSecondFactor {
    /// The user.
    pub user: Arc<UserFacts>,
    /// The recovery codes, which can be shown this once.
    pub recovery_codes: Vec<RecoveryCode>,
}

/// A second factor without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "SecondFactor")]
pub struct SecondFactorView {
    /// Whether it is set up.
    pub enrolled: bool,
    /// When it was set up.
    #[serde(rename = "since", skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// How many recovery codes have not been used.
    pub recovery_codes_left: usize,
    /// Whether it is required at sign-in.
    pub required: bool,
    /// Whether the user chose it. Sign-in asks for it then even if it is not required.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_choice: bool,
    /// The version of the user's record.
    pub version: u64,
}

/// The second factors of portal users.
#[derive(Debug, Clone)]
pub struct SecondFactors {
    pub(in crate::directory) core: Core,
}

/// The records behind a valid pending sign-in.
struct Account {
    user: Stored<User>,
    steps: Option<Stored<TotpStep>>,
}

enum Checked<T> {
    Right(T),
    Wrong,
    Invalid,
}

impl SecondFactors {
    /// What a pending sign-in needs now.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn next_step(
        &self,
        pending: &PendingSignIn,
        now: Timestamp,
    ) -> Result<NextStep, StoreError> {
        let Some(Account { user, .. }) = self.account(pending, now).await? else {
            return Ok(NextStep::Invalid);
        };
        let facts = Arc::new(UserFacts::new(&user));
        if let Some(reason) = self.core.snapshot().parked(facts.organization.as_str()) {
            return Ok(NextStep::Parked(Arc::clone(reason)));
        }
        Ok(match user.doc.second_factor {
            _ if !facts.has_portal_access() => NextStep::NoPortalAccess(facts),
            Some(_) if !pending.sets_up => NextStep::Code(facts),
            Some(_) | None => NextStep::SetUp(facts),
        })
    }

    /// A new secret, and the same sealed, to be confirmed by [`SecondFactors::set_up`]. Nothing is
    /// written.
    #[must_use]
    pub fn propose(&self, pending: &PendingSignIn) -> (TotpSecret, String) {
        let secret = TotpSecret::generate();
        let keys = &self.core.auth.second_factors;
        let sealed = keys.proposals.seal(secret.expose(), &pending.context());
        (secret, sealed)
    }

    /// The secret that was proposed to this pending sign-in; `None` for anything else.
    #[must_use]
    pub fn proposed(&self, pending: &PendingSignIn, sealed: &str) -> Option<TotpSecret> {
        let opened = self.core.auth.second_factors.proposals.open(sealed, &pending.context())?;
        TotpSecret::from_bytes(opened.expose())
    }

    /// Sets up the second factor of a user who has to, or has asked to, if `code` shows that the app
    /// has the proposed secret. It replaces the one that there is.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn set_up(
        &self,
        pending: &PendingSignIn,
        (secret, code): (&TotpSecret, &str),
        source: AttemptSource<'_>,
        now: Timestamp,
    ) -> Result<SecondStep<NewSecondFactor>, StoreError> {
        self.counted(pending, source, now, || async {
            let account = match self.account(pending, now).await? {
                Some(account) if account.admits_set_up(pending) => account,
                Some(_) | None => return Ok(Checked::Invalid),
            };
            let none_used = UsedSteps::default();
            let Some(step) = secret.step_of(code, now, &none_used) else {
                return Ok(Checked::Wrong);
            };
            let user = &account.user;
            let keys = &self.core.auth.second_factors;
            let (recovery_codes, hashes) = keys.recovery_codes.issue(user.id.as_str());
            let mut doc = user.doc.clone();
            doc.second_factor = Some(SecondFactor {
                secret: keys.secrets.seal(secret.expose(), user.id.as_str()),
                recovery_codes: hashes,
                created: now,
                by_choice: user.doc.chooses_second_factor(),
            });
            let (write, changed) = user.replace(doc);
            let by = ChangedBy::User;
            let notice = change_notice::mail(&self.core, user, &changed.doc, by, now);
            let mut writes = vec![write, account.accept(Some(step), pending, now)];
            writes.extend(notice.await?);
            self.core.commit(&account.change(now), writes).await?;
            let user = Arc::new(UserFacts::new(&changed));
            Ok::<_, AttemptError>(Checked::Right(NewSecondFactor { user, recovery_codes }))
        })
        .await
    }

    /// Checks a code of a user who has to enter one.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn check(
        &self,
        pending: &PendingSignIn,
        entered: EnteredCode<'_>,
        source: AttemptSource<'_>,
        now: Timestamp,
    ) -> Result<SecondStep<Arc<UserFacts>>, StoreError> {
        let checked = self.counted(pending, source, now, || async {
            let account = match self.account(pending, now).await? {
                Some(account) if !pending.sets_up => account,
                Some(_) | None => return Ok(Checked::Invalid),
            };
            match entered {
                EnteredCode::Totp(code) => self.check_totp(&account, code, pending, now).await,
                EnteredCode::Recovery(code) => {
                    self.check_recovery_code(&account, code, pending, now).await
                }
            }
        });
        let checked = checked.await?;
        if let SecondStep::Accepted(user) = &checked {
            let kind = match entered {
                EnteredCode::Totp(_) => "app",
                EnteredCode::Recovery(_) => "recovery-code",
            };
            Event::SecondFactorAccepted { account: user.account(), kind }.log();
        }
        Ok(checked)
    }

    /// The second factor of the user with this id.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or when the store is unavailable.
    pub async fn get(&self, id: &UserId) -> Result<SecondFactorView, DirectoryError> {
        let user = self.core.read().existing::<User>(id, None).await?;
        let factor = user.doc.second_factor.as_ref();
        Ok(SecondFactorView {
            enrolled: factor.is_some(),
            created: factor.map(|factor| factor.created),
            recovery_codes_left: factor.map_or(0, |factor| factor.recovery_codes.len()),
            required: user.doc.require_mfa,
            by_choice: factor.is_some_and(|factor| factor.by_choice),
            version: user.version,
        })
    }

    /// Removes the user's second factor and recovery codes (R51). If a second factor is required,
    /// the next sign-in sets it up again. Sessions continue.
    ///
    /// # Errors
    /// When there is no such user, or it is not at the expected version.
    pub async fn reset(&self, id: &UserId, change: &Change) -> Result<(), DirectoryError> {
        retry(|| async {
            let user = self.core.read().existing::<User>(id, change.expected).await?;
            self.remove(&user, change).await
        })
        .await
    }

    async fn remove(&self, user: &Stored<User>, change: &Change) -> Result<(), AttemptError> {
        let (write, changed) = user.replace(User { second_factor: None, ..user.doc.clone() });
        let by = change_notice::by(change);
        let notice = change_notice::mail(&self.core, user, &changed.doc, by, change.at);
        let mut writes = vec![write];
        writes.extend(notice.await?);
        if let Some(steps) = self.core.read().get::<TotpStep>(&user.id).await? {
            let used = still_fresh(&steps.doc.used, change.at);
            writes.push(match used.is_empty() {
                true => steps.delete(),
                // A pending sign-in that was used stays used until it has expired.
                false => steps.replace(TotpStep { steps: UsedSteps::default(), used }).0,
            });
        }
        self.core.commit(change, writes).await?;
        Ok(())
    }

    /// The records behind a pending sign-in; `None` if it is not valid.
    async fn account(
        &self,
        pending: &PendingSignIn,
        now: Timestamp,
    ) -> Result<Option<Account>, StoreError> {
        if !pending.is_fresh(now) {
            return Ok(None);
        }
        let Some(user) = self.core.read().get::<User>(&pending.user).await? else {
            return Ok(None);
        };
        // If sign-in asks for no second factor by now, the person signs in again without one.
        let is_needed = pending.sets_up || user.doc.asks_for_second_factor();
        if user.doc.password_generation != pending.password_generation || !is_needed {
            return Ok(None);
        }
        let steps = self.core.read().get::<TotpStep>(&user.id).await?;
        let was_used =
            |steps: &Stored<TotpStep>| steps.doc.used.iter().any(|used| used.sign_in == pending.id);
        Ok((!steps.as_ref().is_some_and(was_used)).then_some(Account { user, steps }))
    }

    /// Reserves an attempt in the lockout, makes it, and reports its outcome to the lockout.
    async fn counted<T, F>(
        &self,
        pending: &PendingSignIn,
        source: AttemptSource<'_>,
        now: Timestamp,
        check: impl Fn() -> F,
    ) -> Result<SecondStep<T>, StoreError>
    where
        F: Future<Output = Result<Checked<T>, AttemptError>>,
    {
        let Some(Account { user, .. }) = self.account(pending, now).await? else {
            return Ok(SecondStep::Invalid);
        };
        if self.core.snapshot().parked(user.doc.organization.as_str()).is_some() {
            return Ok(SecondStep::Invalid);
        }
        let lockout = &self.core.auth.lockout;
        let browser = source.browser.and_then(|browser| browser.name_with(&user));
        let attempt = match lockout.begin(&user.doc.login, source.address, browser, now) {
            Ok(attempt) => attempt,
            Err(LockedUntil(until)) => {
                refused(&user, Cause::LockedOut);
                return Ok(SecondStep::LockedOut { until });
            }
        };
        attempt.account_exists();
        let step = settle(attempt, retry(check).await)?;
        match &step {
            SecondStep::Wrong => refused(&user, Cause::WrongCode),
            SecondStep::Busy => refused(&user, Cause::Busy),
            SecondStep::Accepted(_) | SecondStep::LockedOut { .. } | SecondStep::Invalid => {}
        }
        Ok(step)
    }

    async fn check_totp(
        &self,
        account: &Account,
        code: &str,
        pending: &PendingSignIn,
        now: Timestamp,
    ) -> Result<Checked<Arc<UserFacts>>, AttemptError> {
        let Some(factor) = account.factor() else { return Ok(Checked::Invalid) };
        let secret = self.open_secret(&account.user, factor)?;
        let Some(step) = secret.step_of(code, now, &account.used_steps()) else {
            return Ok(Checked::Wrong);
        };
        let writes = vec![account.user.require(), account.accept(Some(step), pending, now)];
        self.core.commit(&account.change(now), writes).await?;
        Ok(Checked::Right(Arc::new(UserFacts::new(&account.user))))
    }

    async fn check_recovery_code(
        &self,
        account: &Account,
        code: &str,
        pending: &PendingSignIn,
        now: Timestamp,
    ) -> Result<Checked<Arc<UserFacts>>, AttemptError> {
        let Some(factor) = account.factor() else { return Ok(Checked::Invalid) };
        let user = &account.user;
        let recovery_codes = &self.core.auth.second_factors.recovery_codes;
        let Some(place) = recovery_codes.find(code, user.id.as_str(), &factor.recovery_codes)
        else {
            return Ok(Checked::Wrong);
        };
        let mut factor = factor.clone();
        factor.recovery_codes.remove(place);
        let (write, changed) =
            user.replace(User { second_factor: Some(factor), ..user.doc.clone() });
        let writes = vec![write, account.accept(None, pending, now)];
        self.core.commit(&account.change(now), writes).await?;
        Ok(Checked::Right(Arc::new(UserFacts::new(&changed))))
    }

    fn open_secret(
        &self,
        user: &Stored<User>,
        factor: &SecondFactor,
    ) -> Result<TotpSecret, StoreError> {
        let opened = self.core.auth.second_factors.secrets.open(&factor.secret, user.id.as_str());
        opened.and_then(|secret| TotpSecret::from_bytes(secret.expose())).ok_or_else(|| {
            StoreError::Damaged {
                kind: kind::USER,
                id: user.id.to_string(),
                cause: "its second factor was sealed with another secret key".to_owned(),
            }
        })
    }
}

impl Account {
    /// The second factor, if a code is what the sign-in needs.
    fn factor(&self) -> Option<&SecondFactor> {
        let has_access = UserFacts::new(&self.user).has_portal_access();
        self.user.doc.second_factor.as_ref().filter(|_| has_access)
    }

    fn admits_set_up(&self, pending: &PendingSignIn) -> bool {
        // One that was set up since must not be replaced: its code was not asked for.
        let present = self.user.doc.second_factor.as_ref().map(|factor| factor.created);
        present == pending.replaces && UserFacts::new(&self.user).has_portal_access()
    }

    /// The time steps whose codes were accepted before.
    fn used_steps(&self) -> UsedSteps {
        self.steps.as_ref().map(|steps| steps.doc.steps.clone()).unwrap_or_default()
    }

    /// The write that marks the pending sign-in as used, and the time step if there was a code. It
    /// fails if another attempt was accepted since the records were read.
    fn accept(&self, step: Option<u64>, pending: &PendingSignIn, now: Timestamp) -> Write {
        let (expect, used) = match &self.steps {
            Some(steps) => (Expect::Version(steps.version), still_fresh(&steps.doc.used, now)),
            None => (Expect::Absent, Vec::new()),
        };
        let this = UsedSignIn { sign_in: pending.id.clone(), created: pending.created };
        let used = used.into_iter().chain([this]).collect();
        let mut steps = self.used_steps();
        if let Some(step) = step {
            steps.add(step);
        }
        put(&self.user.id, expect, &TotpStep { steps, used })
    }

    /// A change by the user.
    fn change(&self, now: Timestamp) -> Change {
        Change::new(Actor::PortalUser { id: self.user.id.clone() }, now)
    }
}

/// The outcome of an attempt, reported to the lockout too.
fn settle<T>(
    attempt: Attempt,
    checked: Result<Checked<T>, DirectoryError>,
) -> Result<SecondStep<T>, StoreError> {
    match checked {
        Ok(Checked::Right(right)) => {
            attempt.succeeded();
            Ok(SecondStep::Accepted(right))
        }
        // An attempt that is dropped has failed.
        Ok(Checked::Wrong) => Ok(SecondStep::Wrong),
        Ok(Checked::Invalid) => {
            attempt.cancelled();
            Ok(SecondStep::Invalid)
        }
        Err(DirectoryError::Store(error)) => {
            attempt.cancelled();
            Err(error)
        }
        Err(error) => {
            attempt.cancelled();
            tracing::info!(%error, "could not check a second factor");
            Ok(SecondStep::Busy)
        }
    }
}

fn refused(user: &Stored<User>, cause: Cause) {
    Event::SecondFactorRefused { account: user.account(), cause }.log();
}

fn still_fresh(used: &[UsedSignIn], now: Timestamp) -> Vec<UsedSignIn> {
    let fresh = |used: &&UsedSignIn| now.duration_since(used.created) < PENDING_LIFETIME;
    used.iter().filter(fresh).cloned().collect()
}

#[cfg(test)]
mod tests;
