//! Groups and the permissions they grant (R1–R6).

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::credential::folding::fold;
use crate::directory::accounts::name;
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError, Refusal, as_given};
use crate::directory::records::{
    Change, Group, GroupId, ManagedBy, Organization, Page, PageRequest, Preferences, Stored, User,
    kind, of_new, present, put, retry,
};
use crate::directory::state::{grantable, granted};
use portcullis_policy::built_in;
use portcullis_store::{Expect, Key, StoreError, Write};

/// The permissions to grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// All that can be granted to the group; `"all"` in JSON.
    All,
    /// Those with these ids.
    Only(Vec<String>),
}

impl schemars::JsonSchema for Grant {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Grant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "The ids of permissions, or all that can be granted to the group.",
            "anyOf": [{ "const": "all" }, { "type": "array", "items": { "type": "string" } }],
        })
    }
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a list of permission ids or \"all\"")]
        enum Given {
            Word(String),
            List(Vec<String>),
        }
        match Given::deserialize(deserializer)? {
            Given::Word(word) if word == "all" => Ok(Self::All),
            Given::Word(_) => {
                Err(de::Error::custom("expected a list of permission ids or \"all\""))
            }
            Given::List(ids) => Ok(Self::Only(ids)),
        }
    }
}

/// A group to be created.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// Its id; by default a new one.
    #[serde(default)]
    pub id: Option<GroupId>,
    /// Its name, unique regardless of case and surrounding space (R4).
    pub name: String,
    /// The permissions it grants.
    pub permissions: Grant,
}

/// How a copy of a group differs from it.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GroupCopy")]
pub struct CopyOptions {
    /// Its id; by default a new one.
    #[serde(default)]
    pub id: Option<GroupId>,
    /// Its name; by default `Copy of X`.
    #[serde(default)]
    pub name: Option<String>,
}

/// Changes to a group; fields that are left out stay as they are.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupPatch {
    /// The new name.
    #[serde(default)]
    pub name: Option<String>,
    /// The permissions that replace the current ones.
    #[serde(default)]
    pub permissions: Option<Grant>,
    /// `true` makes it the default (R6).
    #[serde(default)]
    pub default: Option<bool>,
}

/// A group as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Group")]
pub struct GroupView {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// The ids of the permissions it grants, in the catalogue's order.
    pub permissions: Vec<String>,
    /// How many permissions can be granted to it: 24, or 18 without sign-in (R1, R3).
    pub of: usize,
    /// Whether new portal users get it (R6).
    pub default: bool,
    /// Whether it can be neither renamed nor deleted (R4).
    pub system: bool,
    /// How many portal users are in it.
    pub users: u64,
    /// The file that manages it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
    /// The version of its record.
    pub version: u64,
}

/// The groups.
#[derive(Debug, Clone)]
pub struct Groups {
    pub(in crate::directory) core: Core,
}

