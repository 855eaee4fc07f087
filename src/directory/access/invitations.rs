//! Invitations: a one-time link on which a person chooses a first password (R40–R42).
//!
//! Until it is claimed or withdrawn, the user is *invited* and counts as a portal user (R12), even if
//! the link has expired or went to an address that is no longer the person's. It can be sent again,
//! which invalidates the earlier link.

use crate::directory::accounts::context::AccountContext;
use crate::directory::accounts::mailed_link;
pub use crate::directory::accounts::mailed_link::Addresses;
use crate::directory::accounts::user_view::{UserView, view};
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError, Refusal};
use crate::directory::records::{Change, Occasion, User, UserId, retry};
use crate::telemetry::events::{Event, OneTime};

/// The invitations of portal users.
#[derive(Debug, Clone)]
pub struct Invitations {
    pub(in crate::directory) core: Core,
}

impl Invitations {
    /// Invites a portal user who has no password, or invites again. Earlier links are invalid when
    /// this returns (R40).
    ///
    /// # Errors
    /// When the user does not exist, is not at the expected version, has a password or is disabled,
    /// there is no address to mail to (R42), or an address that was named is invalid.
    pub async fn send(
        &self,
        id: &UserId,
        addresses: Addresses<'_>,
        change: &Change,
    ) -> Result<UserView, DirectoryError> {
        let invited = retry(|| async {
            let user = self.core.read().existing::<User>(id, change.expected).await?;
            if user.doc.password.is_some() {
                let login = user.doc.login.clone();
                return Err(DirectoryError::from(Refusal::HasPassword { login }).into());
            }
            if user.doc.disabled {
                let login = user.doc.login.clone();
                return Err(DirectoryError::from(Refusal::Disabled { login }).into());
            }
            let context = AccountContext::of(self.core.read(), &user.doc).await?;
            let login = &user.doc.login;
            let tokens = &self.core.auth.one_time_tokens;
            let (link, mail) =
                mailed_link::invitation(tokens, (id, login), &context, addresses, change.at)?;
            let (write, changed) =
                user.replace(User { invitation: Some(link), ..user.doc.clone() });
            let mut commit = context.conditions;
            commit.extend([write, mail]);
            let entry = mailed_link::created(Occasion::Invitation, &changed);
            self.core.records.commit_noting(change, commit, entry).await?;
            Ok::<_, AttemptError>(changed)
        })
        .await?;
        Event::OneTimeLinkCreated { kind: OneTime::Invitation, account: invited.account() }.log();
        view(&self.core, invited).await
    }

    /// Withdraws an invitation. Its link is invalid when this returns, and the user has no password
    /// and cannot get one by mail.
    ///
    /// # Errors
    /// When the user does not exist, is not at the expected version or is not invited.
    pub async fn withdraw(&self, id: &UserId, change: &Change) -> Result<UserView, DirectoryError> {
        let changed = retry(|| async {
            let user = self.core.read().existing::<User>(id, change.expected).await?;
            if user.doc.invitation.is_none() {
                let login = user.doc.login.clone();
                return Err(DirectoryError::from(Refusal::NotInvited { login }).into());
            }
            // An invited person may also have a reset link, which must not stay valid.
            let doc = User { invitation: None, reset: None, ..user.doc.clone() };
            let (write, changed) = user.replace(doc);
            self.core.commit(change, vec![write]).await?;
            Ok::<_, AttemptError>(changed)
        })
        .await?;
        view(&self.core, changed).await
    }
}

#[cfg(test)]
mod tests;
