//! A step of a plan: what is done to a record. It is kept as JSON until it is done.

use serde::{Deserialize, Serialize};

use super::entry::{Entry, GroupEntry};
use crate::directory::Directory;
use crate::directory::error::DirectoryError;
use crate::directory::records::{
    EndUser, Group, Managed, ManagedBy, Organization, Preferences, Stored, User, login_key,
};
use crate::directory::state::granted;
use portcullis_store::StoreError;

/// How a file is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyOptions {
    /// The file, which manages the records from then on.
    pub source: ManagedBy,
    /// Whether records that another file manages are taken over; otherwise they are refused.
    pub take_over: bool,
    /// Whether records that the file managed and no longer has are deleted.
    pub prune: bool,
}

impl ManagedBy {
    /// The longest commit, in bytes.
    const LONGEST_COMMIT: usize = 64;

    /// Reads `NAME` or `NAME@COMMIT`. The name is one line of visible characters, the commit ASCII.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] for the field `source`.
    pub fn parse(text: &str) -> Result<Self, DirectoryError> {
        let (name, commit) = match text.rsplit_once('@') {
            Some((name, commit)) => (name, Some(commit)),
            None => (text, None),
        };
        let name = portcullis_policy::name(name)
            .map_err(|why| DirectoryError::invalid("source", why.to_string()))?;
        let is_valid = |commit: &str| {
            (1..=Self::LONGEST_COMMIT).contains(&commit.len())
                && commit.bytes().all(|b| b.is_ascii_graphic())
        };
        if !commit.is_none_or(is_valid) {
            let message = "the commit after `@` must have 1 to 64 letters, digits or marks";
            return Err(DirectoryError::invalid("source", message));
        }
        Ok(Self { name: name.to_owned(), commit: commit.map(str::to_owned) })
    }
}

/// A record that is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The line of the file in which the record begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    pub(super) task: Task,
}

/// What is done to a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Task {
    /// It is created or changed, so that it is as in the file.
    Write(Entry),
    /// It is deleted, if the file still manages it.
    Remove(Entry),
    /// It loses its mark, if the file still manages it.
    Release(Entry),
}

impl Step {
    /// The record as it is in the file, or was.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        let (Task::Write(entry) | Task::Remove(entry) | Task::Release(entry)) = &self.task;
        entry
    }
}

/// A record and its mark.
pub(super) struct Current {
    pub(super) entry: Entry,
    pub(super) mark: Option<ManagedBy>,
    pub(super) version: u64,
}

impl Directory {
    /// The record that an entry describes, as it is now.
    pub(super) async fn current(&self, entry: &Entry) -> Result<Option<Current>, StoreError> {
        let read = self.records().read();
        Ok(match entry {
            Entry::Preferences(_) => {
                read.get::<Preferences>(&Preferences::id()).await?.map(Current::of)
            }
            Entry::Group(group) => read.get::<Group>(&group.id).await?.map(|it| self.group_now(it)),
            Entry::Organization(organization) => {
                read.get::<Organization>(&organization.id).await?.map(Current::of)
            }
            Entry::EndUser(end_user) => read.get::<EndUser>(&end_user.id).await?.map(Current::of),
            Entry::User(user) => match &user.id {
                Some(id) => read.get::<User>(id).await?,
                None => read.find::<User>(&login_key(&user.login)).await?,
            }
            .map(Current::of),
        })
    }

    pub(super) fn group_now(&self, group: Stored<Group>) -> Current {
        let (mark, version) = (group.doc.managed_by.clone(), group.version);
        Current { entry: self.group_entry(group), mark, version }
    }

    /// A group with the permissions that the policy knows.
    pub(super) fn group_entry(&self, group: Stored<Group>) -> Entry {
        let policy = self.snapshot().policy().clone();
        let set = granted(policy.catalogue(), &group);
        let permissions = policy.catalogue().ids(set).map(str::to_owned).collect();
        Entry::Group(GroupEntry { id: group.id, name: group.doc.name, permissions })
    }
}

impl Current {
    pub(super) fn of<T: Managed>(stored: Stored<T>) -> Self
    where
        Entry: From<Stored<T>>,
    {
        let (mark, version) = (stored.doc.managed_by().cloned(), stored.version);
        Self { entry: stored.into(), mark, version }
    }
}
