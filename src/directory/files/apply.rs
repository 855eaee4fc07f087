//! Does a step of a plan, by the operations of `accounts`: each record in one commit.

use super::entry::{
    EndUserEntry, Entry, GroupEntry, OrganizationEntry, PreferencesEntry, UserEntry,
};
use super::step::{ApplyOptions, Current, Step, Task};
use crate::directory::Directory;
use crate::directory::accounts::end_users::{EndUserPatch, NewEndUser};
use crate::directory::accounts::groups::{Grant, GroupPatch, NewGroup};
use crate::directory::accounts::organizations::{
    NewExtra, NewOrganization, NewParking, OrganizationPatch,
};
use crate::directory::accounts::preferences::PreferencesPatch;
use crate::directory::accounts::users::{NewUser, UserPatch};
use crate::directory::error::DirectoryError;
use crate::directory::records::{Change, Marks};

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The record was created.
    Created,
    /// The record was changed.
    Changed,
    /// The record was as wanted, or is no longer managed by the file.
    Unchanged,
    /// The record was deleted.
    Removed,
}

impl Directory {
    /// Does a step. It may be repeated. `sender` is the address of the administrator, which gets
    /// blind copies of invitations (R41).
    ///
    /// # Errors
    /// When a rule forbids it, another file manages the record, the actor may not write it (I10), or
    /// the store is unavailable.
    pub async fn apply_step(
        &self,
        step: &Step,
        options: &ApplyOptions,
        (change, sender): (&Change, Option<&str>),
    ) -> Result<Applied, DirectoryError> {
        let current = self.current(step.entry()).await?;
        let by = options.source.clone();
        let marking = Marks::Set { by, take_over: options.take_over };
        let change = change.clone().marking(marking);
        let current = match &step.task {
            Task::Write(entry) => {
                return self.write(entry.clone(), current, (&change, sender)).await;
            }
            Task::Remove(_) | Task::Release(_) => current,
        };
        let is_managed = |current: &Current| {
            current.mark.as_ref().is_some_and(|mark| mark.name == options.source.name)
        };
        let Some(current) = current.filter(is_managed) else { return Ok(Applied::Unchanged) };
        let change = change.expecting(Some(current.version));
        match &step.task {
            Task::Release(entry) => {
                self.release(entry, &change.marking(Marks::Remove)).await?;
                Ok(Applied::Changed)
            }
            Task::Remove(entry) | Task::Write(entry) => {
                self.remove(entry, &change).await?;
                Ok(Applied::Removed)
            }
        }
    }

    async fn write(
        &self,
        entry: Entry,
        current: Option<Current>,
        change: (&Change, Option<&str>),
    ) -> Result<Applied, DirectoryError> {
        let Some(current) = current else {
            self.create(entry, change).await?;
            return Ok(Applied::Created);
        };
        let version = match (entry, current.entry) {
            (Entry::Preferences(wanted), _) => self.write_preferences(wanted, change.0).await?,
            (Entry::Group(wanted), _) => self.write_group(wanted, change.0).await?,
            (Entry::Organization(wanted), _) => self.write_organization(wanted, change.0).await?,
            (Entry::EndUser(wanted), _) => self.write_end_user(wanted, change.0).await?,
            (Entry::User(wanted), Entry::User(current)) => {
                self.write_user(wanted, current, change.0).await?
            }
            // A record is of the kind that was asked for.
            (Entry::User(_), _) => return Ok(Applied::Unchanged),
        };
        Ok(if version == current.version { Applied::Unchanged } else { Applied::Changed })
    }

    async fn create(
        &self,
        entry: Entry,
        (change, sender): (&Change, Option<&str>),
    ) -> Result<(), DirectoryError> {
        match entry {
            // They always exist.
            Entry::Preferences(wanted) => self.write_preferences(wanted, change).await.map(drop),
            Entry::Group(GroupEntry { id, name, permissions }) => {
                let permissions = Grant::Only(permissions);
                let new = NewGroup { id: Some(id), name, permissions };
                self.groups().create(new, change).await.map(drop)
            }
            Entry::Organization(wanted) => {
                let OrganizationEntry { id, name, email, link_enabled, default_group, parked } =
                    wanted;
                let new = NewOrganization { id: Some(id), name, email };
                let extra = NewExtra { link_enabled, default_group, parked };
                self.organizations().create_with(new, extra, change).await.map(drop)
            }
            Entry::EndUser(EndUserEntry { id, organization, name, email }) => {
                let new = NewEndUser { name, email };
                let end_users = self.end_users();
                end_users.create_as(Some(id), &organization, new, change).await.map(drop)
            }
            Entry::User(wanted) => {
                let new = NewUser {
                    id: wanted.id,
                    organization: wanted.organization,
                    end_user: wanted.end_user,
                    login: Some(wanted.login),
                    name: wanted.name,
                    group: Some(wanted.group),
                    require_mfa: wanted.require_mfa,
                    disabled: wanted.disabled,
                    invite: wanted.invite && !wanted.disabled,
                    sender: sender.map(str::to_owned),
                    ..NewUser::default()
                };
                self.users().create(new, change).await.map(drop)
            }
        }
    }

