//! What administrators change about how they sign in themselves.
//!
//! The current password, and a code if the account has a second factor, are checked as for a sign-in,
//! and count in the same lockout (I6): a browser that was left open does not suffice to take the
//! account over. All other sessions of the account end.

use jiff::Timestamp;

use super::sign_in::refused;
use super::{AdministratorView, Administrators};
use crate::credential::lockout::LockedUntil;
use crate::credential::secret::Secret;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::{
    Actor, AdminSession, AdminSessionId, Administrator, AdministratorId, Change, Stored, retry,
};
use crate::telemetry::events::Cause;

/// What administrators prove with that it is them.
#[derive(Debug, Clone)]
pub struct OwnProof<'a> {
    /// The current password, as typed.
    pub current: Secret<String>,
    /// A code of the authenticator app, or a recovery code.
    pub code: Option<&'a str>,
}

/// The outcome.
#[derive(Debug)]
#[must_use]
pub enum OwnChange<T> {
    /// It was changed.
    Changed(T),
    /// The current password is right, and a code must be given too.
    CodeRequired,
    /// The current password or a code is wrong.
    Wrong,
    /// Too many attempts have failed. Nothing was checked.
    LockedOut {
        /// When the next attempt is allowed.
        until: Timestamp,
    },
}

/// The account of the person who makes a change, as its password was checked, and the session.
#[derive(Debug, Clone)]
pub(super) struct Own {
    pub(super) of: Stored<Administrator>,
    pub(super) session: AdminSessionId,
}

impl Administrators {
    /// Checks the password, and makes a change, which checks the code and is `None` if a code is wrong.
    /// `None` if the actor is not an administrator with a session and an address.
    ///
    /// # Errors
    /// When too many passwords are being checked, the session has ended, the store is unavailable, or
    /// those of `make`. The attempt is not counted then.
    pub(super) async fn change_own<T, F>(
        &self,
        OwnProof { current, code }: &OwnProof<'_>,
        change: &Change,
        make: impl FnOnce(Own) -> F,
    ) -> Result<Option<OwnChange<T>>, DirectoryError>
    where
        F: Future<Output = Result<Option<T>, DirectoryError>>,
    {
        let Actor::Administrator { id, session: Some(session), .. } = &change.actor else {
            return Ok(None);
        };
        let Some(address) = change.from else { return Ok(None) };
        let of = self.own(id).await?;
        let login = of.doc.login.clone();
        let (lockout, hasher) = (&self.core.auth.lockout, &self.core.auth.hasher);
        let attempt =
            match lockout.begin_administrator(&login, address, of.doc.last_address, change.at) {
                Ok(attempt) => attempt,
                Err(LockedUntil(until)) => {
                    refused(Cause::LockedOut, Some(&of), &login);
                    return Ok(Some(OwnChange::LockedOut { until }));
                }
            };
        let Ok(verdict) = hasher.verify(&of.doc.password.0, current).await else {
            attempt.cancelled();
            return Err(DirectoryError::Busy);
        };
        // An attempt that is dropped has failed.
        if !verdict.matches {
            refused(Cause::WrongPassword, Some(&of), &login);
            return Ok(Some(OwnChange::Wrong));
        }
        attempt.account_exists();
        if of.doc.second_factor.is_some() && code.is_none() {
            attempt.cancelled();
            return Ok(Some(OwnChange::CodeRequired));
        }
        match make(Own { of: of.clone(), session: session.clone() }).await {
            Ok(Some(changed)) => {
                attempt.succeeded();
                Ok(Some(OwnChange::Changed(changed)))
            }
            Ok(None) => {
                refused(Cause::WrongCode, Some(&of), &login);
                Ok(Some(OwnChange::Wrong))
            }
            Err(error) => {
                attempt.cancelled();
                Err(error)
            }
        }
    }

    /// Checks the code and edits the account; the session continues under the new generation, and all
    /// others end. `None` if the code is wrong, or `edit` says that another one is.
    pub(super) async fn edit_own<F>(
        &self,
        own: &Own,
        code: Option<&str>,
        change: &Change,
        edit: impl Fn(Administrator) -> F,
    ) -> Result<Option<AdministratorView>, DirectoryError>
    where
        F: Future<Output = Result<Option<Administrator>, AttemptError>>,
    {
        retry(|| async {
            let stored = self.own(&own.of.id).await?;
            let open = self.core.read().get::<AdminSession>(&own.session).await?;
            let Some(open) = open.filter(|_| stored.doc.generation == own.of.doc.generation) else {
                return Err(DirectoryError::SessionEnded.into());
            };
            let mut doc = stored.doc.clone();
            if let Some(factor) = &mut doc.second_factor {
                let code = code.unwrap_or_default();
                if !self.accepts(&stored, factor, code, change.at)? {
                    return Ok(None);
                }
            }
            let Some(mut doc) = edit(doc).await? else { return Ok(None) };
            doc.generation += 1;
            let continued = AdminSession { generation: doc.generation, ..open.doc.clone() };
            let (write, changed) = stored.replace(doc);
            let writes = vec![write, open.replace(continued).0];
            self.core.commit(change, writes).await?;
            Ok::<_, AttemptError>(Some(changed.into()))
        })
        .await
    }

    /// The account of a session that is open.
    pub(super) async fn own(
        &self,
        id: &AdministratorId,
    ) -> Result<Stored<Administrator>, DirectoryError> {
        let found = self.core.read().get::<Administrator>(id).await?;
        found.ok_or(DirectoryError::SessionEnded)
    }
}
