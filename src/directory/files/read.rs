//! Reads the text of a file as entries, and checks what can be checked without the records: types,
//! names, addresses and ids, and that no id, login or name is used twice.

use std::collections::HashMap;

use super::entry::{EndUserEntry, OrganizationEntry, PreferencesEntry, UserEntry};
use super::problem::{At, FileProblems, Place};
use super::table::{Source, Strings, Table};
use crate::credential::folding::fold;
use crate::directory::accounts::groups::Grant;
use crate::directory::accounts::name;
use crate::directory::records::{EndUserId, GroupId, OrganizationId, UserId};

/// The entries of a file, each with the place where it begins.
#[derive(Debug)]
pub struct File {
    pub(super) preferences: Option<At<PreferencesEntry>>,
    pub(super) groups: Vec<At<ReadGroup>>,
    pub(super) organizations: Vec<At<OrganizationEntry>>,
    pub(super) end_users: Vec<At<EndUserEntry>>,
    pub(super) users: Vec<At<UserEntry>>,
}

/// A group, whose permissions have not been compared with the policy.
#[derive(Debug)]
pub(super) struct ReadGroup {
    pub(super) id: GroupId,
    pub(super) name: String,
    pub(super) permissions: At<Grant>,
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(text: &str) -> Result<Self, FileProblems> {
        let source = Source::new(text);
        let mut file = Self {
            preferences: None,
            groups: Vec::new(),
            organizations: Vec::new(),
            end_users: Vec::new(),
            users: Vec::new(),
        };
        let mut used = Used::default();
        if let Some(mut document) = source.document() {
            file.preferences = document.table("preferences").and_then(preferences);
            for table in document.tables("group") {
                file.groups.extend(group(table, &mut used));
            }
            for table in document.tables("organization") {
                file.organizations.extend(organization(table, &mut used));
            }
            for table in document.tables("end_user") {
                file.end_users.extend(end_user(table, &mut used));
            }
            for table in document.tables("user") {
                file.users.extend(user(table, &mut used));
            }
            document.finish();
        }
        FileProblems::check(source.into_problems())?;
        Ok(file)
    }

    /// Whether it has records of the gateway as a whole, and where the first is.
    pub(super) fn first_global(&self) -> Option<Place> {
        let preferences = self.preferences.as_ref().map(|entry| entry.place);
        preferences.into_iter().chain(self.groups.iter().map(|entry| entry.place)).min()
    }
}

