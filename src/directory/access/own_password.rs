//! Changing one's own password while signed in (R30, R31, R34).

use std::sync::Arc;

use jiff::Timestamp;

use super::confirmed::Confirmed;
use super::password_links::{Holder, holder};
use crate::credential::password::{NewPassword, PasswordRule};
use crate::credential::secret::Secret;
use crate::directory::accounts::change_notice;
use crate::directory::accounts::context::AccountContext;
use crate::directory::accounts::users::Hashed;
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::ChangedBy;
use crate::directory::records::{Actor, Change, User, UserId, retry};
use crate::directory::state::UserFacts;

/// The outcome of changing one's own password.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum PasswordChange {
    /// The password is replaced, and all sessions of the user have ended (R34).
    Changed(Arc<UserFacts>),
    /// The new password breaks these rules (R30, R31).
    RulesBroken(Vec<PasswordRule>),
    /// The password was replaced since it was entered, or the user was deleted.
    Superseded,
}

/// The passwords of people who are signed in.
#[derive(Debug, Clone)]
pub struct OwnPassword {
    pub(in crate::directory) core: Core,
}

impl OwnPassword {
    /// What the page for a new password shows of the user.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or when the store is unavailable.
    pub async fn holder(&self, id: &UserId) -> Result<Holder, DirectoryError> {
        let user = self.core.read().existing::<User>(id, None).await?;
        let context = AccountContext::of(self.core.read(), &user.doc).await?;
        Ok(holder(&user.doc, &context))
    }

    /// Replaces the password. Mailed links to choose one no longer work.
    ///
    /// # Errors
    /// When too many passwords are being hashed, or the store is unavailable.
    pub async fn change(
        &self,
        confirmed: &Confirmed,
        password: &Secret<String>,
        now: Timestamp,
    ) -> Result<PasswordChange, DirectoryError> {
        let change = Change::new(Actor::PortalUser { id: confirmed.user.clone() }, now);
        let hashed = Hashed::default();
        retry(|| async {
            let user = self.core.read().get::<User>(&confirmed.user).await?;
            let Some(user) = user.filter(|user| confirmed.holds_for(user)) else {
                return Ok(PasswordChange::Superseded);
            };
            let context = AccountContext::of(self.core.read(), &user.doc).await?;
            let (login, email) = (&user.doc.login, context.email.as_deref());
            let password = match NewPassword::parse(password.clone(), login, email) {
                Ok(password) => password,
                Err(rules) => return Ok(PasswordChange::RulesBroken(rules)),
            };
            let hashing = || self.core.auth.hasher.hash(&password);
            let Ok(hash) = hashed.get_or_try_init(hashing).await else {
                return Err(DirectoryError::Busy.into());
            };
            let mut doc = user.doc.clone();
            doc.set_password(hash.as_str());
            let (write, changed) = user.replace(doc);
            let by = ChangedBy::User;
            let notice = change_notice::mail(&self.core, &user, &changed.doc, by, now);
            let mut commit = context.conditions;
            commit.push(write);
            commit.extend(notice.await?);
            self.core.commit(&change, commit).await?;
            self.core.auth.password_replaced(&changed.doc);
            Ok::<_, AttemptError>(PasswordChange::Changed(Arc::new(UserFacts::new(&changed))))
        })
        .await
    }
}

#[cfg(test)]
mod tests;
