//! Sessions of the operator's staff in the portal: viewing it as without a sign-in (R17), acting as a
//! portal user (R18), and trying out what is not closed.
//!
//! Such a session is valid only as long as the account or token that asked for it is, with the rights
//! that it needs, so each request reads those again. Acting as a user, it follows the state and the
//! group of the user, as the user's own sessions do, and ends with a new password (R34).

use std::sync::Arc;

use jiff::Timestamp;

use super::banner::StaffFacts;
use super::cache::Cached;
use super::last_use::no_later;
use super::lookup::{Absence, SessionLookup};
use super::record::SessionRecord;
use super::sessions::Sessions;
use super::subject;
use crate::credential::token::TokenHash;
use crate::directory::records::{StaffMember, TrialSession};
use crate::directory::{OrganizationFacts, OrganizationId, Snapshot, UserFacts, UserId};
use portcullis_policy::{SessionKind, Subject, built_in};
use portcullis_store::StoreError;

/// What a record says about a session of staff.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfStaff<'a> {
    pub(super) kind: SessionKind,
    pub(super) organization: &'a OrganizationId,
    pub(super) user: Option<&'a UserId>,
    generation: u64,
    pub(super) staff: Option<&'a StaffMember>,
    pub(super) trial: Option<&'a TrialSession>,
}

impl<'a> OfStaff<'a> {
    pub(super) fn of_record(session: &'a SessionRecord) -> Self {
        Self {
            kind: session.lifetime().kind(),
            organization: &session.organization,
            user: session.user.as_ref(),
            generation: session.generation,
            staff: session.staff.as_ref(),
            trial: session.trial.as_ref(),
        }
    }

    pub(super) fn of_cached(session: &'a Cached) -> Self {
        Self {
            kind: session.kind,
            organization: &session.organization,
            user: session.user.as_ref(),
            generation: session.generation,
            staff: session.staff.as_ref().map(|staff| &staff.member),
            trial: session.staff.as_ref().and_then(|staff| staff.trial.as_ref()),
        }
    }
}

/// The subject of a session of staff, with the organization and the user that it is about.
type Found = (Subject, Arc<OrganizationFacts>, Option<Arc<UserFacts>>);

impl Sessions {
    pub(super) async fn judge_staff(
        &self,
        (key, session): (TokenHash, &Cached),
        snapshot: &Snapshot,
        valid_until: Timestamp,
        now: Timestamp,
    ) -> Result<SessionLookup, StoreError> {
        let of_staff = OfStaff::of_cached(session);
        let found = self.staff_subject(of_staff, snapshot, valid_until, now).await?;
        let Some((subject, organization, user)) = found else {
            return Ok(SessionLookup::Missing(Absence::Ended));
        };
        let disclosed = match user {
            _ if !self.directory.discloses() => None,
            Some(user) => Some(self.directory.disclosed_of_user(&user, snapshot).await?),
            None => Some(self.directory.disclosed_of_link(&organization, snapshot)),
        };
        let created = no_later(&session.created, now);
        let ends = session.lifetime(created).ends(&self.limits.load());
        let trial = of_staff.trial.map(|trial| trial.id.clone());
        let organization_name = Arc::clone(&organization.name);
        let staff = Some(Box::new(StaffFacts { organization_name, ends, trial }));
        Ok(SessionLookup::Found { key, subject, disclosed, staff })
    }

    /// The subject of a session of staff as it is now. `None` if it has ended, or the member of staff
    /// may no longer have it.
    pub(super) async fn staff_subject(
        &self,
        session: OfStaff<'_>,
        snapshot: &Snapshot,
        valid_until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Found>, StoreError> {
        let OfStaff { kind, organization, user, generation, staff, trial } = session;
        let Some(staff) = staff else { return Ok(None) };
        if trial.is_some() != (kind == SessionKind::Trial) {
            return Ok(None);
        }
        let views = self.directory.views();
        if views.allowed(staff, organization, kind, now).await?.is_none() {
            return Ok(None);
        }
        let Some(of) = self.directory.organization(organization).await? else { return Ok(None) };
        let (subject, user) = match (kind, user) {
            (SessionKind::Staff | SessionKind::Trial, None) => {
                let organization = of.id.shared();
                let id = built_in::NON_PORTAL;
                let subject = subject::of_group(id, organization, snapshot, valid_until);
                (subject.map(|subject| Subject { kind, ..subject }), None)
            }
            (SessionKind::Impersonation, Some(user)) => {
                let user = self.directory.user(user).await?;
                let user = user.filter(|user| user.honours_session(generation));
                let of_user = |user: &Arc<_>| subject::of_person(kind, user, snapshot, valid_until);
                (user.as_ref().map(of_user), user)
            }
            (_, _) => (None, None),
        };
        let Some(subject) = subject else { return Ok(None) };
        let actor = Some(Arc::from(staff.name()));
        Ok(Some((Subject { actor, ..subject }, of, user)))
    }
}
