//! How the operator's staff opens the portal (R17, R18): one-time links, and whether the member of staff who asked for
//! one may still do so.
//!
//! A link is created by an operator, and opened by their browser at the gateway, where the session of
//! the staff starts in the commit that removes the link. The session is valid only as long as the
//! account or token that asked for it is, with the rights that it needs: [`Views::allowed`] is asked
//! on each request of such a session.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use serde_json::Map;

use crate::credential::token::{PlainToken, TokenHash};
use crate::directory::accounts::{change_notice, name};
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError, Refusal};
use crate::directory::records::audit::Occurrence;
use crate::directory::records::{
    Actor, AdminSession, Administrator, ApiToken, Authority, Change, Organization, OrganizationId,
    Rights, StaffMember, Stored, User, UserId, ViewLink, ViewLinkId, present, put, retry,
};
use crate::directory::state::UserFacts;
use portcullis_policy::SessionKind;
use portcullis_store::{CommitError, Expect, StoreError, Write};

/// How long a link can be opened.
pub(super) const LIFETIME: SignedDuration = SignedDuration::from_secs(60);

/// What a link opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewTarget {
    /// The portal of an organization, as without a sign-in (R17).
    Organization(OrganizationId),
    /// The portal as a portal user has it (R18).
    User(UserId),
}

/// A link that has just been created. Its token is stored nowhere.
#[derive(Debug)]
pub struct IssuedView {
    /// The token in the link.
    pub token: PlainToken,
    /// When the link expires.
    pub expires: Timestamp,
}

/// How the operator's staff opens the portal.
#[derive(Debug, Clone)]
pub struct Views {
    pub(in crate::directory) core: Core,
}

impl Views {
    /// Creates a link that opens the portal once, with an entry of the audit log.
    ///
    /// # Errors
    /// When the actor may not (I10), the reason is not valid, there is no such organization or user,
    /// the user has no access to the portal, or the store is unavailable.
    pub async fn request(
        &self,
        target: &ViewTarget,
        reason: &str,
        change: &Change,
    ) -> Result<IssuedView, DirectoryError> {
        change.requires(Authority::Support)?;
        let impersonates = matches!(target, ViewTarget::User(_));
        if impersonates && !change.actor.rights().is_some_and(|rights| rights.impersonate) {
            return Err(DirectoryError::NoImpersonation);
        }
        let reason = name::reason("reason", reason)?;
        let expires = change.at.checked_add(LIFETIME).unwrap_or(Timestamp::MAX);
        retry(|| async {
            let (organization, user, mut requested) = self.found(target).await?;
            requested.reason = Some(reason.clone());
            let doc = ViewLink {
                organization,
                user,
                trial: None,
                staff: self.member(&change.actor, Authority::Support).await?,
                reason: reason.clone(),
                created: change.at,
                expires,
            };
            let token = PlainToken::generate();
            let id = ViewLinkId::from(token.hash().to_string());
            let mut commit = vec![put(&id, Expect::Absent, &doc)];
            commit.push(present::<Organization>(&doc.organization));
            commit.extend(doc.user.as_ref().map(present::<User>));
            self.core.records.commit_noting(change, commit, requested).await?;
            Ok::<_, AttemptError>(IssuedView { token, expires })
        })
        .await
    }

    /// The link with this token, if it can still be opened, with the conditions of the commit that
    /// opens it.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn find(
        &self,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<(Stored<ViewLink>, Vec<Write>)>, StoreError> {
        let id = ViewLinkId::from(token.to_string());
        let Some(link) = self.core.whole().get::<ViewLink>(&id).await? else { return Ok(None) };
        let ViewLink { organization, staff, expires, created, .. } = &link.doc;
        let is_parked = self.core.snapshot().parked(organization.as_str()).is_some();
        // Long before it was created, the clock has been set back.
        if is_parked || *expires <= now || created.duration_since(now) > LIFETIME {
            return Ok(None);
        }
        let Some(mut conditions) =
            self.allowed(staff, organization, link.doc.session(), now).await?
        else {
            return Ok(None);
        };
        if let StaffMember::Administrator { session, .. } = staff {
            if self.core.whole().get::<AdminSession>(session).await?.is_none() {
                return Ok(None);
            }
            conditions.push(present::<AdminSession>(session));
        }
        conditions.push(link.delete());
        Ok(Some((link, conditions)))
    }

