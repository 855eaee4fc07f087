//! The same change to each portal user of a list: moving them to another group, enabling or disabling
//! them, requiring a second factor.

use serde::{Deserialize, Serialize};

use super::line::ReportLine;
use super::person::{Action, Wanted};
use super::work::{Context, Plan, Work};
use crate::directory::records::{Authority, User};
use crate::directory::{Directory, DirectoryError, GroupId, OrganizationId, UserId};

/// The name of the kind if users only get another group.
pub(super) const MOVE: &str = "move";
/// The name of the kind otherwise.
pub(super) const CHANGE: &str = "users";

/// A change to each portal user of a list. At least one of the changes must be given.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsersRequest {
    /// The ids of the portal users.
    pub users: Vec<UserId>,
    /// Whether they are enabled or disabled. No invitation is sent.
    #[serde(default)]
    pub action: Option<Action>,
    /// The id of the group that they get.
    #[serde(default)]
    pub group: Option<GroupId>,
    /// Whether a second factor is required.
    #[serde(default)]
    pub require_mfa: Option<bool>,
}

/// The work of a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChosenUsers {
    #[serde(flatten)]
    wanted: Wanted,
}

/// One portal user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenUser {
    user: UserId,
    organization: OrganizationId,
}

impl UsersRequest {
    /// The users as the directory shows them now.
    ///
    /// # Errors
    /// When no change is named, a user or the group does not exist, or the store is unavailable.
    pub async fn plan(self, directory: &Directory) -> Result<Plan<ChosenUsers>, DirectoryError> {
        let Self { mut users, action, group, require_mfa } = self;
        if action.is_none() && group.is_none() && require_mfa.is_none() {
            let message = "name at least one change: `action`, `group` or `require_mfa`";
            return Err(DirectoryError::invalid("action", message));
        }
        let wanted = Wanted { action, group, require_mfa };
        wanted.check(directory).await?;
        users.sort_unstable();
        users.dedup();
        let mut items = Vec::with_capacity(users.len());
        for user in users {
            let existing = directory.records().read().existing::<User>(&user, None).await;
            let organization = existing.map_err(|error| error.in_field("users"))?.doc.organization;
            items.push(ChosenUser { user, organization });
        }
        Ok(Plan { work: ChosenUsers { wanted }, items })
    }
}

impl Work for ChosenUsers {
    type Item = ChosenUser;

    const AUTHORITY: Authority = Authority::Manage;

    fn kind(&self) -> &'static str {
        match &self.wanted {
            Wanted { action: None, require_mfa: None, .. } => MOVE,
            _ => CHANGE,
        }
    }

    fn summary(&self) -> String {
        format!("chosen portal users: {}", self.wanted.in_words().join(", "))
    }

    fn organization(item: &ChosenUser) -> Option<&OrganizationId> {
        Some(&item.organization)
    }

    fn line(item: &ChosenUser) -> ReportLine {
        ReportLine {
            id: Some(item.user.to_string()),
            organization: Some(item.organization.clone()),
            user: Some(item.user.clone()),
            ..ReportLine::new("user")
        }
    }

    async fn apply(
        &self,
        item: &ChosenUser,
        context: &Context<'_>,
    ) -> Result<ReportLine, DirectoryError> {
        self.wanted.apply(&item.user, false, Self::line(item), context).await
    }
}
