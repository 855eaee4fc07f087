//! Portal user permission groups (R1–R7).

pub(super) mod comparison;
pub(super) mod copying;
pub(super) mod deletion;
pub(super) mod editor;
mod form;
pub(super) mod list;

use std::collections::BTreeSet;

use serde::Deserialize;

use super::fields::segment;
use super::refusal::Answer;
use super::visit::Visit;

/// A group, as the API shows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) permissions: Vec<String>,
    /// How many permissions can be granted to it.
    pub(super) of: usize,
    pub(super) default: bool,
    pub(super) system: bool,
    pub(super) users: u64,
    pub(super) managed_by: Option<ManagedBy>,
}

/// The file that manages a record.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ManagedBy {
    pub(super) name: String,
}

/// A permission of the policy.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Permission {
    pub(super) id: String,
    pub(super) name: String,
    /// Whether it needs to know which person asks (R3).
    pub(super) identity: bool,
}

/// A list of the API.
#[derive(Debug, Deserialize)]
pub(super) struct Listed<T> {
    pub(super) items: Vec<T>,
}

impl Group {
    /// Its id as a segment of a path.
    pub(super) fn segment(&self) -> String {
        segment(&self.id)
    }

    /// Whether it has all of these permissions, or one of them if `any` is enough.
    pub(super) fn has(&self, needed: &[String], any: bool) -> bool {
        let has = |id: &String| self.permissions.contains(id);
        if any { needed.iter().any(has) } else { needed.iter().all(has) }
    }

    /// Its permissions and these.
    pub(super) fn with<'a>(&'a self, added: &[&'a str]) -> BTreeSet<&'a str> {
        self.permissions.iter().map(String::as_str).chain(added.iter().copied()).collect()
    }
}

/// The path of a group in the API.
fn path(id: &str) -> String {
    format!("/api/v1/groups/{}", segment(id))
}

/// All groups.
pub(super) async fn all(visit: &Visit) -> Answer<Vec<Group>> {
    Ok(visit.client.get::<Listed<Group>>("/api/v1/groups?limit=1000").await?.items)
}

/// All permissions of the policy.
pub(super) async fn permissions(visit: &Visit) -> Answer<Vec<Permission>> {
    Ok(visit.client.get::<Listed<Permission>>("/api/v1/permissions").await?.items)
}
