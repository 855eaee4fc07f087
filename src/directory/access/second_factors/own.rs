//! What users change about their own second factor while signed in.

use jiff::Timestamp;

use super::{Account, Checked, SecondFactors, SecondStep};
use crate::credential::recovery::RecoveryCode;
use crate::directory::access::attempt_source::AttemptSource;
use crate::directory::access::confirmed::Confirmed;
use crate::directory::access::pending_sign_in::PendingSignIn;
use crate::directory::accounts::change_notice;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::ChangedBy;
use crate::directory::records::{Actor, Change, SecondFactor, User, UserId, retry};
use portcullis_store::StoreError;

/// The outcome of turning one's own second factor off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum TurnedOff {
    /// It is removed, with its recovery codes.
    Done,
    /// It is required (R50), and stays.
    Required,
    /// The password was replaced since it was entered, or the user was deleted.
    Superseded,
}

impl SecondFactors {
    /// A pending sign-in with which the user can set up a second factor, in place of the present one
    /// if there is one. `None` if the password was replaced since it was entered.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn begin_set_up(
        &self,
        confirmed: &Confirmed,
        now: Timestamp,
    ) -> Result<Option<PendingSignIn>, StoreError> {
        let user = self.core.read().get::<User>(&confirmed.user).await?;
        let user = user.filter(|user| confirmed.holds_for(user));
        Ok(user.map(|user| PendingSignIn::for_set_up(&user, now)))
    }

    /// Removes the user's second factor and recovery codes, unless it is required. Sessions continue.
    ///
    /// # Errors
    /// When there are too many concurrent changes, or the store is unavailable.
    pub async fn turn_off(
        &self,
        confirmed: &Confirmed,
        now: Timestamp,
    ) -> Result<TurnedOff, DirectoryError> {
        let change = Change::new(Actor::PortalUser { id: confirmed.user.clone() }, now);
        retry(|| async {
            let user = self.core.read().get::<User>(&confirmed.user).await?;
            let Some(user) = user.filter(|user| confirmed.holds_for(user)) else {
                return Ok(TurnedOff::Superseded);
            };
            if user.doc.require_mfa {
                return Ok(TurnedOff::Required);
            }
            self.remove(&user, &change).await?;
            Ok::<_, AttemptError>(TurnedOff::Done)
        })
        .await
    }

    /// Replaces the recovery codes, if `code` is one of the user's app. A recovery code is not
    /// accepted: a stolen one could be exchanged for ten.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn new_recovery_codes(
        &self,
        id: &UserId,
        code: &str,
        source: AttemptSource<'_>,
        now: Timestamp,
    ) -> Result<SecondStep<Vec<RecoveryCode>>, StoreError> {
        let Some(user) = self.core.read().get::<User>(id).await? else {
            return Ok(SecondStep::Invalid);
        };
        let pending = PendingSignIn::new(&user, now);
        self.counted(&pending, source, now, || async {
            let Some(account) = self.account(&pending, now).await? else {
                return Ok(Checked::Invalid);
            };
            self.try_new_recovery_codes(&account, code, &pending, now).await
        })
        .await
    }

    async fn try_new_recovery_codes(
        &self,
        account: &Account,
        code: &str,
        pending: &PendingSignIn,
        now: Timestamp,
    ) -> Result<Checked<Vec<RecoveryCode>>, AttemptError> {
        let Some(factor) = account.factor() else { return Ok(Checked::Invalid) };
        let user = &account.user;
        let secret = self.open_secret(user, factor)?;
        let Some(step) = secret.step_of(code, now, &account.used_steps()) else {
            return Ok(Checked::Wrong);
        };
        let keys = &self.core.auth.second_factors;
        let (codes, recovery_codes) = keys.recovery_codes.issue(user.id.as_str());
        let factor = SecondFactor { recovery_codes, ..factor.clone() };
        let doc = User { second_factor: Some(factor), ..user.doc.clone() };
        let (write, changed) = user.replace(doc);
        let by = ChangedBy::User;
        let notice = change_notice::mail(&self.core, user, &changed.doc, by, now);
        let mut writes = vec![write, account.accept(Some(step), pending, now)];
        writes.extend(notice.await?);
        self.core.commit(&account.change(now), writes).await?;
        Ok(Checked::Right(codes))
    }
}

#[cfg(test)]
mod tests;
