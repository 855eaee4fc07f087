//! Invitations: a one-time link on which a person chooses a first password (R40–R42).
//!
//! Until it is claimed or withdrawn, the user is *invited* and counts as a portal user (R12), also
//! when the link has expired, or went to an address that is not the person's any more: it can be
//! sent again, which ends the older one.

use jiff::Timestamp;

use crate::directory::error::Stopped;
use crate::directory::id::UserId;
use crate::directory::letters::Occasion;
use crate::directory::one_time::{Addressee, mailed_to};
use crate::directory::record::{OneTimeLink, User};
use crate::directory::records::{attempt, existing};
use crate::directory::users::{Owner, UserView};
use crate::directory::{Directory, DirectoryError, Refusal, name};
use portcullis_store::Write;

/// Who gets a blind copy of an invitation: who is named, else who sends it (R41).
#[derive(Debug, Clone, Copy, Default)]
pub struct BlindCopy<'a> {
    /// The address that was named.
    pub named: Option<&'a str>,
    /// The address of the administrator who sends it, if it is known.
    pub sender: Option<&'a str>,
}

impl Directory {
    /// Invites a portal user who has no password, or invites again: the older link is dead when
    /// this returns (R40).
    ///
    /// # Errors
    /// When there is no such user or not at the expected version, it has a password, there is no
    /// address to mail to (R42), or the address for the blind copy is none.
    pub async fn invite(
        &self,
        id: &UserId,
        blind_copy: BlindCopy<'_>,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<UserView, DirectoryError> {
        let invited = attempt(|| async {
            let user = existing::<User>(self.store(), id, expected).await?;
            if user.doc.password.is_some() {
                let login = user.doc.login.clone();
                return Err(DirectoryError::from(Refusal::HasPassword { login }).into());
            }
            let owner = self.owner(&user.doc.organization, user.doc.end_user.as_ref()).await?;
            let login = &user.doc.login;
            let (link, letter) = self.invitation_letter((id, login), &owner, blind_copy, now)?;
            let (write, changed) =
                user.replace(User { invitation: Some(link), ..user.doc.clone() });
            let mut commit = owner.conditions;
            commit.extend([write, letter]);
            self.commit(commit).await?;
            Ok::<_, Stopped>(changed)
        })
        .await?;
        Ok(invited.into())
    }

    /// Withdraws an invitation: its link is dead when this returns, and the user has no password
    /// and cannot get one by mail.
    ///
    /// # Errors
    /// When there is no such user or not at the expected version, or no invitation stands.
    pub async fn withdraw_invitation(
        &self,
        id: &UserId,
        expected: Option<u64>,
    ) -> Result<UserView, DirectoryError> {
        let changed = attempt(|| async {
            let user = existing::<User>(self.store(), id, expected).await?;
            if user.doc.invitation.is_none() {
                let login = user.doc.login.clone();
                return Err(DirectoryError::from(Refusal::NotInvited { login }).into());
            }
            // A reset that the invited person has asked for would be another way in.
            let doc = User { invitation: None, reset: None, ..user.doc.clone() };
            let (write, changed) = user.replace(doc);
            self.commit(vec![write]).await?;
            Ok::<_, Stopped>(changed)
        })
        .await?;
        Ok(changed.into())
    }

    /// A new invitation, and its letter.
    pub(super) fn invitation_letter(
        &self,
        (user, login): (&UserId, &str),
        owner: &Owner,
        BlindCopy { named, sender }: BlindCopy<'_>,
        now: Timestamp,
    ) -> Result<(OneTimeLink, Write), DirectoryError> {
        let blind_copy = named.or(sender);
        let blind_copy = blind_copy.map(|given| name::address("blind_copy", given)).transpose()?;
        let Some(to) = mailed_to(Occasion::Invitation, login, owner) else {
            return Err(Refusal::NoAddress { login: login.to_owned() }.into());
        };
        let organization_name = &owner.organization_name;
        let addressee =
            Addressee { user, login, organization_name, to, blind_copy, language: None };
        Ok(self.mailed_link(Occasion::Invitation, addressee, now))
    }
}

#[cfg(test)]
mod tests;
