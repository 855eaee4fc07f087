//! The policy in force: its routes, and who reaches them.
//!
//! Which groups reach a route is what the API says. For a person it is said of the person's group; what
//! is decided about one request of that person, `explain` says.

pub(super) mod detail;
pub(super) mod list;
pub(super) mod reload;

use serde::Deserialize;

use super::fields::segment;
use super::groups::Listed;
use super::refusal::Answer;
use super::texts::Routes as Words;
use super::visit::Visit;

/// A route, as the API shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Route {
    pub(super) name: String,
    pub(super) methods: Vec<String>,
    pub(super) path: String,
    pub(super) hosts: Vec<String>,
    pub(super) access: String,
    /// The ids of the permissions that it needs.
    pub(super) permissions: Vec<String>,
    /// Which part of the path names an organization that must be the session's own.
    pub(super) organization: Option<String>,
    pub(super) on_deny: Option<String>,
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) hits: Hits,
    /// The ids of the groups whose members reach it.
    pub(super) groups: Vec<String>,
}

/// The requests that it has decided since the start.
#[derive(Debug, Deserialize)]
pub(super) struct Hits {
    pub(super) allowed: u64,
    pub(super) refused: u64,
}

impl Route {
    pub(super) fn address(&self) -> String {
        format!("/routes/{}", segment(&self.name))
    }

    /// Its methods, as one word each.
    pub(super) fn verbs(&self) -> String {
        self.methods.join(", ")
    }

    /// Who may use it, unless that depends on permissions.
    pub(super) fn access<'a>(&self, text: &'a Words) -> Option<&'a str> {
        match &*self.access {
            "public" => Some(text.public.as_str()),
            "signed-in" => Some(text.signed_in.as_str()),
            "deny" => Some(text.closed.as_str()),
            _ => None,
        }
    }

    /// Whether one of its permissions is enough.
    pub(super) fn needs_any(&self) -> bool {
        self.access == "any" && self.permissions.len() > 1
    }

    fn is_reached_by(&self, group: &str) -> bool {
        self.groups.iter().any(|id| id == group)
    }
}

/// All routes, in the order of the policy.
async fn all(visit: &Visit) -> Answer<Vec<Route>> {
    Ok(visit.client.get::<Listed<Route>>("/api/v1/routes").await?.items)
}
