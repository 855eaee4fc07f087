//! The organization and the end user behind a portal user.

use crate::directory::error::DirectoryError;
use crate::directory::records::{
    EndUser, EndUserId, GroupId, Organization, OrganizationId, Reader, User,
};
use portcullis_store::Write;

/// The organization and the end user that a portal user belongs to.
#[derive(Debug)]
pub(in crate::directory) struct AccountContext {
    /// The end user's address; without an end user, the organization's.
    pub(in crate::directory) email: Option<String>,
    pub(in crate::directory) organization_name: String,
    pub(in crate::directory) organization_email: Option<String>,
    /// The group of new portal users of the organization, if it has one of its own (R6).
    pub(in crate::directory) default_group: Option<GroupId>,
    /// Whether the organization is parked.
    pub(in crate::directory) is_parked: bool,
    /// Conditions of a commit that relies on this being unchanged.
    pub(in crate::directory) conditions: Vec<Write>,
}

impl AccountContext {
    /// Reads both records. An unknown id is an invalid field of the request, not a missing resource.
    pub(in crate::directory) async fn read(
        reader: &Reader,
        organization: &OrganizationId,
        end_user: Option<&EndUserId>,
    ) -> Result<Self, DirectoryError> {
        let organization = reader
            .existing::<Organization>(organization, None)
            .await
            .map_err(|error| error.in_field("organization"))?;
        let mut conditions = vec![organization.require()];
        let Organization {
            name: organization_name,
            email: organization_email,
            default_group,
            parked,
            ..
        } = organization.doc;
        let is_parked = parked.is_some();
        let Some(id) = end_user else {
            let email = organization_email.clone();
            return Ok(Self {
                email,
                organization_name,
                organization_email,
                default_group,
                is_parked,
                conditions,
            });
        };
        let end_user = reader
            .existing::<EndUser>(id, None)
            .await
            .map_err(|error| error.in_field("end_user"))?;
        if end_user.doc.organization != organization.id {
            let message = format!("`{id}` is not an end user of `{}`", organization.id);
            return Err(DirectoryError::invalid("end_user", message));
        }
        conditions.push(end_user.require());
        let email = end_user.doc.email;
        Ok(Self {
            email,
            organization_name,
            organization_email,
            default_group,
            is_parked,
            conditions,
        })
    }

    /// The context of a portal user.
    pub(in crate::directory) async fn of(
        reader: &Reader,
        user: &User,
    ) -> Result<Self, DirectoryError> {
        Self::read(reader, &user.organization, user.end_user.as_ref()).await
    }
}
