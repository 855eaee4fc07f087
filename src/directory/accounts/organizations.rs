//! Organizations: customers of the operator.

use crate::credential::folding::fold;
use crate::directory::accounts::name;
use crate::directory::accounts::password_reuse::{Compared, differs, reject_passwords_of};
use crate::directory::accounts::patch;
use crate::directory::accounts::portal_sessions;
use crate::directory::accounts::reference::require;
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError, Refusal};
use crate::directory::records::audit::Occurrence;
use crate::directory::records::{
    Administrator, ApiToken, Authority, Change, EndUser, Group, GroupId, ManagedBy, Organization,
    OrganizationId, Page, PageRequest, Parked, Scope, Stored, TEXT, User, kind, of_new, present,
    put, retry,
};
use crate::directory::warning::{Warning, WarningName};
use portcullis_policy::built_in;
use portcullis_store::{CommitError, Expect, Key, Search, StoreError, Write};
use serde::{Deserialize, Serialize};
use serde_json::Map;

/// How many organizations are compared with the name of another.
const SAME_NAME: usize = 20;

/// An organization to be created.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrganization {
    /// Its id; random by default.
    #[serde(default)]
    pub id: Option<OrganizationId>,
    /// Its name.
    pub name: String,
    /// Its email address.
    #[serde(default)]
    pub email: Option<String>,
}

/// The parking of an organization: the portal is closed for it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewParking {
    /// Why, for the people of the organization: 1 to 500 characters on one line, plain text.
    pub reason: String,
}

/// Changes to an organization; fields that are left out stay as they are.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationPatch {
    /// The new name.
    #[serde(default)]
    pub name: Option<String>,
    /// The new address; `null` removes it.
    #[serde(default, deserialize_with = "patch::nullable")]
    pub email: Option<Option<String>>,
    /// The group of portal users who are created in it without one; `null` for the default of the
    /// gateway (R6).
    #[serde(default, deserialize_with = "patch::nullable")]
    pub default_group: Option<Option<GroupId>>,
    /// Closes the portal for the organization, for everyone in it and for staff; `null` opens it again.
    /// Sessions end; they stay ended when it is opened.
    #[serde(default, deserialize_with = "patch::nullable")]
    pub parked: Option<Option<NewParking>>,
}

/// An organization as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Organization")]
pub struct OrganizationView {
    /// Its id.
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// Its email address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// How many portal users it has, including invited ones (R12).
    pub portal_users: u64,
    /// Whether its secure link is switched on (R10).
    pub link_enabled: bool,
    /// The group of portal users who are created in it without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_group: Option<GroupId>,
    /// Since when and why the portal is closed for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parked: Option<Parked>,
    /// The file that manages it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
    /// The version of its record.
    pub version: u64,
}

/// Which organizations to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
pub struct OrganizationFilter {
    /// Those whose id, name or address begins with this text, however it is spelled, in the order of
    /// these texts.
    pub search: Option<String>,
    /// Whether they are parked.
    pub parked: Option<bool>,
}

/// What a file can say about a new organization besides the fields of [`NewOrganization`].
#[derive(Debug, Default)]
pub(in crate::directory) struct NewExtra {
    /// Whether the secure link is enabled.
    pub(in crate::directory) link_enabled: bool,
    /// Its default group (R6).
    pub(in crate::directory) default_group: Option<GroupId>,
    /// Why it is parked, if it is.
    pub(in crate::directory) parked: Option<String>,
}

/// The organizations.
#[derive(Debug, Clone)]
pub struct Organizations {
    pub(in crate::directory) core: Core,
}

