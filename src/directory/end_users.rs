//! Contacts of organizations.

use serde::{Deserialize, Serialize};

use crate::directory::error::Stopped;
use crate::directory::id::{EndUserId, OrganizationId};
use crate::directory::kind;
use crate::directory::namesake::{Compared, is_other};
use crate::directory::page::{Page, PageRequest};
use crate::directory::preferences::given;
use crate::directory::record::{EndUser, Organization};
use crate::directory::records::{Stored, attempt, existing, page, present, put};
use crate::directory::{Directory, DirectoryError, Refusal, name};
use portcullis_store::{Expect, Key, Write};

/// An end user to be made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEndUser {
    /// The person's name.
    pub name: String,
    /// The person's address, from which a login is taken (R15).
    #[serde(default)]
    pub email: Option<String>,
}

/// What to change about an end user; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndUserPatch {
    /// Another name.
    #[serde(default)]
    pub name: Option<String>,
    /// Another address; `Some(None)` takes it away. Logins stay as they are.
    #[serde(default, deserialize_with = "given")]
    pub email: Option<Option<String>>,
}

/// An end user as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
            version: end_user.version,
        }
    }
}

impl Directory {
    /// An organization's end users, a page at a time.
    ///
    /// # Errors
    /// When there is no such organization, or the store does not answer.
    pub async fn end_users(
        &self,
        organization: &OrganizationId,
        request: &PageRequest,
    ) -> Result<Page<EndUserView>, DirectoryError> {
        existing::<Organization>(self.store(), organization, None).await?;
        let members = Key::new("organization", organization.as_str());
        Ok(page::<EndUser>(self.store(), Some(&members), request).await?.map(EndUserView::from))
    }

    /// The end user with this id.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], also when it is another organization's.
    pub async fn end_user(
        &self,
        organization: &OrganizationId,
        id: &EndUserId,
    ) -> Result<EndUserView, DirectoryError> {
        Ok(self.member(organization, id, None).await?.into())
    }

    /// Makes an end user of an organization.
    ///
    /// # Errors
    /// When there is no such organization, or the name or address is none.
    pub async fn create_end_user(
        &self,
        organization: &OrganizationId,
        new: NewEndUser,
    ) -> Result<EndUserView, DirectoryError> {
        let doc = EndUser {
            organization: organization.clone(),
            name: name::name("name", &new.name)?,
            email: new.email.as_deref().map(name::email).transpose()?,
        };
        let created = attempt(|| async {
            existing::<Organization>(self.store(), organization, None).await?;
            let id = EndUserId::from(name::random_id());
            self.commit(vec![
                present::<Organization>(organization),
                put(&id, Expect::Absent, &doc),
            ])
            .await?;
            Ok::<_, Stopped>(Stored { id, version: 1, doc: doc.clone() })
        })
        .await?;
        Ok(created.into())
    }

    /// Changes an end user.
    ///
    /// # Errors
    /// When the name or address is none, the address is the password of the end user's sign-in
    /// (R31), too many passwords are being hashed, or the end user is not at the expected version.
    pub async fn change_end_user(
        &self,
        organization: &OrganizationId,
        id: &EndUserId,
        patch: EndUserPatch,
        expected: Option<u64>,
    ) -> Result<EndUserView, DirectoryError> {
        let compared = Compared::default();
        let changed = attempt(|| async {
            let end_user = self.member(organization, id, expected).await?;
            let mut commit = Vec::new();
            let mut doc = end_user.doc.clone();
            if let Some(given) = &patch.name {
                doc.name = name::name("name", given)?;
            }
            if let Some(given) = &patch.email {
                doc.email = given.as_deref().map(name::email).transpose()?;
            }
            let before = end_user.doc.email.as_deref();
            if let Some(email) = doc.email.as_deref().filter(|email| is_other(before, email)) {
                let key = Key::new("end_user", id.as_str());
                commit = self.apart_from_passwords(email, (&key, |_| true), &compared).await?;
            }
            let (write, changed) = end_user.replace(doc);
            commit.push(write);
            self.commit(commit).await?;
            Ok::<_, Stopped>(changed)
        })
        .await?;
        Ok(changed.into())
    }

    /// Deletes an end user who has no portal user.
    ///
    /// # Errors
    /// When it has one, or is not at the expected version.
    pub async fn delete_end_user(
        &self,
        organization: &OrganizationId,
        id: &EndUserId,
        expected: Option<u64>,
    ) -> Result<(), DirectoryError> {
        attempt(|| async {
            let end_user = self.member(organization, id, expected).await?;
            let key = Key::new("end_user", id.as_str());
            let portal_users = self.store().count(kind::USER, Some(&key)).await?;
            if portal_users > 0 {
                let end_user = id.clone();
                return Err(Refusal::EndUserInUse { end_user, portal_users }.into());
            }
            self.commit(vec![end_user.delete(), Write::RequireNone { kind: kind::USER, key }])
                .await?;
            Ok::<_, Stopped>(())
        })
        .await
    }

    /// The organization's end user with this id; of another's nothing is told, its version neither.
    async fn member(
        &self,
        organization: &OrganizationId,
        id: &EndUserId,
        expected: Option<u64>,
    ) -> Result<Stored<EndUser>, DirectoryError> {
        let end_user = existing::<EndUser>(self.store(), id, None).await?;
        if end_user.doc.organization != *organization {
            return Err(DirectoryError::not_found(kind::END_USER, id.as_str()));
        }
        end_user.at(expected)
    }
}

#[cfg(test)]
mod tests;
