//! The result of a comparison.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::invitations::SentElsewhere;
use super::links::LinkChange;
use super::mailed_links::EndedLink;
use super::tally::{AccessChange, PermissionChange, RouteChanges};
use crate::directory::records::{OrganizationId, UserId};
use crate::directory::state::Snapshot;

/// What a dry run would change for people.
#[derive(Debug)]
pub struct Consequences {
    /// The permissions that people gain.
    pub gains: Vec<PermissionChange>,
    /// The permissions that people lose.
    pub loses: Vec<PermissionChange>,
    /// How many people can use the portal at all who could not before, and the reverse.
    pub access: AccessChange,
    /// The secure links that no longer open sessions, that do again, or that are replaced.
    pub links: Vec<LinkChange>,
    /// How many mails would be queued.
    pub mails: usize,
    /// The portal users whose open sessions may end.
    pub users: Vec<UserId>,
    /// The organizations that are parked.
    pub parked: Vec<OrganizationId>,
    /// How many sessions of administrators would end.
    pub admin_sessions: usize,
    pub(super) before: Arc<Snapshot>,
    pub(super) after: Arc<Snapshot>,
    pub(super) routes: RouteChanges,
    pub(super) without_access: Vec<Stranded>,
    pub(super) ended_links: Vec<EndedLink>,
    pub(super) sent_elsewhere: Vec<SentElsewhere>,
    /// How many tokens of portal users would be refused.
    pub(super) revoked_tokens: usize,
}

/// How many open sessions would end.
#[derive(Debug, Default)]
pub struct EndedSessions {
    /// Those of portal users.
    pub users: usize,
    /// Those that secure links started, by organization.
    pub links: BTreeMap<OrganizationId, usize>,
    /// Sessions that are open now, when the portal is being disabled or enabled; otherwise 0.
    pub kept: usize,
}

/// A portal user who is left without password and invitation, and is the only one of an organization.
#[derive(Debug)]
pub(super) struct Stranded {
    pub(super) login: String,
    pub(super) organization: OrganizationId,
}

impl EndedSessions {
    /// All of them.
    #[must_use]
    pub fn count(&self) -> usize {
        self.users + self.links.values().sum::<usize>()
    }
}

impl Consequences {
    /// Whether a dry run disables or enables the whole portal (R60).
    #[must_use]
    pub fn switches_portal(&self) -> bool {
        let [before, after] = [&self.before, &self.after]
            .map(|snapshot| snapshot.preferences().disabled_redirect_url.is_some());
        before != after
    }
}