impl Organizations {
    /// A page of the organizations.
    ///
    /// # Errors
    /// When the cursor is not of such a list, or the store is unavailable.
    pub async fn list(
        &self,
        filter: &OrganizationFilter,
        request: &PageRequest,
    ) -> Result<Page<OrganizationView>, DirectoryError> {
        let prefix = filter.search.as_ref().map(|text| Key::new(TEXT, fold(text)));
        let after = request.place(prefix.is_some())?;
        let all = (filter.parked == Some(true)).then(Parked::key).into_iter().collect();
        let search = Search { all, prefix, after, ..Search::default() };
        let page = self.core.read().searched::<Organization>(&search, request.limit()).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for organization in page.items {
            if filter.parked.is_some_and(|parked| parked != organization.doc.parked.is_some()) {
                continue;
            }
            items.push(self.view(organization).await?);
        }
        Ok(Page { items, next: page.next })
    }

    /// How many there are.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn count(&self) -> Result<u64, DirectoryError> {
        Ok(self.core.read().count::<Organization>(None).await?)
    }

    /// Checks that an organization exists.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] if not, or when the store is unavailable.
    pub async fn require(&self, id: &OrganizationId) -> Result<(), DirectoryError> {
        require::<Organization>(self.core.read(), "organization", id).await
    }

    /// The organization with this id, as administrators see it.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or when the store does not answer.
    pub async fn get(&self, id: &OrganizationId) -> Result<OrganizationView, DirectoryError> {
        let organization = self.core.read().existing(id, None).await?;
        Ok(self.view(organization).await?)
    }

    /// Creates an organization, with its secure link switched on (R10).
    ///
    /// # Errors
    /// When the actor may not (I10), the id is taken or invalid, or the name or address is invalid.
    pub async fn create(
        &self,
        new: NewOrganization,
        change: &Change,
    ) -> Result<OrganizationView, DirectoryError> {
        let extra = NewExtra { link_enabled: true, ..NewExtra::default() };
        self.create_with(new, extra, change).await
    }

    /// The same, with what a file can say.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub(in crate::directory) async fn create_with(
        &self,
        new: NewOrganization,
        extra: NewExtra,
        change: &Change,
    ) -> Result<OrganizationView, DirectoryError> {
        change.requires_over_gateway(Authority::Manage)?;
        let extra = self.checked(extra).await?;
        let link_enabled = extra.link_enabled;
        let default_group = extra.default_group.as_ref().map(present::<Group>);
        let conditions: Vec<_> = default_group.into_iter().collect();
        let organization = Organization {
            name: name::name("name", &new.name)?,
            email: new.email.as_deref().map(name::email).transpose()?,
            link_enabled,
            // Not 0: if a deleted organization had this id, its link must stay invalid.
            link_generation: change.at.as_millisecond().unsigned_abs(),
            default_group: extra.default_group,
            parked: extra.parked.map(|reason| Parked { reason, since: change.at }),
            managed_by: of_new(change),
        };
        let id = match new.id {
            Some(id) => name::organization_id(id)?,
            None => name::random_id().into(),
        };
        retry(|| async {
            let mut commit = conditions.clone();
            commit.push(put(&id, Expect::Absent, &organization));
            match self.core.commit(change, commit).await {
                Ok(_) => Ok(()),
                Err(CommitError::Conflict { kind: kind::ORGANIZATION, .. }) => {
                    let (what, value) = (kind::ORGANIZATION, id.to_string());
                    Err(DirectoryError::Taken { what, field: "id", value }.into())
                }
                Err(error) => Err(AttemptError::from(error)),
            }
        })
        .await?;
        Ok(self.view(Stored { id, version: 1, doc: organization }).await?)
    }

    /// Changes an organization.
    ///
    /// # Errors
    /// When the name or address is invalid, the address is the password of one of its users (R31),
    /// the default group does not exist or cannot be one (R6), too many passwords are being hashed, or the organization is not at the expected version.
    pub async fn change(
        &self,
        id: &OrganizationId,
        patch: OrganizationPatch,
        change: &Change,
    ) -> Result<OrganizationView, DirectoryError> {
        self.change_with(id, patch, None, change).await
    }

    /// The same, and enables or disables the secure link in the same commit.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(in crate::directory) async fn change_with(
        &self,
        id: &OrganizationId,
        patch: OrganizationPatch,
        link_enabled: Option<bool>,
        change: &Change,
    ) -> Result<OrganizationView, DirectoryError> {
        let name = patch.name.as_deref().map(|given| name::name("name", given)).transpose()?;
        let email = match patch.email {
            Some(Some(given)) => Some(Some(name::email(&given)?)),
            other => other,
        };
        let parked = match &patch.parked {
            Some(Some(parking)) => Some(Some(name::reason("parked.reason", &parking.reason)?)),
            Some(None) => Some(None),
            None => None,
        };
        let compared = Compared::default();
        let changed = retry(|| async {
            let organization =
                self.core.read().existing::<Organization>(id, change.expected).await?;
            let mut commit = Vec::new();
            let mut doc = organization.doc.clone();
            if let Some(name) = &name {
                doc.name.clone_from(name);
            }
            if let Some(email) = &email {
                doc.email.clone_from(email);
            }
            doc.link_enabled = link_enabled.unwrap_or(doc.link_enabled);
            let before = organization.doc.email.as_deref();
            if let Some(email) = doc.email.as_deref().filter(|email| differs(before, email)) {
                let key = Key::new("organization", id.as_str());
                let theirs = (&key, |user: &User| user.end_user.is_none());
                commit = reject_passwords_of(&self.core, email, theirs, &compared).await?;
            }
            if let Some(group) = &patch.default_group {
                doc.default_group.clone_from(group);
            }
            if let Some(Some(group)) = &patch.default_group {
                self.check_default_group(group).await?;
                commit.push(present::<Group>(group));
            }
            let mut ended = None;
            if let Some(parked) = &parked {
                doc.parked = parked.clone().map(|reason| {
                    let before = organization.doc.parked.as_ref();
                    let since = before.map_or(change.at, |parked| parked.since);
                    Parked { reason, since }
                });
                if organization.doc.parked.is_some() && doc.parked.is_none() {
                    let (ends, entry) = self.ending_sessions(&organization).await?;
                    commit.extend(ends);
                    ended = entry;
                }
            }
            let (write, changed) = organization.edit(doc, change);
            commit.push(write);
            self.core.records.commit_noting(change, commit, ended).await?;
            Ok::<_, AttemptError>(changed)
        })
        .await?;
        Ok(self.view(changed).await?)
    }

    /// What ends the sessions that were open when the organization was parked, so that none of them is
    /// valid again, and the entry of the audit log about them.
    async fn ending_sessions(
        &self,
        organization: &Stored<Organization>,
    ) -> Result<(Vec<Write>, Option<Occurrence>), StoreError> {
        let key = Key::new("organization", organization.id.as_str());
        let (writes, sessions) = portal_sessions::ending(&self.core, key).await?;
        let after = Map::from_iter([("sessions".to_owned(), sessions.into())]);
        let Organization { name, .. } = &organization.doc;
        let entry = Occurrence::of_organization("session.ended", &organization.id, name, after);
        Ok((writes, (sessions > 0).then_some(entry)))
    }

    /// Checks what a file says about a new organization.
    async fn checked(&self, extra: NewExtra) -> Result<NewExtra, DirectoryError> {
        if let Some(group) = &extra.default_group {
            self.check_default_group(group).await?;
        }
        let parked = extra.parked.map(|reason| name::reason("parked", &reason)).transpose()?;
        Ok(NewExtra { parked, ..extra })
    }

    /// Warns if another organization has the same name, however it is spelled. The organization exists
    /// whatever happens here, so a failure is only logged.
    pub async fn about_name(&self, organization: &OrganizationView) -> Option<Warning> {
        let name = fold(&organization.name);
        let prefix = Some(Key::new(TEXT, &*name));
        let search = Search { prefix, ..Search::default() };
        // Those with exactly this text are the first that begin with it.
        let found = self.core.read().searched::<Organization>(&search, SAME_NAME).await;
        let found = found.inspect_err(|error| {
            tracing::warn!(%error, organization.id = %organization.id, "could not compare names");
        });
        let is_same = |other: &Stored<Organization>| {
            other.id != organization.id && fold(&other.doc.name) == name
        };
        let other = found.ok()?.items.into_iter().find(is_same)?;
        let detail = format!(
            "the organization `{}` has the name `{}` too; if they are not the same customer, \
             give them different names, because commands then need the id",
            other.id, other.doc.name
        );
        Some(Warning::new(WarningName::NameInUse, detail).about([other.id.as_str()]))
    }

    /// Checks that portal users can be created in a group (R6).
    async fn check_default_group(&self, id: &GroupId) -> Result<(), DirectoryError> {
        let group = self.core.read().existing::<Group>(id, None).await;
        let group = group.map_err(|error| error.in_field("default_group"))?;
        if *id == built_in::NON_PORTAL {
            return Err(Refusal::NotADefault { group: group.doc.name }.into());
        }
        Ok(())
    }

    /// Deletes an organization that has neither portal users nor end users, and is in the scope of no
    /// account or token: another organization with the same id must not become visible to them.
    ///
    /// # Errors
    /// When it still has some, is in a scope, or is not at the expected version.
    pub async fn delete(&self, id: &OrganizationId, change: &Change) -> Result<(), DirectoryError> {
        retry(|| self.try_delete(id, change)).await
    }

    async fn try_delete(&self, id: &OrganizationId, change: &Change) -> Result<(), AttemptError> {
        let organization = self.core.read().existing::<Organization>(id, change.expected).await?;
        let members = Key::new("organization", id.as_str());
        let portal_users = self.core.read().count::<User>(Some(&members)).await?;
        let end_users = self.core.read().count::<EndUser>(Some(&members)).await?;
        if portal_users + end_users > 0 {
            let organization = id.clone();
            return Err(Refusal::OrganizationInUse { organization, portal_users, end_users }.into());
        }
        let scope = Scope::key(id);
        if change.actor.scope().is_limited()
            || self.core.read().count::<Administrator>(Some(&scope)).await? > 0
            || self.core.read().count::<ApiToken>(Some(&scope)).await? > 0
        {
            return Err(Refusal::OrganizationInScope { organization: id.clone() }.into());
        }
        self.core
            .commit(
                change,
                vec![
                    organization.delete(),
                    Write::RequireNone { kind: kind::USER, key: members.clone() },
                    Write::RequireNone { kind: kind::END_USER, key: members },
                    Write::RequireNone { kind: kind::ADMINISTRATOR, key: scope.clone() },
                    Write::RequireNone { kind: kind::API_TOKEN, key: scope },
                ],
            )
            .await?;
        Ok(())
    }

    async fn view(
        &self,
        organization: Stored<Organization>,
    ) -> Result<OrganizationView, StoreError> {
        let members = Key::new("organization", organization.id.as_str());
        Ok(OrganizationView {
            portal_users: self.core.read().count::<User>(Some(&members)).await?,
            id: organization.id,
            name: organization.doc.name,
            email: organization.doc.email,
            link_enabled: organization.doc.link_enabled,
            default_group: organization.doc.default_group,
            parked: organization.doc.parked,
            managed_by: organization.doc.managed_by,
            version: organization.version,
        })
    }
}

/// Applies `edit` to an organization's record.
pub(in crate::directory) async fn edit(
    core: &Core,
    id: &OrganizationId,
    change: &Change,
    edit: impl Fn(&mut Organization) + Send + Sync,
) -> Result<Stored<Organization>, DirectoryError> {
    retry(|| async {
        let organization = core.read().existing::<Organization>(id, change.expected).await?;
        let mut doc = organization.doc.clone();
        edit(&mut doc);
        let (write, changed) = organization.edit(doc, change);
        core.commit(change, vec![write]).await?;
        Ok(changed)
    })
    .await
}

#[cfg(test)]
mod tests;
