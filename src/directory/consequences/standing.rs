//! How a person gets in, and with which permissions.

use std::collections::BTreeSet;

use portcullis_policy::{Access, Route, built_in};

use crate::directory::records::{GroupId, Stored, User, UserStatus};
use crate::directory::state::{Snapshot, UserFacts};

/// The ids of the groups whose members reach a route, apart from conditions on the request.
pub fn groups_that_reach<'a>(
    route: &'a Route,
    snapshot: &'a Snapshot,
) -> impl Iterator<Item = &'a str> {
    snapshot
        .groups()
        .map(|group| group.id())
        .filter(move |id| {
            let standing = match id.as_str() {
                built_in::NO_ACCESS => Standing::Outside,
                _ => Standing::Member((*id).clone()),
            };
            standing.reaches(route, snapshot)
        })
        .map(GroupId::as_str)
}

/// How a person gets into the portal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Not at all.
    Outside,
    /// By choosing a password with an invitation, into this group.
    Invited(GroupId),
    /// By signing in, in this group.
    Member(GroupId),
    /// With the secure link of an organization.
    Link,
}

/// What a person may do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rights<'a> {
    /// Whether the person gets in.
    pub(super) enters: bool,
    /// The ids of the permissions.
    pub(super) permissions: BTreeSet<&'a str>,
}

impl Standing {
    /// The standing of a portal user (R8).
    pub(super) fn of(user: &Stored<User>, snapshot: &Snapshot) -> Self {
        let facts = UserFacts::new(user);
        match (snapshot.admits(&facts), facts.status) {
            (false, _) | (true, UserStatus::NoPassword) => Self::Outside,
            (true, UserStatus::Invited) => Self::Invited(facts.group),
            (true, UserStatus::Active) => Self::Member(facts.group),
        }
    }

    fn group(&self) -> Option<&str> {
        match self {
            Self::Outside => None,
            Self::Invited(group) | Self::Member(group) => Some(group.as_str()),
            Self::Link => Some(built_in::NON_PORTAL),
        }
    }

    /// What a person may do now.
    pub(super) fn rights_now<'a>(&self, snapshot: &'a Snapshot) -> Rights<'a> {
        match self {
            Self::Invited(_) => Rights::default(),
            _ => self.rights(snapshot),
        }
    }

    /// What a person may do once an open invitation has been used.
    pub(super) fn rights<'a>(&self, snapshot: &'a Snapshot) -> Rights<'a> {
        let Some(group) = self.group() else { return Rights::default() };
        let permissions = snapshot.policy().catalogue().ids(snapshot.granted(group)).collect();
        Rights { enters: true, permissions }
    }

    /// Whether a person reaches a route of this snapshot's policy, apart from conditions on the
    /// request.
    pub(super) fn reaches(&self, route: &Route, snapshot: &Snapshot) -> bool {
        match (route.access(), self.group()) {
            (Access::Public, _) => true,
            (Access::Deny, _) | (_, None) => false,
            (Access::SignedIn, Some(_)) => true,
            (Access::Require(requirement), Some(group)) => {
                requirement.is_met_by(snapshot.granted(group))
            }
        }
    }
}
