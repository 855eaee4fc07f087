//! An administrator changes the password of their own account (R30, R31).

use tokio::sync::OnceCell;

use super::own_account::{OwnChange, OwnProof};
use super::{AdministratorView, Administrators};
use crate::credential::hashing::PasswordHash;
use crate::credential::secret::Secret;
use crate::directory::error::DirectoryError;
use crate::directory::records::{AdminSecret, Administrator, Change};

impl Administrators {
    /// Replaces the password of the administrator who makes the change. `None` if the actor is not an
    /// administrator with a session and an address.
    ///
    /// # Errors
    /// When the new password breaks a rule or equals the current one, too many passwords are being
    /// checked, the session has ended, or the store is unavailable. The attempt is not counted then.
    pub async fn change_own_password(
        &self,
        proof: &OwnProof<'_>,
        new: &Secret<String>,
        change: &Change,
    ) -> Result<Option<OwnChange<AdministratorView>>, DirectoryError> {
        let hashed = &OnceCell::<PasswordHash>::new();
        self.change_own(proof, change, |own| async move {
            if proof.current.expose() == new.expose() {
                return Err(DirectoryError::invalid(
                    "password",
                    "must differ from the current one",
                ));
            }
            let edit = |mut doc: Administrator| async move {
                let hash = hashed
                    .get_or_try_init(|| self.hash(&doc.login, doc.email.as_deref(), new))
                    .await?;
                doc.password = AdminSecret(hash.as_str().to_owned());
                Ok(Some(doc))
            };
            self.edit_own(&own, proof.code, change, edit).await
        })
        .await
    }
}
