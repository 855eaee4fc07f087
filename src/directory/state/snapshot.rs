//! The policy, the groups, the preferences and the parked organizations, as one immutable value.
//!
//! A request takes the snapshot once and is decided by it alone; a change builds a new one. The
//! permission sets of groups are of this snapshot's catalogue, so they always match its policy.

use std::collections::HashMap;
use std::sync::Arc;

use super::disclosed::FieldText;
use super::facts::UserFacts;
use super::route_hits::RouteHits;
use crate::config::Disclosure;
use crate::directory::records::{Group, GroupId, OrganizationId, Preferences, Stored};
use foldhash::fast::RandomState;
use portcullis_policy::{Catalogue, PermissionSet, Policy, PolicyProblems, built_in};

/// The state that requests are decided by.
#[derive(Debug)]
pub struct Snapshot {
    policy: Arc<Policy>,
    hits: Arc<RouteHits>,
    groups: HashMap<GroupId, GroupInForce, RandomState>,
    preferences: Preferences,
    parked: Arc<ParkedOrganizations>,
    disclosure: Disclosure,
}

/// The reasons of the parked organizations, for the people who see them.
pub(super) type ParkedOrganizations = HashMap<OrganizationId, Arc<str>, RandomState>;

/// A group and what it grants under the policy.
#[derive(Debug)]
pub struct GroupInForce {
    id: GroupId,
    granted: PermissionSet,
    /// The name for the portal.
    shown_name: Option<Arc<FieldText>>,
    record: Arc<Stored<Group>>,
}

impl Snapshot {
    /// The snapshot of these records under this policy.
    pub(in crate::directory) fn new(
        (policy, hits): (Arc<Policy>, Arc<RouteHits>),
        records: impl IntoIterator<Item = Arc<Stored<Group>>>,
        preferences: Preferences,
        disclosure: Disclosure,
    ) -> Self {
        let groups = records
            .into_iter()
            .inspect(|record| warn_of_unknown(policy.catalogue(), record))
            .map(|record| GroupInForce {
                id: record.id.clone(),
                granted: granted(policy.catalogue(), &record),
                shown_name: FieldText::new(&record.doc.name, disclosure.group_name),
                record,
            })
            .map(|group| (group.id.clone(), group))
            .collect();
        let parked = Arc::default();
        Self { policy, hits, groups, preferences, parked, disclosure }
    }

    /// The same with these parked organizations.
    pub(super) fn parking(self, parked: Arc<ParkedOrganizations>) -> Self {
        Self { parked, ..self }
    }

    /// The snapshot of the same records under another policy.
    pub(in crate::directory) fn under(&self, policy: Arc<Policy>) -> Self {
        let records = self.groups.values().map(|group| Arc::clone(&group.record));
        let hits = Arc::new(self.hits.carried_over(&self.policy, &policy));
        Self::new((policy, hits), records, self.preferences.clone(), self.disclosure)
            .parking(Arc::clone(&self.parked))
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// How many requests each route of the policy has decided.
    #[must_use]
    pub fn hits(&self) -> &Arc<RouteHits> {
        &self.hits
    }

    /// The preferences.
    #[must_use]
    pub const fn preferences(&self) -> &Preferences {
        &self.preferences
    }

    /// Why the portal is closed for an organization; `None` if it is open.
    #[must_use]
    pub fn parked(&self, organization: &str) -> Option<&Arc<str>> {
        self.parked.get(organization)
    }

    /// The ids of the parked organizations, in no order.
    pub(in crate::directory) fn all_parked(&self) -> impl Iterator<Item = &OrganizationId> {
        self.parked.keys()
    }

    /// Whether a portal user may use the portal at all (R8).
    #[must_use]
    pub fn admits(&self, user: &UserFacts) -> bool {
        user.has_portal_access() && self.parked(user.organization.as_str()).is_none()
    }

    /// A group, by its id.
    #[must_use]
    pub fn group(&self, id: &str) -> Option<&GroupInForce> {
        self.groups.get(id)
    }

    /// The groups, in no order.
    pub fn groups(&self) -> impl Iterator<Item = &GroupInForce> {
        self.groups.values()
    }

    /// How many groups there are.
    #[cfg(test)]
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// Checks the policy's expectations with the groups as they are now ([`check_expectations`]).
    ///
    /// # Errors
    /// The expectations that fail, including those about groups that do not exist.
    pub fn check_expectations(&self) -> Result<(), PolicyProblems> {
        check_expectations(&self.policy, &|id| self.group(id).map(GroupInForce::granted))
    }

    /// What the members of a group may do; nothing if the group does not exist.
    #[must_use]
    pub fn granted(&self, id: &str) -> PermissionSet {
        self.group(id).map_or(PermissionSet::EMPTY, GroupInForce::granted)
    }
}

impl GroupInForce {
    /// The group's id.
    #[must_use]
    pub const fn id(&self) -> &GroupId {
        &self.id
    }

    /// The displayed name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.record.doc.name
    }

    /// The name for the portal, if it gets names of groups.
    pub(super) const fn shown_name(&self) -> Option<&Arc<FieldText>> {
        self.shown_name.as_ref()
    }

    /// The ids of the permissions that it has been granted, also those that the policy does not have.
    #[must_use]
    pub fn permissions(&self) -> &[String] {
        &self.record.doc.permissions
    }

    /// What its members may do.
    #[must_use]
    pub const fn granted(&self) -> PermissionSet {
        self.granted
    }
}

/// The permissions that can be granted to a group (R3).
#[must_use]
pub(in crate::directory) fn grantable(catalogue: &Catalogue, group: &str) -> PermissionSet {
    if group == built_in::NON_PORTAL { catalogue.without_identity() } else { catalogue.all() }
}

/// What a stored group grants under a catalogue: nothing for a permission that the catalogue does
/// not contain, or that it now declares to need an identity (R3).
pub(in crate::directory) fn granted(catalogue: &Catalogue, group: &Stored<Group>) -> PermissionSet {
    granted_to(catalogue, group.id.as_str(), &group.doc.permissions)
}

/// The same for a group with this id and these permissions.
#[must_use]
pub fn granted_to(catalogue: &Catalogue, group: &str, permissions: &[String]) -> PermissionSet {
    let mut set = PermissionSet::EMPTY;
    for index in permissions.iter().filter_map(|id| catalogue.index(id)) {
        set.insert(index);
    }
    set.intersection(grantable(catalogue, group))
}

/// Checks a policy's expectations with the groups that exist, by their id. Groups that the policy
/// ships are checked as shipped, so that an administrator's edit of one does not block a valid policy.
///
/// # Errors
/// The expectations that fail, including those about groups that do not exist.
pub fn check_expectations(
    policy: &Policy,
    groups: &dyn Fn(&str) -> Option<PermissionSet>,
) -> Result<(), PolicyProblems> {
    policy.check_expectations(&|id| {
        policy.seed(id).map(|seed| seed.permissions).or_else(|| groups(id))
    })
}

fn warn_of_unknown(catalogue: &Catalogue, group: &Stored<Group>) {
    for id in group.doc.permissions.iter().filter(|id| catalogue.index(id).is_none()) {
        tracing::warn!(
            group.id = %group.id,
            permission.id = id,
            "a permission of the group is not in the policy; it grants nothing"
        );
    }
}
