//! Secure links (R10–R14, R19).
//!
//! Whether a link counts is about *now*: [`link_honoured`] is asked when one is opened and again
//! on every request of the session that it opened.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::credential::link::LinkToken;
use crate::directory::accounts::organizations;
use crate::directory::core::Core;
use crate::directory::error::DirectoryError;
use crate::directory::records::{Change, Organization, OrganizationId, Stored};
use crate::directory::state::{OrganizationFacts, Snapshot};
use portcullis_policy::{SessionKind, Subject};
use portcullis_store::StoreError;

/// An organization's secure link.
#[derive(Debug, Clone)]
pub struct Link {
    /// The token in its URL.
    pub token: LinkToken,
    /// Whether it is switched on.
    pub enabled: bool,
    /// The version of the organization's record, which the link is part of.
    pub version: u64,
}

/// What comes of opening a secure link.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Opened {
    /// A session of this organization begins, with the Non-Portal User Group's permissions (R11,
    /// R13), in place of the one that there is.
    Session(Arc<OrganizationFacts>),
    /// The same, if the person who is signed in says so (R19).
    Ask(Arc<OrganizationFacts>),
    /// The person signs in, the organization is kept (R12).
    SignIn(Arc<OrganizationFacts>),
    /// The browser has a live session of this organization, and keeps it: a person's, because a
    /// link never gives more than a person has, or one of this link, which gives the same.
    Stay,
    /// There is no such link, it has been rotated, or it is switched off.
    Dead,
}

/// The secure links of organizations.
#[derive(Debug, Clone)]
pub struct SecureLinks {
    pub(in crate::directory) core: Core,
}

impl SecureLinks {
    /// An organization's secure link, switched on or off (R10).
    ///
    /// # Errors
    /// When there is no such organization, or the store does not answer.
    pub async fn get(&self, organization: &OrganizationId) -> Result<Link, DirectoryError> {
        let organization = self.core.read().existing::<Organization>(organization, None).await?;
        Ok(self.link_of(&organization))
    }

    /// Switches an organization's link on or off.
    ///
    /// # Errors
    /// When there is no such organization, or it is not at the expected version.
    pub async fn set_enabled(
        &self,
        organization: &OrganizationId,
        enabled: bool,
        change: &Change,
    ) -> Result<Link, DirectoryError> {
        let edit = |organization: &mut Organization| organization.link_enabled = enabled;
        let changed = organizations::edit(&self.core, organization, change, edit).await?;
        Ok(self.link_of(&changed))
    }

    /// Gives an organization another link; the old one is dead when this returns.
    ///
    /// # Errors
    /// When there is no such organization, or it is not at the expected version.
    pub async fn rotate(
        &self,
        organization: &OrganizationId,
        change: &Change,
    ) -> Result<Link, DirectoryError> {
        let edit = |organization: &mut Organization| organization.link_generation += 1;
        let changed = organizations::edit(&self.core, organization, change, edit).await?;
        Ok(self.link_of(&changed))
    }

    /// Judges a link that is opened where `present` has a session, or nobody has.
    ///
    /// What another organization's link has opened is replaced in one step. Somebody signed in as a person is
    /// never made somebody else by following an address (R19).
    ///
    /// A wrong token is counted against the address it comes from (I6), apart from its sign-ins.
    /// Nothing is refused for that, neither a right token nor a password: nobody finds 256 bits by
    /// trying, and whoever can have a browser open an address must not lock others out.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn open(
        &self,
        token: &str,
        present: Option<&Subject>,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Opened, StoreError> {
        let Some(organization) = self.linked_organization(token).await? else {
            self.core.auth.lockout.wrong_link(address, now);
            return Ok(Opened::Dead);
        };
        if !organization.link_enabled {
            return Ok(Opened::Dead);
        }
        // A live session of this organization is a person's, or of this very link.
        if present.is_some_and(|subject| organization.id == *subject.organization) {
            return Ok(Opened::Stay);
        }
        let is_person = present.is_some_and(|subject| subject.kind != SessionKind::Link);
        let opens = !asks_for_password(&self.core.snapshot(), &organization);
        Ok(match is_person {
            _ if !opens => Opened::SignIn(organization),
            true => Opened::Ask(organization),
            false => Opened::Session(organization),
        })
    }

    /// The organization whose link has this token now.
    async fn linked_organization(
        &self,
        token: &str,
    ) -> Result<Option<Arc<OrganizationFacts>>, StoreError> {
        let Some(token) = LinkToken::parse(token) else { return Ok(None) };
        let organization = self.core.memory.organization(&token.claimed_id().into()).await?;
        Ok(organization.filter(|organization| {
            self.core.auth.secure_links.verify(
                &token,
                organization.id.as_str(),
                organization.link_generation,
            )
        }))
    }

    fn link_of(&self, organization: &Stored<Organization>) -> Link {
        let Organization { link_enabled, link_generation, .. } = organization.doc;
        Link {
            token: self.core.auth.secure_links.token(organization.id.as_str(), link_generation),
            enabled: link_enabled,
            version: organization.version,
        }
    }
}

/// Whether a session that a secure link of this generation opened is still good (R12–R14).
#[must_use]
pub fn link_honoured(
    snapshot: &Snapshot,
    organization: &OrganizationFacts,
    session_generation: u64,
) -> bool {
    organization.link_enabled
        && organization.link_generation == session_generation
        && !asks_for_password(snapshot, organization)
}

/// Whether the organization's people sign in, whatever its link (R12).
#[must_use]
pub fn asks_for_password(snapshot: &Snapshot, organization: &OrganizationFacts) -> bool {
    snapshot.preferences().secure_with_password_if_portal_users_exist
        && organization.has_portal_users
}

#[cfg(test)]
mod tests;
