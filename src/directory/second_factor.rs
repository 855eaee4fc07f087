//! The second factor (R50, R51): what is owed after the password, set-up, codes, recovery codes,
//! reset.
//!
//! Between a right password and the code there is no session, only a [`PendingSignIn`]. It says
//! what was proved, for whom and when; it opens nothing by itself, and is worth nothing after ten
//! minutes, after it was used, and when the password or the user is another. What is owed follows
//! from the user's record as it is at that moment, so it does not matter who set up, reset or
//! switched off what in between.
//!
//! A try is counted as failed before it is made, in the same series as the user's passwords (I6).
//! What is accepted is written in the commit that accepts it, on condition that nothing was
//! accepted meanwhile: of two uses of one code exactly one wins.

use std::net::IpAddr;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::credential::key::{Purpose, SecretKey};
use crate::credential::lockout::{Attempt, LockedUntil};
use crate::credential::recovery::{RecoveryCode, RecoveryCodes};
use crate::credential::seal::Sealer;
use crate::credential::totp::{TotpSecret, UsedSteps};
use crate::directory::error::Stopped;
use crate::directory::facts::UserFacts;
use crate::directory::id::UserId;
use crate::directory::kind;
use crate::directory::record::{SecondFactor, TotpStep, UsedSignIn, User};
use crate::directory::records::{Stored, attempt, existing, get, put};
use crate::directory::sign_in::KnownBrowser;
use crate::directory::{Directory, DirectoryError};
use portcullis_store::{Expect, StoreError, Write};

/// How long the code can be given after the password, and a proposed secret be confirmed.
pub const PENDING_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// How far the clock of the replica that took the password may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// What second factors are judged by.
#[derive(Debug, Clone)]
pub struct SecondFactorJudge {
    secrets: Sealer,
    proposals: Sealer,
    recovery: RecoveryCodes,
}

impl SecondFactorJudge {
    /// For the installation with this key.
    #[must_use]
    pub fn new(key: &SecretKey) -> Self {
        Self {
            secrets: Sealer::new(key, Purpose::SecondFactor),
            proposals: Sealer::new(key, Purpose::PendingSignIn),
            recovery: RecoveryCodes::new(key),
        }
    }
}

/// A sign-in whose password was right, and whose second factor is owed. Whoever keeps it between
/// two requests keeps it sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingSignIn {
    /// Names it, so that it is used once.
    id: String,
    user: UserId,
    password_generation: u64,
    #[serde(rename = "began")]
    created: Timestamp,
}

impl PendingSignIn {
    pub(super) fn new(user: &Stored<User>, now: Timestamp) -> Self {
        Self {
            id: BASE64URL_NOPAD.encode(&crate::random::bytes::<16>()),
            user: user.id.clone(),
            password_generation: user.doc.password_generation,
            created: now,
        }
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.created);
        -CLOCK_SKEW <= age && age < PENDING_LIFETIME
    }

    /// What a proposed secret is bound to.
    fn owner(&self) -> String {
        format!("{} {} {}", self.id, self.password_generation, self.user)
    }
}

/// What a pending sign-in still needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Owed {
    /// A code.
    Code(Arc<UserFacts>),
    /// The second factor is not set up yet.
    SetUp(Arc<UserFacts>),
    /// Nothing helps: the group keeps out of the portal (R8).
    NoPortalAccess(Arc<UserFacts>),
    /// It is over; the person signs in again.
    Over,
}

/// What somebody with a pending sign-in has typed.
#[derive(Debug, Clone, Copy)]
pub enum Typed<'a> {
    /// A code from the device.
    Code(&'a str),
    /// A recovery code.
    RecoveryCode(&'a str),
}

/// Whence somebody tries.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// Where the request comes from.
    pub address: IpAddr,
    /// The browser, if it has signed in before.
    pub browser: Option<KnownBrowser<'a>>,
}