    /// The write of the mail to the portal user that staff acts as, if the preferences ask for it and
    /// there is an address.
    ///
    /// # Errors
    /// When the store is unavailable, or the user no longer exists.
    pub async fn notice(
        &self,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Option<Write>, DirectoryError> {
        if !self.core.snapshot().preferences().notify_impersonated {
            return Ok(None);
        }
        let user = self.core.whole().existing::<User>(user, None).await?;
        change_notice::impersonation(&self.core, &user, now).await
    }

    /// The conditions under which a member of staff may have a session of this kind in an
    /// organization's portal; `None` if they may not now: the account or token has ended, or lacks a right.
    ///
    /// The end of an administrator's session at the admin listener by time does not matter, because
    /// sessions in the portal last longer (R20). Signing out there ends those in the same commit.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn allowed(
        &self,
        staff: &StaffMember,
        organization: &OrganizationId,
        kind: SessionKind,
        now: Timestamp,
    ) -> Result<Option<Vec<Write>>, StoreError> {
        let reader = self.core.whole();
        let (rights, condition) = match staff {
            StaffMember::Socket => return Ok(Some(Vec::new())),
            StaffMember::Token { id, .. } => {
                let token = reader.get::<ApiToken>(id).await?;
                let is_valid =
                    |token: &Stored<ApiToken>| token.doc.expires.is_none_or(|end| now < end);
                let Some(token) = token.filter(is_valid) else { return Ok(None) };
                (token.doc.rights(), token.require())
            }
            StaffMember::Administrator { id, generation, .. } => {
                let of = reader.get::<Administrator>(id).await?;
                let Some(of) = of.filter(|of| of.doc.generation == *generation) else {
                    return Ok(None);
                };
                (of.doc.rights(), of.require())
            }
        };
        let Rights { role, scope, impersonate } = &rights;
        let is_allowed = match kind {
            SessionKind::Trial => rights.over_gateway(Authority::Manage),
            _ => {
                Authority::Support.includes(*role)
                    && scope.includes(organization.as_str())
                    && (*impersonate || kind != SessionKind::Impersonation)
            }
        };
        Ok(is_allowed.then(|| vec![condition]))
    }

    /// Counts a link that cannot be opened against the address that it comes from (I6). Nothing is
    /// refused because of it, as for secure links.
    pub fn wrong_link(&self, address: IpAddr, now: Timestamp) {
        self.core.auth.lockout.wrong_link(address, now);
    }

    /// Removes the records of links that have expired. Returns how many.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn remove_expired(&self, now: Timestamp) -> Result<usize, StoreError> {
        let change = Change::new(Actor::System("removal of expired links"), now);
        let mut removed = 0;
        for link in self.core.read().all_intact::<ViewLink>(None).await? {
            if now < link.doc.expires {
                continue;
            }
            match self.core.commit(&change, vec![link.delete()]).await {
                Ok(_) => removed += 1,
                Err(CommitError::Store(error)) => return Err(error),
                // It was opened since it was read.
                Err(_) => {}
            }
        }
        Ok(removed)
    }

    /// What a link would open, within the scope, and the entry of the audit log about the request.
    async fn found(
        &self,
        target: &ViewTarget,
    ) -> Result<(OrganizationId, Option<UserId>, Occurrence), DirectoryError> {
        let reader = self.core.read();
        match target {
            ViewTarget::Organization(id) => {
                let of = reader.existing::<Organization>(id, None).await?;
                not_parked(&of)?;
                let kind = "view.requested";
                let entry = Occurrence::of_organization(kind, id, &of.doc.name, Map::new());
                Ok((id.clone(), None, entry))
            }
            ViewTarget::User(id) => {
                let user = reader.existing::<User>(id, None).await?;
                let login = user.doc.login.clone();
                not_parked(&reader.existing(&user.doc.organization, None).await?)?;
                if user.doc.disabled {
                    return Err(Refusal::Disabled { login }.into());
                }
                if !UserFacts::new(&user).has_portal_access() {
                    return Err(Refusal::NoPortalAccess { login }.into());
                }
                let entry = Occurrence::of_user("impersonation.requested", &user, Map::new());
                Ok((user.doc.organization, Some(user.id), entry))
            }
        }
    }

    /// The member of staff who makes a change.
    pub(super) async fn member(
        &self,
        actor: &Actor,
        authority: Authority,
    ) -> Result<StaffMember, DirectoryError> {
        let generation = match actor {
            Actor::Administrator { id, .. } => {
                let of = self.core.whole().get::<Administrator>(id).await?;
                of.ok_or(DirectoryError::SessionEnded)?.doc.generation
            }
            _ => 0,
        };
        let role = authority.least();
        actor.staff_member(generation).ok_or(DirectoryError::Escalation { role })
    }
}

/// Checks that the portal is not closed for an organization; it is closed for staff too.
pub(super) fn not_parked(organization: &Stored<Organization>) -> Result<(), Refusal> {
    match organization.doc.parked {
        Some(_) => Err(Refusal::OrganizationParked { organization: organization.id.to_string() }),
        None => Ok(()),
    }
}
