//! An administrator changes the password of their own account (R30, R31).
//!
//! The current password, and a code if the account has a second factor, are checked as for a sign-in,
//! and count in the same lockout (I6): a browser that was left open does not suffice to take the
//! account over. All other sessions of the account end.

use jiff::Timestamp;
use tokio::sync::OnceCell;

use super::sign_in::refused;
use super::{AdministratorView, Administrators};
use crate::credential::hashing::PasswordHash;
use crate::credential::lockout::LockedUntil;
use crate::credential::secret::Secret;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::{
    Actor, AdminSecret, AdminSession, AdminSessionId, Administrator, AdministratorId, Change,
    Stored, retry,
};
use crate::telemetry::events::Cause;

/// What an administrator changes the password with.
#[derive(Debug, Clone)]
pub struct AdminPasswordRequest<'a> {
    /// The current password, as typed.
    pub current: Secret<String>,
    /// A code of the authenticator app, or a recovery code.
    pub code: Option<&'a str>,
    /// The new password.
    pub new: Secret<String>,
}

/// The outcome.
#[derive(Debug)]
#[must_use]
pub enum AdminPasswordChange {
    /// The password is replaced.
    Changed(Box<AdministratorView>),
    /// The current password is right, and a code must be given too.
    CodeRequired,
    /// The current password or the code is wrong.
    Wrong,
    /// Too many attempts have failed. Nothing was checked.
    LockedOut {
        /// When the next attempt is allowed.
        until: Timestamp,
    },
}

impl Administrators {
    /// Replaces the password of the administrator who makes the change. `None` if the actor is not an
    /// administrator with a session and an address.
    ///
    /// # Errors
    /// When the new password breaks a rule or equals the current one, too many passwords are being
    /// checked, the session has ended, or the store is unavailable. The attempt is not counted then.
    pub async fn change_own_password(
        &self,
        request: AdminPasswordRequest<'_>,
        change: &Change,
    ) -> Result<Option<AdminPasswordChange>, DirectoryError> {
        let Actor::Administrator { id, session: Some(session), .. } = &change.actor else {
            return Ok(None);
        };
        let Some(address) = change.from else { return Ok(None) };
        let AdminPasswordRequest { current, code, new } = request;
        let of = self.own(id).await?;
        let login = of.doc.login.clone();
        let (lockout, hasher) = (&self.core.auth.lockout, &self.core.auth.hasher);
        let attempt =
            match lockout.begin_administrator(&login, address, of.doc.last_address, change.at) {
                Ok(attempt) => attempt,
                Err(LockedUntil(until)) => {
                    refused(Cause::LockedOut, Some(&of), &login);
                    return Ok(Some(AdminPasswordChange::LockedOut { until }));
                }
            };
        let Ok(verdict) = hasher.verify(&of.doc.password.0, &current).await else {
            attempt.cancelled();
            return Err(DirectoryError::Busy);
        };
        // An attempt that is dropped has failed.
        if !verdict.matches {
            refused(Cause::WrongPassword, Some(&of), &login);
            return Ok(Some(AdminPasswordChange::Wrong));
        }
        attempt.account_exists();
        if of.doc.second_factor.is_some() && code.is_none() {
            attempt.cancelled();
            return Ok(Some(AdminPasswordChange::CodeRequired));
        }
        if current.expose() == new.expose() {
            attempt.cancelled();
            return Err(DirectoryError::invalid("password", "must differ from the current one"));
        }
        match self.replace_own(&of, session, (code, &new), change).await {
            Ok(Some(view)) => {
                attempt.succeeded();
                Ok(Some(AdminPasswordChange::Changed(Box::new(view))))
            }
            Ok(None) => {
                refused(Cause::WrongCode, Some(&of), &login);
                Ok(Some(AdminPasswordChange::Wrong))
            }
            Err(error) => {
                attempt.cancelled();
                Err(error)
            }
        }
    }

    /// Checks the code and replaces the password; the session continues under the new generation.
    /// `None` if the code is wrong.
    async fn replace_own(
        &self,
        checked: &Stored<Administrator>,
        session: &AdminSessionId,
        (code, new): (Option<&str>, &Secret<String>),
        change: &Change,
    ) -> Result<Option<AdministratorView>, DirectoryError> {
        let hashed: OnceCell<PasswordHash> = OnceCell::new();
        retry(|| async {
            let stored = self.own(&checked.id).await?;
            let open = self.core.read().get::<AdminSession>(session).await?;
            let Some(open) = open.filter(|_| stored.doc.generation == checked.doc.generation)
            else {
                return Err(DirectoryError::SessionEnded.into());
            };
            let mut doc = stored.doc.clone();
            if let Some(factor) = &mut doc.second_factor {
                let code = code.unwrap_or_default();
                if !self.accepts(&stored, factor, code, change.at)? {
                    return Ok(None);
                }
            }
            let hash =
                hashed.get_or_try_init(|| self.hash(&doc.login, doc.email.as_deref(), new)).await?;
            doc.password = AdminSecret(hash.as_str().to_owned());
            doc.generation += 1;
            let continued = AdminSession { generation: doc.generation, ..open.doc.clone() };
            let (write, changed) = stored.replace(doc);
            let writes = vec![write, open.replace(continued).0];
            self.core.commit(change, writes).await?;
            Ok::<_, AttemptError>(Some(changed.into()))
        })
        .await
    }

    async fn own(&self, id: &AdministratorId) -> Result<Stored<Administrator>, DirectoryError> {
        let found = self.core.read().get::<Administrator>(id).await?;
        found.ok_or(DirectoryError::SessionEnded)
    }
}