/// What comes of a try.
#[derive(Debug)]
#[must_use]
pub enum SecondStep<T> {
    /// It is the person.
    Welcome(T),
    /// It is not the code, or one that was used before.
    Wrong,
    /// Too many have failed: nothing was checked.
    LockedOut {
        /// When the next try is allowed.
        until: Timestamp,
    },
    /// The pending sign-in is over, or owes something else by now: nothing was checked.
    Over,
    /// Too many changes at the same time: nothing was decided.
    Busy,
}

/// A second factor that has just been set up.
#[derive(Debug)]
pub struct SetUp {
    /// Whose it is.
    pub user: Arc<UserFacts>,
    /// The recovery codes in the clear, this once.
    pub recovery_codes: Vec<RecoveryCode>,
}

/// A second factor as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecondFactorView {
    /// Whether it is set up.
    pub enrolled: bool,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// How many recovery codes have not been used.
    pub recovery_codes_left: usize,
    /// Whether it is asked for.
    pub required: bool,
    /// The version of the user's record.
    pub version: u64,
}

/// A pending sign-in that stands, and what it is about.
struct Standing {
    user: Stored<User>,
    steps: Option<Stored<TotpStep>>,
}

/// One attempt at a try.
enum Tried<T> {
    Right(T),
    Wrong,
    Over,
}

