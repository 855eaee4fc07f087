//! Bulk manage (R43): the portal users of organizations, or of organizations and their end users.

use std::borrow::Cow;

use serde::de;
use serde::{Deserialize, Deserializer, Serialize};

use super::line::{Effect, ReportLine};
use super::person::{Action, Wanted};
use super::work::{Context, Plan, Work};
use crate::directory::accounts::users::NewUser;
use crate::directory::records::{Authority, EndUser, Organization, Reader, User};
use crate::directory::{Directory, DirectoryError, EndUserId, GroupId, OrganizationId, UserId};
use portcullis_store::Key;

/// The name of the kind.
pub(super) const KIND: &str = "bulk";

/// A bulk change of the people of organizations.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// Whose portal users are changed.
    pub apply_to: ApplyTo,
    /// Which organizations.
    pub organizations: Chosen,
    /// Whether they are enabled or disabled. Enabling creates portal users that are missing, and
    /// invites them.
    pub action: Action,
    /// The id of the group that they get; by default they keep theirs, and new ones get the default
    /// group.
    #[serde(default)]
    pub group: Option<GroupId>,
    /// Whether a second factor is required; by default that stays as it is, and is not required of
    /// new ones.
    #[serde(default)]
    pub require_mfa: Option<bool>,
}

/// Whose portal users are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApplyTo {
    /// Those of organizations themselves.
    Organizations,
    /// Those of their end users too.
    OrganizationsAndEndUsers,
}

/// Which organizations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// All that the caller may see; `"all"` in JSON.
    All,
    /// Those with these ids.
    Only(Vec<OrganizationId>),
}

/// The work of a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bulk {
    apply_to: ApplyTo,
    #[serde(flatten)]
    wanted: Wanted,
}

/// One person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    organization: OrganizationId,
    /// The end user; `None` for the organization itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_user: Option<EndUserId>,
    /// The portal user; `None` if there was none when the job was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
}

impl BulkRequest {
    /// The people as the directory shows them now: one for each portal user, and one for each
    /// organization or end user without.
    ///
    /// # Errors
    /// When an organization or the group does not exist, or the store is unavailable.
    pub async fn plan(self, directory: &Directory) -> Result<Plan<Bulk>, DirectoryError> {
        let Self { apply_to, organizations, action, group, require_mfa } = self;
        let wanted = Wanted::new(Some(action), group, require_mfa, directory).await?;
        let reader = directory.records().read();
        let mut items = Vec::new();
        for organization in organizations.ids(reader).await? {
            items.extend(people(reader, organization, apply_to).await?);
        }
        Ok(Plan { work: Bulk { apply_to, wanted }, items })
    }
}

impl Chosen {
    async fn ids(self, reader: &Reader) -> Result<Vec<OrganizationId>, DirectoryError> {
        match self {
            Self::All => {
                let all = reader.all_intact::<Organization>(None).await?;
                Ok(all.into_iter().map(|organization| organization.id).collect())
            }
            Self::Only(mut ids) => {
                ids.sort_unstable();
                ids.dedup();
                for id in &ids {
                    let existing = reader.existing::<Organization>(id, None).await;
                    existing.map_err(|error| error.in_field("organizations"))?;
                }
                Ok(ids)
            }
        }
    }
}

/// The people of an organization, in order.
async fn people(
    reader: &Reader,
    organization: OrganizationId,
    apply_to: ApplyTo,
) -> Result<Vec<Person>, DirectoryError> {
    let members = Key::new("organization", organization.as_str());
    let users = reader.all_intact::<User>(Some(&members)).await?;
    let mut owners = vec![None];
    if apply_to == ApplyTo::OrganizationsAndEndUsers {
        let end_users = reader.all_intact::<EndUser>(Some(&members)).await?;
        owners.extend(end_users.into_iter().map(|end_user| Some(end_user.id)));
    }
    let mut people = Vec::new();
    for end_user in owners {
        let theirs = users.iter().filter(|user| user.doc.end_user == end_user);
        let mut theirs = theirs.map(|user| Some(user.id.clone())).peekable();
        let missing = theirs.peek().is_none().then_some(None);
        people.extend(theirs.chain(missing).map(|user| Person {
            organization: organization.clone(),
            end_user: end_user.clone(),
            user,
        }));
    }
    Ok(people)
}