/// What must be unique, and where it was used first.
#[derive(Debug, Default)]
struct Used(HashMap<(&'static str, String), Place>);

impl Used {
    /// Reports a value that was used before. `what` is what it is, such as `the id of an organization`.
    fn check(&mut self, table: &Table<'_>, what: &'static str, value: &str, place: Place) {
        if let Some(first) = self.0.insert((what, fold(value)), place) {
            let message = format!("{what} `{value}` is already used in line {}", first.line);
            table.problem(place, message);
        }
    }
}

fn preferences(mut table: Table<'_>) -> Option<At<PreferencesEntry>> {
    let place = table.place;
    let secure = table.flag("secure_with_password_if_portal_users_exist", true);
    let disabled_redirect_url = table.string("disabled_redirect_url").map(|url| url.value);
    let default_group = table.string("default_group").map(|id| id.value.into());
    let notify_impersonated = table.flag("notify_impersonated", false);
    table.finish();
    let secure_with_password_if_portal_users_exist = secure?;
    let value = PreferencesEntry {
        secure_with_password_if_portal_users_exist,
        disabled_redirect_url,
        default_group,
        notify_impersonated: notify_impersonated?,
    };
    Some(At { value, place })
}

fn group(mut table: Table<'_>, used: &mut Used) -> Option<At<ReadGroup>> {
    let place = table.place;
    let id = id(&mut table, used, "the group id", name::group_id);
    let name = unique_name(&mut table, used, ("name", "the group name"));
    let permissions = table.strings_or("permissions", "all");
    table.finish();
    let permissions = permissions.map(|At { value, place }| At {
        value: match value {
            Strings::Word => Grant::All,
            Strings::List(ids) => Grant::Only(ids),
        },
        place,
    });
    Some(At { value: ReadGroup { id: id?, name: name?, permissions: permissions? }, place })
}

fn organization(mut table: Table<'_>, used: &mut Used) -> Option<At<OrganizationEntry>> {
    let place = table.place;
    let id = id(&mut table, used, "the organization id", name::organization_id);
    let name = required_name(&mut table, "name").map(|name| name.value);
    let email = email(&mut table);
    let link_enabled = table.flag("link_enabled", true);
    let default_group = table.string("default_group").map(|id| id.value.into());
    let parked = match table.string("parked") {
        None => Some(None),
        Some(At { value, place }) => match name::reason("parked", &value) {
            Ok(reason) => Some(Some(reason)),
            Err(error) => {
                table.problem(place, error.to_string());
                None
            }
        },
    };
    table.finish();
    let value = OrganizationEntry {
        id: id?,
        name: name?,
        email: email?,
        link_enabled: link_enabled?,
        default_group,
        parked: parked?,
    };
    Some(At { value, place })
}

fn end_user(mut table: Table<'_>, used: &mut Used) -> Option<At<EndUserEntry>> {
    let place = table.place;
    let id = id(&mut table, used, "the end user id", |id: EndUserId| record_id(id));
    let organization = table.required("organization");
    let name = required_name(&mut table, "name").map(|name| name.value);
    let email = email(&mut table);
    table.finish();
    let organization = organization?.value.into();
    Some(At { value: EndUserEntry { id: id?, organization, name: name?, email: email? }, place })
}

fn user(mut table: Table<'_>, used: &mut Used) -> Option<At<UserEntry>> {
    let place = table.place;
    let id = table.string("id").map(|At { value, place }| {
        used.check(&table, "the user id", &value, place);
        table.checked(place, record_id(UserId::from(value)))
    });
    let login = unique_name(&mut table, used, ("login", "the login"));
    let display_name = table
        .string("name")
        .map(|At { value, place }| table.checked(place, name::name("name", &value)));
    let organization = table.required("organization");
    let end_user = table.string("end_user").map(|id| id.value.into());
    let group = table.required("group");
    let require_mfa = table.flag("require_mfa", false);
    let disabled = table.flag("disabled", false);
    let invite = table.flag("invite", false);
    table.finish();
    let value = UserEntry {
        id: optional(id)?,
        login: login?,
        name: optional(display_name)?,
        organization: organization?.value.into(),
        end_user,
        group: group?.value.into(),
        require_mfa: require_mfa?,
        disabled: disabled?,
        invite: invite?,
    };
    Some(At { value, place })
}

/// A value that may be missing but not invalid: the outer `None` is an invalid one.
#[expect(clippy::option_option, reason = "missing and invalid differ")]
fn optional<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    match given {
        None => Some(None),
        Some(checked) => checked.map(Some),
    }
}

fn id<T: From<String>>(
    table: &mut Table<'_>,
    used: &mut Used,
    what: &'static str,
    check: impl Fn(T) -> Result<T, crate::directory::DirectoryError>,
) -> Option<T> {
    let At { value, place } = table.required("id")?;
    used.check(table, what, &value, place);
    table.checked(place, check(T::from(value)))
}

/// An id of an end user or portal user, by the rules for organizations: it is part of URLs.
fn record_id<T: From<String> + AsRef<str>>(
    given: T,
) -> Result<T, crate::directory::DirectoryError> {
    name::organization_id(OrganizationId::from(given.as_ref().to_owned()))?;
    Ok(given)
}

fn required_name(table: &mut Table<'_>, key: &'static str) -> Option<At<String>> {
    let At { value, place } = table.required(key)?;
    let value = table.checked(place, name::name(key, &value))?;
    Some(At { value, place })
}

fn unique_name(
    table: &mut Table<'_>,
    used: &mut Used,
    (key, what): (&'static str, &'static str),
) -> Option<String> {
    let At { value, place } = required_name(table, key)?;
    used.check(table, what, &value, place);
    Some(value)
}

#[expect(clippy::option_option, reason = "missing and invalid differ")]
fn email(table: &mut Table<'_>) -> Option<Option<String>> {
    let given = table.string("email");
    optional(given.map(|At { value, place }| table.checked(place, name::email(&value))))
}