impl Directory {
    /// What a pending sign-in needs now.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn owed(&self, pending: &PendingSignIn, now: Timestamp) -> Result<Owed, StoreError> {
        let Some(Standing { user, .. }) = self.standing(pending, now).await? else {
            return Ok(Owed::Over);
        };
        let facts = Arc::new(UserFacts::new(&user));
        Ok(match user.doc.second_factor {
            _ if !facts.has_portal_access() => Owed::NoPortalAccess(facts),
            Some(_) => Owed::Code(facts),
            None => Owed::SetUp(facts),
        })
    }

    /// A secret for a second factor, and the same sealed, to be confirmed by
    /// [`Directory::set_up_second_factor`]. Nothing is written.
    #[must_use]
    pub fn propose_secret(&self, pending: &PendingSignIn) -> (TotpSecret, String) {
        let secret = TotpSecret::generate();
        let judge = &self.judges.second_factor;
        let sealed = judge.proposals.seal(secret.expose(), &pending.owner());
        (secret, sealed)
    }

    /// The secret that was proposed to this pending sign-in; `None` for anything else.
    #[must_use]
    pub fn proposed_secret(&self, pending: &PendingSignIn, sealed: &str) -> Option<TotpSecret> {
        let opened = self.judges.second_factor.proposals.open(sealed, &pending.owner())?;
        TotpSecret::from_bytes(opened.expose())
    }

    /// Sets up the second factor of a user who owes that, if `code` shows that the person's device
    /// has the proposed secret.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set_up_second_factor(
        &self,
        pending: &PendingSignIn,
        (secret, code): (&TotpSecret, &str),
        visit: Visit<'_>,
        now: Timestamp,
    ) -> Result<SecondStep<SetUp>, StoreError> {
        self.counted(pending, visit, now, || async {
            let standing = match self.standing(pending, now).await? {
                Some(standing) if standing.owes_set_up() => standing,
                Some(_) | None => return Ok(Tried::Over),
            };
            let none_used = UsedSteps::default();
            let Some(step) = secret.step_of(code, now, &none_used) else { return Ok(Tried::Wrong) };
            let user = &standing.user;
            let judge = &self.judges.second_factor;
            let (recovery_codes, hashes) = judge.recovery.issue(user.id.as_str());
            let mut doc = user.doc.clone();
            doc.second_factor = Some(SecondFactor {
                secret: judge.secrets.seal(secret.expose(), user.id.as_str()),
                recovery_codes: hashes,
                created: now,
            });
            let (write, changed) = user.replace(doc);
            self.commit(vec![write, standing.accept(Some(step), pending, now)]).await?;
            let user = Arc::new(UserFacts::new(&changed));
            Ok::<_, Stopped>(Tried::Right(SetUp { user, recovery_codes }))
        })
        .await
    }

    /// Judges a code, or a recovery code, of a user who owes one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn check_second_factor(
        &self,
        pending: &PendingSignIn,
        typed: Typed<'_>,
        visit: Visit<'_>,
        now: Timestamp,
    ) -> Result<SecondStep<Arc<UserFacts>>, StoreError> {
        self.counted(pending, visit, now, || async {
            let Some(standing) = self.standing(pending, now).await? else {
                return Ok(Tried::Over);
            };
            match typed {
                Typed::Code(code) => self.try_code(&standing, code, pending, now).await,
                Typed::RecoveryCode(code) => {
                    self.try_recovery_code(&standing, code, pending, now).await
                }
            }
        })
        .await
    }

    /// The second factor of the user with this id.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or when the store does not answer.
    pub async fn second_factor(&self, id: &UserId) -> Result<SecondFactorView, DirectoryError> {
        let user = existing::<User>(self.store(), id, None).await?;
        let factor = user.doc.second_factor.as_ref();
        Ok(SecondFactorView {
            enrolled: factor.is_some(),
            since: factor.map(|factor| factor.created),
            recovery_codes_left: factor.map_or(0, |factor| factor.recovery_codes.len()),
            required: user.doc.require_mfa,
            version: user.version,
        })
    }

    /// Takes the user's second factor and recovery codes away (R51). If one is asked for, the next
    /// sign-in sets it up anew; sessions stand.
    ///
    /// # Errors
    /// When there is no such user, or it is not at the expected version.
    pub async fn reset_second_factor(
        &self,
        id: &UserId,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<(), DirectoryError> {
        attempt(|| async {
            let user = existing::<User>(self.store(), id, expected).await?;
            let mut doc = user.doc.clone();
            doc.second_factor = None;
            let mut commit = vec![user.replace(doc).0];
            if let Some(steps) = get::<TotpStep>(self.store(), id).await? {
                let used = still_fresh(&steps.doc.used, now);
                commit.push(match used.is_empty() {
                    true => steps.delete(),
                    // What was used stays used, until it is worth nothing anyway.
                    false => steps.replace(TotpStep { steps: UsedSteps::default(), used }).0,
                });
            }
            self.commit(commit).await?;
            Ok::<_, Stopped>(())
        })
        .await
    }

    async fn standing(
        &self,
        pending: &PendingSignIn,
        now: Timestamp,
    ) -> Result<Option<Standing>, StoreError> {
        if !pending.is_fresh(now) {
            return Ok(None);
        }
        let Some(user) = get::<User>(self.store(), &pending.user).await? else { return Ok(None) };
        // Nobody who is not asked for a code comes in this way: the sign-in is made again.
        if user.doc.password_generation != pending.password_generation || !user.doc.require_mfa {
            return Ok(None);
        }
        let steps = get::<TotpStep>(self.store(), &user.id).await?;
        let was_used =
            |steps: &Stored<TotpStep>| steps.doc.used.iter().any(|used| used.sign_in == pending.id);
        Ok((!steps.as_ref().is_some_and(was_used)).then_some(Standing { user, steps }))
    }

    /// Reserves a try in the lockout, makes it, and tells the lockout what came of it.
    async fn counted<T, F>(
        &self,
        pending: &PendingSignIn,
        visit: Visit<'_>,
        now: Timestamp,
        once: impl Fn() -> F,
    ) -> Result<SecondStep<T>, StoreError>
    where
        F: Future<Output = Result<Tried<T>, Stopped>>,
    {
        let Some(Standing { user, .. }) = self.standing(pending, now).await? else {
            return Ok(SecondStep::Over);
        };
        let lockout = &self.judges.lockout;
        let browser = visit.browser.and_then(|browser| browser.name_with(&user));
        let counted = match lockout.begin(&user.doc.login, visit.address, browser, now) {
            Ok(counted) => counted,
            Err(LockedUntil(until)) => return Ok(SecondStep::LockedOut { until }),
        };
        counted.account_exists();
        settle(counted, attempt(once).await)
    }

    async fn try_code(
        &self,
        standing: &Standing,
        code: &str,
        pending: &PendingSignIn,
        now: Timestamp,
    ) -> Result<Tried<Arc<UserFacts>>, Stopped> {
        let Some(factor) = standing.factor() else { return Ok(Tried::Over) };
        let secret = self.open_secret(&standing.user, factor)?;
        let Some(step) = secret.step_of(code, now, &standing.used_steps()) else {
            return Ok(Tried::Wrong);
        };
        let accepted = standing.accept(Some(step), pending, now);
        self.commit(vec![standing.user.require(), accepted]).await?;
        Ok(Tried::Right(Arc::new(UserFacts::new(&standing.user))))
    }

    async fn try_recovery_code(
        &self,
        standing: &Standing,
        code: &str,
        pending: &PendingSignIn,
        now: Timestamp,
    ) -> Result<Tried<Arc<UserFacts>>, Stopped> {
        let Some(factor) = standing.factor() else { return Ok(Tried::Over) };
        let user = &standing.user;
        let recovery = &self.judges.second_factor.recovery;
        let Some(place) = recovery.find(code, user.id.as_str(), &factor.recovery_codes) else {
            return Ok(Tried::Wrong);
        };
        let mut factor = factor.clone();
        factor.recovery_codes.remove(place);
        let left = factor.recovery_codes.len();
        let (write, changed) =
            user.replace(User { second_factor: Some(factor), ..user.doc.clone() });
        self.commit(vec![write, standing.accept(None, pending, now)]).await?;
        tracing::info!(%user.id, left, "a recovery code was used");
        Ok(Tried::Right(Arc::new(UserFacts::new(&changed))))
    }

    fn open_secret(
        &self,
        user: &Stored<User>,
        factor: &SecondFactor,
    ) -> Result<TotpSecret, StoreError> {
        let opened = self.judges.second_factor.secrets.open(&factor.secret, user.id.as_str());
        opened.and_then(|secret| TotpSecret::from_bytes(secret.expose())).ok_or_else(|| {
            StoreError::Damaged {
                kind: kind::USER,
                id: user.id.to_string(),
                cause: "its second factor was sealed with another secret key".to_owned(),
            }
        })
    }
}

