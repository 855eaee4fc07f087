//! The [`Subject`] of a session as it is now, if the session is still valid. Used for requests and by
//! `explain`.

use std::sync::Arc;

use jiff::Timestamp;

use crate::directory::access::secure_links::link_honoured;
use crate::directory::records::UserStatus;
use crate::directory::{EndUserId, OrganizationFacts, Snapshot, UserFacts};
use portcullis_policy::{SessionKind, Subject, built_in};

/// The subject of a session that this portal user started under this generation of the password.
/// `None` if the password has changed since (R34), or the user cannot sign in.
#[must_use]
pub fn of_user(
    user: &UserFacts,
    generation: u64,
    snapshot: &Snapshot,
    valid_until: Timestamp,
) -> Option<Subject> {
    let can_sign_in = user.status == UserStatus::Active;
    (can_sign_in && user.honours_session(generation))
        .then(|| of_person(SessionKind::User, user, snapshot, valid_until))
}

/// The subject of a session of this kind in which someone is this portal user.
pub(super) fn of_person(
    kind: SessionKind,
    user: &UserFacts,
    snapshot: &Snapshot,
    valid_until: Timestamp,
) -> Subject {
    Subject {
        kind,
        organization: user.organization.shared(),
        user: Some(user.id.shared()),
        login: Some(Arc::clone(&user.login)),
        end_user: user.end_user.as_ref().map(EndUserId::shared),
        group: user.group.shared(),
        granted: snapshot.granted(user.group.as_str()),
        disabled: user.disabled,
        parked: snapshot.parked(user.organization.as_str()).cloned(),
        valid_until,
        actor: None,
    }
}

/// The subject of a session started with this generation of the organization's secure link. `None` if
/// the link is not valid now (R12–R14).
#[must_use]
pub fn of_link(
    organization: &OrganizationFacts,
    generation: u64,
    snapshot: &Snapshot,
    valid_until: Timestamp,
) -> Option<Subject> {
    let id = &organization.id;
    link_honoured(snapshot, organization, generation)
        .then(|| of_group(built_in::NON_PORTAL, id.shared(), snapshot, valid_until))
        .flatten()
}

/// The subject of a session in this group that has no login. `None` if the group does not exist. In
/// the Non-Portal User Group it is a session of a secure link.
#[must_use]
pub fn of_group(
    id: &str,
    organization: Arc<str>,
    snapshot: &Snapshot,
    valid_until: Timestamp,
) -> Option<Subject> {
    let group = snapshot.group(id)?;
    let kind = if id == built_in::NON_PORTAL { SessionKind::Link } else { SessionKind::User };
    let held = (group.id().shared(), group.granted());
    let parked = snapshot.parked(&organization).cloned();
    Some(Subject { parked, ..Subject::nameless(kind, organization, held, valid_until) })
}
