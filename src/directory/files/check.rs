//! Compares a file with the records that it refers to: what it names must exist, in the file or in
//! the directory, and what belongs to an organization stays there.

use std::collections::{BTreeMap, HashMap};

use super::entry::{Entry, GroupEntry};
use super::problem::{At, FileProblem, FileProblems, Place, PlanError};
use super::read::File;
use crate::directory::Directory;
use crate::directory::error::DirectoryError;
use crate::directory::records::document::Document;
use crate::directory::records::{
    Authority, Change, EndUser, EndUserId, Group, Organization, OrganizationId, User, login_key,
};
use portcullis_store::StoreError;

/// What is wrong with a file, and what was looked up for it.
struct Checks<'a> {
    directory: &'a Directory,
    problems: Vec<FileProblem>,
    /// Which records exist, by kind and id.
    known: HashMap<(&'static str, String), bool>,
    /// The organizations of end users.
    end_users: BTreeMap<EndUserId, Option<OrganizationId>>,
}

impl Directory {
    /// The entries of a file in the order in which they are applied: what others refer to comes first.
    ///
    /// # Errors
    /// When something is wrong with the file, the actor may not change all of its records (I10), or
    /// the store is unavailable.
    pub(super) async fn checked(
        &self,
        file: File,
        change: &Change,
    ) -> Result<Vec<At<Entry>>, PlanError> {
        let scope = change.actor.scope();
        let mut organizations = file
            .organizations
            .iter()
            .map(|it| &it.value.id)
            .chain(file.end_users.iter().map(|it| &it.value.organization))
            .chain(file.users.iter().map(|it| &it.value.organization));
        let is_outside = organizations.any(|id| !scope.includes(id.as_str()));
        if is_outside || (scope.is_limited() && file.first_global().is_some()) {
            return Err(DirectoryError::OutOfScope { role: Authority::Manage.least() }.into());
        }
        let mut checks = Checks {
            directory: self,
            problems: Vec::new(),
            known: HashMap::new(),
            end_users: BTreeMap::new(),
        };
        checks.record_ids(&file);
        let entries = checks.entries(file).await?;
        FileProblems::check(checks.problems)?;
        Ok(entries)
    }
}

impl Checks<'_> {
    /// Takes down which records the file has.
    fn record_ids(&mut self, file: &File) {
        let groups = file.groups.iter().map(|it| (Group::KIND.name(), it.value.id.to_string()));
        let organizations = file.organizations.iter();
        let organizations =
            organizations.map(|it| (Organization::KIND.name(), it.value.id.to_string()));
        self.known.extend(groups.chain(organizations).map(|known| (known, true)));
        let end_users = file.end_users.iter();
        let end_users =
            end_users.map(|it| (it.value.id.clone(), Some(it.value.organization.clone())));
        self.end_users.extend(end_users);
    }

    async fn entries(&mut self, file: File) -> Result<Vec<At<Entry>>, StoreError> {
        let mut entries = Vec::new();
        for At { value: group, place } in file.groups {
            let groups = self.directory.groups();
            let at = group.permissions.place;
            let permissions =
                groups.chosen(group.id.as_str(), &group.name, &group.permissions.value);
            if let Some(permissions) = self.checked(at, permissions) {
                let (id, name) = (group.id, group.name);
                let value = Entry::Group(GroupEntry { id, name, permissions });
                entries.push(At { value, place });
            }
        }
        if let Some(At { value, place }) = file.preferences {
            if let Some(url) = &value.disabled_redirect_url {
                let checked = self.directory.preferences().check_redirect(url);
                self.checked(place, checked);
            }
            if let Some(group) = &value.default_group {
                self.require::<Group>(place, "default_group", group).await?;
            }
            entries.push(At { value: Entry::Preferences(value), place });
        }
        for At { value, place } in file.organizations {
            if let Some(group) = &value.default_group {
                self.require::<Group>(place, "default_group", group).await?;
            }
            entries.push(At { value: Entry::Organization(value), place });
        }
        for At { value, place } in file.end_users {
            self.require::<Organization>(place, "organization", &value.organization).await?;
            let read = self.directory.records().read();
            if let Some(stored) = read.get::<EndUser>(&value.id).await?
                && stored.doc.organization != value.organization
            {
                self.moves(
                    place,
                    &format!("the end user `{}`", value.id),
                    &stored.doc.organization,
                );
            }
            entries.push(At { value: Entry::EndUser(value), place });
        }
        for At { value, place } in file.users {
            self.require::<Organization>(place, "organization", &value.organization).await?;
            self.require::<Group>(place, "group", &value.group).await?;
            if let Some(end_user) = &value.end_user {
                self.require_end_user(place, end_user, &value.organization).await?;
            }
            let read = self.directory.records().read();
            let stored = match &value.id {
                Some(id) => read.get::<User>(id).await?,
                None => read.find::<User>(&login_key(&value.login)).await?,
            };
            if let Some(stored) = stored
                && stored.doc.organization != value.organization
            {
                let user = format!("the portal user `{}`", value.login);
                self.moves(place, &user, &stored.doc.organization);
            }
            entries.push(At { value: Entry::User(value), place });
        }
        Ok(entries)
    }

    fn problem(&mut self, place: Place, message: impl Into<String>) {
        self.problems.push(FileProblem { place, message: message.into() });
    }

    fn checked<T>(&mut self, place: Place, value: Result<T, DirectoryError>) -> Option<T> {
        value.map_err(|error| self.problem(place, error.to_string())).ok()
    }

    fn moves(&mut self, place: Place, what: &str, from: &OrganizationId) {
        let message =
            format!("organization: {what} belongs to `{from}` and cannot move to another");
        self.problem(place, message);
    }

    /// Checks that a record exists.
    async fn require<T: Document>(
        &mut self,
        place: Place,
        field: &str,
        id: &T::Id,
    ) -> Result<(), StoreError> {
        let key = (T::KIND.name(), id.as_ref().to_owned());
        let exists = match self.known.get(&key) {
            Some(exists) => *exists,
            None => {
                let exists = self.directory.records().read().get::<T>(id).await?.is_some();
                self.known.insert(key, exists);
                exists
            }
        };
        if !exists {
            let error = DirectoryError::not_found(T::KIND, id.as_ref());
            self.problem(place, format!("{field}: {error}, and the file has none"));
        }
        Ok(())
    }

    async fn require_end_user(
        &mut self,
        place: Place,
        id: &EndUserId,
        organization: &OrganizationId,
    ) -> Result<(), StoreError> {
        if !self.end_users.contains_key(id) {
            let stored = self.directory.records().read().get::<EndUser>(id).await?;
            self.end_users.insert(id.clone(), stored.map(|stored| stored.doc.organization));
        }
        match self.end_users.get(id).cloned().flatten() {
            Some(of) if of == *organization => {}
            Some(_) => {
                let message = format!("end_user: `{id}` is not an end user of `{organization}`");
                self.problem(place, message);
            }
            None => {
                let error = DirectoryError::not_found(EndUser::KIND, id.as_str());
                self.problem(place, format!("end_user: {error}, and the file has none"));
            }
        }
        Ok(())
    }
}