impl Standing {
    /// The second factor, if it is what is owed.
    fn factor(&self) -> Option<&SecondFactor> {
        let may = UserFacts::new(&self.user).has_portal_access();
        self.user.doc.second_factor.as_ref().filter(|_| may)
    }

    fn owes_set_up(&self) -> bool {
        self.user.doc.second_factor.is_none() && UserFacts::new(&self.user).has_portal_access()
    }

    /// The steps whose codes were accepted before.
    fn used_steps(&self) -> UsedSteps {
        self.steps.as_ref().map(|steps| steps.doc.steps.clone()).unwrap_or_default()
    }

    /// The write that accepts a step, if it was by a code, and with it the pending sign-in, if
    /// nothing was accepted since this was read.
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
}

/// What came of a try, told to the lockout too.
fn settle<T>(
    counted: Attempt,
    tried: Result<Tried<T>, DirectoryError>,
) -> Result<SecondStep<T>, StoreError> {
    match tried {
        Ok(Tried::Right(right)) => {
            counted.succeeded();
            Ok(SecondStep::Welcome(right))
        }
        // Dropped, the try has failed.
        Ok(Tried::Wrong) => Ok(SecondStep::Wrong),
        Ok(Tried::Over) => {
            counted.cancelled();
            Ok(SecondStep::Over)
        }
        Err(DirectoryError::Store(error)) => {
            counted.cancelled();
            Err(error)
        }
        Err(error) => {
            counted.cancelled();
            tracing::info!(%error, "a second factor was not judged");
            Ok(SecondStep::Busy)
        }
    }
}

fn still_fresh(used: &[UsedSignIn], now: Timestamp) -> Vec<UsedSignIn> {
    let fresh = |used: &&UsedSignIn| now.duration_since(used.created) < PENDING_LIFETIME;
    used.iter().filter(fresh).cloned().collect()
}

#[cfg(test)]
mod tests;