    async fn write_preferences(
        &self,
        wanted: PreferencesEntry,
        change: &Change,
    ) -> Result<u64, DirectoryError> {
        let patch = PreferencesPatch {
            secure_with_password_if_portal_users_exist: Some(
                wanted.secure_with_password_if_portal_users_exist,
            ),
            disabled_redirect_url: Some(wanted.disabled_redirect_url),
            notify_impersonated: Some(wanted.notify_impersonated),
            default_group: wanted.default_group,
        };
        Ok(self.preferences().change(patch, change).await?.version)
    }

    async fn write_group(
        &self,
        wanted: GroupEntry,
        change: &Change,
    ) -> Result<u64, DirectoryError> {
        let permissions = Some(Grant::Only(wanted.permissions));
        let patch = GroupPatch { name: Some(wanted.name), permissions, default: None };
        Ok(self.groups().change(&wanted.id, patch, change).await?.version)
    }

    async fn write_organization(
        &self,
        wanted: OrganizationEntry,
        change: &Change,
    ) -> Result<u64, DirectoryError> {
        let patch = OrganizationPatch {
            name: Some(wanted.name),
            email: Some(wanted.email),
            default_group: Some(wanted.default_group),
            parked: Some(wanted.parked.map(|reason| NewParking { reason })),
        };
        let organizations = self.organizations();
        let link = Some(wanted.link_enabled);
        Ok(organizations.change_with(&wanted.id, patch, link, change).await?.version)
    }

    async fn write_end_user(
        &self,
        wanted: EndUserEntry,
        change: &Change,
    ) -> Result<u64, DirectoryError> {
        let patch = EndUserPatch { name: Some(wanted.name), email: Some(wanted.email) };
        let end_users = self.end_users();
        Ok(end_users.change(&wanted.organization, &wanted.id, patch, change).await?.version)
    }

    async fn write_user(
        &self,
        wanted: UserEntry,
        current: UserEntry,
        change: &Change,
    ) -> Result<u64, DirectoryError> {
        if wanted.organization != current.organization {
            let message = format!(
                "the portal user `{}` belongs to `{}` and cannot move to another",
                wanted.login, current.organization
            );
            return Err(DirectoryError::invalid("organization", message));
        }
        let patch = UserPatch {
            group: Some(wanted.group),
            login: Some(wanted.login),
            name: Some(wanted.name),
            require_mfa: Some(wanted.require_mfa),
            disabled: Some(wanted.disabled),
            end_user: Some(wanted.end_user),
        };
        let id = current.id.unwrap_or_default();
        Ok(self.users().change(&id, patch, change).await?.version)
    }

    async fn remove(&self, entry: &Entry, change: &Change) -> Result<(), DirectoryError> {
        match entry {
            Entry::Preferences(_) => Ok(()),
            Entry::Group(group) => self.groups().delete(&group.id, None, change).await,
            Entry::Organization(it) => self.organizations().delete(&it.id, change).await,
            Entry::EndUser(it) => self.end_users().delete(&it.organization, &it.id, change).await,
            Entry::User(user) => {
                self.users().delete(&user.id.clone().unwrap_or_default(), change).await
            }
        }
    }

    async fn release(&self, entry: &Entry, change: &Change) -> Result<(), DirectoryError> {
        match entry {
            Entry::Preferences(_) => {
                self.preferences().change(PreferencesPatch::default(), change).await.map(drop)
            }
            Entry::Group(group) => {
                self.groups().change(&group.id, GroupPatch::default(), change).await.map(drop)
            }
            // Only the preferences and the built-in groups cannot be removed.
            Entry::Organization(_) | Entry::EndUser(_) | Entry::User(_) => Ok(()),
        }
    }
}
