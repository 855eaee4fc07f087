//! The same change to each portal user of a list: moving them to another group, enabling or disabling
//! them, requiring a second factor.

use serde::{Deserialize, Serialize};

use super::line::ReportLine;
use super::person::{Action, Wanted};
use super::work::{Context, Plan, Work};
use crate::directory::accounts::user_list::UserFilter;
use crate::directory::records::{Authority, User, UserStatus};
use crate::directory::{Directory, DirectoryError, GroupId, OrganizationId, PageRequest, UserId};

/// The most portal users that a filter may match.
const MOST_MATCHING: usize = 100_000;

/// The name of the kind if users only get another group.
pub(super) const MOVE: &str = "move";
/// The name of the kind otherwise.
pub(super) const CHANGE: &str = "users";

/// A change to each portal user of a list, or to each that matches a filter. At least one of the changes
/// must be given.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsersRequest {
    /// The ids of the portal users.
    #[serde(default)]
    pub users: Option<Vec<UserId>>,
    /// In place of `users`: all portal users that match now.
    #[serde(default)]
    pub matching: Option<Matching>,
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

/// Which portal users a change is for: those that have all these properties. Without any, all.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MatchingUsers")]
pub struct Matching {
    /// Those of the organization with this id.
    pub organization: Option<OrganizationId>,
    /// Those in the group with this id.
    pub group: Option<GroupId>,
    /// Those with this status.
    pub status: Option<UserStatus>,
    /// Whether they are disabled.
    pub disabled: Option<bool>,
    /// Those whose login or name begins with this text, however it is spelled.
    pub search: Option<String>,
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
        let Self { users, matching, action, group, require_mfa } = self;
        if action.is_none() && group.is_none() && require_mfa.is_none() {
            let message = "name at least one change: `action`, `group` or `require_mfa`";
            return Err(DirectoryError::invalid("action", message));
        }
        let wanted = Wanted::new(action, group, require_mfa, directory).await?;
        let items = match (users, matching) {
            (Some(users), None) => listed(users, directory).await?,
            (None, Some(matching)) => matching.users(directory).await?,
            (Some(_), Some(_)) | (None, None) => {
                let message = "give either `users` or `matching`";
                return Err(DirectoryError::invalid("users", message));
            }
        };
        Ok(Plan { work: ChosenUsers { wanted }, items })
    }
}

async fn listed(
    mut users: Vec<UserId>,
    directory: &Directory,
) -> Result<Vec<ChosenUser>, DirectoryError> {
    users.sort_unstable();
    users.dedup();
    let mut items = Vec::with_capacity(users.len());
    for user in users {
        let existing = directory.records().read().existing::<User>(&user, None).await;
        let organization = existing.map_err(|error| error.in_field("users"))?.doc.organization;
        items.push(ChosenUser { user, organization });
    }
    Ok(items)
}

impl Matching {
    /// The users that match, in the order of a list with this filter.
    async fn users(self, directory: &Directory) -> Result<Vec<ChosenUser>, DirectoryError> {
        let Self { organization, group, status, disabled, search } = self;
        let filter =
            UserFilter { organization, group, status, disabled, search, ..UserFilter::default() };
        let users = directory.users();
        let (mut items, mut after) = (Vec::new(), None::<String>);
        loop {
            let request = PageRequest::parse(after.as_deref(), Some(PageRequest::MAX_LIMIT))?;
            let page = users.list(&filter, &request).await?;
            items.extend(
                page.items
                    .into_iter()
                    .map(|user| ChosenUser { user: user.id, organization: user.organization }),
            );
            if items.len() > MOST_MATCHING {
                let message = format!("more than {MOST_MATCHING} portal users match");
                return Err(DirectoryError::invalid("matching", message));
            }
            let Some(next) = page.next else { return Ok(items) };
            after = Some(next.to_string());
        }
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
