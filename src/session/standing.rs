//! Whether a session counts now, and who it makes of a request. Requests and `explain` ask here.

use std::sync::Arc;

use jiff::Timestamp;

use crate::directory::access::secure_links::link_honoured;
use crate::directory::records::UserStatus;
use crate::directory::{EndUserId, OrganizationFacts, Snapshot, UserFacts};
use portcullis_policy::{SessionKind, Subject, built_in};

/// Whoever signed in as this portal user under this generation of the password; nobody when that is
/// not the one of now (R34), or there is no password.
#[must_use]
pub fn of_user(
    user: &UserFacts,
    generation: u64,
    snapshot: &Snapshot,
    valid_until: Timestamp,
) -> Option<Subject> {
    if user.status != UserStatus::Active || !user.honours_session(generation) {
        return None;
    }
    Some(Subject {
        kind: SessionKind::User,
        organization: user.organization.shared(),
        user: Some(user.id.shared()),
        login: Some(Arc::clone(&user.login)),
        end_user: user.end_user.as_ref().map(EndUserId::shared),
        group: user.group.shared(),
        granted: snapshot.granted(user.group.as_str()),
        valid_until,
    })
}

/// Whoever opened this generation of the organization's secure link; nobody when links open no
/// session there now (R12–R14).
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

/// Somebody in this group, if there is one: without a person in the Non-Portal User Group.
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
    Some(Subject::nameless(kind, organization, held, valid_until))
}
