//! Warnings about portal users that were just created, invited or changed: it was done, but may not be what
//! was meant.

use super::user_view::UserView;
use super::users::Users;
use crate::credential::folding::fold;
use crate::directory::error::DirectoryError;
use crate::directory::records::{EndUser, Group, OrganizationId, Stored, User};
use crate::directory::warning::{Warning, WarningName};
use crate::email;
use portcullis_store::Key;

/// What a request named, and did not leave to a default.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// The group of a new user.
    pub group: bool,
    /// The address of the invitation.
    pub send_to: bool,
}

impl Users {
    /// Warnings about a user that was just created or invited. The user exists whatever happens
    /// here, so a failure is only logged.
    pub async fn warnings(&self, user: &UserView, named: Named) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if !named.group {
            warnings.extend(self.about_default_group(user).await);
        }
        if !named.send_to {
            let warning = self.about_address(user).await;
            let warning = warning.inspect_err(|error| {
                tracing::warn!(%error, user.id = %user.id, "could not check the address of an invitation");
            });
            warnings.extend(warning.ok().flatten());
        }
        warnings
    }

    /// Warns if a second factor is set up and asked for no longer, after the requirement of a user
    /// has ended.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn about_second_factor(
        &self,
        user: &UserView,
    ) -> Result<Option<Warning>, DirectoryError> {
        let stored = self.core.read().get::<User>(&user.id).await?;
        let is_off = |user: &User| user.second_factor.is_some() && !user.asks_for_second_factor();
        Ok(stored.filter(|stored| is_off(&stored.doc)).map(|_| {
            let detail = format!(
                "sign-in no longer asks `{}` for the second factor, which was set up because it \
                 was required: the password alone is enough",
                user.login
            );
            Warning::new(WarningName::SecondFactorNoLongerAsked, detail).about([&*user.login])
        }))
    }

    /// A default group that has all permissions.
    async fn about_default_group(&self, user: &UserView) -> Option<Warning> {
        let snapshot = self.core.snapshot();
        let all = snapshot.policy().catalogue().all();
        if snapshot.granted(user.group.as_str()) != all {
            return None;
        }
        drop(snapshot);
        let group = self.core.read().get::<Group>(&user.group).await.ok().flatten();
        let name = group.map(|group| group.doc.name);
        let named = name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
        let detail = format!(
            "`{}` is in the default group `{}`{named}, which has all permissions; name another \
             group if that is not intended, or make another group the default",
            user.login, user.group
        );
        let group = name.unwrap_or_else(|| user.group.to_string());
        let warning = Warning::new(WarningName::DefaultGroupHasAllPermissions, detail);
        Some(warning.about([user.login.clone(), group]))
    }

    /// An invitation to another address than a login that is one.
    async fn about_address(&self, user: &UserView) -> Result<Option<Warning>, DirectoryError> {
        let Some(invitation) = &user.invitation else { return Ok(None) };
        let (login, sent_to) = (&user.login, &invitation.sent_to);
        if email::address(login).is_err() || fold(login) == fold(sent_to) {
            return Ok(None);
        }
        let way_out = match self.end_user_with(&user.organization, login).await? {
            Some(end_user) if user.end_user.is_none() => format!(
                "the end user `{}` ({}) has the address `{login}`: assign the user to it \
                 (`end_user`) and invite again",
                end_user.id, end_user.doc.name
            ),
            _ => "to send it elsewhere, invite again with an address (`send_to`), or \
                  assign the user to an end user (`end_user`)"
                .to_owned(),
        };
        let detail = format!("the invitation goes to `{sent_to}`, not to `{login}`; {way_out}");
        let warning = Warning::new(WarningName::InvitationSentElsewhere, detail);
        Ok(Some(warning.about([&**login, &**sent_to])))
    }

    /// The organization's end user with this address.
    async fn end_user_with(
        &self,
        organization: &OrganizationId,
        address: &str,
    ) -> Result<Option<Stored<EndUser>>, DirectoryError> {
        let members = Key::new("organization", organization.as_str());
        let end_users = self.core.read().all_intact::<EndUser>(Some(&members)).await?;
        let address = fold(address);
        let has_address = |end_user: &Stored<EndUser>| {
            end_user.doc.email.as_deref().is_some_and(|email| fold(email) == address)
        };
        Ok(end_users.into_iter().find(has_address))
    }
}
