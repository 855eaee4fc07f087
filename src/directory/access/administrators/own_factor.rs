//! Administrators set up a second factor themselves: in a session, or at a sign-in that requires one.
//!
//! The secret of the app is proposed first: sealed for the account, its generation, the time, and the
//! session or the sign-in. It is stored once a code shows that the app has it, within ten minutes.
//! At a sign-in, only the right password gets a proposal, and it is worth nothing once the account has
//! a second factor. Attempts count in the lockout as those of signing in (I6).

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use super::own_account::{OwnChange, OwnProof};
use super::proposed_factor::{Opened, ProposedFactor, ProposedTo};
use super::sign_in::{is_recovery, refused};
use super::{AdministratorView, Administrators};
use crate::credential::lockout::LockedUntil;
use crate::credential::token::PlainToken;
use crate::credential::totp::{TotpSecret, UsedSteps};
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::{
    Actor, AdminFactor, AdminSecret, Administrator, AdministratorId, Change, retry,
};
use crate::telemetry::events::{Cause, Event};
use portcullis_store::StoreError;

/// Recovery codes, which are shown this once.
#[derive(Serialize, schemars::JsonSchema)]
pub struct NewRecoveryCodes {
    /// The codes. Each works once.
    pub recovery_codes: Vec<String>,
}

impl std::fmt::Debug for NewRecoveryCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewRecoveryCodes(…)")
    }
}

/// The state of an administrator's own second factor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct OwnFactorView {
    /// Whether it is set up.
    pub enrolled: bool,
    /// When it was issued or set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// How many recovery codes have not been used.
    pub recovery_codes_left: usize,
}

/// The outcome of setting up a second factor at a sign-in.
#[derive(Debug)]
#[must_use]
pub enum AdminSetUp {
    /// It is set up, and a session has started.
    Done {
        /// The value of the session's cookie.
        token: PlainToken,
        /// Whose it is.
        administrator: Box<AdministratorView>,
        /// The recovery codes.
        codes: NewRecoveryCodes,
    },
    /// The code is wrong; the same secret can be tried again.
    Wrong(ProposedFactor),
    /// The proposal is not one, has expired or was used. Nothing was checked.
    Invalid,
    /// Too many attempts have failed. Nothing was checked.
    LockedOut {
        /// When the next attempt is allowed.
        until: Timestamp,
    },
}

impl Administrators {
    /// A secret for the account of the caller; nothing is stored. `None` if the actor is not an
    /// administrator with a session.
    ///
    /// # Errors
    /// When the session has ended, or the store is unavailable.
    pub async fn propose_own_factor(
        &self,
        change: &Change,
    ) -> Result<Option<ProposedFactor>, DirectoryError> {
        let Actor::Administrator { id, session: Some(session), .. } = &change.actor else {
            return Ok(None);
        };
        let of = self.own(id).await?;
        Ok(Some(self.propose(&of, ProposedTo::Session(session), change.at)))
    }

    /// The state of the second factor of an account.
    ///
    /// # Errors
    /// When the account was deleted, or the store is unavailable.
    pub async fn own_factor(&self, id: &AdministratorId) -> Result<OwnFactorView, DirectoryError> {
        let factor = self.own(id).await?.doc.second_factor;
        Ok(OwnFactorView {
            enrolled: factor.is_some(),
            since: factor.as_ref().map(|factor| factor.created),
            recovery_codes_left: factor.map_or(0, |factor| factor.recovery_codes.len()),
        })
    }

    /// Sets up the second factor of the administrator who makes the change, in place of the present
    /// one if there is one, if `code` shows that the app has the proposed secret. `None` if the actor
    /// is not an administrator with a session and an address.
    ///
    /// # Errors
    /// When the proposal has expired or was made for another session, too many passwords are being
    /// checked, the session has ended, or the store is unavailable. The attempt is not counted then.
    pub async fn set_up_own_factor(
        &self,
        proof: &OwnProof<'_>,
        (proposal, code): (&str, &str),
        change: &Change,
    ) -> Result<Option<OwnChange<NewRecoveryCodes>>, DirectoryError> {
        self.change_own(proof, change, |own| async move {
            let to = ProposedTo::Session(&own.session);
            let Some(Opened { secret, .. }) = self.opened(proposal, &own.of, to, change.at) else {
                let message = "has expired, or was made for another session";
                return Err(DirectoryError::invalid("proposal", message));
            };
            let Some((factor, codes)) = self.confirmed(&own.of.id, &secret, code, change.at) else {
                return Ok(None);
            };
            let factor = &factor;
            let edit = |doc: Administrator| async move {
                Ok(Some(Administrator { second_factor: Some(factor.clone()), ..doc }))
            };
            let changed = self.edit_own(&own, proof.code, change, edit).await?;
            Ok(changed.map(|_| codes))
        })
        .await
    }

