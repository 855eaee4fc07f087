//! The second step of an administrator's sign-in: the code, after the password was right.
//!
//! Between the two there is no session, only a [pending sign-in](super::PendingCode), which the client
//! keeps. It is worth nothing without a code, and ends after five minutes, when the account was changed
//! or has signed in since, and when failures have locked the account since. Wrong codes count in the
//! lockout as those of a sign-in in one step (I6).

use std::net::IpAddr;

use jiff::Timestamp;

use super::sign_in::{is_recovery, refused};
use super::{AdministratorView, Administrators};
use crate::credential::lockout::LockedUntil;
use crate::credential::token::PlainToken;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::{Administrator, Stored, retry};
use crate::telemetry::events::{Cause, Event};
use portcullis_store::StoreError;

/// The outcome of entering a code.
#[derive(Debug)]
#[must_use]
pub enum AdminCode {
    /// A session has started.
    Accepted {
        /// The value of its cookie.
        token: PlainToken,
        /// Whose it is.
        administrator: Box<AdministratorView>,
    },
    /// The code is wrong, or was used before. Another can be entered.
    Wrong,
    /// The pending sign-in is not one, or has ended. The code was not checked.
    Ended,
    /// Too many attempts have failed. The code was not checked.
    LockedOut {
        /// When the next attempt is allowed.
        until: Timestamp,
    },
    /// Other changes were in the way. The attempt is not counted.
    Busy,
}

enum Checked {
    Accepted(PlainToken, Box<Stored<Administrator>>),
    Wrong,
    Ended,
}

impl Administrators {
    /// Checks the code of a sign-in whose password was right, and starts a session.
    ///
    /// # Errors
    /// When the store is unavailable; the attempt is not counted then.
    pub async fn enter_code(
        &self,
        (pending, code): (&str, &str),
        address: IpAddr,
        now: Timestamp,
    ) -> Result<AdminCode, StoreError> {
        // Without our key nothing of an account can be found out, not even by the time that it takes.
        let Some(pending) = self.opened_code(pending, now) else { return Ok(AdminCode::Ended) };
        let Some(of) = self.waiting_for_code(&pending).await? else { return Ok(AdminCode::Ended) };
        let (login, last) = (&*of.doc.login, of.doc.last_address);
        let attempt = match self.core.auth.lockout.begin_administrator(login, address, last, now) {
            Ok(attempt) => attempt,
            Err(LockedUntil(until)) => {
                refused(Cause::LockedOut, Some(&of), login);
                return Ok(AdminCode::LockedOut { until });
            }
        };
        attempt.account_exists();
        if attempt.was_locked_since(pending.created) {
            attempt.cancelled();
            return Ok(AdminCode::Ended);
        }
        let checked = retry(|| async {
            let Some(current) = self.waiting_for_code(&pending).await? else {
                return Ok(Checked::Ended);
            };
            Ok::<_, AttemptError>(match self.enter(&current, code, address, now).await? {
                Some((token, administrator)) => Checked::Accepted(token, administrator),
                None => Checked::Wrong,
            })
        });
        match checked.await {
            Ok(Checked::Accepted(token, administrator)) => {
                attempt.succeeded();
                let id = administrator.id.as_str();
                Event::AdministratorSignIn { administrator: id, login }.log();
                let administrator = Box::new((*administrator).into());
                Ok(AdminCode::Accepted { token, administrator })
            }
            // An attempt that is dropped has failed.
            Ok(Checked::Wrong) => {
                refused(Cause::WrongCode, Some(&of), login);
                Ok(AdminCode::Wrong)
            }
            Ok(Checked::Ended) => {
                attempt.cancelled();
                Ok(AdminCode::Ended)
            }
            Err(DirectoryError::Store(error)) => {
                attempt.cancelled();
                Err(error)
            }
            Err(_) => {
                attempt.cancelled();
                refused(Cause::Busy, Some(&of), login);
                Ok(AdminCode::Busy)
            }
        }
    }

    /// Starts a session of an account whose password is right, if the code is too; the commit also
    /// stores that the code was used. `None` if it is wrong, or there is no second factor.
    pub(super) async fn enter(
        &self,
        current: &Stored<Administrator>,
        code: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Option<(PlainToken, Box<Stored<Administrator>>)>, AttemptError> {
        let mut doc = current.doc.clone();
        let Some(factor) = &mut doc.second_factor else { return Ok(None) };
        if !self.accepts(current, factor, code, now)? {
            return Ok(None);
        }
        let way = if is_recovery(code) { "recovery-code" } else { "totp" };
        Ok(Some(self.start_session(current, doc, way, address, now).await?))
    }
}
