//! What bulk changes do to one portal user.

use serde::{Deserialize, Serialize};

use super::line::{Effect, ReportLine};
use super::work::Context;
use crate::directory::access::invitations::Addresses;
use crate::directory::accounts::users::UserPatch;
use crate::directory::error::Refusal;
use crate::directory::records::{Group, Stored, User};
use crate::directory::{Directory, DirectoryError, GroupId, UserId};

/// Whether portal users are enabled or disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// They may use the portal.
    Enable,
    /// They may not; nothing is deleted.
    Disable,
}

/// What portal users shall be like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) action: Option<Action>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<GroupId>,
    /// The name of the group when the job was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) require_mfa: Option<bool>,
}

impl Wanted {
    /// What a request wants.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] if the group does not exist, or when the store is unavailable.
    pub(super) async fn new(
        action: Option<Action>,
        group: Option<GroupId>,
        require_mfa: Option<bool>,
        directory: &Directory,
    ) -> Result<Self, DirectoryError> {
        let group_name = match &group {
            Some(group) => {
                let existing = directory.records().read().existing::<Group>(group, None).await;
                Some(existing.map_err(|error| error.in_field("group"))?.doc.name)
            }
            None => None,
        };
        Ok(Self { action, group, group_name, require_mfa })
    }

    /// The changes in words, for the summary of a job.
    pub(super) fn in_words(&self) -> Vec<String> {
        let action = self.action.map(|action| match action {
            Action::Enable => "enable".to_owned(),
            Action::Disable => "disable".to_owned(),
        });
        let group = self.group.as_ref().map(|id| self.group_name.as_deref().unwrap_or(id.as_str()));
        let group = group.map(|group| format!("move to the group `{group}`"));
        let mfa = self.require_mfa.map(|require| match require {
            true => "require two-step sign-in".to_owned(),
            false => "no longer require two-step sign-in".to_owned(),
        });
        [action, group, mfa].into_iter().flatten().collect()
    }

    /// What differs from a user.
    fn patch(&self, user: &User) -> Option<UserPatch> {
        let disabled = self.action.map(|action| action == Action::Disable);
        let patch = UserPatch {
            disabled: disabled.filter(|disabled| *disabled != user.disabled),
            group: self.group.clone().filter(|group| *group != user.group),
            require_mfa: self.require_mfa.filter(|require| *require != user.require_mfa),
            ..UserPatch::default()
        };
        let differs =
            patch.disabled.is_some() || patch.group.is_some() || patch.require_mfa.is_some();
        differs.then_some(patch)
    }

    /// Makes a user as wanted. With `invites`, one who is enabled and has neither a password nor an
    /// invitation that is still valid is invited, at the address that was chosen for the last one.
    pub(super) async fn apply(
        &self,
        id: &UserId,
        invites: bool,
        line: ReportLine,
        context: &Context<'_>,
    ) -> Result<ReportLine, DirectoryError> {
        let read = context.directory.records().read();
        let Some(Stored { doc: user, .. }) = read.get::<User>(id).await? else {
            return Ok(line.skipped("not-found", "the portal user has been deleted"));
        };
        let mut line =
            ReportLine { user: Some(id.clone()), login: Some(user.login.clone()), ..line };
        if let Some(patch) = self.patch(&user) {
            context.directory.users().change(id, patch, context.change).await?;
            line.result = Effect::Updated;
        }
        let is_invited =
            user.invitation.as_ref().is_some_and(|link| link.expires > context.change.at);
        let is_enabled = self.action == Some(Action::Enable);
        if !invites || !is_enabled || user.password.is_some() || is_invited {
            return Ok(line);
        }
        // An address that was chosen for the user is the user's, not the organization's.
        let chosen = user.invitation.as_ref().filter(|link| link.to_chosen);
        let send_to = chosen.and_then(|link| link.to.as_deref());
        let addresses = Addresses { send_to, sender: context.sender, ..Addresses::default() };
        match context.directory.invitations().send(id, addresses, context.change).await {
            Ok(_) => Ok(ReportLine { result: Effect::Updated, ..line }),
            Err(error @ DirectoryError::Refused(Refusal::NoAddress { .. })) => {
                let reason = "no invitation was sent: there is no email address";
                Ok(match line.result {
                    Effect::Unchanged => line.skipped(error.code(), reason),
                    _ => line.because(error.code(), reason),
                })
            }
            Err(error) => Err(error),
        }
    }
}
