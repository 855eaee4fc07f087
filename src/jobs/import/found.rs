//! Records as people name them in a file: by id, name or address.

use std::collections::HashMap;

use super::row::Fault;
use crate::credential::folding::fold;
use crate::directory::accounts::end_users::EndUserView;
use crate::directory::accounts::organizations::{OrganizationFilter, OrganizationView};
use crate::directory::{
    Directory, DirectoryError, EndUserId, GroupId, OrganizationId, PageRequest,
};

/// How many records that begin with a name are read. Those with exactly the name come first.
const READ: usize = 20;

/// The organizations of a file's rows.
#[derive(Debug)]
pub struct Organizations<'a> {
    directory: &'a Directory,
    /// Whether there may be others that the directory does not show.
    is_limited: bool,
    known: HashMap<String, Result<Option<OrganizationId>, String>>,
}

impl<'a> Organizations<'a> {
    pub(super) fn new(directory: &'a Directory, is_limited: bool) -> Self {
        Self { directory, is_limited, known: HashMap::new() }
    }

    /// Whether there may be organizations that are not shown.
    pub(super) const fn is_limited(&self) -> bool {
        self.is_limited
    }

    /// The directory.
    pub(super) const fn directory(&self) -> &'a Directory {
        self.directory
    }

    /// The id of the organization with this id or name.
    pub(super) async fn named(&mut self, given: &str) -> Result<OrganizationId, Fault> {
        if !self.known.contains_key(given) {
            let found = match organization(self.directory, Some(given), given).await {
                Ok(found) => Ok(found.map(|organization| organization.id)),
                Err(error @ DirectoryError::Store(_)) => return Err(error.into()),
                Err(error) => Err(error.to_string()),
            };
            self.known.insert(given.to_owned(), found);
        }
        match self.known.get(given) {
            Some(Ok(Some(id))) => Ok(id.clone()),
            Some(Err(reason)) => Err(Fault::of_row(reason.as_str())),
            _ => {
                let reason = format!("organization: there is no organization `{given}`");
                Err(Fault::Row { code: "not-found".to_owned(), reason })
            }
        }
    }
}

/// The organization with this id, or else this name.
///
/// # Errors
/// When several have the name, or the store is unavailable.
pub(super) async fn organization(
    directory: &Directory,
    id: Option<&str>,
    name: &str,
) -> Result<Option<OrganizationView>, DirectoryError> {
    let organizations = directory.organizations();
    if let Some(id) = id {
        match organizations.get(&OrganizationId::from(id)).await {
            Err(DirectoryError::NotFound { .. }) => {}
            found => return found.map(Some),
        }
    }
    if name.is_empty() {
        return Ok(None);
    }
    let filter = OrganizationFilter { search: Some(name.to_owned()), parked: None };
    let found = organizations.list(&filter, &first()?).await?.items;
    let named = found.into_iter().filter(|found| fold(&found.name) == fold(name));
    only(named, "organization", name)
}

/// The end user of an organization with this id, address or name.
///
/// # Errors
/// When no record or more than one has the address or name, or the store is unavailable.
pub(super) async fn end_user(
    directory: &Directory,
    organization: &OrganizationId,
    given: &str,
) -> Result<EndUserView, DirectoryError> {
    match directory.end_users().get(organization, &EndUserId::from(given)).await {
        Err(DirectoryError::NotFound { .. }) => {}
        found => return found,
    }
    let by_email =
        |found: &EndUserView| found.email.as_deref().is_some_and(|it| fold(it) == fold(given));
    if let Some(found) = end_user_with(directory, organization, given, by_email).await? {
        return Ok(found);
    }
    let by_name = |found: &EndUserView| fold(&found.name) == fold(given);
    end_user_with(directory, organization, given, by_name).await?.ok_or_else(|| {
        DirectoryError::invalid("end_user", format!("`{organization}` has no end user `{given}`"))
    })
}

/// The end user of an organization with a text that begins with this one, and which is it.
///
/// # Errors
/// When several are, or the store is unavailable.
pub(super) async fn end_user_with(
    directory: &Directory,
    organization: &OrganizationId,
    text: &str,
    is_it: impl Fn(&EndUserView) -> bool,
) -> Result<Option<EndUserView>, DirectoryError> {
    let found = directory.end_users().list(organization, Some(text), &first()?).await?.items;
    only(found.into_iter().filter(is_it), "end_user", text)
}

/// The id of the group with this id or name.
///
/// # Errors
/// When no record or more than one has the name, or the store is unavailable.
pub(super) async fn group(directory: &Directory, given: &str) -> Result<GroupId, DirectoryError> {
    match directory.groups().get(&GroupId::from(given)).await {
        Err(DirectoryError::NotFound { .. }) => {}
        found => return found.map(|group| group.id),
    }
    let all = PageRequest::parse(None, Some(PageRequest::MAX_LIMIT))?;
    let found = directory.groups().list(&all).await?.items;
    let named = found.into_iter().filter(|group| fold(&group.name) == fold(given));
    only(named.map(|group| group.id), "group", given)?
        .ok_or_else(|| DirectoryError::invalid("group", format!("there is no group `{given}`")))
}

fn first() -> Result<PageRequest, DirectoryError> {
    PageRequest::parse(None, Some(READ))
}

fn only<T>(
    mut found: impl Iterator<Item = T>,
    field: &'static str,
    given: &str,
) -> Result<Option<T>, DirectoryError> {
    match (found.next(), found.next()) {
        (found, None) => Ok(found),
        (_, Some(_)) => {
            let message = format!("several are called `{given}`; give the id");
            Err(DirectoryError::invalid(field, message))
        }
    }
}
