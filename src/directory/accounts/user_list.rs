//! Lists of portal users.

use jiff::Timestamp;
use serde::Deserialize;

use super::reference::require;
use super::user_view::{UserView, view};
use super::users::Users;
use crate::credential::folding::fold;
use crate::directory::error::DirectoryError;
use crate::directory::records::moment;
use crate::directory::records::{
    EndUser, EndUserId, Group, GroupId, Organization, OrganizationId, Page, PageRequest, Stored,
    TEXT, User, UserId, UserStatus, disabled_key,
};
use portcullis_store::{Key, Search};

/// How many records are read for a page. A page with a rare property may hold fewer users than
/// requested, and none; `next` shows whether there are more.
const MOST_READ: usize = 2000;

/// Which portal users to list: those that have all these properties.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
pub struct UserFilter {
    /// Those of the organization with this id.
    pub organization: Option<OrganizationId>,
    /// Those of the end user with this id.
    pub end_user: Option<EndUserId>,
    /// Those in the group with this id.
    pub group: Option<GroupId>,
    /// Those with this status.
    pub status: Option<UserStatus>,
    /// Whether they are disabled.
    pub disabled: Option<bool>,
    /// Those whose login or name begins with this text, however it is spelled, in the order of these
    /// texts.
    pub search: Option<String>,
    /// Those whose login begins with this text, however it is spelled.
    pub login_prefix: Option<String>,
    /// Those who last signed in before this time or date, or never.
    #[serde(default, deserialize_with = "moment::read_start")]
    #[schemars(schema_with = "moment::schema")]
    pub signed_in_before: Option<Timestamp>,
    /// Those who last signed in at this time or date, or later.
    #[serde(default, deserialize_with = "moment::read_start")]
    #[schemars(schema_with = "moment::schema")]
    pub signed_in_after: Option<Timestamp>,
}

impl UserFilter {
    /// What the store looks for. The other properties are those of the users that it finds.
    fn search(&self) -> Search {
        let Self { organization, end_user, group, .. } = self;
        let all = [
            end_user.as_ref().map(|id| Key::new("end_user", id.as_str())),
            organization.as_ref().map(|id| Key::new("organization", id.as_str())),
            group.as_ref().map(|id| Key::new("group", id.as_str())),
            self.status.map(UserStatus::key),
            (self.disabled == Some(true)).then(disabled_key),
        ];
        let text = self.search.as_ref().or(self.login_prefix.as_ref());
        Search {
            all: all.into_iter().flatten().collect(),
            prefix: text.map(|text| Key::new(TEXT, fold(text))),
            ..Search::default()
        }
    }

    /// Whether a user has all the properties.
    #[must_use]
    pub fn admits(&self, user: &UserView) -> bool {
        self.organization.as_ref().is_none_or(|id| *id == user.organization)
            && self.end_user.as_ref().is_none_or(|id| user.end_user.as_ref() == Some(id))
            && self.group.as_ref().is_none_or(|id| *id == user.group)
            && self.status.is_none_or(|status| status == user.status)
            && self.disabled.is_none_or(|disabled| disabled == user.disabled)
            && self.login_prefix.as_ref().is_none_or(|prefix| begins(&user.login, prefix))
            && self.search.as_ref().is_none_or(|prefix| {
                begins(&user.login, prefix)
                    || user.name.as_ref().is_some_and(|name| begins(name, prefix))
            })
            && self.signed_in(user.last_sign_in)
    }

    fn signed_in(&self, last: Option<Timestamp>) -> bool {
        self.signed_in_before.is_none_or(|time| last.is_none_or(|last| last < time))
            && self.signed_in_after.is_none_or(|time| last.is_some_and(|last| last >= time))
    }
}

impl Users {
    /// A page of the portal users. It may hold fewer than requested although there are more.
    ///
    /// # Errors
    /// When the filter names something that does not exist, or the store is unavailable.
    pub async fn list(
        &self,
        filter: &UserFilter,
        request: &PageRequest,
    ) -> Result<Page<UserView>, DirectoryError> {
        self.check(filter).await?;
        let mut search = filter.search();
        search.after = request.place(search.prefix.is_some())?;
        let (mut items, mut read) = (Vec::new(), 0);
        loop {
            let wanted = request.limit() - items.len();
            let found = self.core.read().search::<User>(&search, wanted).await?;
            // A call that finds fewer has read as much as it may.
            read += if found.records.len() < wanted { MOST_READ } else { wanted };
            for (_, user) in found.records {
                let Some(user) = Stored::<User>::decode_intact(user) else { continue };
                let user = view(&self.core, user).await?;
                if filter.admits(&user) {
                    items.push(user);
                }
            }
            match found.next {
                None => return Ok(Page::last(items)),
                Some(next) if items.len() >= request.limit() || read >= MOST_READ => {
                    return Ok(Page::until_place(items, &next));
                }
                next => search.after = next,
            }
        }
    }

    /// How many users have this status, disabled ones included.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn count(&self, status: UserStatus) -> Result<u64, DirectoryError> {
        Ok(self.core.read().count::<User>(Some(&status.key())).await?)
    }

    /// Checks that a portal user exists.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] if not, or when the store is unavailable.
    pub async fn require(&self, id: &UserId) -> Result<(), DirectoryError> {
        require::<User>(self.core.read(), "user", id).await
    }

    /// Checks that what the filter names exists.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] for what does not exist, or when the store is unavailable.
    pub async fn check(&self, filter: &UserFilter) -> Result<(), DirectoryError> {
        let reader = self.core.read();
        if let Some(id) = &filter.organization {
            require::<Organization>(reader, "organization", id).await?;
        }
        if let Some(id) = &filter.end_user {
            require::<EndUser>(reader, "end_user", id).await?;
        }
        if let Some(id) = &filter.group {
            require::<Group>(reader, "group", id).await?;
        }
        Ok(())
    }
}

/// Whether a text begins with another, however they are spelled.
fn begins(text: &str, prefix: &str) -> bool {
    fold(text).starts_with(&fold(prefix))
}
