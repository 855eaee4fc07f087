//! Whose standing changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portcullis_policy::built_in;
use portcullis_store::{Key, StoreError};

use super::changed_users::ChangedUser;
use super::comparison::Comparison;
use super::links::Links;
use super::standing::Standing;
use crate::directory::records::{GroupId, OrganizationId, Stored, User, UserId};
use crate::directory::state::Snapshot;

/// People whose standing, or whose group's permissions, change in the same way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) before: Standing,
    pub(super) after: Standing,
    pub(super) people: u64,
}

impl Shift {
    /// How many of the people are secure links, each of which counts as one.
    pub(super) fn links(&self) -> u64 {
        let is_link = [&self.before, &self.after].contains(&&Standing::Link);
        if is_link { self.people } else { 0 }
    }
}

impl Comparison<'_> {
    /// Everybody whose decisions may change, those in the same situation together.
    pub(super) async fn shifts(
        &self,
        users: &[ChangedUser],
        links: &Links,
    ) -> Result<Vec<Shift>, StoreError> {
        let mut shifts: BTreeMap<(Standing, Standing), u64> = BTreeMap::new();
        for user in users {
            *shifts.entry(user.standings(self.before, self.after)).or_default() += 1;
        }
        let groups = self.changed_groups();
        let parked = self.users_of_parked(users, !groups.is_empty()).await?;
        for user in &parked {
            let standings = [self.before, self.after].map(|at| Standing::of(user, at));
            let [before, after] = standings;
            *shifts.entry((before, after)).or_default() += 1;
        }
        for group in groups {
            if group == built_in::NON_PORTAL {
                let people = self.open_links(links).await?;
                shifts.insert((Standing::Link, Standing::Link), people);
            }
            let members = Key::new("group", group.as_str());
            let all = self.dry.count::<User>(Some(&members)).await?;
            let is_member = |user: &&ChangedUser| {
                user.after.as_ref().is_some_and(|after| after.doc.group == group)
            };
            let written = users.iter().filter(is_member).count();
            let parked = parked.iter().filter(|user| user.doc.group == group).count();
            let counted = u64::try_from(written + parked).unwrap_or(u64::MAX);
            let member = Standing::Member(group);
            *shifts.entry((member.clone(), member)).or_default() += all.saturating_sub(counted);
        }
        for change in &links.changes {
            *shifts.entry(change.standings()).or_default() += 1;
        }
        let shifts = shifts.into_iter().filter(|(_, people)| *people > 0);
        Ok(shifts.map(|((before, after), people)| Shift { before, after, people }).collect())
    }

    /// The portal users of the organizations that are parked, or are parked no longer, without those
    /// who were written. With `all`, also of those that stay parked.
    async fn users_of_parked(
        &self,
        written: &[ChangedUser],
        all: bool,
    ) -> Result<Vec<Stored<User>>, StoreError> {
        let parked = self.before.all_parked().chain(self.after.all_parked());
        let parked: BTreeSet<&OrganizationId> = parked.collect();
        let is_changed = |id: &OrganizationId| {
            let [before, after] = [self.before, self.after].map(|at| at.parked(id.as_str()));
            before.is_some() != after.is_some()
        };
        let written: BTreeSet<&UserId> = written.iter().map(|user| &user.id).collect();
        let mut users = Vec::new();
        for id in parked.into_iter().filter(|id| all || is_changed(id)) {
            let members = Key::new("organization", id.as_str());
            let of_it = self.real.all_intact::<User>(Some(&members)).await?;
            users.extend(of_it.into_iter().filter(|user| !written.contains(&user.id)));
        }
        Ok(users)
    }

    /// The groups whose members' decisions may change: those with other permissions, or all if the
    /// policy is another one. Members of the No Portal Access
    /// Group cannot sign in, whatever it grants (R8).
    fn changed_groups(&self) -> BTreeSet<GroupId> {
        let policy = |snapshot: &Snapshot| Arc::as_ptr(snapshot.policy());
        let replaced = policy(self.before) != policy(self.after);
        let all = self.before.groups().chain(self.after.groups()).map(|group| group.id().clone());
        let all: BTreeSet<GroupId> = all.collect();
        let granted = |group: &GroupId| {
            [self.before, self.after].map(|snapshot| snapshot.granted(group.as_str()))
        };
        let is_changed = |group: &GroupId| {
            let [before, after] = granted(group);
            replaced || before != after
        };
        all.into_iter().filter(|id| *id != built_in::NO_ACCESS && is_changed(id)).collect()
    }

    /// How many secure links open sessions before and after.
    async fn open_links(&self, links: &Links) -> Result<u64, StoreError> {
        let mut open = 0;
        let mut after = None::<String>;
        loop {
            let page = self.real.organization_ids(after.as_deref()).await?;
            let Some(last) = page.last() else { return Ok(open) };
            after = Some(last.to_string());
            for id in page {
                if links.changes.iter().any(|change| change.organization == id) {
                    continue;
                }
                let before = self.link(self.real, self.before, &id).await?;
                open += u64::from(before.is_some_and(|link| link.opens));
            }
        }
    }
}