impl Work for Bulk {
    type Item = Person;

    const AUTHORITY: Authority = Authority::Manage;

    fn kind(&self) -> &'static str {
        KIND
    }

    fn summary(&self) -> String {
        let of = match self.apply_to {
            ApplyTo::Organizations => "organizations",
            ApplyTo::OrganizationsAndEndUsers => "organizations and end users",
        };
        format!("portal users of {of}: {}", self.wanted.in_words().join(", "))
    }

    fn organization(item: &Person) -> Option<&OrganizationId> {
        Some(&item.organization)
    }

    fn line(item: &Person) -> ReportLine {
        let id = match &item.end_user {
            Some(end_user) => end_user.to_string(),
            None => item.organization.to_string(),
        };
        ReportLine {
            id: Some(id),
            organization: Some(item.organization.clone()),
            end_user: item.end_user.clone(),
            user: item.user.clone(),
            ..ReportLine::new(if item.end_user.is_some() { "end-user" } else { "organization" })
        }
    }

    async fn apply(
        &self,
        item: &Person,
        context: &Context<'_>,
    ) -> Result<ReportLine, DirectoryError> {
        let line = Self::line(item);
        let user = match &item.user {
            Some(user) => Some(user.clone()),
            // One may have been created since.
            None => item.current_user(context).await?,
        };
        match (user, self.wanted.action) {
            (Some(user), _) => self.wanted.apply(&user, true, line, context).await,
            (None, Some(Action::Enable)) => self.create(item, line, context).await,
            (None, _) => Ok(line.because("no-portal-user", "there is no portal user")),
        }
    }
}

impl Bulk {
    /// Creates and invites the portal user of an organization or an end user.
    async fn create(
        &self,
        item: &Person,
        line: ReportLine,
        context: &Context<'_>,
    ) -> Result<ReportLine, DirectoryError> {
        let read = context.directory.records().read();
        let email = match &item.end_user {
            Some(id) => read.existing::<EndUser>(id, None).await?.doc.email,
            None => read.existing::<Organization>(&item.organization, None).await?.doc.email,
        };
        if email.is_none() {
            let reason = "there is no email address to use as the login";
            return Ok(line.skipped("no-address", reason));
        }
        let new = NewUser {
            organization: item.organization.clone(),
            end_user: item.end_user.clone(),
            group: self.wanted.group.clone(),
            require_mfa: self.wanted.require_mfa.unwrap_or(false),
            invite: true,
            sender: context.sender.map(str::to_owned),
            ..NewUser::default()
        };
        let user = context.directory.users().create(new, context.change).await?;
        Ok(ReportLine {
            result: Effect::Created,
            user: Some(user.id),
            login: Some(user.login),
            ..line
        })
    }
}

impl Person {
    /// The first portal user of the organization itself, or of the end user.
    async fn current_user(&self, context: &Context<'_>) -> Result<Option<UserId>, DirectoryError> {
        let key = match &self.end_user {
            Some(end_user) => Key::new("end_user", end_user.as_str()),
            None => Key::new("organization", self.organization.as_str()),
        };
        let users = context.directory.records().read().all_intact::<User>(Some(&key)).await?;
        let user = users.into_iter().find(|user| user.doc.end_user == self.end_user);
        Ok(user.map(|user| user.id))
    }
}

impl schemars::JsonSchema for Chosen {
    fn schema_name() -> Cow<'static, str> {
        "ChosenOrganizations".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "The ids of organizations, or all that the caller may see.",
            "anyOf": [{ "const": "all" }, { "type": "array", "items": { "type": "string" } }],
        })
    }
}

impl<'de> Deserialize<'de> for Chosen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const EXPECTED: &str = "expected a list of organization ids or \"all\"";
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a list of organization ids or \"all\"")]
        enum Given {
            Word(String),
            List(Vec<OrganizationId>),
        }
        match Given::deserialize(deserializer)? {
            Given::Word(word) if word == "all" => Ok(Self::All),
            Given::Word(_) => Err(de::Error::custom(EXPECTED)),
            Given::List(ids) => Ok(Self::Only(ids)),
        }
    }
}
