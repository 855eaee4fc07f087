//! The secure links that close, open or are replaced (R10–R14).

use std::collections::BTreeSet;

use portcullis_store::{Key, StoreError};

use super::changed_users::ChangedUser;
use super::comparison::Comparison;
use super::standing::Standing;
use crate::directory::records::{Organization, OrganizationId, Reader, User, kind};
use crate::directory::state::Snapshot;

/// How many organizations are read at a time.
const PAGE: usize = 1000;

/// What changes about the secure link of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkChange {
    /// The organization's id.
    pub organization: OrganizationId,
    /// Whether the link opens sessions before.
    pub opens_before: bool,
    /// Whether the link, or the one that replaces it, opens sessions after.
    pub opens_after: bool,
    /// Why.
    pub cause: LinkCause,
}

/// Why the state of a secure link changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkCause {
    /// The organization gets its first portal user, or loses its last one (R12).
    PortalUsers,
    /// The preference that links require sign-in (R12, R13).
    Preference,
    /// The link is switched on or off, or comes or goes with its organization.
    Switched,
    /// The organization is parked, or is parked no longer.
    Parked,
    /// The link is replaced by another one.
    Replaced,
}

/// The changes to secure links.
pub(super) struct Links {
    pub(super) changes: Vec<LinkChange>,
}

/// The state of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LinkState {
    /// Whether it opens sessions.
    pub(super) opens: bool,
    enabled: bool,
    parked: bool,
    generation: u64,
    has_users: bool,
}

impl LinkChange {
    /// Whether open sessions of the link end.
    #[must_use]
    pub fn ends_sessions(&self) -> bool {
        self.opens_before && (!self.opens_after || self.cause == LinkCause::Replaced)
    }

    /// Whether the link no longer opens sessions.
    #[must_use]
    pub const fn closes(&self) -> bool {
        self.opens_before && !self.opens_after
    }

    /// The standing of those who have the link.
    pub(super) fn standings(&self) -> (Standing, Standing) {
        let standing = |opens| if opens { Standing::Link } else { Standing::Outside };
        (standing(self.opens_before), standing(self.opens_after))
    }
}

impl Comparison<'_> {
    /// The changes to secure links. Organizations are read only if they or their portal users were
    /// written, or if the preference about links changes.
    pub(super) async fn links(&self, users: &[ChangedUser]) -> Result<Links, StoreError> {
        let [secure_before, secure_after] = [self.before, self.after]
            .map(|it| it.preferences().secure_with_password_if_portal_users_exist);
        let mut candidates: BTreeSet<OrganizationId> = BTreeSet::new();
        let written = self.differences.iter().filter(|it| it.kind == kind::ORGANIZATION);
        candidates.extend(written.map(|it| OrganizationId::from(it.id.clone())));
        let comes_or_goes = users.iter().filter(|it| it.before.is_some() != it.after.is_some());
        let user = comes_or_goes.filter_map(|it| it.before.as_ref().or(it.after.as_ref()));
        candidates.extend(user.map(|user| user.doc.organization.clone()));
        if secure_before != secure_after {
            let mut after = None::<String>;
            loop {
                let page = self.real.organization_ids(after.as_deref()).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.to_string());
                candidates.extend(page);
            }
        }
        let mut changes = Vec::new();
        for organization in candidates {
            let before = self.link(self.real, self.before, &organization).await?;
            let after = self.link(self.dry, self.after, &organization).await?;
            changes.extend(change(organization, before, after));
        }
        Ok(Links { changes })
    }

    /// The state of an organization's link; `None` if there is no such organization.
    pub(super) async fn link(
        &self,
        reader: &Reader,
        snapshot: &Snapshot,
        id: &OrganizationId,
    ) -> Result<Option<LinkState>, StoreError> {
        let Some(organization) = reader.get::<Organization>(id).await? else { return Ok(None) };
        let members = Key::new("organization", id.as_str());
        let has_users = !reader.records::<User>(Some(&members), None, 1).await?.is_empty();
        let secure = snapshot.preferences().secure_with_password_if_portal_users_exist;
        let Organization { link_enabled: enabled, link_generation: generation, parked, .. } =
            organization.doc;
        let parked = parked.is_some();
        let opens = enabled && !parked && !(secure && has_users);
        Ok(Some(LinkState { opens, enabled, parked, generation, has_users }))
    }
}

impl Reader {
    /// The ids of the organizations after `after`, a page of them.
    pub(super) async fn organization_ids(
        &self,
        after: Option<&str>,
    ) -> Result<Vec<OrganizationId>, StoreError> {
        let page = self.records::<Organization>(None, after, PAGE).await?;
        Ok(page.into_iter().map(|record| OrganizationId::from(record.id)).collect())
    }
}

fn change(
    organization: OrganizationId,
    before: Option<LinkState>,
    after: Option<LinkState>,
) -> Option<LinkChange> {
    let opens = |state: Option<LinkState>| state.is_some_and(|state| state.opens);
    let (opens_before, opens_after) = (opens(before), opens(after));
    let generation = |state: Option<LinkState>| state.map(|state| state.generation);
    let replaced = opens_before && opens_after && generation(before) != generation(after);
    if opens_before == opens_after && !replaced {
        return None;
    }
    let same = |of: fn(LinkState) -> bool| before.map(of) == after.map(of);
    let cause = if replaced {
        LinkCause::Replaced
    } else if !same(|state| state.parked) {
        LinkCause::Parked
    } else if !same(|state| state.enabled) {
        LinkCause::Switched
    } else if !same(|state| state.has_users) {
        LinkCause::PortalUsers
    } else {
        LinkCause::Preference
    };
    Some(LinkChange { organization, opens_before, opens_after, cause })
}
