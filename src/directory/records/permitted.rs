//! What an administrator or a token may write (I10): checked in the one function that commits, for
//! every record of every commit. So no way of writing grants what the actor's role and scope may not
//! grant, whatever operation it goes through.
//!
//! The routes of the admin API declare the same, so that most requests are refused before.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::administrator::{AdminSession, Administrator};
use super::belonging::organization_of;
use super::change::Actor;
use super::document::User;
use super::kind;
use super::rights::{Authority, IMPERSONATE, Rights};
use super::staff_member::StaffMember;
use super::view_link::ViewLink;
use portcullis_store::{CommitError, Kind, Store, StoreError, Write};

/// What a commit writes to a record.
struct Written<'a> {
    kind: Kind,
    id: &'a str,
    before: Option<&'a [u8]>,
    after: Option<&'a [u8]>,
}

/// A session in the portal that a member of staff has started.
#[derive(Deserialize)]
struct StartedByStaff {
    staff: StaffMember,
}

/// Checks that an actor may make these writes, which replace these documents.
///
/// # Errors
/// [`CommitError::Refused`] for the first that it may not make, or when the store is unavailable.
pub(super) async fn check(
    store: &Arc<dyn Store>,
    actor: &Actor,
    writes: &[Write],
    replaced: &[Option<Bytes>],
) -> Result<(), CommitError> {
    let (Actor::Token { rights, .. } | Actor::Administrator { session: Some(_), rights, .. }) =
        actor
    else {
        // Without a session, an administrator is signing in (`current_actor`), which each role may.
        return Ok(());
    };
    // No role implies that right, so it is checked for owners too.
    if !rights.impersonate
        && let Some(id) = writes.iter().find_map(impersonating_link)
    {
        return Err(refused(kind::VIEW_LINK, id, IMPERSONATE, false));
    }
    if rights.over_gateway(Authority::Own) {
        return Ok(());
    }
    for (write, before) in writes.iter().zip(replaced) {
        let (kind, id, after) = match write {
            Write::Put { kind, id, doc, .. } => (*kind, id, Some(&**doc)),
            Write::Delete { kind, id, .. } => (*kind, id, None),
            Write::Append { kind: kind::AUDIT, .. }
            | Write::Require { .. }
            | Write::RequireNone { .. } => continue,
            Write::Append { kind, .. } => {
                let role = Authority::Own.least();
                return Err(refused(*kind, "", role.name(), false));
            }
        };
        let written = Written { kind, id, before: before.as_deref(), after };
        if written.is_own_session(actor)
            || written.continues_own_session(actor)
            || written.is_own_credential(actor)
        {
            continue;
        }
        let needed = written.authority();
        if !needed.includes(rights.role) {
            return Err(refused(kind, id, needed.least().name(), false));
        }
        if rights.scope.is_limited() && !written.is_within(store, rights, writes).await? {
            return Err(refused(kind, id, needed.least().name(), true));
        }
    }
    Ok(())
}

/// The id of the link, if the write creates one to act as a portal user.
fn impersonating_link(write: &Write) -> Option<&str> {
    let Write::Put { kind: kind::VIEW_LINK, id, doc, .. } = write else { return None };
    let impersonates =
        serde_json::from_slice::<ViewLink>(doc).map_or(true, |link| link.user.is_some());
    impersonates.then_some(id)
}

fn refused(kind: Kind, id: &str, needs: &'static str, unlimited: bool) -> CommitError {
    CommitError::Refused { kind, id: id.to_owned(), needs, unlimited }
}

impl Written<'_> {
    /// What the write requires. A kind that is not named here may be written by owners only.
    fn authority(&self) -> Authority {
        match self.kind {
            kind::ORGANIZATION | kind::END_USER | kind::GROUP | kind::PREFERENCES | kind::TRIAL => {
                Authority::Manage
            }
            kind::USER => self.authority_over_user(),
            // A token acts as its user, and the user need not notice.
            kind::USER_TOKEN if self.after.is_some() => Authority::Manage,
            kind::USER_TOKEN
            | kind::SESSION
            | kind::VIEW_LINK
            | kind::ENDED_SESSION
            | kind::MAIL
            | kind::TOTP_STEP
            | kind::LAST_SIGN_IN => Authority::Support,
            _ => Authority::Own,
        }
    }

    /// Passwords, second factors and invitations are for support. What the user is and may do is not.
    fn authority_over_user(&self) -> Authority {
        let read =
            |doc: Option<&[u8]>| doc.and_then(|doc| serde_json::from_slice::<User>(doc).ok());
        match (read(self.before), read(self.after)) {
            (Some(before), Some(after)) => {
                let of_support = User {
                    password: before.password.clone(),
                    password_generation: before.password_generation,
                    invitation: before.invitation.clone(),
                    reset: before.reset.clone(),
                    second_factor: before.second_factor.clone(),
                    ..after
                };
                if of_support == before { Authority::Support } else { Authority::Manage }
            }
            _ => Authority::Manage,
        }
    }

    /// Whether the record belongs, before and after, to organizations of a limited scope.
    async fn is_within(
        &self,
        store: &Arc<dyn Store>,
        rights: &Rights,
        writes: &[Write],
    ) -> Result<bool, StoreError> {
        for doc in [self.before, self.after].into_iter().flatten() {
            let record = (self.kind, self.id, Some(doc));
            let organization = organization_of(store, writes, record).await?;
            if !organization.is_some_and(|organization| rights.scope.includes(&organization)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether an administrator ends one of their own sessions, at the admin listener or in the
    /// portal.
    fn is_own_session(&self, actor: &Actor) -> bool {
        let (Actor::Administrator { id, .. }, Some(before), None) =
            (actor, self.before, self.after)
        else {
            return false;
        };
        match self.kind {
            kind::ADMIN_SESSION => serde_json::from_slice::<AdminSession>(before)
                .is_ok_and(|session| session.administrator == *id),
            kind::SESSION => serde_json::from_slice::<StartedByStaff>(before)
                .is_ok_and(|session| session.staff.is_administrator(id)),
            _ => false,
        }
    }

    /// Whether an administrator's own session continues with another password or second factor.
    fn continues_own_session(&self, actor: &Actor) -> bool {
        let (Actor::Administrator { id, .. }, kind::ADMIN_SESSION, Some(before), Some(after)) =
            (actor, self.kind, self.before, self.after)
        else {
            return false;
        };
        let read = |doc: &[u8]| serde_json::from_slice::<AdminSession>(doc).ok();
        let (Some(before), Some(after)) = (read(before), read(after)) else { return false };
        let continued = AdminSession { generation: after.generation, ..before };
        continued.administrator == *id && continued == after
    }

    /// Whether an administrator replaces the password or the second factor of their own account, and
    /// nothing else. A second factor is not removed.
    fn is_own_credential(&self, actor: &Actor) -> bool {
        let (Actor::Administrator { id, .. }, kind::ADMINISTRATOR, Some(before), Some(after)) =
            (actor, self.kind, self.before, self.after)
        else {
            return false;
        };
        let read = |doc: &[u8]| serde_json::from_slice::<Administrator>(doc).ok();
        let (Some(before), Some(after)) = (read(before), read(after)) else { return false };
        let keeps_factor = after.second_factor.is_some() || before.second_factor.is_none();
        let changed = Administrator {
            password: after.password.clone(),
            generation: after.generation,
            second_factor: after.second_factor.clone(),
            ..before
        };
        id.as_str() == self.id && keeps_factor && changed == after
    }
}

#[cfg(test)]
mod tests;
