//! Secure links (R10–R14, R19).
//!
//! Whether a link is honoured depends on the current state: [`link_honoured`] is called when a link is
//! opened and again on every request of the session that it started.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Map;

use crate::credential::link::LinkToken;
use crate::directory::accounts::organizations;
use crate::directory::core::Core;
use crate::directory::error::DirectoryError;
use crate::directory::records::audit::Occurrence;
use crate::directory::records::{Change, Organization, OrganizationId, Stored};
use crate::directory::state::{OrganizationFacts, Snapshot};
use crate::telemetry::events::{Cause, Event};
use portcullis_policy::{SessionKind, Subject};
use portcullis_store::StoreError;

/// An organization's secure link.
#[derive(Debug, Clone)]
pub struct Link {
    /// The token in its URL.
    pub token: LinkToken,
    /// Whether the link is switched on.
    pub enabled: bool,
    /// The version of the organization's record, which the link is part of.
    pub version: u64,
}

/// The outcome of opening a secure link.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Opened {
    /// A session of this organization starts, with the permissions of the Non-Portal User Group
    /// (R11, R13). It replaces the current session.
    Session(Arc<OrganizationFacts>),
    /// The same, if the person who is signed in confirms it (R19).
    Confirm(Arc<OrganizationFacts>),
    /// The person must sign in; the page remembers the organization (R12).
    SignIn(Arc<OrganizationFacts>),
    /// The browser keeps its current session of this organization: a person's, because a link gives
    /// fewer permissions than a person has, or one of this link.
    KeepSession,
    /// The organization is parked, for this reason.
    Parked(Arc<str>),
    /// There is no such link, it has been rotated, or it is switched off.
    Invalid,
}

/// What opening an organization's current link does in a browser without a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Destination<'a> {
    /// It opens nothing, because it is switched off.
    SwitchedOff,
    /// The organization is parked, for this reason. That comes before signing in (R12).
    Parked(&'a Arc<str>),
    /// The sign-in page (R12).
    SignIn,
    /// A session of the organization (R11, R13).
    Session,
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
    /// When there is no such organization, or the store is unavailable.
    pub async fn get(&self, organization: &OrganizationId) -> Result<Link, DirectoryError> {
        let organization = self.core.read().existing::<Organization>(organization, None).await?;
        Ok(self.link_of(&organization))
    }

    /// The same, with an entry of the audit log (I9): who knows a link can open it.
    ///
    /// # Errors
    /// As [`Self::get`]; without the entry, the link is not shown.
    pub async fn show(
        &self,
        organization: &OrganizationId,
        change: &Change,
    ) -> Result<Link, DirectoryError> {
        let stored = self.core.read().existing::<Organization>(organization, None).await?;
        let name = &stored.doc.name;
        let shown = Occurrence::of_organization("link.shown", organization, name, Map::new());
        self.core.records.append(vec![(change.clone(), shown)]).await?;
        Ok(self.link_of(&stored))
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

    /// Replaces an organization's link. The old one is invalid when this returns.
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

    /// Decides what opening a link does in a browser with the session of `present`, if it has one.
    ///
    /// A session of another organization's link is replaced without asking. A person who is signed
    /// in must confirm it, so that following a link does not change who they are signed in as (R19).
    ///
    /// An invalid token is counted against the address it comes from (I6), separately from sign-ins.
    /// Nothing is refused because of it: 256 bits cannot be guessed, and any page that makes a
    /// browser open links could otherwise lock others out.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn open(
        &self,
        token: &str,
        present: Option<&Subject>,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Opened, StoreError> {
        let Some(organization) = self.linked_organization(token).await? else {
            refused(Cause::Invalid, None);
            self.core.auth.lockout.wrong_link(address, now);
            return Ok(Opened::Invalid);
        };
        let snapshot = self.core.snapshot();
        let starts_session = match destination(&snapshot, &organization) {
            Destination::SwitchedOff => {
                refused(Cause::SwitchedOff, Some(&organization));
                return Ok(Opened::Invalid);
            }
            Destination::Parked(reason) => {
                refused(Cause::OrganizationParked, Some(&organization));
                return Ok(Opened::Parked(Arc::clone(reason)));
            }
            Destination::SignIn => false,
            Destination::Session => true,
        };
        // The current session of this organization is a person's, or of this link.
        if present.is_some_and(|subject| organization.id == *subject.organization) {
            return Ok(Opened::KeepSession);
        }
        let is_person = present.is_some_and(|subject| subject.kind != SessionKind::Link);
        if !starts_session {
            refused(Cause::SignInRequired, Some(&organization));
        }
        Ok(match is_person {
            _ if !starts_session => Opened::SignIn(organization),
            true => Opened::Confirm(organization),
            false => Opened::Session(organization),
        })
    }

    /// The organization that a token names, and whether the token is that of its current link. For
    /// operators only: the answer reveals that the organization exists.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn named_by(
        &self,
        token: &str,
    ) -> Result<Option<(Arc<OrganizationFacts>, bool)>, StoreError> {
        let Some(parsed) = LinkToken::parse(token) else { return Ok(None) };
        let named = self.core.memory.organization(&parsed.claimed_id().into()).await?;
        let is_current = self.linked_organization(token).await?.is_some();
        Ok(named.map(|organization| (organization, is_current)))
    }

    /// The organization whose current link has this token.
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

fn refused(cause: Cause, organization: Option<&OrganizationFacts>) {
    let organization = organization.map(|organization| organization.id.as_str());
    Event::LinkRefused { cause, organization }.log();
}

/// What opening the current link of an organization does in a browser without a session.
pub fn destination<'a>(
    snapshot: &'a Snapshot,
    organization: &OrganizationFacts,
) -> Destination<'a> {
    if !organization.link_enabled {
        return Destination::SwitchedOff;
    }
    match snapshot.parked(organization.id.as_str()) {
        Some(reason) => Destination::Parked(reason),
        None if requires_sign_in(snapshot, organization) => Destination::SignIn,
        None => Destination::Session,
    }
}

/// Whether a session that was started by a secure link of this generation is still valid (R12–R14).
#[must_use]
pub fn link_honoured(
    snapshot: &Snapshot,
    organization: &OrganizationFacts,
    session_generation: u64,
) -> bool {
    organization.link_enabled
        && organization.link_generation == session_generation
        && !requires_sign_in(snapshot, organization)
}

/// Whether the organization's link does not start sessions, so that its people must sign in (R12).
#[must_use]
pub fn requires_sign_in(snapshot: &Snapshot, organization: &OrganizationFacts) -> bool {
    snapshot.preferences().secure_with_password_if_portal_users_exist
        && organization.has_portal_users
}

#[cfg(test)]
mod tests;
