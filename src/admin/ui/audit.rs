//! The audit log: its entries, what each changed, and its checkpoints.

pub(super) mod checkpoint;
mod difference;
pub(super) mod entry;
pub(super) mod list;
pub(super) mod verification;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::fields::{address, segment};
use super::texts::Names;
use super::who::Who;
use crate::directory::records::Authority;

const API: &str = "/api/v1/audit";

/// An entry, as the API shows it.
#[derive(Debug, Deserialize)]
struct Entry {
    number: u64,
    time: Timestamp,
    actor: Actor,
    via: String,
    from: Option<String>,
    kind: String,
    subject: Subject,
    organization: Option<String>,
    user: Option<String>,
    reason: Option<String>,
    source: Option<String>,
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
struct Actor {
    kind: String,
    name: String,
    role: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Subject {
    kind: String,
    id: String,
    name: String,
}

impl Actor {
    /// The list of what the actor did.
    fn entries(&self) -> String {
        let key = match &*self.kind {
            "socket" => self.kind.clone(),
            kind => format!("{kind}:{}", self.name),
        };
        address("/audit", &[("actor", &key)])
    }
}

impl Entry {
    /// Its page.
    fn page(&self) -> String {
        format!("/audit/{}", self.number)
    }

    /// Who acted. Portal users have no name in the log but their id.
    fn by<'a>(&'a self, names: &'a Names) -> &'a str {
        let is_own = self.actor.kind == "portal-user" && self.actor.name == self.subject.id;
        if is_own { &self.subject.name } else { names.actor(&self.actor.kind, &self.actor.name) }
    }

    /// What it is about.
    fn about<'a>(&'a self, names: &'a Names) -> &'a str {
        names.subject(&self.subject.kind, &self.subject.name)
    }

    /// How the actor made the change. An administrator signs in, on the pages or in the API; programs
    /// use the API with tokens.
    fn way<'a>(&'a self, names: &'a Names) -> &'a str {
        match (&*self.via, &*self.actor.kind) {
            ("api", "administrator") => names.ways.of("session"),
            (via, _) => names.ways.of(via),
        }
    }

    /// The page of its subject, if there is one that the visitor may open.
    fn subject_page(&self, who: Option<&Who>) -> Option<String> {
        let may_open = |authority| who.is_some_and(|who| who.may_over_gateway(authority));
        let is_closed = match &*self.subject.kind {
            "administrator" | "token" => !may_open(Authority::Own),
            "preferences" => !may_open(Authority::Read),
            _ => false,
        };
        if is_closed || self.kind.ends_with(".deleted") {
            return None;
        }
        let id = segment(&self.subject.id);
        match &*self.subject.kind {
            "organization" => Some(format!("/organizations/{id}")),
            "user" => Some(format!("/users/{id}")),
            "group" => Some(format!("/groups/{id}")),
            "administrator" => Some(format!("/administrators/{id}")),
            "token" => Some(format!("/tokens/{id}")),
            "job" => Some(format!("/jobs/{id}")),
            "preferences" => Some("/preferences".to_owned()),
            _ => None,
        }
    }

    /// The list of what concerns the organization.
    fn organization_entries(&self) -> Option<String> {
        Some(address("/audit", &[("organization", self.organization.as_deref()?)]))
    }

    /// The list of what concerns the portal user.
    fn user_entries(&self) -> Option<String> {
        Some(address("/audit", &[("user", self.user.as_deref()?)]))
    }

    /// The page of the job that made the change.
    fn job(&self) -> Option<String> {
        let id = self.reason.as_deref()?.strip_prefix("job ")?;
        (self.kind != "job.failed" && !id.contains(' ')).then(|| format!("/jobs/{}", segment(id)))
    }

    /// The names of the fields that it changed, at most five.
    fn changed(&self, words: &Names) -> String {
        let names = self.after.iter().chain(&self.before).flat_map(Map::keys);
        let mut names: Vec<_> = names.map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names.truncate(5);
        names.into_iter().map(|name| words.fields.of(name)).collect::<Vec<_>>().join(", ")
    }

    /// Whether it is about a change of a record that existed.
    fn is_change(&self) -> bool {
        self.before.is_some() && self.after.is_some()
    }
}
