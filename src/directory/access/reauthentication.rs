//! Asking people who are signed in for their password again, before they change how they sign in.
//!
//! A session alone must not suffice for that: a browser may be unattended, or its cookie stolen. The
//! attempts count in the same lockout as sign-ins (I6).

use jiff::Timestamp;

use super::attempt_source::AttemptSource;
use super::confirmed::Confirmed;
use super::pending_sign_in::PendingSignIn;
use super::second_factors::{EnteredCode, SecondFactors, SecondStep};
use super::sign_in::{PasswordSignIn, SignIn, SignInRequest};
use crate::credential::secret::Secret;
use crate::directory::core::Core;
use crate::directory::records::{User, UserId};
use portcullis_store::StoreError;

/// The outcome of asking again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Reauthentication {
    /// The person has the credentials.
    Confirmed(Confirmed),
    /// The password is wrong, or the user no longer has access to the portal.
    WrongPassword,
    /// The password is right, and sign-in asks for a code too.
    CodeRequired,
    /// The password is right, the code is wrong or was used before.
    WrongCode,
    /// Too many attempts have failed. Nothing was checked.
    LockedOut {
        /// When the next attempt is allowed.
        until: Timestamp,
    },
    /// Too many passwords are being checked, or too many changes are made. Nothing was checked.
    Busy,
}

/// Checks the credentials of people who are signed in.
#[derive(Debug, Clone)]
pub struct Reauthenticator {
    pub(in crate::directory) core: Core,
    pub(in crate::directory) sign_in: PasswordSignIn,
    pub(in crate::directory) second_factors: SecondFactors,
}

impl Reauthenticator {
    /// Checks the password of a user whom sign-in asks for no code.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn password(
        &self,
        user: &UserId,
        password: Secret<String>,
        source: AttemptSource<'_>,
        now: Timestamp,
    ) -> Result<Reauthentication, StoreError> {
        Ok(match self.check_password(user, password, source, now).await? {
            Ok((confirmed, None)) => Reauthentication::Confirmed(confirmed),
            Ok((_, Some(_))) => Reauthentication::CodeRequired,
            Err(refused) => refused,
        })
    }

    /// Checks the password, and the code if sign-in asks the user for one.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn password_and_code(
        &self,
        user: &UserId,
        (password, code): (Secret<String>, EnteredCode<'_>),
        source: AttemptSource<'_>,
        now: Timestamp,
    ) -> Result<Reauthentication, StoreError> {
        let (confirmed, pending) = match self.check_password(user, password, source, now).await? {
            Ok(checked) => checked,
            Err(refused) => return Ok(refused),
        };
        let Some(pending) = pending else { return Ok(Reauthentication::Confirmed(confirmed)) };
        Ok(match self.second_factors.check(&pending, code, source, now).await? {
            SecondStep::Accepted(_) => Reauthentication::Confirmed(confirmed),
            SecondStep::Wrong | SecondStep::Invalid => Reauthentication::WrongCode,
            SecondStep::LockedOut { until } => Reauthentication::LockedOut { until },
            SecondStep::Busy => Reauthentication::Busy,
        })
    }

    /// The proof, and the pending sign-in that a code is still needed for.
    async fn check_password(
        &self,
        id: &UserId,
        password: Secret<String>,
        source: AttemptSource<'_>,
        now: Timestamp,
    ) -> Result<Result<(Confirmed, Option<PendingSignIn>), Reauthentication>, StoreError> {
        let Some(user) = self.core.read().get::<User>(id).await? else {
            return Ok(Err(Reauthentication::WrongPassword));
        };
        let AttemptSource { address, browser } = source;
        let request = SignInRequest { login: &user.doc.login, password, address, browser };
        let (checked, generation, pending) = match self.sign_in.check(request, now).await? {
            SignIn::Accepted(facts) => (facts.id.clone(), facts.password_generation, None),
            SignIn::CodeRequired(pending) => {
                (pending.user.clone(), pending.password_generation, Some(pending))
            }
            // There is no code to ask for yet.
            SignIn::SetUpRequired(pending) => (pending.user, pending.password_generation, None),
            SignIn::Wrong | SignIn::NoPortalAccess(_) | SignIn::Parked(_) => {
                return Ok(Err(Reauthentication::WrongPassword));
            }
            SignIn::LockedOut { until } => return Ok(Err(Reauthentication::LockedOut { until })),
            SignIn::Busy => return Ok(Err(Reauthentication::Busy)),
        };
        // Another user may have been given the login since it was read.
        if checked != *id {
            return Ok(Err(Reauthentication::WrongPassword));
        }
        // As it was before the check: one that was set up since makes the proof invalid.
        let second_factor = user.doc.second_factor.map(|factor| factor.created);
        let confirmed = Confirmed { user: checked, password_generation: generation, second_factor };
        Ok(Ok((confirmed, pending)))
    }
}

#[cfg(test)]
mod tests;