    /// Replaces the recovery codes of the administrator who makes the change. The code must be one of
    /// the app: a stolen recovery code could be exchanged for ten. `None` if the actor is not an
    /// administrator with a session and an address.
    ///
    /// # Errors
    /// When the account has no second factor, too many passwords are being checked, the session has
    /// ended, or the store is unavailable. The attempt is not counted then.
    pub async fn replace_own_recovery_codes(
        &self,
        proof: &OwnProof<'_>,
        change: &Change,
    ) -> Result<Option<OwnChange<NewRecoveryCodes>>, DirectoryError> {
        self.change_own(proof, change, |own| async move {
            if own.of.doc.second_factor.is_none() {
                let message = "the account has no second factor";
                return Err(DirectoryError::invalid("code", message));
            }
            if proof.code.is_some_and(is_recovery) {
                return Ok(None);
            }
            let (hashes, codes) = self.recovery_codes(&own.of.id);
            let hashes = &hashes;
            let edit = |mut doc: Administrator| async move {
                if let Some(factor) = &mut doc.second_factor {
                    factor.recovery_codes.clone_from(hashes);
                }
                Ok(Some(doc))
            };
            let changed = self.edit_own(&own, proof.code, change, edit).await?;
            Ok(changed.map(|_| codes))
        })
        .await
    }

    /// Sets up the second factor that a sign-in requires, if `code` shows that the app has the secret
    /// that was proposed to the right password, and starts a session.
    ///
    /// # Errors
    /// When the store is unavailable; the attempt is not counted then.
    pub async fn set_up_at_sign_in(
        &self,
        (proposal, code): (&str, &str),
        address: IpAddr,
        now: Timestamp,
    ) -> Result<AdminSetUp, StoreError> {
        let Some(of) = self.proposed_to(proposal).await? else { return Ok(AdminSetUp::Invalid) };
        let opened = self.opened(proposal, &of, ProposedTo::SignIn, now);
        let Some(Opened { secret, created }) = opened.filter(|_| of.doc.second_factor.is_none())
        else {
            return Ok(AdminSetUp::Invalid);
        };
        let (login, last) = (&*of.doc.login, of.doc.last_address);
        let attempt = match self.core.auth.lockout.begin_administrator(login, address, last, now) {
            Ok(attempt) => attempt,
            Err(LockedUntil(until)) => {
                refused(Cause::LockedOut, Some(&of), login);
                return Ok(AdminSetUp::LockedOut { until });
            }
        };
        attempt.account_exists();
        let Some((factor, codes)) = self.confirmed(&of.id, &secret, code, now) else {
            // An attempt that is dropped has failed.
            refused(Cause::WrongCode, Some(&of), login);
            let again = self.seal(&secret, &of, ProposedTo::SignIn, created);
            return Ok(AdminSetUp::Wrong(again));
        };
        let started = retry(|| async {
            let current = self.core.read().get::<Administrator>(&of.id).await?;
            let Some(current) = current.filter(|current| {
                current.doc.generation == of.doc.generation && current.doc.second_factor.is_none()
            }) else {
                return Ok(None);
            };
            let doc = Administrator {
                second_factor: Some(factor.clone()),
                generation: current.doc.generation + 1,
                ..current.doc.clone()
            };
            let started = self.start_session(&current, doc, "totp", address, now).await?;
            Ok::<_, AttemptError>(Some(started))
        });
        match started.await {
            Ok(Some((token, administrator))) => {
                attempt.succeeded();
                let id = administrator.id.as_str();
                Event::AdministratorSignIn { administrator: id, login }.log();
                let administrator = Box::new((*administrator).into());
                Ok(AdminSetUp::Done { token, administrator, codes })
            }
            Ok(None) => {
                attempt.cancelled();
                Ok(AdminSetUp::Invalid)
            }
            Err(DirectoryError::Store(error)) => {
                attempt.cancelled();
                Err(error)
            }
            Err(_) => {
                attempt.cancelled();
                Ok(AdminSetUp::Invalid)
            }
        }
    }

    /// The second factor, if a code shows that the app has its secret.
    fn confirmed(
        &self,
        id: &AdministratorId,
        secret: &TotpSecret,
        code: &str,
        now: Timestamp,
    ) -> Option<(AdminFactor, NewRecoveryCodes)> {
        let mut steps = UsedSteps::default();
        steps.add(secret.step_of(code, now, &steps)?);
        let context = Administrator::sealed_for(id.as_str());
        let sealed = self.core.auth.second_factors.secrets.seal(secret.expose(), &context);
        let (hashes, codes) = self.recovery_codes(id);
        let factor = AdminFactor {
            secret: AdminSecret(sealed),
            recovery_codes: hashes,
            created: now,
            confirmed: true,
            steps,
        };
        Some((factor, codes))
    }

    /// The hashes of new recovery codes, and the codes.
    fn recovery_codes(&self, id: &AdministratorId) -> (Vec<String>, NewRecoveryCodes) {
        let context = Administrator::sealed_for(id.as_str());
        let (codes, hashes) = self.core.auth.second_factors.recovery_codes.issue(&context);
        let recovery_codes = codes.iter().map(|code| code.expose().to_owned()).collect();
        (hashes, NewRecoveryCodes { recovery_codes })
    }
}
