//! The newest entries of the audit log about an organization or a portal user.

use jiff::Timestamp;
use serde::Deserialize;

use super::FEW;
use crate::admin::ui::fields::address;
use crate::admin::ui::listed::Listed;
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::texts::Names;
use crate::admin::ui::visit::Visit;

/// An entry of the audit log, as the API shows it.
#[derive(Debug, Deserialize)]
pub(in crate::admin::ui) struct Entry {
    pub(in crate::admin::ui) number: u64,
    pub(in crate::admin::ui) time: Timestamp,
    actor: Named,
    pub(in crate::admin::ui) kind: String,
    subject: Named,
}

/// Who acted, or what the entry is about.
#[derive(Debug, Deserialize)]
pub(in crate::admin::ui) struct Named {
    kind: String,
    id: Option<String>,
    name: String,
}

impl Entry {
    /// Who acted. Portal users have no name in the log but their id.
    pub(in crate::admin::ui) fn by<'a>(&'a self, names: &'a Names) -> &'a str {
        let is_own = self.actor.id.is_some() && self.actor.id == self.subject.id;
        if is_own { &self.subject.name } else { names.actor(&self.actor.kind, &self.actor.name) }
    }

    /// What it is about.
    pub(in crate::admin::ui) fn about<'a>(&'a self, names: &'a Names) -> &'a str {
        names.subject(&self.subject.kind, &self.subject.name)
    }
}

/// The newest entries about a `user` or an `organization`, of one kind or of all.
pub(in crate::admin::ui) async fn of(
    visit: &Visit,
    whose: &str,
    id: &str,
    kind: &str,
) -> Answer<Vec<Entry>> {
    let limit = FEW.to_string();
    let path = address("/api/v1/audit", &[(whose, id), ("kind", kind), ("limit", &limit)]);
    Ok(visit.client.get::<Listed<Entry>>(&path).await?.items)
}