impl Groups {
    /// A page of the groups.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn list(&self, request: &PageRequest) -> Result<Page<GroupView>, DirectoryError> {
        let page = self.core.read().page::<Group>(None, request).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for group in page.items {
            items.push(self.view(group).await?);
        }
        Ok(Page { items, next: page.next })
    }

    /// The group with this id.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or when the store does not answer.
    pub async fn get(&self, id: &GroupId) -> Result<GroupView, DirectoryError> {
        let group = self.core.read().existing::<Group>(id, None).await?;
        Ok(self.view(group).await?)
    }

    /// Creates a group (R5).
    ///
    /// # Errors
    /// When the id or the name is taken or invalid, or a permission does not exist.
    pub async fn create(
        &self,
        new: NewGroup,
        change: &Change,
    ) -> Result<GroupView, DirectoryError> {
        let id = new.id.map(name::group_id).transpose()?;
        let for_id = id.as_ref().map_or("", GroupId::as_str);
        let group = Group {
            name: name::name("name", &new.name)?,
            permissions: self.chosen(for_id, &new.name, &new.permissions)?,
            managed_by: of_new(change),
        };
        let created = retry(|| self.try_add(id.as_ref(), &group, change)).await?;
        Ok(self.view(created).await?)
    }

    /// Changes a group. Its members have the new permissions from the next request on (R7).
    ///
    /// # Errors
    /// When a rule forbids the change (R3, R4, R6), the name is taken, or the group is not at the
    /// expected version.
    pub async fn change(
        &self,
        id: &GroupId,
        patch: GroupPatch,
        change: &Change,
    ) -> Result<GroupView, DirectoryError> {
        let changed = retry(|| self.try_change(id, &patch, change)).await?;
        Ok(self.view(changed).await?)
    }

    /// Creates a group with the permissions of another; its default name is `Copy of X` (R5).
    ///
    /// # Errors
    /// When there is no such group, it is not at the expected version, or the copy's id or name is
    /// taken or invalid.
    pub async fn copy(
        &self,
        id: &GroupId,
        CopyOptions { id: of_copy, name: given }: CopyOptions,
        change: &Change,
    ) -> Result<GroupView, DirectoryError> {
        let of_copy = of_copy.map(name::group_id).transpose()?;
        let given = given.map(|given| name::name("name", &given)).transpose()?;
        let copy = (of_copy.as_ref(), given.as_deref());
        let copied = retry(|| self.try_copy(id, copy, change)).await?;
        Ok(self.view(copied).await?)
    }

    /// Deletes a group without members, or moves its members to another group in the same commit
    /// (R5).
    ///
    /// # Errors
    /// When the group is built in (R4), the default (R6) or has members (R5), or is not at the
    /// expected version.
    pub async fn delete(
        &self,
        id: &GroupId,
        move_to: Option<&GroupId>,
        change: &Change,
    ) -> Result<(), DirectoryError> {
        retry(|| self.try_delete(id, move_to, change)).await
    }

    async fn try_add(
        &self,
        id: Option<&GroupId>,
        group: &Group,
        change: &Change,
    ) -> Result<Stored<Group>, AttemptError> {
        let id = match id {
            Some(id) if self.core.read().get::<Group>(id).await?.is_some() => {
                let value = id.to_string();
                return Err(DirectoryError::Taken { what: kind::GROUP, field: "id", value }.into());
            }
            Some(id) => id.clone(),
            None => name::random_id().into(),
        };
        self.check_ambiguity(&id, &group.name).await?;
        let created = Stored { id, version: 1, doc: group.clone() };
        let write = put(&created.id, Expect::Absent, group);
        self.core.commit(change, vec![write]).await.map_err(as_given(&group.name))?;
        Ok(created)
    }

    async fn try_change(
        &self,
        id: &GroupId,
        patch: &GroupPatch,
        change: &Change,
    ) -> Result<Stored<Group>, AttemptError> {
        let group = self.core.read().existing::<Group>(id, change.expected).await?;
        let mut doc = group.doc.clone();
        if let Some(given) = &patch.name {
            doc.name = name::name("name", given)?;
            if is_system(id) && doc.name != group.doc.name {
                return Err(Refusal::BuiltInNotRenamed { group: group.doc.name }.into());
            }
            self.check_ambiguity(id, &doc.name).await?;
        }
        if let Some(grant) = &patch.permissions {
            doc.permissions = self.chosen(id.as_str(), &doc.name, grant)?;
        }
        let (write, changed) = group.edit(doc, change);
        let mut commit = vec![write];
        if let Some(default) = patch.default {
            commit.extend(self.default_switched(&changed, default, change).await?);
        }
        self.core.commit(change, commit).await.map_err(as_given(&changed.doc.name))?;
        Ok(changed)
    }

    /// Refuses a name that is the id of another group, and an id that is the name of another: a group
    /// is named by either, and a capital letter must not decide which one is meant.
    async fn check_ambiguity(&self, id: &GroupId, name: &str) -> Result<(), DirectoryError> {
        let taken = |field, value: &str| {
            Err(DirectoryError::Taken { what: kind::GROUP, field, value: value.to_owned() })
        };
        let named = GroupId::from(fold(name));
        if named != *id && self.core.read().get::<Group>(&named).await?.is_some() {
            return taken("name", name);
        }
        let key = Key::new("name", fold(id.as_str()));
        match self.core.read().find::<Group>(&key).await? {
            Some(other) if other.id != *id => taken("id", id.as_str()),
            _ => Ok(()),
        }
    }

    /// The write that makes a group the default (R6).
    async fn default_switched(
        &self,
        group: &Stored<Group>,
        default: bool,
        change: &Change,
    ) -> Result<Option<Write>, DirectoryError> {
        let preferences =
            self.core.read().existing::<Preferences>(&Preferences::id(), None).await?;
        let is_default = preferences.doc.default_group == group.id;
        match default {
            false if is_default => Err(DirectoryError::invalid(
                "default",
                "there must be a default; make another group the default instead",
            )),
            false => Ok(None),
            true => {
                check_default(group)?;
                let mut doc = preferences.doc.clone();
                doc.default_group.clone_from(&group.id);
                Ok(Some(preferences.edit(doc, change).0))
            }
        }
    }

    async fn try_copy(
        &self,
        id: &GroupId,
        (of_copy, given): (Option<&GroupId>, Option<&str>),
        change: &Change,
    ) -> Result<Stored<Group>, AttemptError> {
        let group = self.core.read().existing::<Group>(id, change.expected).await?;
        let name = match given {
            Some(given) => given.to_owned(),
            None => self.free_name(&group.doc.name).await?,
        };
        let policy = self.core.snapshot().policy().clone();
        let set = granted(policy.catalogue(), &group);
        let permissions = policy.catalogue().ids(set).map(str::to_owned).collect();
        let copy = Group { name, permissions, managed_by: of_new(change) };
        match self.try_add(of_copy, &copy, change).await {
            // The free name was taken in the meantime: look for another.
            Err(AttemptError::Failed(DirectoryError::Taken { field: "name", .. }))
                if given.is_none() =>
            {
                Err(AttemptError::Conflict)
            }
            added => added,
        }
    }

    /// The first of `Copy of X`, `Copy of X (2)`, `Copy of X (3)`, … that is free.
    async fn free_name(&self, original: &str) -> Result<String, DirectoryError> {
        let mut number = 1;
        loop {
            let suffix = if number == 1 { String::new() } else { format!(" ({number})") };
            let candidate = name::shortened("Copy of ", original, &suffix);
            let key = Key::new("name", fold(&candidate));
            if self.core.read().find::<Group>(&key).await?.is_none() {
                return Ok(candidate);
            }
            number += 1;
        }
    }

    async fn try_delete(
        &self,
        id: &GroupId,
        move_to: Option<&GroupId>,
        change: &Change,
    ) -> Result<(), AttemptError> {
        let group = self.core.read().existing::<Group>(id, change.expected).await?;
        if is_system(id) {
            return Err(Refusal::BuiltInNotDeleted { group: group.doc.name }.into());
        }
        let preferences =
            self.core.read().existing::<Preferences>(&Preferences::id(), None).await?;
        if preferences.doc.default_group == *id {
            return Err(Refusal::DefaultNotDeleted { group: group.doc.name }.into());
        }
        let members = Key::new("group", id.as_str());
        let default = Organization::with_default(id);
        let mut commit = vec![group.delete(), preferences.require()];
        match move_to {
            None => {
                let users = self.core.read().count::<User>(Some(&members)).await?;
                if users > 0 {
                    return Err(Refusal::GroupInUse { group: group.doc.name, users }.into());
                }
                let organizations = self.core.read().count::<Organization>(Some(&default)).await?;
                if organizations > 0 {
                    let group = group.doc.name;
                    return Err(Refusal::DefaultOfOrganizations { group, organizations }.into());
                }
            }
            Some(target) => {
                self.check_target(id, target).await?;
                commit.push(present::<Group>(target));
                for user in self.core.read().all::<User>(Some(&members)).await? {
                    let mut doc = user.doc.clone();
                    doc.group.clone_from(target);
                    commit.push(user.edit(doc, change).0);
                }
                let organizations = self.core.read().all::<Organization>(Some(&default)).await?;
                if *target == built_in::NON_PORTAL && !organizations.is_empty() {
                    let target = self.core.read().existing::<Group>(target, None).await?;
                    return Err(Refusal::NotADefault { group: target.doc.name }.into());
                }
                for organization in organizations {
                    let mut doc = organization.doc.clone();
                    doc.default_group = Some(target.clone());
                    commit.push(organization.edit(doc, change).0);
                }
            }
        }
        // The commit fails if a user joins the group in the meantime, or it becomes a default.
        commit.push(Write::RequireNone { kind: kind::ORGANIZATION, key: default });
        commit.push(Write::RequireNone { kind: kind::USER, key: members });
        self.core.commit(change, commit).await?;
        Ok(())
    }

    async fn check_target(&self, id: &GroupId, target: &GroupId) -> Result<(), DirectoryError> {
        if target == id {
            return Err(DirectoryError::invalid("move_to", "must be another group"));
        }
        match self.core.read().existing::<Group>(target, None).await {
            Ok(_) => Ok(()),
            Err(DirectoryError::NotFound { .. }) => {
                Err(DirectoryError::invalid("move_to", format!("there is no group `{target}`")))
            }
            Err(error) => Err(error),
        }
    }

    /// The permissions chosen for a group, checked and in the catalogue's order (R3).
    ///
    /// # Errors
    /// When one does not exist, or cannot be granted to the group.
    pub(in crate::directory) fn chosen(
        &self,
        id: &str,
        name: &str,
        grant: &Grant,
    ) -> Result<Vec<String>, DirectoryError> {
        let snapshot = self.core.snapshot();
        let catalogue = snapshot.policy().catalogue();
        let grantable = grantable(catalogue, id);
        let set = match grant {
            Grant::All => grantable,
            Grant::Only(ids) => catalogue
                .set(ids.iter().map(String::as_str))
                .map_err(|unknown| DirectoryError::invalid("permissions", unknown.to_string()))?,
        };
        if let Some(permission) = catalogue.ids(set.difference(grantable)).next() {
            return Err(Refusal::NeedsIdentity {
                permission: permission.to_owned(),
                group: name.to_owned(),
            }
            .into());
        }
        Ok(catalogue.ids(set).map(str::to_owned).collect())
    }

    async fn view(&self, group: Stored<Group>) -> Result<GroupView, StoreError> {
        let members = Key::new("group", group.id.as_str());
        let users = self.core.read().count::<User>(Some(&members)).await?;
        let snapshot = self.core.snapshot();
        let catalogue = snapshot.policy().catalogue();
        let set = granted(catalogue, &group);
        Ok(GroupView {
            permissions: catalogue.ids(set).map(str::to_owned).collect(),
            of: grantable(catalogue, group.id.as_str()).len(),
            default: snapshot.preferences().default_group == group.id,
            system: is_system(&group.id),
            users,
            managed_by: group.doc.managed_by,
            id: group.id,
            name: group.doc.name,
            version: group.version,
        })
    }
}

/// Checks that a group can be the default (R6).
///
/// # Errors
/// [`Refusal::NotADefault`].
pub(in crate::directory) fn check_default(group: &Stored<Group>) -> Result<(), Refusal> {
    match group.id == built_in::NON_PORTAL {
        true => Err(Refusal::NotADefault { group: group.doc.name.clone() }),
        false => Ok(()),
    }
}

/// Whether the group can be neither renamed nor deleted (R4).
fn is_system(id: &GroupId) -> bool {
    [built_in::ADMIN, built_in::NON_PORTAL].contains(&id.as_str())
}

#[cfg(test)]
mod tests;
