//! End users: contacts of organizations.

use crate::credential::folding::fold;
use crate::directory::accounts::name;
use crate::directory::accounts::password_reuse::{Compared, differs, reject_passwords_of};
use crate::directory::accounts::patch;
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError, Refusal};
use crate::directory::records::{
    Change, EndUser, EndUserId, ManagedBy, Organization, OrganizationId, Page, PageRequest, Stored,
    TEXT, User, kind, of_new, present, put, retry,
};
use portcullis_store::{Expect, Key, Search, Write};
use serde::{Deserialize, Serialize};

/// An end user to be created.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEndUser {
    /// The person's name.
    pub name: String,
    /// The person's address, which is the default login of their portal user (R15).
    #[serde(default)]
    pub email: Option<String>,
}

/// Changes to an end user; fields that are left out stay as they are.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndUserPatch {
    /// The new name.
    #[serde(default)]
    pub name: Option<String>,
    /// The new address; `null` removes it. Logins are not changed.
    #[serde(default, deserialize_with = "patch::nullable")]
    pub email: Option<Option<String>>,
}

/// An end user as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "EndUser")]
pub struct EndUserView {
    /// Its id.
    pub id: EndUserId,
    /// The organization's id.
    pub organization: OrganizationId,
    /// The person's name.
    pub name: String,
    /// The person's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The file that manages it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
    /// The version of its record.
    pub version: u64,
}

impl From<Stored<EndUser>> for EndUserView {
    fn from(end_user: Stored<EndUser>) -> Self {
        Self {
            id: end_user.id,
            organization: end_user.doc.organization,
            name: end_user.doc.name,
            email: end_user.doc.email,
            managed_by: end_user.doc.managed_by,
            version: end_user.version,
        }
    }
}

/// The end users of all organizations.
#[derive(Debug, Clone)]
pub struct EndUsers {
    pub(in crate::directory) core: Core,
}

impl EndUsers {
    /// A page of an organization's end users; with a text, of those whose name or address begins
    /// with it, however it is spelled, in the order of these texts.
    ///
    /// # Errors
    /// When there is no such organization, the cursor is not of such a list, or the store is
    /// unavailable.
    pub async fn list(
        &self,
        organization: &OrganizationId,
        text: Option<&str>,
        request: &PageRequest,
    ) -> Result<Page<EndUserView>, DirectoryError> {
        self.core.read().existing::<Organization>(organization, None).await?;
        let search = Search {
            all: vec![Key::new("organization", organization.as_str())],
            prefix: text.map(|text| Key::new(TEXT, fold(text))),
            after: request.place(text.is_some())?,
            ..Search::default()
        };
        let page = self.core.read().searched::<EndUser>(&search, request.limit()).await?;
        Ok(page.map(EndUserView::from))
    }

    /// The end user with this id.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], also if it belongs to another organization.
    pub async fn get(
        &self,
        organization: &OrganizationId,
        id: &EndUserId,
    ) -> Result<EndUserView, DirectoryError> {
        Ok(self.member(organization, id, None).await?.into())
    }

    /// Creates an end user of an organization.
    ///
    /// # Errors
    /// When there is no such organization, or the name or address is invalid.
    pub async fn create(
        &self,
        organization: &OrganizationId,
        new: NewEndUser,
        change: &Change,
    ) -> Result<EndUserView, DirectoryError> {
        self.create_as(None, organization, new, change).await
    }

    /// The same with this id.
    ///
    /// # Errors
    /// As [`Self::create`]; also when the id is taken.
    pub(in crate::directory) async fn create_as(
        &self,
        id: Option<EndUserId>,
        organization: &OrganizationId,
        new: NewEndUser,
        change: &Change,
    ) -> Result<EndUserView, DirectoryError> {
        let doc = EndUser {
            organization: organization.clone(),
            name: name::name("name", &new.name)?,
            email: new.email.as_deref().map(name::email).transpose()?,
            managed_by: of_new(change),
        };
        let created = retry(|| async {
            self.core.read().existing::<Organization>(organization, None).await?;
            if let Some(id) = &id
                && self.core.read().get::<EndUser>(id).await?.is_some()
            {
                let (what, value) = (kind::END_USER, id.to_string());
                return Err(DirectoryError::Taken { what, field: "id", value }.into());
            }
            let id = id.clone().unwrap_or_else(|| name::random_id().into());
            self.core
                .commit(
                    change,
                    vec![present::<Organization>(organization), put(&id, Expect::Absent, &doc)],
                )
                .await?;
            Ok::<_, AttemptError>(Stored { id, version: 1, doc: doc.clone() })
        })
        .await?;
        Ok(created.into())
    }

    /// Changes an end user.
    ///
    /// # Errors
    /// When the name or address is invalid, the address is the password of the end user's portal
    /// user (R31), too many passwords are being hashed, or the end user is not at the expected version.
    pub async fn change(
        &self,
        organization: &OrganizationId,
        id: &EndUserId,
        patch: EndUserPatch,
        change: &Change,
    ) -> Result<EndUserView, DirectoryError> {
        let compared = Compared::default();
        let changed = retry(|| async {
            let end_user = self.member(organization, id, change.expected).await?;
            let mut commit = Vec::new();
            let mut doc = end_user.doc.clone();
            if let Some(given) = &patch.name {
                doc.name = name::name("name", given)?;
            }
            if let Some(given) = &patch.email {
                doc.email = given.as_deref().map(name::email).transpose()?;
            }
            let before = end_user.doc.email.as_deref();
            if let Some(email) = doc.email.as_deref().filter(|email| differs(before, email)) {
                let key = Key::new("end_user", id.as_str());
                commit =
                    reject_passwords_of(&self.core, email, (&key, |_| true), &compared).await?;
            }
            let (write, changed) = end_user.edit(doc, change);
            commit.push(write);
            self.core.commit(change, commit).await?;
            Ok::<_, AttemptError>(changed)
        })
        .await?;
        Ok(changed.into())
    }

    /// Deletes an end user who has no portal user.
    ///
    /// # Errors
    /// When it has one, or is not at the expected version.
    pub async fn delete(
        &self,
        organization: &OrganizationId,
        id: &EndUserId,
        change: &Change,
    ) -> Result<(), DirectoryError> {
        retry(|| async {
            let end_user = self.member(organization, id, change.expected).await?;
            let key = Key::new("end_user", id.as_str());
            let portal_users = self.core.read().count::<User>(Some(&key)).await?;
            if portal_users > 0 {
                let end_user = id.clone();
                return Err(Refusal::EndUserInUse { end_user, portal_users }.into());
            }
            self.core
                .commit(
                    change,
                    vec![end_user.delete(), Write::RequireNone { kind: kind::USER, key }],
                )
                .await?;
            Ok::<_, AttemptError>(())
        })
        .await
    }

    /// The organization's end user with this id. Nothing is revealed about another organization's.
    async fn member(
        &self,
        organization: &OrganizationId,
        id: &EndUserId,
        expected: Option<u64>,
    ) -> Result<Stored<EndUser>, DirectoryError> {
        let end_user = self.core.read().existing::<EndUser>(id, None).await?;
        if end_user.doc.organization != *organization {
            return Err(DirectoryError::not_found(kind::END_USER, id.as_str()));
        }
        end_user.at(expected)
    }
}

#[cfg(test)]
mod tests;
