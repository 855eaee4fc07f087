//! A sign-in of an administrator between the right password and the code: the account at its version
//! and the time, sealed, so that the client can neither read, change nor make one.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Administrators;
use crate::credential::secret::Secret;
use crate::directory::records::{Administrator, AdministratorId, Stored};
use portcullis_store::StoreError;

/// How long after the password the code can be entered.
pub const PENDING_CODE_LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// How far the clock of the replica that checked the password may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);
/// What it is sealed for, so that no other sealed text can take its place.
const OWNER: &str = "administrator code";

/// A sign-in whose password was right and that needs a code, sealed, in base64url.
pub type PendingCode = Secret<String>;

/// What is sealed.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    administrator: AdministratorId,
    /// The account's version. Each change and each sign-in raises it.
    version: u64,
    pub(super) created: Timestamp,
}

impl Administrators {
    /// The sign-in of an account whose password is right, which needs a code. Nothing is stored.
    pub(super) fn pending_code(&self, of: &Stored<Administrator>, now: Timestamp) -> PendingCode {
        let (administrator, version) = (of.id.clone(), of.version);
        let pending = Pending { administrator, version, created: now };
        let content = serde_json::to_vec(&pending).unwrap_or_default();
        Secret::new(self.core.auth.second_factors.proposals.seal(&content, OWNER))
    }

    /// The content of a pending sign-in that we sealed, if it is not too old.
    pub(super) fn opened_code(&self, sealed: &str, now: Timestamp) -> Option<Pending> {
        let opened = self.core.auth.second_factors.proposals.open(sealed, OWNER)?;
        let pending: Pending = serde_json::from_slice(opened.expose()).ok()?;
        let age = now.duration_since(pending.created);
        (-CLOCK_SKEW <= age && age < PENDING_CODE_LIFETIME).then_some(pending)
    }

    /// The account of a pending sign-in, if it is as it was when the password was checked.
    pub(super) async fn waiting_for_code(
        &self,
        pending: &Pending,
    ) -> Result<Option<Stored<Administrator>>, StoreError> {
        let current = self.core.read().get::<Administrator>(&pending.administrator).await?;
        Ok(current.filter(|it| it.version == pending.version && it.doc.second_factor.is_some()))
    }
}
